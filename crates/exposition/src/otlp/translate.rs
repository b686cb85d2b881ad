//! From OpenTelemetry's points to series.
//!
//! In: a request. Out: a remote-write request, and what could not be translated. Bound: a reason
//! is kept for [`REASONS_MAX`] metrics; all points that were left out are counted.

use std::collections::HashSet;

use weft_model::{MetricKind, stale_nan};

use super::body::{Body, Described, Row, Sample};
use super::exemplar::{self, Example};
use super::labels::{self, LabelMap};
use super::message::{
    Common, Data, ExponentialPoint, HistogramPoint, Metric, NumberPoint, Request, Resource,
    SummaryPoint, Temporality,
};
use super::name::{self, Kind};
use super::{exponential, value};

/// How many reasons are kept.
const REASONS_MAX: usize = 8;

/// How far two samples of `target_info` are apart: half of what a query looks back.
const INFO_STEP_MS: i64 = 150_000;

/// The most samples of `target_info` of a resource.
const INFO_SAMPLES_MAX: i64 = 1000;

const DELTA: &str = "its points are deltas, which are not stored: configure cumulative temporality";
const NO_TEMPORALITY: &str = "it does not tell its temporality";

/// A translated request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Translated {
    /// The body of a remote-write request of version 2, not compressed.
    pub body: Vec<u8>,
    /// Points that are in it.
    pub points: u64,
    /// Points that are not.
    pub rejected: u64,
    /// Why, for the first metrics.
    pub reasons: Vec<String>,
}

/// Translates a request.
pub fn translate(request: &Request<'_>) -> Translated {
    let mut translation = Translation {
        body: Body::new(),
        described: HashSet::new(),
        done: Translated::default(),
    };
    for resource in &request.resources {
        translation.resource(resource);
    }
    let Translation { body, mut done, .. } = translation;
    done.body = body.into_bytes();
    done
}

/// Returns milliseconds since the epoch.
pub(super) fn millis(nanos: u64) -> i64 {
    (nanos / 1_000_000) as i64
}

struct Translation {
    body: Body,
    /// The names that were described.
    described: HashSet<String>,
    done: Translated,
}

/// What the points of a metric share.
struct Family<'a> {
    metric: &'a Metric<'a>,
    name: String,
    unit: String,
    kind: MetricKind,
    /// Labels that each of its series has.
    base: &'a LabelMap<'a>,
}

/// One of the series that a point becomes.
#[derive(Default)]
struct Part<'a> {
    suffix: &'static str,
    extra: Option<(&'static str, &'a str)>,
    value: f64,
    exemplars: &'a [Example],
}

/// The first and the last time of a resource's points.
#[derive(Default)]
struct Seen(Option<(i64, i64)>);

impl Seen {
    fn note(&mut self, time_ms: i64) {
        let (first, last) = self.0.unwrap_or((time_ms, time_ms));
        self.0 = Some((first.min(time_ms), last.max(time_ms)));
    }
}

impl Translation {
    fn resource(&mut self, resource: &Resource<'_>) {
        let identity = labels::identity(resource);
        let mut seen = Seen::default();
        for scope in &resource.scopes {
            let mut base = identity.clone();
            labels::add_scope(&mut base, scope);
            for metric in &scope.metrics {
                self.metric(metric, &base, &mut seen);
            }
        }
        if let Some((first, last)) = seen.0
            && !identity.is_empty()
        {
            self.target_info(resource, &identity, first, last);
        }
    }

    /// Writes what is known of a resource, at least as often as a query must find it.
    fn target_info(
        &mut self,
        resource: &Resource<'_>,
        identity: &LabelMap<'_>,
        first: i64,
        last: i64,
    ) {
        let Ok(mut labels) = labels::description(resource) else {
            return;
        };
        if labels.is_empty() {
            return;
        }
        labels.extend(identity.iter().map(|(n, v)| (n.clone(), v.clone())));
        let earliest = last.saturating_sub(INFO_STEP_MS * INFO_SAMPLES_MAX);
        let mut time_ms = first.max(earliest);
        let mut described = Some(Described {
            kind: MetricKind::Info,
            help: "Target metadata",
            unit: "",
        });
        loop {
            self.body.push(&Row {
                name: "target_info",
                labels: &labels,
                extra: None,
                time_ms,
                sample: Sample::Float(1.0),
                exemplars: &[],
                described: described.take(),
            });
            if time_ms == last {
                return;
            }
            time_ms = last.min(time_ms + INFO_STEP_MS);
        }
    }

    fn metric(&mut self, metric: &Metric<'_>, base: &LabelMap<'_>, seen: &mut Seen) {
        let Some(data) = &metric.data else {
            return self.reject(metric, 0, "its kind is not known");
        };
        let (points, suffix, kind) = shape(data);
        let name = name::metric(&metric.name, &metric.unit, suffix);
        let fault = match temporality(data) {
            Temporality::Delta => Some(DELTA),
            Temporality::Unspecified => Some(NO_TEMPORALITY),
            Temporality::Cumulative if name.is_empty() => Some("nothing of its name can be kept"),
            Temporality::Cumulative => None,
        };
        if let Some(fault) = fault {
            return self.reject(metric, points, fault);
        }
        let family = Family {
            metric,
            name,
            unit: name::unit(&metric.unit),
            kind,
            base,
        };
        match data {
            Data::Gauge(points) => points
                .iter()
                .for_each(|point| self.number(&family, point, &[], seen)),
            Data::Sum { points, .. } => points.iter().for_each(|point| {
                let exemplars = exemplar::all(&point.exemplars);
                self.number(&family, point, &exemplars, seen);
            }),
            Data::Histogram { points, .. } => points
                .iter()
                .for_each(|point| self.histogram(&family, point, seen)),
            Data::Exponential { points, .. } => points
                .iter()
                .for_each(|point| self.exponential(&family, point, seen)),
            Data::Summary(points) => points
                .iter()
                .for_each(|point| self.summary(&family, point, seen)),
        }
    }

    fn number(
        &mut self,
        family: &Family<'_>,
        point: &NumberPoint<'_>,
        exemplars: &[Example],
        seen: &mut Seen,
    ) {
        let Some(labels) = self.labels(family, &point.common, seen) else {
            return;
        };
        let part = Part {
            value: point.value,
            exemplars,
            ..Part::default()
        };
        self.push(family, &labels, &point.common, &part);
    }

    fn histogram(&mut self, family: &Family<'_>, point: &HistogramPoint<'_>, seen: &mut Seen) {
        let common = &point.common;
        let Some(labels) = self.labels(family, common, seen) else {
            return;
        };
        let mut exemplars = exemplar::all(&point.exemplars);
        exemplars.sort_by(|a, b| a.value.total_cmp(&b.value));
        let mut exemplars = exemplars.as_slice();
        let mut below = 0u64;
        for (bound, count) in point.bounds.iter().zip(&point.counts) {
            below = below.saturating_add(*count);
            let (of_bucket, rest) =
                exemplars.split_at(exemplars.partition_point(|example| example.value <= *bound));
            exemplars = rest;
            let le = value::bound(*bound);
            let part = Part {
                suffix: "_bucket",
                extra: Some(("le", &le)),
                value: below as f64,
                exemplars: of_bucket,
            };
            self.push(family, &labels, common, &part);
        }
        let all = Part {
            suffix: "_bucket",
            extra: Some(("le", "+Inf")),
            value: point.count as f64,
            exemplars,
        };
        self.push(family, &labels, common, &all);
        self.totals(family, &labels, common, (point.count, point.sum));
    }

    /// Writes the count, and the sum if it was kept.
    fn totals(
        &mut self,
        family: &Family<'_>,
        labels: &LabelMap<'_>,
        common: &Common<'_>,
        (count, sum): (u64, Option<f64>),
    ) {
        for (suffix, value) in [("_count", Some(count as f64)), ("_sum", sum)] {
            let Some(value) = value else { continue };
            let part = Part {
                suffix,
                value,
                ..Part::default()
            };
            self.push(family, labels, common, &part);
        }
    }

    fn exponential(&mut self, family: &Family<'_>, point: &ExponentialPoint<'_>, seen: &mut Seen) {
        let histogram = match exponential::native(point) {
            Ok(histogram) => histogram,
            Err(fault) => return self.reject(family.metric, 1, fault),
        };
        let Some(labels) = self.labels(family, &point.common, seen) else {
            return;
        };
        let described = self.describe(family, &family.name);
        self.body.push(&Row {
            name: &family.name,
            labels: &labels,
            extra: None,
            time_ms: millis(point.common.time_nanos),
            sample: Sample::Histogram(&histogram),
            exemplars: &exemplar::all(&point.exemplars),
            described,
        });
    }

    fn summary(&mut self, family: &Family<'_>, point: &SummaryPoint<'_>, seen: &mut Seen) {
        let common = &point.common;
        let Some(labels) = self.labels(family, common, seen) else {
            return;
        };
        for (quantile, value) in &point.quantiles {
            let quantile = value::bound(*quantile);
            let part = Part {
                extra: Some(("quantile", &quantile)),
                value: *value,
                ..Part::default()
            };
            self.push(family, &labels, common, &part);
        }
        self.totals(family, &labels, common, (point.count, Some(point.sum)));
    }

    /// Returns the labels of a point and counts it, as taken or as rejected.
    fn labels<'a>(
        &mut self,
        family: &Family<'a>,
        common: &'a Common<'_>,
        seen: &mut Seen,
    ) -> Option<LabelMap<'a>> {
        let Ok(mut labels) = labels::of_attributes(&common.attributes) else {
            let fault = "nothing of the name of an attribute can be kept";
            self.reject(family.metric, 1, fault);
            return None;
        };
        labels.extend(family.base.iter().map(|(n, v)| (n.clone(), v.clone())));
        seen.note(millis(common.time_nanos));
        self.done.points += 1;
        Some(labels)
    }

    fn push(
        &mut self,
        family: &Family<'_>,
        labels: &LabelMap<'_>,
        common: &Common<'_>,
        part: &Part<'_>,
    ) {
        let name = format!("{}{}", family.name, part.suffix);
        let described = self.describe(family, &name);
        let value = if common.is_absent {
            stale_nan()
        } else {
            part.value
        };
        self.body.push(&Row {
            name: &name,
            labels,
            extra: part.extra,
            time_ms: millis(common.time_nanos),
            sample: Sample::Float(value),
            exemplars: part.exemplars,
            described,
        });
    }

    /// Returns what is known of a metric, if it was not told yet under this name.
    fn describe<'a>(&mut self, family: &'a Family<'_>, name: &str) -> Option<Described<'a>> {
        let is_new = !self.described.contains(name) && self.described.insert(name.to_owned());
        is_new.then_some(Described {
            kind: family.kind,
            help: &family.metric.description,
            unit: &family.unit,
        })
    }

    fn reject(&mut self, metric: &Metric<'_>, points: usize, why: &str) {
        self.done.rejected += points as u64;
        let reason = format!("metric {:?}: {why}", metric.name);
        let reasons = &mut self.done.reasons;
        if reasons.len() < REASONS_MAX && !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
}

/// Returns how many points there are, and what they become.
fn shape(data: &Data<'_>) -> (usize, Kind, MetricKind) {
    match data {
        Data::Gauge(points) => (points.len(), Kind::Gauge, MetricKind::Gauge),
        Data::Sum {
            points,
            is_monotonic,
            ..
        } => match is_monotonic {
            true => (points.len(), Kind::Counter, MetricKind::Counter),
            false => (points.len(), Kind::Other, MetricKind::Gauge),
        },
        Data::Histogram { points, .. } => (points.len(), Kind::Other, MetricKind::Histogram),
        Data::Exponential { points, .. } => (points.len(), Kind::Other, MetricKind::Histogram),
        Data::Summary(points) => (points.len(), Kind::Other, MetricKind::Summary),
    }
}

/// Returns since when points count; those that do not count are as good as cumulative.
fn temporality(data: &Data<'_>) -> Temporality {
    match data {
        Data::Gauge(_) | Data::Summary(_) => Temporality::Cumulative,
        Data::Sum { temporality, .. }
        | Data::Histogram { temporality, .. }
        | Data::Exponential { temporality, .. } => *temporality,
    }
}

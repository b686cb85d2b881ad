//! The naive store: a map from series to maps from times to values.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use weft_matcher::LabelMatcher;
use weft_model::histogram::ResetHint;
use weft_model::{FloatHistogram, Labels, MetricMetadata, Span, is_stale};

/// What a value looks like, so that it can be compared bit by bit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Value {
    /// A float's bits.
    Float(u64),
    /// The number of a histogram, see [`histogram`].
    Histogram(u64),
    /// A histogram that no number makes.
    Strange(String),
}

/// Which of the two kinds of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Float,
    Histogram,
}

impl Value {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Value::Float(_) => Kind::Float,
            Value::Histogram(_) | Value::Strange(_) => Kind::Histogram,
        }
    }
}

/// What one series has.
pub(super) type Samples = BTreeMap<(i64, Kind), Value>;

/// What is asked of the store is asked of this, too.
#[derive(Clone, Default)]
pub(super) struct Truth {
    series: BTreeMap<Labels, Samples>,
    /// What a deletion that failed may have taken: it is seen at the next restart.
    doubtful: BTreeSet<(Labels, i64, Kind)>,
    /// What was given up for space and may still be in memory.
    fading: BTreeSet<(Labels, i64, Kind)>,
    /// Every value that was ever written.
    history: BTreeMap<Labels, BTreeSet<(i64, Value)>>,
    /// What is known of metrics.
    pub(super) metadata: BTreeMap<String, MetricMetadata>,
}

impl Truth {
    pub(super) fn insert(&mut self, labels: &Labels, time: i64, value: &Value) {
        let kind = value.kind();
        self.doubtful.remove(&(labels.clone(), time, kind));
        let history = self.history.entry(labels.clone()).or_default();
        history.insert((time, value.clone()));
        let samples = self.series.entry(labels.clone()).or_default();
        let before = samples.insert((time, kind), value.clone());
        // What is in memory as it was is not written again.
        if before.as_ref() != Some(value) {
            self.fading.remove(&(labels.clone(), time, kind));
        }
    }

    pub(super) fn describe(&mut self, metric: &str, metadata: &MetricMetadata) {
        self.metadata.insert(metric.to_owned(), metadata.clone());
    }

    /// Notes that the samples of a stretch may be gone, but for those in the journal. Returns
    /// those that were certain before.
    pub(super) fn fade(
        &mut self,
        stretch: Range<i64>,
        journal: &[(Labels, i64, Value)],
        kept_from: impl Fn(&Labels) -> i64,
    ) -> Vec<(Labels, i64, Kind)> {
        let mut fades = Vec::new();
        let journaled: BTreeSet<(&Labels, i64, Kind)> = journal
            .iter()
            .map(|(labels, time, value)| (labels, *time, value.kind()))
            .collect();
        for (labels, samples) in &self.series {
            let kept = kept_from(labels).max(stretch.start)..stretch.end;
            for (time, kind) in samples.keys().filter(|(time, _)| kept.contains(time)) {
                if !journaled.contains(&(labels, *time, *kind)) {
                    fades.push((labels.clone(), *time, *kind));
                }
            }
        }
        fades.retain(|sample| self.fading.insert(sample.clone()));
        fades
    }

    /// Tells whether a sample must be given.
    pub(super) fn is_certain(&self, labels: &Labels, at: &(i64, Kind)) -> bool {
        self.fading.is_empty() || !self.fading.contains(&(labels.clone(), at.0, at.1))
    }

    /// Tells whether all samples of a series in a range must be given.
    pub(super) fn all_certain(&self, labels: &Labels, start: i64, end: i64) -> bool {
        let samples = self.series.get(labels);
        samples.is_none_or(|samples| {
            between(samples, start, end).all(|(at, _)| self.is_certain(labels, at))
        })
    }

    pub(super) fn delete(&mut self, matchers: &[LabelMatcher], start: i64, end: i64) {
        for (labels, samples) in &mut self.series {
            if fits(labels, matchers) {
                samples.retain(|(time, _), _| !(start..=end).contains(time));
            }
        }
    }

    /// Notes that samples may be deleted, or not.
    pub(super) fn doubt(&mut self, matchers: &[LabelMatcher], start: i64, end: i64) {
        for (labels, samples) in &self.series {
            if fits(labels, matchers) {
                let within = samples.keys().filter(|(t, _)| (start..=end).contains(t));
                let doubtful = within.map(|(time, kind)| (labels.clone(), *time, *kind));
                self.doubtful.extend(doubtful);
            }
        }
    }

    pub(super) fn has_doubts(&self) -> bool {
        !self.doubtful.is_empty()
    }

    /// Forgets what was doubtful and is not among what the store has.
    pub(super) fn resolve(&mut self, found: &BTreeMap<Labels, Samples>) {
        for (labels, time, kind) in std::mem::take(&mut self.doubtful) {
            let is_there = found
                .get(&labels)
                .is_some_and(|samples| samples.contains_key(&(time, kind)));
            if let Some(samples) = self.series.get_mut(&labels).filter(|_| !is_there) {
                samples.remove(&(time, kind));
            }
        }
    }

    /// Returns the series that fit and have samples in a range, with these.
    pub(super) fn select(
        &self,
        matchers: &[LabelMatcher],
        start: i64,
        end: i64,
    ) -> BTreeMap<Labels, Samples> {
        let mut found = BTreeMap::new();
        for (labels, samples) in self.series.iter().filter(|(l, _)| fits(l, matchers)) {
            let within: Samples = between(samples, start, end)
                .map(|(at, value)| (*at, value.clone()))
                .collect();
            if !within.is_empty() {
                found.insert(labels.clone(), within);
            }
        }
        found
    }

    /// Returns the newest float of a range, unless a histogram is as new.
    pub(super) fn newest(&self, labels: &Labels, start: i64, end: i64) -> Option<(i64, u64)> {
        let samples = self.series.get(labels)?;
        match between(samples, start, end).next_back()? {
            ((time, _), Value::Float(bits)) => Some((*time, *bits)),
            _ => None,
        }
    }

    /// Returns a sample that is there, by a number.
    pub(super) fn nth(&self, number: u64) -> Option<(Labels, i64, Kind)> {
        let known = self.series.iter().filter(|(_, s)| !s.is_empty());
        let count = known.clone().count() as u64;
        let (labels, samples) = known.clone().nth((number % count.max(1)) as usize)?;
        let at = (number / count) % samples.len() as u64;
        let (time, kind) = samples.keys().nth(at as usize)?;
        Some((labels.clone(), *time, *kind))
    }

    /// Notes that a series is known, though it may have no samples.
    pub(super) fn name(&mut self, labels: &Labels) {
        self.history.entry(labels.clone()).or_default();
    }

    /// Returns all series that were ever named.
    pub(super) fn series_ever(&self) -> impl Iterator<Item = &Labels> {
        self.history.keys()
    }

    /// Tells whether a value was ever written to this place.
    pub(super) fn was_written(&self, labels: &Labels, time: i64, value: &Value) -> bool {
        let written = self.history.get(labels);
        written.is_some_and(|written| written.contains(&(time, value.clone())))
    }
}

fn between(
    samples: &Samples,
    start: i64,
    end: i64,
) -> impl DoubleEndedIterator<Item = (&(i64, Kind), &Value)> {
    let range =
        (start <= end).then(|| samples.range((start, Kind::Float)..=(end, Kind::Histogram)));
    range.into_iter().flatten()
}

pub(super) fn fits(labels: &Labels, matchers: &[LabelMatcher]) -> bool {
    matchers.iter().all(|m| m.matches(labels.get(m.name())))
}

/// Returns the histogram of a number: its layout, hint and counts differ with it.
pub(super) fn histogram(number: u64) -> FloatHistogram {
    let count = (number / 16) as f64;
    let hints = [
        ResetHint::Unknown,
        ResetHint::Reset,
        ResetHint::NotReset,
        ResetHint::Gauge,
    ];
    let mut histogram = FloatHistogram {
        schema: 2,
        reset_hint: hints[(number % 4) as usize],
        count: count + 1.0,
        sum: if number % 16 == 15 {
            f64::from_bits(weft_model::STALE_NAN_BITS)
        } else {
            count * 1.25
        },
        zero_threshold: 0.001,
        zero_count: (number % 16) as f64,
        positive_spans: vec![Span { offset: 1, len: 2 }],
        positive: vec![count / 2.0, count / 2.0],
        ..FloatHistogram::default()
    };
    if number % 16 >= 12 {
        histogram.negative_spans = vec![Span { offset: -3, len: 1 }, Span { offset: 2, len: 1 }];
        histogram.negative = vec![0.5, count];
    }
    histogram
}

/// Returns the number of a histogram.
pub(super) fn number_of(found: &FloatHistogram) -> Value {
    let count = found.count - 1.0;
    let candidates = (count as u64 * 16)..(count as u64 * 16 + 16);
    // What a writer says of resets is found out anew.
    let text = |histogram: &FloatHistogram| {
        let mut histogram = histogram.clone();
        if histogram.reset_hint != ResetHint::Gauge && !is_stale(histogram.sum) {
            histogram.reset_hint = ResetHint::Unknown;
        }
        format!("{histogram:?} {:x}", histogram.sum.to_bits())
    };
    let is = |number: &u64| text(&histogram(*number)) == text(found);
    candidates
        .into_iter()
        .find(is)
        .map_or_else(|| Value::Strange(text(found)), Value::Histogram)
}

//! Classic histograms as native ones with custom buckets (`load_with_nhcb`).

use std::collections::BTreeMap;
use std::sync::Arc;

use weft_model::histogram::CUSTOM_BUCKETS_SCHEMA;
use weft_model::{FloatHistogram, Labels, METRIC_NAME, Span};
use weft_promql::Column;

use crate::script::Load;
use crate::sequence::Item;

/// The parts of one classic histogram at one time.
#[derive(Default)]
struct Parts {
    /// Upper bounds, as bits that sort like the numbers, with cumulative counts.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
}

/// Returns the classic histograms of a command as series with custom buckets.
pub(crate) fn custom_series(load: &Load) -> Result<Vec<(Labels, Column)>, String> {
    let mut histograms: BTreeMap<Labels, BTreeMap<i64, Parts>> = BTreeMap::new();
    for series in &load.series {
        let name = series.labels.name();
        let Some((base, part)) = split_name(name) else {
            continue;
        };
        let bound = series.labels.get("le");
        if part == Part::Bucket && bound.is_empty() {
            continue;
        }
        let upper = if part == Part::Bucket {
            bound.parse().map_err(|_| format!("not a bound: {bound}"))?
        } else {
            0.0
        };
        let labels = series.labels.without("le").with(METRIC_NAME, base);
        let by_time = histograms.entry(labels).or_default();
        for (at, item) in series.items.iter().enumerate() {
            let Item::Float(value) = item else {
                continue;
            };
            let parts = by_time.entry(load.step_ms * at as i64).or_default();
            match part {
                Part::Bucket => parts.buckets.push((upper, *value)),
                Part::Count => parts.count = Some(*value),
                Part::Sum => parts.sum = *value,
            }
        }
    }
    let mut all = Vec::new();
    for (labels, by_time) in histograms {
        let mut column = Column::new();
        for (time, parts) in by_time {
            column.push_histogram(time, Arc::new(parts.into_histogram()?));
        }
        all.push((labels, column));
    }
    Ok(all)
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Bucket,
    Count,
    Sum,
}

fn split_name(name: &str) -> Option<(&str, Part)> {
    [
        ("_bucket", Part::Bucket),
        ("_count", Part::Count),
        ("_sum", Part::Sum),
    ]
    .into_iter()
    .find_map(|(suffix, part)| Some((name.strip_suffix(suffix)?, part)))
}

impl Parts {
    fn into_histogram(mut self) -> Result<FloatHistogram, String> {
        self.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let highest = self.buckets.last().map_or(0.0, |(_, count)| *count);
        let count = self.count.unwrap_or(highest);
        if self
            .buckets
            .last()
            .is_none_or(|(upper, _)| *upper != f64::INFINITY)
        {
            self.buckets.push((f64::INFINITY, count));
        }
        let mut counts = Vec::with_capacity(self.buckets.len());
        let mut below = 0.0;
        for (_, cumulative) in &self.buckets {
            if *cumulative < below {
                return Err("counts of classic buckets decrease".to_owned());
            }
            counts.push(cumulative - below);
            below = *cumulative;
        }
        let bounds = self.buckets.iter().map(|(upper, _)| *upper);
        Ok(FloatHistogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            count,
            sum: self.sum,
            positive_spans: vec![Span {
                offset: 0,
                len: counts.len() as u32,
            }],
            positive: counts,
            custom_bounds: bounds.filter(|upper| upper.is_finite()).collect(),
            ..FloatHistogram::default()
        })
    }
}

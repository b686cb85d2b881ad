//! An answer that is kept, and what becomes of it when more steps are asked for.
//!
//! In: an answer, the steps it is for, and the mark before it was read. Out: a part of it, or it
//! with fresh steps behind.

use std::cmp::Ordering;

use weft_model::Millis;
use weft_promql::{Answer, Series, Value};
use weft_tsdb::{ChangeMark, Tsdb};

use super::reach::Reach;

/// Bytes of a series beside its labels and points.
const SERIES_BYTES: usize = 96;

/// Bytes of a histogram beside its buckets.
const HISTOGRAM_BYTES: usize = 256;

/// Some steps of an answer.
pub(super) struct Stored {
    /// The first step.
    from: i64,
    /// The last step.
    to: i64,
    mark: ChangeMark,
    /// Sorted by labels.
    series: Vec<Series>,
    pub(super) bytes: usize,
}

impl Stored {
    /// Returns an answer to keep; nothing if there is more to say about it than its values, which
    /// would have to be told of the right steps.
    pub(super) fn of(answer: &Answer, from: i64, to: i64, mark: ChangeMark) -> Option<Stored> {
        let Value::Matrix(series) = &answer.value else {
            return None;
        };
        if !answer.warnings.is_empty() || !answer.infos.is_empty() {
            return None;
        }
        Some(Stored {
            from,
            to,
            mark,
            bytes: series.iter().map(bytes_of).sum(),
            series: series.clone(),
        })
    }

    /// Returns the last of the steps from `start` to `last` up to which all are as they were;
    /// nothing if not even the first one is.
    pub(super) fn good_to(
        &self,
        tsdb: &Tsdb,
        (start, last, step): (i64, i64, i64),
        reach: Reach,
    ) -> Option<i64> {
        if start < self.from || start > self.to {
            return None;
        }
        let to = self.to.min(last);
        let (first, end) = (Millis(reach.first(start)), Millis(reach.last(to)));
        let Some(changed) = tsdb.first_change_since(self.mark, first, end) else {
            return Some(to);
        };
        let good = reach.before(changed.0).min(to);
        (good >= start).then(|| good - (good - start) % step)
    }

    /// Returns the series of some of the steps.
    pub(super) fn cut(&self, from: i64, to: i64) -> Vec<Series> {
        let cut = |series: &Series| cut(series, from, to);
        self.series.iter().filter_map(cut).collect()
    }

    /// Returns the steps from `from` to `to`, followed by a fresh answer.
    pub(super) fn extended(&self, from: i64, to: i64, fresh: Answer) -> Answer {
        let Value::Matrix(behind) = fresh.value else {
            return fresh;
        };
        Answer {
            value: Value::Matrix(joined(self.cut(from, to), behind)),
            ..fresh
        }
    }
}

/// Puts later points behind earlier ones; both are sorted by labels, and so is the result.
fn joined(before: Vec<Series>, behind: Vec<Series>) -> Vec<Series> {
    let mut all = Vec::with_capacity(before.len().max(behind.len()));
    let (mut before, mut behind) = (before.into_iter().peekable(), behind.into_iter().peekable());
    loop {
        let order = match (before.peek(), behind.peek()) {
            (None, None) => return all,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(early), Some(late)) => early.labels.cmp(&late.labels),
        };
        let early = before.next_if(|_| order != Ordering::Greater);
        let late = behind.next_if(|_| order != Ordering::Less);
        all.extend(match (early, late) {
            (Some(mut early), Some(late)) => {
                early.floats.extend(late.floats);
                early.histograms.extend(late.histograms);
                Some(early)
            }
            (early, late) => early.or(late),
        });
    }
}

fn cut(series: &Series, from: i64, to: i64) -> Option<Series> {
    let floats = within(&series.floats, from, to);
    let histograms = within(&series.histograms, from, to);
    if floats.is_empty() && histograms.is_empty() {
        return None;
    }
    Some(Series {
        labels: series.labels.clone(),
        floats: floats.to_vec(),
        histograms: histograms.to_vec(),
    })
}

fn within<T>(points: &[(i64, T)], from: i64, to: i64) -> &[(i64, T)] {
    let start = points.partition_point(|(time, _)| *time < from);
    let end = points.partition_point(|(time, _)| *time <= to);
    &points[start..end.max(start)]
}

fn bytes_of(series: &Series) -> usize {
    let histograms = series.histograms.iter().map(|(_, histogram)| {
        let buckets = histogram.positive.len() + histogram.negative.len();
        HISTOGRAM_BYTES + 16 * buckets
    });
    SERIES_BYTES
        + series.labels.as_bytes().len()
        + 16 * series.floats.len()
        + histograms.sum::<usize>()
}

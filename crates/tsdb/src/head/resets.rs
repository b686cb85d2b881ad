//! Whether a histogram follows the one before it without a counter reset: told when it comes, so
//! that a reader who does not have the one before knows it, too.
//!
//! In: histograms in order of time. Out: hints, [`ResetHint::NotReset`] or
//! [`ResetHint::Unknown`]; gauges keep theirs. Bound: one histogram for each series that has any.

use std::collections::HashMap;

use weft_model::histogram::{ResetHint, Span};
use weft_model::{FloatHistogram, is_stale};

/// The newest histogram of each series that has any.
#[derive(Default)]
pub(crate) struct Resets {
    newest: HashMap<u32, (i64, FloatHistogram)>,
    bytes: usize,
}

impl Resets {
    /// Sets the hint of a histogram; `last` is the time of the sample before it if it is the
    /// newest one now, and nothing if it came late.
    pub(crate) fn tell(
        &mut self,
        local: u32,
        time: i64,
        last: Option<i64>,
        histogram: &mut FloatHistogram,
    ) {
        let is_counter = histogram.reset_hint != ResetHint::Gauge && !is_stale(histogram.sum);
        let known = self.newest.get(&local);
        let Some(last) = last else {
            if is_counter {
                histogram.reset_hint = ResetHint::Unknown;
            }
            if known.is_some_and(|(known, _)| *known == time) {
                self.forget(local);
            }
            return;
        };
        if !is_counter {
            return self.forget(local);
        }
        let before = known.filter(|(known, _)| *known == last);
        let is_told = histogram.reset_hint == ResetHint::Reset;
        histogram.reset_hint = match before {
            Some((_, before)) if !is_told && follows(before, histogram) => ResetHint::NotReset,
            // What comes before may be stored elsewhere.
            _ => ResetHint::Unknown,
        };
        self.forget(local);
        self.bytes += bytes_of(histogram);
        self.newest.insert(local, (time, histogram.clone()));
    }

    /// Forgets what a series had.
    pub(crate) fn forget(&mut self, local: u32) {
        if let Some((_, histogram)) = self.newest.remove(&local) {
            self.bytes -= bytes_of(&histogram);
        }
    }

    /// Returns the bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Returns what a histogram takes in memory, about.
pub(crate) fn bytes_of(histogram: &FloatHistogram) -> usize {
    let counts = histogram.positive.len() + histogram.negative.len();
    let spans = histogram.positive_spans.len() + histogram.negative_spans.len();
    200 + 8 * (counts + spans + histogram.custom_bounds.len())
}

/// Tells whether a histogram has the same buckets as the one before, or more, and no count that is
/// less. Where it does not, nothing is said about a reset.
fn follows(before: &FloatHistogram, now: &FloatHistogram) -> bool {
    let bits = |bounds: &[f64]| bounds.iter().map(|b| b.to_bits()).collect::<Vec<_>>();
    before.schema == now.schema
        && before.zero_threshold.to_bits() == now.zero_threshold.to_bits()
        && bits(&before.custom_bounds) == bits(&now.custom_bounds)
        && before.count <= now.count
        && before.zero_count <= now.zero_count
        && grows(
            (&before.positive_spans, &before.positive),
            (&now.positive_spans, &now.positive),
        )
        && grows(
            (&before.negative_spans, &before.negative),
            (&now.negative_spans, &now.negative),
        )
}

fn grows(before: (&[Span], &[f64]), now: (&[Span], &[f64])) -> bool {
    let mut now = buckets(now).peekable();
    buckets(before).all(|(index, count)| {
        while now.next_if(|(at, _)| *at < index).is_some() {}
        match now.peek() {
            Some((at, more)) if *at == index => count <= *more,
            _ => count <= 0.0,
        }
    })
}

/// Returns index and count of each bucket, ascending.
fn buckets<'a>((spans, counts): (&'a [Span], &'a [f64])) -> impl Iterator<Item = (i64, f64)> + 'a {
    let mut next = 0;
    let indices = spans.iter().flat_map(move |span| {
        let first = next + i64::from(span.offset);
        next = first + i64::from(span.len);
        first..next
    });
    indices.zip(counts.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(first: i32, counts: &[f64]) -> FloatHistogram {
        FloatHistogram {
            count: counts.iter().sum(),
            positive_spans: vec![Span {
                offset: first,
                len: counts.len() as u32,
            }],
            positive: counts.to_vec(),
            ..FloatHistogram::default()
        }
    }

    fn check(samples: &[(i64, FloatHistogram)], expected: &[ResetHint]) {
        let mut resets = Resets::default();
        let mut newest = i64::MIN;
        let mut found = Vec::new();
        for (time, histogram) in samples {
            let mut histogram = histogram.clone();
            let last = (newest < *time).then_some(newest);
            resets.tell(7, *time, last, &mut histogram);
            newest = newest.max(*time);
            found.push(histogram.reset_hint);
        }
        assert_eq!(found, expected);
        resets.forget(7);
        assert_eq!(resets.bytes(), 0);
    }

    #[test]
    fn only_what_grows_in_order_is_told_not_reset() {
        use ResetHint::{Gauge, NotReset, Reset, Unknown};
        let with = |hint, mut histogram: FloatHistogram| {
            histogram.reset_hint = hint;
            histogram
        };
        let (few, more) = (counter(1, &[1.0, 2.0]), counter(0, &[1.0, 1.0, 2.0, 0.0]));
        let grown = &[(1, few.clone()), (2, more.clone())];
        check(grown, &[Unknown, NotReset]);
        check(&[(1, more.clone()), (2, few.clone())], &[Unknown, Unknown]);
        check(&[(2, few.clone()), (1, few.clone())], &[Unknown, Unknown]);
        // A late one at the time of the newest takes its place.
        let replaced = &[(1, few.clone()), (1, more.clone()), (2, more.clone())];
        check(replaced, &[Unknown; 3]);
        let told = &[(1, few.clone()), (2, with(Reset, more.clone()))];
        check(told, &[Unknown, Unknown]);
        let not_told = &[(1, with(NotReset, few.clone())), (2, with(NotReset, more))];
        check(not_told, &[Unknown, NotReset]);
        let gauge = &[(1, few.clone()), (2, with(Gauge, few.clone())), (3, few)];
        check(gauge, &[Unknown, Gauge, Unknown]);
    }

    #[test]
    fn a_bucket_that_went_is_no_growth() {
        check(
            &[(1, counter(0, &[1.0, 5.0])), (2, counter(0, &[9.0]))],
            &[ResetHint::Unknown; 2],
        );
    }
}

//! Exponential histograms as native ones.
//!
//! OpenTelemetry's bucket 0 begins at 1, Prometheus's ends there: indices differ by one. A finer
//! scale than Prometheus knows is made coarser; a coarser one cannot be made finer.

use weft_model::{FloatHistogram, Span, stale_nan};

use super::message::{Buckets, ExponentialPoint};

/// The finest schema of native histograms.
const SCALE_MAX: i32 = 8;

/// The coarsest one.
const SCALE_MIN: i32 = -4;

/// The width of the zero bucket of an exporter that does not tell it.
const ZERO_THRESHOLD: f64 = 1e-128;

/// A gap of more empty buckets than this begins a new span.
const GAP_MAX: i64 = 2;

/// Returns a native histogram, or what is wrong with the point.
pub(super) fn native(point: &ExponentialPoint<'_>) -> Result<FloatHistogram, &'static str> {
    if point.scale < SCALE_MIN {
        return Err("its scale is below -4, for which there is no native histogram");
    }
    if point.common.is_absent {
        return Ok(FloatHistogram {
            sum: stale_nan(),
            ..FloatHistogram::default()
        });
    }
    let coarser = point.scale.saturating_sub(SCALE_MAX).max(0);
    let (positive_spans, positive) = sparse(&point.positive, coarser)?;
    let (negative_spans, negative) = sparse(&point.negative, coarser)?;
    let is_told = point.zero_threshold > 0.0;
    Ok(FloatHistogram {
        schema: point.scale.min(SCALE_MAX) as i8,
        zero_threshold: if is_told {
            point.zero_threshold
        } else {
            ZERO_THRESHOLD
        },
        zero_count: point.zero_count as f64,
        count: point.count as f64,
        sum: point.sum.unwrap_or_default(),
        positive_spans,
        positive,
        negative_spans,
        negative,
        ..FloatHistogram::default()
    })
}

/// Returns the buckets that hold something, each of 2^`coarser` of those of the point.
fn sparse(buckets: &Buckets, coarser: i32) -> Result<(Vec<Span>, Vec<f64>), &'static str> {
    // More than 62 would be one bucket for everything, too.
    let shift = coarser.min(62);
    let (mut spans, mut counts) = (Vec::<Span>::new(), Vec::<f64>::new());
    let mut next = 0i64;
    for (i, count) in buckets
        .counts
        .iter()
        .enumerate()
        .filter(|(_, count)| **count > 0)
    {
        let index = ((i64::from(buckets.offset) + i as i64) >> shift) + 1;
        let count = *count as f64;
        let gap = index - next;
        match (spans.last_mut(), counts.last_mut()) {
            (Some(_), Some(last)) if gap < 0 => *last += count,
            (Some(span), Some(_)) if gap <= GAP_MAX => {
                // A gap of two at most; a span has no more buckets than the point.
                span.len += gap as u32 + 1;
                counts.resize(counts.len() + gap as usize, 0.0);
                counts.push(count);
                next = index + 1;
            }
            _ => {
                let offset = i32::try_from(gap).map_err(|_| "its buckets are out of range")?;
                spans.push(Span { offset, len: 1 });
                counts.push(count);
                next = index + 1;
            }
        }
    }
    Ok((spans, counts))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(offset: i32, counts: &[u64], coarser: i32, spans: &[(i32, u32)], expected: &[f64]) {
        let buckets = Buckets {
            offset,
            counts: counts.to_vec(),
        };
        let (found, counts) = sparse(&buckets, coarser).unwrap();
        let found: Vec<_> = found.iter().map(|span| (span.offset, span.len)).collect();
        assert_eq!((found.as_slice(), counts.as_slice()), (spans, expected));
    }

    #[test]
    fn buckets_become_spans() {
        check(0, &[], 0, &[], &[]);
        check(0, &[0, 0], 0, &[], &[]);
        check(-1, &[1, 2], 0, &[(0, 2)], &[1.0, 2.0]);
        check(0, &[1, 0, 0, 2], 0, &[(1, 4)], &[1.0, 0.0, 0.0, 2.0]);
        check(0, &[1, 0, 0, 0, 2], 0, &[(1, 1), (3, 1)], &[1.0, 2.0]);
        check(-4, &[1, 2, 3, 4, 5], 1, &[(-1, 3)], &[3.0, 7.0, 5.0]);
        check(i32::MAX, &[0, 1], 40, &[(1, 1)], &[1.0]);
    }

    #[test]
    fn a_fine_scale_is_made_coarser_and_a_coarse_one_is_refused() {
        let mut point = ExponentialPoint {
            scale: 10,
            count: 3,
            positive: Buckets {
                offset: 0,
                counts: vec![1, 1, 1],
            },
            ..ExponentialPoint::default()
        };
        let histogram = native(&point).unwrap();
        assert_eq!((histogram.schema, histogram.positive), (8, vec![3.0]));
        point.scale = -5;
        assert!(native(&point).is_err());
        point.scale = 0;
        point.positive.offset = i32::MAX;
        assert!(native(&point).is_err());
    }
}

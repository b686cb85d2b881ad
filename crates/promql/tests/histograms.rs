//! Sums of native histograms neither lose nor invent observations.

use proptest::prelude::*;
use weft_model::{FloatHistogram, Span};
use weft_promql::histogram::{buckets, difference, sum};

fn histogram() -> impl Strategy<Value = FloatHistogram> {
    let counts = || proptest::collection::vec(0..50u32, 0..12);
    let threshold = prop_oneof![Just(0.0), Just(0.001), Just(0.3), Just(1.0)];
    (-2..=3i8, -6..6i32, counts(), counts(), 0..20u32, threshold).prop_map(
        |(schema, offset, positive, negative, zero, zero_threshold)| {
            let floats = |counts: Vec<u32>| counts.into_iter().map(f64::from).collect::<Vec<_>>();
            let (positive, negative) = (floats(positive), floats(negative));
            let spans = |counts: &Vec<f64>| {
                let len = counts.len() as u32;
                if len == 0 {
                    Vec::new()
                } else {
                    vec![Span { offset, len }]
                }
            };
            // The zero bucket ends where the first bucket begins at most.
            let first = f64::from(offset - 1) / f64::from(schema).exp2();
            let zero_threshold = f64::min(zero_threshold, first.exp2());
            let total: f64 = positive.iter().chain(&negative).sum();
            FloatHistogram {
                schema,
                zero_threshold,
                zero_count: f64::from(zero),
                count: total + f64::from(zero),
                sum: 1.5,
                positive_spans: spans(&positive),
                negative_spans: spans(&negative),
                positive,
                negative,
                ..FloatHistogram::default()
            }
        },
    )
}

fn observed(histogram: &FloatHistogram) -> f64 {
    buckets(histogram).iter().map(|bucket| bucket.count).sum()
}

proptest! {
    #[test]
    fn a_sum_holds_what_both_held(left in histogram(), right in histogram()) {
        let (total, _) = sum(&left, &right).unwrap();
        prop_assert_eq!(total.count, left.count + right.count);
        prop_assert_eq!(total.sum, left.sum + right.sum);
        prop_assert_eq!(observed(&total), observed(&left) + observed(&right));
        prop_assert_eq!(total.schema, left.schema.min(right.schema));
        prop_assert!(total.zero_threshold >= left.zero_threshold.max(right.zero_threshold));
    }

    #[test]
    fn the_order_of_addends_does_not_matter(left in histogram(), right in histogram()) {
        let (one, _) = sum(&left, &right).unwrap();
        let (other, _) = sum(&right, &left).unwrap();
        prop_assert_eq!(buckets(&one), buckets(&other));
    }

    #[test]
    fn what_was_added_can_be_taken_away(left in histogram(), right in histogram()) {
        let (total, _) = sum(&left, &right).unwrap();
        let (rest, _) = difference(&total, &right).unwrap();
        prop_assert_eq!(rest.count, left.count);
        prop_assert_eq!(observed(&rest), observed(&left));
    }

    #[test]
    fn buckets_ascend_without_overlap(histogram in histogram()) {
        let all = buckets(&histogram);
        prop_assert!(all.iter().all(|bucket| bucket.lower <= bucket.upper));
        let positive = all.iter().filter(|bucket| bucket.lower > histogram.zero_threshold);
        let bounds: Vec<_> = positive.map(|bucket| (bucket.lower, bucket.upper)).collect();
        prop_assert!(bounds.windows(2).all(|pair| pair[0].1 <= pair[1].0));
    }
}

#[test]
fn custom_and_exponential_buckets_are_not_added() {
    let custom = FloatHistogram {
        schema: weft_model::histogram::CUSTOM_BUCKETS_SCHEMA,
        ..FloatHistogram::default()
    };
    assert!(sum(&custom, &FloatHistogram::default()).is_err());
}

use proptest::prelude::*;

use super::packed::{FALLS_MAX, KEPT_MIN, decode};
use super::*;
use crate::config::DAY_MILLIS;
use crate::run::Run;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 20_000;

/// Values as people have them: counters, whole and other gauges, and what is no number.
fn values() -> impl Strategy<Value = Vec<f64>> {
    let odd = prop_oneof![Just(f64::NAN), Just(-0.0), Just(f64::INFINITY), Just(1e300)];
    prop_oneof![
        prop::collection::vec((0i32..1000).prop_map(f64::from), 1..300),
        prop::collection::vec(0u32..50, 1..300).prop_map(|steps| {
            let sum = |total: &mut u32, step| {
                *total += step;
                Some(f64::from(*total))
            };
            steps.into_iter().scan(0, sum).collect()
        }),
        (any::<f64>(), 1usize..300).prop_map(|(value, count)| vec![value; count]),
        prop::collection::vec(prop_oneof![3 => -100.0..100.0f64, 1 => odd], 1..300),
    ]
}

fn rolled(resolution: i64, times: &[i64], values: &[f64]) -> Vec<Rollup> {
    let floats = Run {
        times: times.to_vec(),
        values: values.to_vec(),
    };
    let run = SeriesRun {
        floats,
        ..SeriesRun::default()
    };
    let mut builder = RollupBuilder::default();
    builder.add(resolution, &run);
    builder.finish()
}

/// Compares as answers do: all NaNs are one.
fn alike(a: &Rollup, b: &Rollup) -> bool {
    let same = |a: f64, b: f64| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
    let key = |rollup: &Rollup| (rollup.end, rollup.count, rollup.sum);
    key(a) == key(b)
        && same(a.min, b.min)
        && same(a.max, b.max)
        && same(a.first, b.first)
        && same(a.last, b.last)
}

proptest! {
    #[test]
    fn buckets_come_back(values in values(), step in 1_000i64..400_000, offset in 0i64..HOUR) {
        let start = DAY * DAY_MILLIS + offset;
        let times: Vec<i64> = (0..values.len() as i64).map(|i| start + i * step)
            .take_while(|time| *time < (DAY + 1) * DAY_MILLIS).collect();
        for resolution in ROLLUP_RESOLUTIONS {
            let buckets = rolled(resolution, &times, &values);
            let mut bytes = Vec::new();
            encode(Some(&buckets), resolution, DAY, &mut bytes);
            let decoded = decode(&mut bytes.as_slice(), resolution, DAY).unwrap();
            prop_assert_eq!(decoded.is_some(), buckets.len() >= KEPT_MIN);
            let Some(decoded) = decoded else { continue };
            prop_assert_eq!(decoded.len(), buckets.len());
            let falls: Option<u64> = buckets.iter().map(|b| b.falls.map(|f| f.count)).sum();
            let zero = |value: &f64| value.to_bits() == (-0.0f64).to_bits();
            let all_summed = buckets.iter().all(|bucket| bucket.sum.is_some())
                && !buckets.iter().any(|b| [b.first, b.last, b.min, b.max].iter().any(zero));
            for (a, b) in decoded.iter().zip(&buckets) {
                let sum = b.sum.filter(|_| all_summed);
                prop_assert!(a.extent == b.extent || a.extent.is_none());
                prop_assert!(alike(a, &Rollup { sum, ..*b }), "{:?} {:?}", a, b);
                let counted = falls.is_some_and(|falls| falls <= FALLS_MAX);
                prop_assert_eq!(a.falls.is_some(), counted);
                if counted {
                    prop_assert_eq!(a.falls.map(|f| f.count), b.falls.map(|f| f.count));
                }
            }
        }
    }

    #[test]
    fn a_bucket_says_what_its_samples_say(values in values()) {
        let times: Vec<i64> = (1..=values.len() as i64).collect();
        let bucket = rolled(HOUR, &times, &values)[0];
        let mut naive = (values[0], values[0]);
        for value in &values {
            if *value < naive.0 || naive.0.is_nan() {
                naive.0 = *value;
            }
            if *value > naive.1 || naive.1.is_nan() {
                naive.1 = *value;
            }
        }
        prop_assert_eq!((bucket.end, bucket.count), (HOUR, values.len() as u64));
        prop_assert_eq!(bucket.extent, Some(Extent { first: 1, last: values.len() as i64 }));
        prop_assert_eq!((bucket.min.to_bits(), bucket.max.to_bits()),
            (naive.0.to_bits(), naive.1.to_bits()));
        prop_assert_eq!(bucket.last.to_bits(), values[values.len() - 1].to_bits());
        if let Some(sum) = bucket.sum {
            prop_assert_eq!(sum, values.iter().sum::<f64>());
            prop_assert_eq!(sum, values.iter().rev().sum::<f64>());
        }
        let falls = values.windows(2).filter(|pair| pair[1] < pair[0]).count();
        prop_assert_eq!(bucket.falls.map(|f| f.count), Some(falls as u64));
    }

    #[test]
    fn hours_are_twelve_times_five_minutes(values in values(), step in 1_000i64..400_000) {
        let times: Vec<i64> = (0..values.len() as i64).map(|i| i * step).collect();
        let mut hours = RollupBuilder::default();
        for mut bucket in rolled(ROLLUP_RESOLUTIONS[0], &times, &values) {
            bucket.end = (bucket.end + HOUR - 1) / HOUR * HOUR;
            hours.push(bucket);
        }
        let expected = rolled(HOUR, &times, &values);
        let hours = hours.finish();
        prop_assert_eq!(hours.len(), expected.len());
        for (a, b) in hours.iter().zip(&expected) {
            prop_assert!(alike(a, b), "{:?} {:?}", a, b);
            prop_assert_eq!(a.extent, b.extent);
        }
    }

    #[test]
    fn hostile_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = decode(&mut bytes.as_slice(), ROLLUP_RESOLUTIONS[0], DAY);
    }
}

#[test]
fn constant_series_take_few_bytes() {
    let times: Vec<i64> = (0..5760).map(|i| DAY * DAY_MILLIS + i * 15_000).collect();
    let buckets = rolled(ROLLUP_RESOLUTIONS[0], &times, &vec![7.5; times.len()]);
    assert_eq!(buckets.len(), 289.min(buckets.len()));
    let mut bytes = Vec::new();
    encode(Some(&buckets), ROLLUP_RESOLUTIONS[0], DAY, &mut bytes);
    assert!(bytes.len() < 40, "{}", bytes.len());
}

/// Returns what comes back of a day of samples so far apart, each late by so much.
fn decoded(apart: i64, late: impl Fn(i64) -> i64) -> Vec<Vec<Rollup>> {
    let times: Vec<i64> = (0..DAY_MILLIS / apart)
        .map(|at| DAY * DAY_MILLIS + at * apart + late(at))
        .collect();
    let of = |resolution: i64| {
        let buckets = rolled(
            resolution,
            &times,
            &times.iter().map(|_| 1.5).collect::<Vec<_>>(),
        );
        let mut bytes = Vec::new();
        encode(Some(&buckets), resolution, DAY, &mut bytes);
        decode(&mut bytes.as_slice(), resolution, DAY)
            .unwrap()
            .unwrap()
    };
    ROLLUP_RESOLUTIONS.into_iter().map(of).collect()
}

#[test]
fn extents_are_kept_where_they_take_few_bytes() {
    let kept = |apart: i64, late: &dyn Fn(i64) -> i64| -> Vec<bool> {
        let days = decoded(apart, late).into_iter();
        days.map(|day| day.iter().all(|bucket| bucket.extent.is_some()))
            .collect()
    };
    assert_eq!(kept(15_000, &|_| 0), [true, true], "on the clock");
    assert_eq!(kept(15_000, &|_| 7_123), [true, true], "at a phase");
    assert_eq!(
        kept(60_000, &|at| i64::from(at == 700)),
        [true, true],
        "once late"
    );
    assert_eq!(
        kept(15_000, &|at| at * 7 % 13),
        [false, true],
        "always late"
    );
}

//! Classic and native histograms.

use super::super::encode::{Histogram, Point};
use super::{Random, Written, stale};

pub(super) fn add(all: &mut Vec<Written>) {
    for (instance, seed) in [("a:80", 501), ("b:80", 502)] {
        classic(all, instance, seed);
    }
    broken(all);
    for (instance, seed) in [("a:80", 511), ("b:80", 512)] {
        native(all, instance, seed);
    }
    gauge(all);
    custom(all);
    mixed(all);
}

/// A sound classic histogram with its sum and count.
fn classic(all: &mut Vec<Written>, instance: &str, seed: u64) {
    let bounds = ["0.1", "0.5", "1", "2.5", "+Inf"];
    for (at, le) in bounds.into_iter().enumerate() {
        let mut random = Random(seed);
        let labels = [("job", "api"), ("instance", instance), ("le", le)];
        let mut counts = [0.0; 5];
        all.push(Written::floats("latency_seconds_bucket", &labels, |tick| {
            reset(&mut counts, tick, instance);
            // All buckets draw the same numbers, so that they fit each other.
            for count in &mut counts {
                *count += random.below(20) as f64;
            }
            Some(counts[..=at].iter().sum())
        }));
    }
    let mut random = Random(seed);
    let mut counts = [0.0; 5];
    let labels = [("job", "api"), ("instance", instance)];
    all.push(Written::floats("latency_seconds_count", &labels, |tick| {
        reset(&mut counts, tick, instance);
        counts
            .iter_mut()
            .for_each(|count| *count += random.below(20) as f64);
        Some(counts.iter().sum())
    }));
    let mut random = Random(seed + 100);
    let mut sum = 0.0;
    all.push(Written::floats("latency_seconds_sum", &labels, |tick| {
        if instance == "b:80" && tick == 200 {
            sum = 0.0;
        }
        sum += random.fraction() * 30.0;
        Some(sum)
    }));
}

fn reset(counts: &mut [f64; 5], tick: i64, instance: &str) {
    if instance == "b:80" && tick == 200 {
        *counts = [0.0; 5];
    }
}

/// Classic histograms that are not as they should be.
fn broken(all: &mut Vec<Written>) {
    let shapes: [(&str, &[(&str, f64)]); 6] = [
        ("falling", &[("1", 10.0), ("2", 4.0), ("+Inf", 12.0)]),
        (
            "slightly",
            &[("1", 10.0), ("2", 9.999_999_999_999_9), ("+Inf", 12.0)],
        ),
        ("open", &[("1", 10.0), ("2", 14.0)]),
        ("empty", &[("1", 0.0), ("2", 0.0), ("+Inf", 0.0)]),
        ("lonely", &[("+Inf", 5.0)]),
        ("negative", &[("-1", 3.0), ("0", 4.0), ("+Inf", 9.0)]),
    ];
    for (kind, buckets) in shapes {
        for (le, value) in buckets {
            let labels = [("kind", kind), ("le", *le)];
            all.push(Written::floats("broken_bucket", &labels, |tick| {
                Some(value * (tick + 1) as f64)
            }));
        }
    }
    for le in ["1", "x", "+Inf"] {
        let labels = [("kind", "badle"), ("le", le)];
        all.push(Written::floats("broken_bucket", &labels, |tick| {
            Some(tick as f64)
        }));
    }
    all.push(Written::floats(
        "broken_bucket",
        &[("kind", "nole")],
        |_| Some(1.0),
    ));
}

/// Native counters: one with a reset, one that is away for a while.
fn native(all: &mut Vec<Written>, instance: &str, seed: u64) {
    for (name, schema) in [("rpc_seconds", 3), ("coarse_seconds", 0)] {
        let mut random = Random(seed);
        let mut counts = [0i64; 6];
        let mut sum = 0.0;
        let labels = [("job", "api"), ("instance", instance)];
        all.push(Written::new(name, &labels, |tick| {
            if instance == "b:80" && tick == 200 {
                (counts, sum) = ([0; 6], 0.0);
            }
            for count in &mut counts {
                *count += random.below(9);
            }
            sum += random.fraction() * 25.0;
            if instance == "a:80" && (300..330).contains(&tick) {
                return (tick == 300).then(|| ended(schema));
            }
            Some(Point::Histogram(Histogram {
                schema,
                count: counts.iter().sum::<i64>() as u64,
                sum,
                zero_threshold: 0.001,
                zero_count: counts[0] as u64,
                positive: vec![(-1, counts[1..4].to_vec()), (2, counts[4..].to_vec())],
                ..Histogram::default()
            }))
        }));
    }
}

fn ended(schema: i64) -> Point {
    Point::Histogram(Histogram {
        schema,
        sum: stale(),
        ..Histogram::default()
    })
}

/// A histogram that goes up and down, with negative buckets.
fn gauge(all: &mut Vec<Written>) {
    let mut random = Random(530);
    all.push(Written::new("queue_balance", &[("queue", "q")], |_| {
        let mut draw = |n: usize| (0..n).map(|_| random.below(7)).collect::<Vec<i64>>();
        let (positive, negative) = (draw(3), draw(2));
        let zero_count = 2;
        let total: i64 = positive.iter().chain(&negative).sum();
        Some(Point::Histogram(Histogram {
            schema: 1,
            count: total as u64 + zero_count,
            sum: positive.iter().sum::<i64>() as f64 - negative.iter().sum::<i64>() as f64,
            zero_threshold: 1e-128,
            zero_count,
            positive: vec![(0, positive)],
            negative: vec![(1, negative)],
            reset_hint: 3,
            ..Histogram::default()
        }))
    }));
}

/// Histograms with custom bounds: two agree, the third has others.
fn custom(all: &mut Vec<Written>) {
    for (at, bounds) in [
        vec![1.0, 2.0, 5.0],
        vec![1.0, 2.0, 5.0],
        vec![1.0, 5.0, 10.0],
    ]
    .into_iter()
    .enumerate()
    {
        let mut random = Random(540 + at as u64);
        let mut counts = [0i64; 4];
        let shard = at.to_string();
        all.push(Written::new("custom_seconds", &[("shard", &shard)], |_| {
            counts
                .iter_mut()
                .for_each(|count| *count += random.below(5));
            Some(Point::Histogram(Histogram {
                schema: -53,
                count: counts.iter().sum::<i64>() as u64,
                sum: counts[0] as f64 + 2.0 * counts[2] as f64,
                positive: vec![(0, counts.to_vec())],
                custom: bounds.clone(),
                ..Histogram::default()
            }))
        }));
    }
}

/// Numbers, then histograms, then numbers again.
fn mixed(all: &mut Vec<Written>) {
    for (kind, from) in [("early", 230), ("late", 370)] {
        all.push(Written::new("mixed", &[("kind", kind)], |tick| {
            if !(from..from + 40).contains(&tick) {
                return Some(Point::Float(tick as f64));
            }
            Some(Point::Histogram(Histogram {
                count: tick as u64,
                sum: tick as f64 * 1.5,
                positive: vec![(0, vec![tick - 100, 100])],
                ..Histogram::default()
            }))
        }));
    }
}

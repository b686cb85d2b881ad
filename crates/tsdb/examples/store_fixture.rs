//! Writes a small store with everything that a store can hold: what later versions must open.
//!
//! In: an empty directory. Out: a store there: a day part with roll-ups, two parts of flushes, a
//! deletion that waits, metadata, exemplars with samples and without. A release that changes a format commits what this
//! writes below `tests/data/stores/<version>`, and beside it what a test reads from it; see
//! `tests/stores.rs`. Bound: a few kilobytes.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use weft_disk::RealDisk;
use weft_matcher::LabelMatcher;
use weft_model::histogram::{ResetHint, Span};
use weft_model::{
    Exemplar, FloatHistogram, Labels, MatchOp, Matcher, MetricKind, MetricMetadata, Millis,
    STALE_NAN_BITS,
};
use weft_tsdb::{Config, Tsdb};

/// Midnight of the day that becomes one part.
const DAY: i64 = 20_000 * 86_400_000;
const STEP: i64 = 600_000;
const STEPS: i64 = 120;
/// When the day after has its samples.
const NEXT: i64 = DAY + 86_400_000 + 12 * 3_600_000;

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args().nth(1).ok_or("usage: store_fixture DIR")?;
    let config = Config {
        retention_millis: 1 << 40,
        ..Config::default()
    };
    let (store, _) = Tsdb::open(Arc::new(RealDisk), Path::new(&dir), config, Millis(NEXT))?;
    write_day(&store)?;
    while store.maintain(Millis(NEXT))?.more {}
    write_day_after(&store)?;
    Ok(())
}

fn labels(metric: &str, instance: &str) -> Labels {
    Labels::from_pairs([
        ("__name__", metric),
        ("instance", instance),
        ("job", "fixture"),
    ])
}

/// A day in four flushes, which are merged.
fn write_day(store: &Tsdb) -> Result<(), Box<dyn Error>> {
    for quarter in 0..4 {
        for step in quarter * STEPS / 4..(quarter + 1) * STEPS / 4 {
            let time = Millis(DAY + 2 * 3_600_000 + step * STEP);
            for (metric, value) in floats(step) {
                let series = store.intern(&labels(metric, "a:9100"))?;
                store.append(series, time, value)?;
            }
            let started = store.intern(&labels("started_total", "a:9100"))?;
            let start = Millis(DAY + step / 50 * 3_600_000 + 1);
            store.append_since(started, time, start, (step % 50) as f64)?;
            if step % 6 == 0 {
                for (metric, histogram) in histograms(step) {
                    let series = store.intern(&labels(metric, "b:9100"))?;
                    store.append_histogram(series, time, histogram)?;
                }
            }
            if step % 10 == 3 {
                write_exemplars(store, step, time)?;
            }
        }
        store.flush(Millis(NEXT))?;
    }
    Ok(())
}

/// Every kind of column that a series of floats can become.
fn floats(step: i64) -> Vec<(&'static str, f64)> {
    let counted = (step * 17 % 101 + step * 40) as f64;
    let mut all = vec![
        ("constant", 42.0),
        ("steady_total", (step * 600) as f64),
        (
            "reset_total",
            if step < 70 { counted } else { counted - 2800.0 },
        ),
        ("decimal", (step * step % 977) as f64 / 100.0),
        ("true_float", (step as f64).sqrt() / 3.0),
        ("bytes", 4096.0 * (1000 + step * 31 % 57) as f64),
        (
            "milliseconds_total",
            (step * 700 + step % 13) as f64 * 0.001,
        ),
        (
            "microseconds_total",
            (step * 9_000 + step % 7) as f64 / 1e3 / 1e3,
        ),
        ("sparse", if step / 40 == 1 { 1.0 } else { 0.0 }),
    ];
    all.push((
        "strange",
        match step % 7 {
            0 => f64::from_bits(STALE_NAN_BITS),
            1 => f64::INFINITY,
            2 => -0.0,
            3 => f64::NEG_INFINITY,
            4 => f64::from_bits(0x7ff8_0000_0000_0099),
            5 => f64::MIN_POSITIVE / 8.0,
            _ => step as f64,
        },
    ));
    all
}

fn histograms(step: i64) -> [(&'static str, FloatHistogram); 3] {
    let count = step as f64;
    let counter = FloatHistogram {
        schema: 3,
        zero_threshold: 1e-128,
        zero_count: count,
        count: 6.0 * count,
        sum: 0.1 * count,
        positive_spans: vec![Span { offset: -2, len: 2 }, Span { offset: 3, len: 1 }],
        positive: vec![count, 2.0 * count, count],
        negative_spans: vec![Span { offset: 0, len: 1 }],
        negative: vec![count],
        ..FloatHistogram::default()
    };
    let gauge = FloatHistogram {
        reset_hint: ResetHint::Gauge,
        sum: -count,
        schema: if step < 60 { 0 } else { -1 },
        ..counter.clone()
    };
    let custom = FloatHistogram {
        schema: weft_model::histogram::CUSTOM_BUCKETS_SCHEMA,
        count: 3.0 * count,
        sum: count / 3.0,
        positive_spans: vec![Span { offset: 0, len: 3 }],
        positive: vec![count; 3],
        custom_bounds: vec![0.25, 1.0],
        ..FloatHistogram::default()
    };
    [("counter", counter), ("gauge", gauge), ("custom", custom)]
}

/// Exemplars as they come: identifiers in hexadecimal, as UUIDs, numbers, and plain texts.
fn write_exemplars(store: &Tsdb, step: i64, time: Millis) -> Result<(), Box<dyn Error>> {
    let drawn = (step as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let hex = Labels::from_pairs([
        ("span_id", format!("{drawn:016x}")),
        (
            "trace_id",
            format!("{drawn:016x}{:016x}", drawn.rotate_left(29)),
        ),
    ]);
    let text = format!("{drawn:016x}{:016x}", !drawn);
    let uuid = format!(
        "{}-{}-{}-{}-{}",
        &text[..8],
        &text[8..12],
        &text[12..16],
        &text[16..20],
        &text[20..]
    );
    let mixed = Labels::from_pairs([
        ("request", uuid),
        ("user", step.to_string()),
        (
            "zone",
            ["east", "west", "Süd"][step as usize % 3].to_owned(),
        ),
    ]);
    let upper = Labels::from_pairs([("trace_id", format!("{drawn:016X}"))]);
    let examples = [
        ("steady_total", "a:9100", hex, step as f64 / 8.0),
        ("counter", "b:9100", mixed, f64::NAN),
        ("steady_total", "a:9100", upper, 1e300),
        ("steady_total", "a:9100", Labels::empty(), -0.0),
    ];
    for (nth, (metric, instance, labels_of_it, value)) in examples.into_iter().enumerate() {
        let series = store.intern(&labels(metric, instance))?;
        let exemplar = Exemplar {
            labels: labels_of_it,
            value,
            time: Millis(time.0 - 7 * nth as i64),
        };
        store.append_exemplar(series, exemplar)?;
    }
    Ok(())
}

/// Two flushes, of which the second writes over the first, then a deletion.
fn write_day_after(store: &Tsdb) -> Result<(), Box<dyn Error>> {
    for round in 0..2 {
        for step in 0..6 {
            let time = Millis(NEXT + step * 15_000);
            for metric in ["steady_total", "reset_total", "only_here"] {
                let series = store.intern(&labels(metric, "a:9100"))?;
                if round == 0 || step % 2 == 0 {
                    store.append(series, time, (step + 100 * round) as f64)?;
                }
            }
        }
        write_exemplars(store, 200 + round, Millis(NEXT + 1000 * round))?;
        store.flush(Millis(NEXT))?;
    }
    let metadata = MetricMetadata {
        kind: MetricKind::Counter,
        help: "Steps, steadily.".to_owned(),
        unit: "steps".to_owned(),
    };
    store.set_metadata("steady_total", metadata);
    store.flush(Millis(NEXT))?;
    let which = LabelMatcher::compile(&Matcher::new("__name__", MatchOp::Equal, "reset_total"))?;
    store.delete(&[which], Millis(NEXT), Millis(NEXT + 30_000))?;
    Ok(())
}

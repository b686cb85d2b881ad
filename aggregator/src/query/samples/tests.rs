//! Answers from roll-ups are those from the samples.

use std::path::Path;

use proptest::prelude::*;
use weft_disk::SimDisk;
use weft_promql::{Engine, Options, QueryOptions, TimeRange, Value};
use weft_tsdb::Config;

use super::*;

const DAY: i64 = 86_400_000;
const START: i64 = 20_000 * DAY;

/// The same series, with one of the two ways to read them.
struct Only<'a>(SampleSource<'a>, Way);

struct OnlySet<'a>(Box<dyn SeriesSet + 'a>, Way);

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Samples,
    Rollups,
}

impl Source for Only<'_> {
    fn select(
        &self,
        matchers: &[Matcher],
        start_ms: i64,
        end_ms: i64,
        hints: &SelectHints,
    ) -> Result<Box<dyn SeriesSet + '_>, SourceError> {
        let set = self.0.select(matchers, start_ms, end_ms, hints)?;
        Ok(Box::new(OnlySet(set, self.1)))
    }
}

impl SeriesSet for OnlySet<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn labels(&self, series: usize) -> Labels {
        self.0.labels(series)
    }

    fn rollup_resolutions(&self) -> &[i64] {
        match self.1 {
            Way::Samples => &[],
            Way::Rollups => self.0.rollup_resolutions(),
        }
    }

    fn rollups(
        &self,
        series: usize,
        resolution_ms: i64,
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Option<Vec<Rollup>>, SourceError> {
        self.0.rollups(series, resolution_ms, start_ms, end_ms)
    }

    fn read(&self, series: usize, into: &mut Column) -> Result<(), SourceError> {
        match self.1 {
            Way::Samples => self.0.read(series, into),
            Way::Rollups => Err(SourceError::new("the samples are asked for")),
        }
    }
}

/// How the values of a series go on.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Whole,
    /// Whole numbers that begin anew now and then.
    Reset,
    /// Fractions that begin anew now and then.
    ResetFractions,
    Fractions,
    Large,
    Odd,
}

fn value(kind: Kind, at: u64) -> f64 {
    let drawn = at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    match (kind, drawn % 50) {
        (Kind::Whole, _) => (at * 3 + drawn % 100) as f64,
        (Kind::Reset, _) => (at % 1100 * 7 + drawn % 5) as f64,
        (Kind::ResetFractions, _) => (at % 1100) as f64 * 0.7,
        (Kind::Fractions, _) => drawn as f64 / 10.0,
        (Kind::Large, _) => drawn as f64 * 1e12,
        (Kind::Odd, 0) => f64::NAN,
        (Kind::Odd, 1) => f64::INFINITY,
        (Kind::Odd, 2) => -0.0,
        (Kind::Odd, 3) => weft_model::stale_nan(),
        (Kind::Odd, _) => -(drawn as f64),
    }
}

/// Returns a store with three days of samples, of which the first two are merged.
fn store(kinds: &[Kind], apart: i64, from: i64) -> Tsdb {
    let config = Config {
        future_max_millis: 10 * DAY,
        reserve_bytes: 0,
        head_window_millis: 60_000,
        ..Config::default()
    };
    let disk = Arc::new(SimDisk::new());
    let opened = Tsdb::open(disk, Path::new("/store"), config, Millis(START));
    let store = opened.unwrap().0;
    let mut time = START + from;
    let mut at = 0;
    while time < START + 3 * DAY {
        for (number, kind) in kinds.iter().enumerate() {
            let series = Labels::from_pairs([("__name__", "m"), ("n", &number.to_string())]);
            let series = store.intern(&series).unwrap();
            store
                .append(series, Millis(time), value(*kind, at))
                .unwrap();
        }
        if at % 500 == 0 {
            store.flush(Millis(time)).unwrap();
            while store.maintain(Millis(time)).unwrap().more {}
        }
        at += 1;
        time += apart;
    }
    store
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Whole),
        Just(Kind::Reset),
        Just(Kind::ResetFractions),
        Just(Kind::Fractions),
        Just(Kind::Large),
        Just(Kind::Odd)
    ]
}

/// Returns series and the bits of their samples; all NaNs are one.
fn bits(value: Value) -> Vec<(Labels, Vec<(i64, u64)>)> {
    let Value::Matrix(series) = value else {
        return Vec::new();
    };
    let of = |value: f64| {
        if value.is_nan() {
            u64::MAX
        } else {
            value.to_bits()
        }
    };
    series
        .into_iter()
        .map(|series| {
            let floats = series
                .floats
                .into_iter()
                .map(|(time, value)| (time, of(value)));
            (series.labels, floats.collect())
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn answers_are_the_same_with_roll_ups_and_without(
        kinds in prop::collection::vec(kind(), 1..4),
        apart in 20_000i64..400_000,
        from in 0i64..7_200_000,
    ) {
        let store = store(&kinds, apart, from);
        let engine = Engine::new(Options::default());
        let range = TimeRange { start_ms: START, end_ms: START + 3 * DAY, step_ms: 3_600_000 };
        let functions = ["count", "present", "min", "max", "first", "last", "sum", "avg"];
        let functions = functions.map(|function| format!("{function}_over_time"));
        let changes = ["rate", "increase", "delta", "resets"].map(str::to_owned);
        for function in functions.into_iter().chain(changes) {
            for window in ["[1h]", "[5m]", "[1d]", "[15m] offset 5m", "[1h] @ end()"] {
                let query = format!("{function}(m{window})");
                let options = QueryOptions::default();
                let rolled = engine.range(&SampleSource::new(&store), &query, range, &options);
                let plain = Only(SampleSource::new(&store), Way::Samples);
                let plain = engine.range(&plain, &query, range, &options);
                let (rolled, plain) = (rolled.unwrap(), plain.unwrap());
                prop_assert_eq!(&rolled.warnings, &plain.warnings);
                prop_assert_eq!(&rolled.infos, &plain.infos);
                prop_assert_eq!(bits(rolled.value), bits(plain.value), "{}", query);
            }
        }
    }
}

#[test]
fn whole_numbers_are_answered_without_their_samples() {
    let store = store(&[Kind::Reset], 60_000, 0);
    let engine = Engine::new(Options::default());
    let source = Only(SampleSource::new(&store), Way::Rollups);
    let ask = |query: &str, step_ms: i64| {
        let range = TimeRange {
            start_ms: START + DAY,
            end_ms: START + 2 * DAY,
            step_ms,
        };
        engine.range(&source, query, range, &QueryOptions::default())
    };
    for query in [
        "sum_over_time(m[1h])",
        "avg_over_time(m[6h])",
        "max_over_time(m[5m])",
        "rate(m[5m])",
        "increase(m[1h])",
        "delta(m[6h])",
        "resets(m[12h])",
    ] {
        assert_eq!(
            bits(ask(query, 3_600_000).unwrap().value)[0].1.len(),
            25,
            "{query}"
        );
    }
    for (query, step) in [
        ("max_over_time(m[7m])", 3_600_000),
        ("max_over_time(m[1h])", 7_000_000),
    ] {
        assert!(ask(query, step).is_err(), "buckets do not fit: {query}");
    }
}

//! What a caller sees in the ordinary course of things.

use weft_disk::SimDisk;
use weft_model::histogram::ResetHint;
use weft_model::{
    Exemplar, FloatHistogram, Labels, MatchOp, MetricKind, MetricMetadata, Millis, Span,
};

use super::{NOON, labels, matchers, of_metric, open, read, small};
use crate::{AppendReport, Budgets, Config, Rejected, Tsdb};

fn store() -> (SimDisk, Tsdb) {
    let disk = SimDisk::new();
    let store = open(&disk, small(), NOON);
    (disk, store)
}

fn append(store: &Tsdb, labels: &Labels, time: i64, value: f64) {
    let series = store.intern(labels).unwrap();
    store.append(series, Millis(time), value).unwrap();
}

fn values(store: &Tsdb, metric: &str) -> Vec<(i64, f64)> {
    let found = read(store, &of_metric(metric), 0, i64::MAX);
    let samples = found.into_iter().flat_map(|(_, samples)| samples);
    samples
        .map(|(time, bits)| (time - NOON, f64::from_bits(bits)))
        .collect()
}

#[test]
fn the_last_value_written_to_a_time_counts() {
    let (_, store) = store();
    let series = labels("m", "i");
    append(&store, &series, NOON, 1.0);
    append(&store, &series, NOON + 1, 2.0);
    append(&store, &series, NOON, 3.0);
    assert_eq!(values(&store, "m"), [(0, 3.0), (1, 2.0)]);
    store.flush(Millis(NOON)).unwrap();
    append(&store, &series, NOON + 1, 4.0);
    assert_eq!(values(&store, "m"), [(0, 3.0), (1, 4.0)]);
    store.flush(Millis(NOON)).unwrap();
    assert_eq!(values(&store, "m"), [(0, 3.0), (1, 4.0)]);
}

#[test]
fn an_equal_sample_is_counted_as_repeated() {
    let (_, store) = store();
    let series = store.intern(&labels("m", "i")).unwrap();
    let samples = [(series, Millis(NOON), 1.0), (series, Millis(NOON), 1.0)];
    let report = store.append_many(&samples);
    assert_eq!(
        report,
        AppendReport {
            taken: 2,
            repeated: 1,
            ..AppendReport::default()
        }
    );
    let status = store.status();
    assert_eq!((status.samples_appended, status.samples_repeated), (2, 1));
}

#[test]
fn a_tick_is_one_sample_of_each_series() {
    let (_, store) = store();
    let series: Vec<_> = (0..3000)
        .map(|i| store.intern(&labels("m", &i.to_string())).unwrap())
        .collect();
    let ones: Vec<f64> = (0..3000).map(f64::from).collect();
    for tick in 0..40 {
        let report = store.append_tick(Millis(NOON + tick * 15_000), &series, &ones);
        assert_eq!(report.taken, 3000);
    }
    let found = read(&store, &of_metric("m"), 0, i64::MAX);
    assert_eq!(found.len(), 3000);
    assert!(found.iter().all(|(_, samples)| samples.len() == 40));
}

#[test]
fn raw_keys_lead_to_the_series_of_their_labels() {
    let (_, store) = store();
    let known = store.intern(&labels("m", "a")).unwrap();
    assert_eq!(store.intern_raw(b"key a", || labels("m", "a")), Ok(known));
    assert_eq!(
        store.intern_raw(b"key a", || unreachable!("the key is known")),
        Ok(known)
    );
    let keys: Vec<Vec<u8>> = (0..100).map(|i| format!("key {i}").into_bytes()).collect();
    let mut first = Vec::new();
    let of = |at: usize| labels("m", &at.to_string());
    store.intern_raw_many(keys.iter().map(Vec::as_slice), of, &mut first);
    let mut again = Vec::new();
    let no_label = |_| unreachable!("the keys are known");
    store.intern_raw_many(keys.iter().rev().map(Vec::as_slice), no_label, &mut again);
    again.reverse();
    assert_eq!(first, again);
}

#[test]
fn times_outside_of_what_is_kept_are_refused() {
    let (_, store) = store();
    let series = store.intern(&labels("m", "i")).unwrap();
    let config = Config::default();
    for (time, expected) in [
        (NOON - config.retention_millis, Ok(())),
        (NOON - config.retention_millis - 1, Err(Rejected::TooOld)),
        (NOON + config.future_max_millis, Ok(())),
        (NOON + config.future_max_millis + 1, Err(Rejected::TooNew)),
        (i64::MIN, Err(Rejected::TooOld)),
        (i64::MAX, Err(Rejected::TooNew)),
    ] {
        assert_eq!(store.append(series, Millis(time), 0.0), expected, "{time}");
    }
    let counts: u64 = store.status().drops.iter().map(|drop| drop.count).sum();
    assert_eq!(counts, 4);
}

#[test]
fn a_new_series_over_a_budget_is_refused_and_its_offender_named() {
    let budgets = Budgets {
        series_max: 20,
        series_per_metric_max: 10,
        series_per_target_max: 5,
        target_label: "instance".to_owned(),
    };
    let store = open(&SimDisk::new(), Config { budgets, ..small() }, NOON);
    let intern = |metric: String, instance: String| store.intern(&labels(&metric, &instance));
    for i in 0..10 {
        intern("wide".to_owned(), format!("i{i}")).unwrap();
    }
    let refused = intern("wide".to_owned(), "i99".to_owned());
    assert_eq!(refused, Err(Rejected::MetricBudget));
    assert!(
        intern("wide".to_owned(), "i3".to_owned()).is_ok(),
        "known series stay"
    );
    for i in 0..4 {
        intern(format!("m{i}"), "i0".to_owned()).unwrap();
    }
    assert_eq!(
        intern("m9".to_owned(), "i0".to_owned()),
        Err(Rejected::TargetBudget)
    );
    for i in 0..6 {
        intern(format!("n{i}"), format!("j{i}")).unwrap();
    }
    assert_eq!(
        intern("n9".to_owned(), "j9".to_owned()),
        Err(Rejected::StoreBudget)
    );
    let drops = store.status().drops;
    let offender = |reason| drops.iter().find(|drop| drop.reason == reason).unwrap();
    assert_eq!(offender(Rejected::MetricBudget).offender, "wide");
    assert_eq!(offender(Rejected::TargetBudget).offender, "i0");
}

#[test]
fn a_series_that_was_idle_is_stale_and_can_be_interned_again() {
    let (_, store) = store();
    let series = store.intern(&labels("m", "i")).unwrap();
    store.append(series, Millis(NOON), 1.0).unwrap();
    store.maintain(Millis(NOON + 3_600_000)).unwrap();
    assert_eq!(store.status().series, 1, "what is in no part stays");
    store.flush(Millis(NOON + 3_600_000)).unwrap();
    let dropped = |now| store.maintain(Millis(now)).unwrap().series_dropped;
    assert_eq!(dropped(NOON + 3_600_000), 0, "it was just flushed");
    assert_eq!(dropped(NOON + 7_200_000), 1);
    assert_eq!(store.status().series, 0);
    let refused = store.append(series, Millis(NOON + 3_600_000), 2.0);
    assert_eq!(refused, Err(Rejected::Stale));
    append(&store, &labels("m", "i"), NOON + 3_600_000, 2.0);
    assert_eq!(values(&store, "m"), [(0, 1.0), (3_600_000, 2.0)]);
}

#[test]
fn a_series_of_old_samples_is_not_idle_while_they_come() {
    let (_, store) = store();
    let series = store.intern(&labels("m", "i")).unwrap();
    for hour in 0..5 {
        let time = NOON - 36_000_000 + hour * 3_600_000;
        store.append(series, Millis(time), 1.0).unwrap();
        store.flush(Millis(NOON + hour)).unwrap();
        let report = store.maintain(Millis(NOON + hour)).unwrap();
        assert_eq!(report.series_dropped, 0);
    }
    assert_eq!(values(&store, "m").len(), 5);
}

#[test]
fn a_selection_keeps_what_it_can_ask_for() {
    let (_, store) = store();
    append(&store, &labels("m", "i"), NOON, 1.0);
    let selection = store
        .select(&of_metric("m"), Millis(0), Millis(i64::MAX))
        .unwrap();
    for round in 0..5 {
        let later = NOON + 3_600_000 * (round + 1);
        append(&store, &labels("other", "i"), later, 1.0);
        store.flush(Millis(later)).unwrap();
        store.maintain(Millis(later)).unwrap();
        append(&store, &labels("another", &round.to_string()), later, 1.0);
    }
    let (mut times, mut values) = (Vec::new(), Vec::new());
    selection.read(0, &mut times, &mut values).unwrap();
    assert_eq!((times, values), (vec![NOON], vec![1.0]));
    assert_eq!(selection.labels(0).unwrap(), labels("m", "i"));
}

#[test]
fn labels_are_listed_from_head_and_parts() {
    let (_, store) = store();
    append(&store, &labels("old", "a"), NOON, 1.0);
    store.flush(Millis(NOON)).unwrap();
    store.maintain(Millis(NOON + 3_600_000)).unwrap();
    append(&store, &labels("new", "b"), NOON + 3_600_000, 1.0);
    let (start, end) = (Millis(NOON), Millis(NOON + 3_600_000));
    let values = |name: &str, list: &[(&str, MatchOp, &str)], limit| {
        store
            .label_values(name, &matchers(list), start, end, limit)
            .unwrap()
    };
    assert_eq!(values("instance", &[], 10), ["a", "b"]);
    assert_eq!(values("instance", &[], 1), ["a"]);
    assert_eq!(
        values("__name__", &[("instance", MatchOp::Equal, "a")], 10),
        ["old"]
    );
    let names = store.label_names(&[], start, end, 10).unwrap();
    assert_eq!(names, ["__name__", "instance", "job"]);
    let series = store.series(&matchers(&[("job", MatchOp::Regex, "t.*")]), start, end, 10);
    assert_eq!(series.unwrap(), [labels("new", "b"), labels("old", "a")]);
    let late_only = store.label_values("instance", &[], end, end, 10).unwrap();
    assert_eq!(late_only, ["b"]);
}

#[test]
fn a_label_may_have_very_many_values() {
    let (_, store) = store();
    let count = 70_000;
    for instance in 0..count {
        append(&store, &labels("m", &format!("{instance:06}")), NOON, 1.0);
    }
    store.flush(Millis(NOON)).unwrap();
    store.maintain(Millis(NOON + 3_600_000)).unwrap();
    assert_eq!(store.status().series, 0, "only the part has them");
    for instance in [0, 65_535, 65_536, count - 1] {
        let which = matchers(&[("instance", MatchOp::Equal, &format!("{instance:06}"))]);
        assert_eq!(read(&store, &which, 0, i64::MAX).len(), 1, "{instance}");
    }
    let which = matchers(&[("instance", MatchOp::Regex, "0655[0-9]+")]);
    assert_eq!(read(&store, &which, 0, i64::MAX).len(), 100);
    let (start, end) = (Millis(0), Millis(i64::MAX));
    let values = store
        .label_values("instance", &[], start, end, usize::MAX)
        .unwrap();
    assert_eq!(values.len(), count);
}

fn histogram(count: f64) -> FloatHistogram {
    FloatHistogram {
        schema: 2,
        count,
        sum: count * 1.5,
        positive_spans: vec![Span { offset: 1, len: 2 }],
        positive: vec![count / 2.0, count / 2.0],
        ..FloatHistogram::default()
    }
}

#[test]
fn histograms_are_kept_beside_floats() {
    let (disk, store) = store();
    let series = store.intern(&labels("h", "i")).unwrap();
    for at in 0..200 {
        store
            .append_histogram(series, Millis(NOON + at * 1000), histogram(at as f64))
            .unwrap();
        if at % 50 == 49 {
            store.flush(Millis(NOON)).unwrap();
        }
    }
    store.append(series, Millis(NOON + 500), 7.0).unwrap();
    store.flush(Millis(NOON)).unwrap();
    while store.maintain(Millis(NOON + 86_400_000)).unwrap().more {}
    for store in [store, open(&disk, small(), NOON)] {
        let selection = store
            .select(&of_metric("h"), Millis(0), Millis(i64::MAX))
            .unwrap();
        let found = selection.read_histograms(0).unwrap();
        let expected = (0..200).map(|at| {
            let mut histogram = histogram(at as f64);
            // Nothing lies before the first one that could tell of a reset.
            if at > 0 {
                histogram.reset_hint = ResetHint::NotReset;
            }
            (NOON + at * 1000, histogram)
        });
        assert!(found.into_iter().eq(expected));
        assert_eq!(values(&store, "h"), [(500, 7.0)]);
    }
    let wrong = FloatHistogram {
        positive: vec![1.0],
        ..histogram(1.0)
    };
    let store = open(&disk, small(), NOON);
    let series = store.intern(&labels("h", "i")).unwrap();
    assert_eq!(
        store.append_histogram(series, Millis(NOON), wrong),
        Err(Rejected::Histogram)
    );
}

#[test]
fn metadata_and_exemplars_outlive_a_restart() {
    let (disk, store) = store();
    let series = store.intern(&labels("m", "i")).unwrap();
    let known = MetricMetadata {
        kind: MetricKind::Counter,
        help: "Counts.".to_owned(),
        unit: String::new(),
    };
    assert!(store.set_metadata("m", known.clone()));
    let trace = Labels::from_pairs([("trace_id", "7")]);
    let exemplar = Exemplar {
        labels: trace.clone(),
        value: 0.5,
        time: Millis(NOON),
    };
    for _ in 0..3 {
        store.append_exemplar(series, exemplar.clone()).unwrap();
    }
    store.flush(Millis(NOON)).unwrap();
    disk.crash(1);
    let store = open(&disk, small(), NOON);
    assert_eq!(store.metadata(Some("m"), 1), [("m".to_owned(), known)]);
    let found = store.exemplars(&of_metric("m"), Millis(0), Millis(i64::MAX));
    let found = found.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, labels("m", "i"));
    assert_eq!(
        found[0].1.len(),
        1,
        "an exemplar that is seen again is the same one"
    );
    assert_eq!(found[0].1[0].labels, trace);
}

#[test]
fn days_become_one_part_each() {
    let (_, store) = store();
    for minute in 0..2 * 1440 {
        let now = NOON + minute * 60_000;
        append(&store, &labels("m", "i"), now, minute as f64);
        if minute % 13 == 0 {
            store.flush(Millis(now)).unwrap();
            store.maintain(Millis(now)).unwrap();
        }
    }
    let now = NOON + 5 * 86_400_000;
    store.flush(Millis(now)).unwrap();
    while store.maintain(Millis(now)).unwrap().more {}
    assert_eq!(store.status().parts, 3, "two days from noon on touch three");
    let expected: Vec<(i64, f64)> = (0..2 * 1440)
        .map(|minute| (minute * 60_000, minute as f64))
        .collect();
    assert_eq!(values(&store, "m"), expected);
}

/// How many ticks each writer appends.
const TICKS: i64 = 3000;

fn write_ticks(store: &Tsdb, metric: &str) {
    for tick in 0..TICKS {
        for instance in ["a", "b", "c"] {
            let labels = labels(metric, instance);
            let append = || {
                let series = store.intern(&labels).unwrap();
                store.append(series, Millis(NOON + tick), tick as f64)
            };
            while append() == Err(Rejected::Stale) {}
        }
    }
}

/// Reads all there is: of each series the ticks from the first on, without a gap.
fn check_ticks(store: &Tsdb) -> Vec<i64> {
    let found = read(store, &[], NOON, i64::MAX);
    for (labels, samples) in &found {
        let expected = (0..samples.len() as i64).map(|t| (NOON + t, (t as f64).to_bits()));
        assert!(
            samples.iter().copied().eq(expected),
            "{labels}: {} samples",
            samples.len()
        );
    }
    found
        .iter()
        .map(|(_, samples)| samples.len() as i64)
        .collect()
}

#[test]
fn appending_reading_and_maintaining_go_on_together() {
    let (_, store) = store();
    std::thread::scope(|scope| {
        let writers = ["v", "w"].map(|metric| {
            let store = &store;
            scope.spawn(move || write_ticks(store, metric))
        });
        let mut now = NOON;
        let mut round = 0;
        while !writers
            .iter()
            .all(std::thread::ScopedJoinHandle::is_finished)
        {
            // The store's time runs ahead, so that series are dropped while they are written.
            round += 1;
            now += if round % 10 == 0 { 100_000 } else { 1 };
            store.flush(Millis(now)).unwrap();
            store.maintain(Millis(now)).unwrap();
            check_ticks(&store);
        }
    });
    assert_eq!(check_ticks(&store), [TICKS; 6]);
}

#[test]
fn a_value_that_was_written_over_in_a_part_can_be_written_again() {
    let (disk, store) = store();
    for value in [1.0, 2.0, 1.0] {
        append(&store, &labels("m", "i"), NOON, value);
        store.flush(Millis(NOON)).unwrap();
        store.maintain(Millis(NOON)).unwrap();
    }
    for store in [store, open(&disk, small(), NOON)] {
        assert_eq!(values(&store, "m"), [(0, 1.0)]);
    }
}

#[test]
fn a_count_without_selecting_is_never_more_than_what_is_selected() {
    let (_, store) = store();
    for metric in ["a", "b", "c"] {
        for instance in ["1", "2", "3", "4"] {
            append(&store, &labels(metric, instance), NOON, 1.0);
        }
    }
    let check = |list: &[(&str, MatchOp, &str)], most: usize, expected: Option<usize>| {
        let asked = matchers(list);
        let found = store.series_beyond(&asked, most);
        assert_eq!(found, expected, "{list:?}");
        let selected = store.select(&asked, Millis(NOON), Millis(NOON)).unwrap();
        assert!(
            found.is_none_or(|found| found <= selected.len()),
            "{list:?}"
        );
    };
    let every = ("__name__", MatchOp::Regex, ".+");
    check(&[every], 11, Some(12));
    check(&[every], 12, None);
    check(&[("__name__", MatchOp::Equal, "a")], 3, Some(4));
    check(&[("__name__", MatchOp::Regex, "a|b"), every], 1, Some(8));
    check(&[("__name__", MatchOp::NotEqual, "a")], 1, Some(8));
    check(&[("rack", MatchOp::Equal, "")], 1, Some(12));
    let (a, one) = (
        ("__name__", MatchOp::NotEqual, "a"),
        ("instance", MatchOp::NotEqual, "1"),
    );
    check(&[a, one], 1, Some(5));
}

#[test]
fn the_extent_of_the_head_is_that_of_its_samples() {
    let (_, store) = store();
    assert_eq!(store.head_extent(), crate::HeadExtent::default());
    for at in 0..20 {
        append(&store, &labels("m", "a"), NOON + at, at as f64);
    }
    append(&store, &labels("m", "b"), NOON + 7, 1.0);
    let extent = store.head_extent();
    assert_eq!(extent.range, Some((NOON, NOON + 19)));
    assert_eq!(extent.chunks, 20u64.div_ceil(8) + 1);
}

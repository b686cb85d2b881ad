mod hostile;

use proptest::prelude::*;
use weft_model::{Labels, MetricKind, Span, histogram::ResetHint, stale_nan};

use super::*;
use crate::encode::{Message, zigzag};
use crate::{Flaw, Problem};

/// A series as a test writes it down.
type Plain = (Vec<(String, String)>, Vec<(i64, f64)>);

fn label(name: &str, value: &str) -> Message {
    Message::new().bytes(1, name).bytes(2, value)
}

fn sample(time: i64, value: f64) -> Message {
    Message::new().double(1, value).varint(2, time as u64)
}

fn series_one(labels: &[(&str, &str)], samples: &[(i64, f64)]) -> Message {
    let labelled = labels.iter().fold(Message::new(), |series, (n, v)| {
        series.message(1, label(n, v))
    });
    samples
        .iter()
        .fold(labelled, |series, (t, v)| series.message(2, sample(*t, *v)))
}

/// Encodes version 1.
fn encode_one(all: &[Plain]) -> Vec<u8> {
    let request = all
        .iter()
        .fold(Message::new(), |request, (labels, samples)| {
            let labels: Vec<_> = labels
                .iter()
                .map(|(n, v)| (n.as_str(), v.as_str()))
                .collect();
            request.message(1, series_one(&labels, samples))
        });
    request.0
}

/// Encodes version 2, with a symbol for each text.
fn encode_two(all: &[Plain]) -> Vec<u8> {
    let mut symbols = vec![String::new()];
    let mut refer = |text: &str| match symbols.iter().position(|symbol| symbol == text) {
        Some(at) => at as u64,
        None => {
            symbols.push(text.to_owned());
            symbols.len() as u64 - 1
        }
    };
    let mut messages = Vec::new();
    for (labels, samples) in all {
        let refs: Vec<_> = labels
            .iter()
            .flat_map(|(n, v)| [refer(n), refer(v)])
            .collect();
        let series = Message::new().packed(1, refs);
        messages.push(
            samples
                .iter()
                .fold(series, |series, (t, v)| series.message(2, sample(*t, *v))),
        );
    }
    let request = symbols
        .iter()
        .fold(Message::new(), |request, text| request.bytes(4, text));
    messages
        .into_iter()
        .fold(request, |request, series| request.message(5, series))
        .0
}

fn decode(version: Version, bytes: &[u8]) -> Vec<Plain> {
    let request = Request::parse(version, bytes).unwrap();
    let owned = |pair: Result<(&[u8], &[u8]), Problem>| {
        let (name, value) = pair.unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (text(name), text(value))
    };
    let plain = |series: Series<'_, '_>| {
        let samples = series.samples().map(|sample| (sample.time.0, sample.value));
        (series.label_pairs().map(owned).collect(), samples.collect())
    };
    request.series().map(plain).collect()
}

fn plain() -> impl Strategy<Value = Vec<Plain>> {
    let labels = proptest::collection::vec(("[a-z]{0,9}", "\\PC{0,12}"), 0..5);
    let samples = proptest::collection::vec((any::<i64>(), -1e9..1e9), 0..4);
    proptest::collection::vec((labels, samples), 0..5)
}

proptest! {
    #[test]
    fn both_versions_give_back_what_was_encoded(all in plain()) {
        prop_assert_eq!(&decode(Version::One, &encode_one(&all)), &all);
        prop_assert_eq!(&decode(Version::Two, &encode_two(&all)), &all);
    }

    #[test]
    fn a_series_has_the_same_key_in_both_versions(all in plain()) {
        let keys = |version, bytes: Vec<u8>| -> Vec<Vec<u8>> {
            let request = Request::parse(version, &bytes).unwrap();
            let key = |series: Series<'_, '_>| series.key(&mut Vec::new()).unwrap().to_vec();
            request.series().map(key).collect()
        };
        let one = keys(Version::One, encode_one(&all));
        prop_assert_eq!(&one, &keys(Version::Two, encode_two(&all)));
        for (a, (labels_a, _)) in one.iter().zip(&all) {
            for (b, (labels_b, _)) in one.iter().zip(&all) {
                prop_assert_eq!(a == b, labels_a == labels_b);
            }
        }
    }
}

#[test]
fn the_counts_are_those_of_the_content() {
    let exemplar = Message::new()
        .message(1, label("trace_id", "x"))
        .double(2, 0.5)
        .varint(3, 9);
    let series = series_one(&[("__name__", "up")], &[(1, 1.0), (2, 0.0)])
        .message(3, exemplar)
        .message(4, Message::new().varint(1, 0));
    let metadata = Message::new()
        .varint(1, 1)
        .bytes(2, "up")
        .bytes(4, "Is it up?");
    let bytes = Message::new().message(1, series).message(3, metadata).0;
    let request = Request::parse(Version::One, &bytes).unwrap();
    let counts = Counts {
        series: 1,
        samples: 2,
        histograms: 1,
        exemplars: 1,
        metadata: 1,
    };
    assert_eq!(request.counts(), counts);
    let series = request.series().next().unwrap();
    let exemplar = series.exemplars().next().unwrap().decode().unwrap();
    assert_eq!(exemplar.labels, Labels::from_pairs([("trace_id", "x")]));
    assert_eq!((exemplar.value, exemplar.time.0), (0.5, 9));
    let mut described = Vec::new();
    request.for_each_metadata(|about| described.push((about.name.to_owned(), about.kind)));
    assert_eq!(described, [("up".to_owned(), MetricKind::Counter)]);
}

#[test]
fn version_2_describes_a_metric_in_its_series() {
    let request = Message::new()
        .bytes(4, "")
        .bytes(4, "__name__")
        .bytes(4, "up")
        .bytes(4, "Is it up?")
        .message(
            5,
            Message::new().packed(1, [1, 2]).message(5, Message::new()),
        )
        .message(
            5,
            Message::new()
                .varint(1, 1)
                .varint(1, 2)
                .message(5, Message::new().varint(1, 2).varint(3, 3)),
        );
    let request = Request::parse(Version::Two, &request.0).unwrap();
    let mut described = Vec::new();
    request.for_each_metadata(|about| {
        described.push((about.name.to_owned(), about.kind, about.help.to_owned()));
    });
    assert_eq!(
        described,
        [("up".to_owned(), MetricKind::Gauge, "Is it up?".to_owned())]
    );
}

#[test]
fn start_timestamps_are_read() {
    let float = Message::new()
        .double(1, 2.5)
        .varint(2, 9000)
        .varint(3, 8000);
    let histogram = Message::new().varint(15, 9000).varint(17, 7000);
    let series = Message::new()
        .message(2, float)
        .message(2, sample(9500, 1.0))
        .message(3, histogram);
    let bytes = Message::new().message(5, series).0;
    let request = Request::parse(Version::Two, &bytes).unwrap();
    let series = request.series().next().unwrap();
    let samples = series.samples();
    let times: Vec<_> = samples.map(|it| (it.time.0, it.start.0)).collect();
    assert_eq!(times, [(9000, 8000), (9500, 0)]);
    let histogram = series.histograms().next().unwrap();
    assert_eq!(histogram.start().0, 7000);
}

#[test]
fn the_staleness_marker_keeps_its_bits() {
    let bytes = Message::new()
        .message(1, series_one(&[("a", "b")], &[(1, stale_nan())]))
        .0;
    let request = Request::parse(Version::One, &bytes).unwrap();
    let sample = request.series().next().unwrap().samples().next().unwrap();
    assert!(weft_model::is_stale(sample.value));
}

#[test]
fn labels_behind_samples_are_found() {
    let series = Message::new()
        .message(2, sample(1, 2.0))
        .message(1, label("__name__", "up"))
        .varint(99, 1)
        .message(1, label("job", "a"));
    let bytes = Message::new().message(1, series).0;
    let request = Request::parse(Version::One, &bytes).unwrap();
    let series = request.series().next().unwrap();
    let expected = Labels::from_pairs([("__name__", "up"), ("job", "a")]);
    assert_eq!(series.labels().unwrap(), expected);
    let front = Message::new()
        .message(1, label("__name__", "up"))
        .message(1, label("job", "a"));
    assert_eq!(series.key(&mut Vec::new()).unwrap(), front.0);
}

fn check_labels(pairs: &[(&str, &str)], expected: Result<&str, Problem>) {
    let bytes = Message::new().message(1, series_one(pairs, &[])).0;
    let request = Request::parse(Version::One, &bytes).unwrap();
    let read = request.series().next().unwrap().labels();
    assert_eq!(
        read.map(|labels| labels.to_string()),
        expected.map(str::to_owned)
    );
}

#[test]
fn labels_are_sorted_and_checked() {
    check_labels(
        &[("b", "2"), ("__name__", "m"), ("a", "1")],
        Ok(r#"m{a="1", b="2"}"#),
    );
    check_labels(&[("__name__", "m"), ("a", "")], Ok("m"));
    check_labels(&[("a", "1")], Err(Problem::NoMetricName));
    check_labels(&[("__name__", ""), ("a", "1")], Err(Problem::NoMetricName));
    check_labels(
        &[("__name__", "m"), ("", "1")],
        Err(Problem::LabelNameEmpty),
    );
    check_labels(
        &[("__name__", "m"), ("a", "1"), ("a", "2")],
        Err(Problem::LabelTwice),
    );
}

/// A histogram with the observations 1 in the zero bucket, 2 and 3 in two positive ones.
fn integer_histogram() -> Message {
    Message::new()
        .varint(1, 6)
        .double(3, 12.5)
        .varint(4, zigzag(3))
        .double(5, 0.001)
        .varint(6, 1)
        .message(11, Message::new().varint(1, zigzag(-2)).varint(2, 2))
        .packed(12, [zigzag(2), zigzag(1)])
        .varint(14, 2)
        .varint(15, 1000)
}

fn decode_histogram(message: Message) -> Result<(i64, weft_model::FloatHistogram), Problem> {
    let series = series_one(&[("__name__", "h")], &[]).message(4, message);
    let bytes = Message::new().message(1, series).0;
    let request = Request::parse(Version::One, &bytes).unwrap();
    let series = request.series().next().unwrap();
    let decoded = series.histograms().next().unwrap().decode();
    decoded.map(|(time, histogram)| (time.0, histogram))
}

#[test]
fn integer_buckets_become_absolute_counts() {
    let (time, histogram) = decode_histogram(integer_histogram()).unwrap();
    assert_eq!(time, 1000);
    assert_eq!(histogram.positive, [2.0, 3.0]);
    assert_eq!(histogram.positive_spans, [Span { offset: -2, len: 2 }]);
    assert_eq!(
        (histogram.count, histogram.zero_count, histogram.schema),
        (6.0, 1.0, 3)
    );
    assert_eq!(histogram.reset_hint, ResetHint::NotReset);
}

#[test]
fn float_buckets_are_taken_as_they_are() {
    let message = Message::new()
        .double(2, 3.5)
        .double(3, 1.0)
        .message(8, Message::new().varint(1, 0).varint(2, 1))
        .double(10, 3.5);
    let (_, histogram) = decode_histogram(message).unwrap();
    assert_eq!((histogram.count, histogram.negative), (3.5, vec![3.5]));
}

#[test]
fn custom_buckets_need_sound_bounds() {
    let with_bounds = |bounds: &[f64]| {
        let packed: Vec<u8> = bounds
            .iter()
            .flat_map(|bound| bound.to_le_bytes())
            .collect();
        Message::new()
            .varint(1, 1)
            .varint(4, zigzag(-53))
            .message(11, Message::new().varint(1, 0).varint(2, 1))
            .packed(12, [zigzag(1)])
            .bytes(16, packed)
    };
    assert!(decode_histogram(with_bounds(&[0.5, 1.0])).is_ok());
    let invalid = Err(Problem::HistogramInvalid);
    assert_eq!(decode_histogram(with_bounds(&[1.0, 0.5])), invalid);
    assert_eq!(decode_histogram(with_bounds(&[f64::INFINITY])), invalid);
}

#[test]
fn a_histogram_that_contradicts_itself_is_refused() {
    let too_few_buckets = integer_histogram().message(11, Message::new().varint(2, 1));
    let wrong_count = integer_histogram().varint(1, 7);
    let below_zero = Message::new()
        .varint(1, 0)
        .message(11, Message::new().varint(2, 2))
        .packed(12, [zigzag(1), zigzag(-2)]);
    for message in [too_few_buckets, wrong_count, below_zero] {
        assert_eq!(decode_histogram(message), Err(Problem::HistogramInvalid));
    }
    let unknown = integer_histogram().varint(4, zigzag(9));
    assert_eq!(decode_histogram(unknown), Err(Problem::HistogramSchema));
}

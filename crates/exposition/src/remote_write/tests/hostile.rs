//! What senders must not be able to do.

use weft_model::limits::LABELS_MAX;

use super::*;

fn one_series(series: Message) -> Vec<u8> {
    Message::new().message(1, series).0
}

fn first_problem(bytes: &[u8]) -> Problem {
    let request = Request::parse(Version::One, bytes).unwrap();
    request.series().next().unwrap().labels().unwrap_err()
}

#[test]
fn a_huge_label_value_refuses_its_series_only() {
    let huge = "x".repeat(10 << 20);
    let bytes = Message::new()
        .message(
            1,
            series_one(&[("__name__", "m"), ("a", &huge)], &[(1, 1.0)]),
        )
        .message(1, series_one(&[("__name__", "up")], &[(1, 1.0)]))
        .0;
    let request = Request::parse(Version::One, &bytes).unwrap();
    let labels: Vec<_> = request.series().map(|series| series.labels()).collect();
    assert_eq!(labels[0], Err(Problem::LabelValueTooLong));
    assert!(labels[1].is_ok());
}

#[test]
fn ten_thousand_labels_refuse_their_series() {
    let labels = (0..10_000).map(|i| label(&format!("label_{i}"), "x"));
    let series = labels.fold(Message::new(), |series, label| series.message(1, label));
    assert_eq!(first_problem(&one_series(series)), Problem::TooManyLabels);
    const { assert!(LABELS_MAX < 10_000) }
}

#[test]
fn text_that_is_not_utf8_refuses_its_series() {
    let series = Message::new().message(1, Message::new().bytes(1, [0xff]).bytes(2, "x"));
    assert_eq!(first_problem(&one_series(series)), Problem::LabelNotUtf8);
}

#[test]
fn a_broken_label_refuses_its_series() {
    let series = Message::new().bytes(1, [0x0a, 0x7f, b'x']);
    assert_eq!(first_problem(&one_series(series)), Problem::LabelMalformed);
}

#[test]
fn an_unknown_symbol_refuses_its_series() {
    let bytes = Message::new()
        .bytes(4, "")
        .message(5, Message::new().packed(1, [0, 7]))
        .0;
    let request = Request::parse(Version::Two, &bytes).unwrap();
    let series = request.series().next().unwrap();
    assert_eq!(series.labels(), Err(Problem::UnknownSymbol));
    assert_eq!(series.key(&mut Vec::new()), Err(Problem::UnknownSymbol));
}

#[test]
fn an_odd_number_of_references_refuses_its_series() {
    let bytes = Message::new()
        .bytes(4, "")
        .message(5, Message::new().packed(1, [0, 0, 0]))
        .0;
    let request = Request::parse(Version::Two, &bytes).unwrap();
    let pairs: Vec<_> = request.series().next().unwrap().label_pairs().collect();
    assert_eq!(pairs[1], Err(Problem::LabelMalformed));
}

fn check_malformed(bytes: &[u8], offset: usize, flaw: Flaw) {
    let error = Request::parse(Version::One, bytes)
        .map(|request| request.counts())
        .unwrap_err();
    assert_eq!((error.offset, error.flaw), (offset, flaw));
}

#[test]
fn a_broken_request_is_refused_with_the_place() {
    check_malformed(&[0x0a, 0x05, 0x00], 2, Flaw::Truncated);
    check_malformed(&[0x0a], 1, Flaw::Truncated);
    check_malformed(
        &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
        10,
        Flaw::Truncated,
    );
    check_malformed(&[0x80; 12], 0, Flaw::Varint);
    check_malformed(&[0x03], 1, Flaw::FieldNumber);
    check_malformed(&[0x0b], 1, Flaw::WireType);
    check_malformed(&[0x08, 0x01], 2, Flaw::FieldType);
    // A sample whose value is a varint, inside of the second series.
    let bytes = Message::new()
        .message(1, Message::new())
        .message(1, Message::new().message(2, Message::new().varint(1, 1)))
        .0;
    check_malformed(&bytes, 8, Flaw::FieldType);
}

#[test]
fn a_histogram_of_endless_buckets_is_refused() {
    let message = Message::new()
        .varint(1, 1)
        .message(11, Message::new().varint(2, u64::from(u32::MAX)))
        .packed(12, std::iter::repeat_n(0, 100_000));
    assert_eq!(decode_histogram(message), Err(Problem::HistogramInvalid));
}

/// Looks at everything that a request offers.
fn look_at_everything(version: Version, bytes: &[u8]) {
    let Ok(request) = Request::parse(version, bytes) else {
        return;
    };
    let mut counts = Counts::default();
    let mut scratch = Vec::new();
    for series in request.series() {
        counts.series += 1;
        let _ = (series.key(&mut scratch).is_ok(), series.labels().is_ok());
        counts.samples += series.samples().count();
        counts.histograms += series
            .histograms()
            .inspect(|view| drop(view.decode()))
            .count();
        counts.exemplars += series
            .exemplars()
            .inspect(|view| drop(view.decode()))
            .count();
    }
    request.for_each_metadata(|metadata| assert!(!metadata.name.is_empty()));
    counts.metadata = request.counts().metadata;
    assert_eq!(counts, request.counts());
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_readable(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        look_at_everything(Version::One, &bytes);
        look_at_everything(Version::Two, &bytes);
    }

    #[test]
    fn mutated_requests_are_refused_or_readable(
        all in plain(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let exemplar = Message::new().message(1, label("trace_id", "x")).double(2, 0.5);
        let rich = series_one(&[("__name__", "h")], &[(5, 1.0)])
            .message(3, exemplar)
            .message(4, integer_histogram());
        let mut bytes = encode_one(&all);
        bytes.extend(Message::new().message(1, rich.clone()).message(5, rich).0);
        bytes.extend(encode_two(&all));
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        look_at_everything(Version::One, &bytes);
        look_at_everything(Version::Two, &bytes);
    }
}

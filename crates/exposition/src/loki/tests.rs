use proptest::prelude::*;
use weft_model::limits::LINE_BYTES_MAX;

use super::*;
use crate::encode::Message;

fn entry(seconds: i64, nanos: u64, line: impl AsRef<[u8]>) -> Message {
    let time = Message::new().varint(1, seconds as u64).varint(2, nanos);
    Message::new().message(1, time).bytes(2, line)
}

fn stream(labels: &str, entries: impl IntoIterator<Item = Message>) -> Message {
    let labelled = Message::new().bytes(1, labels);
    entries
        .into_iter()
        .fold(labelled, |stream, entry| stream.message(2, entry))
}

fn push(streams: impl IntoIterator<Item = Message>) -> Vec<u8> {
    streams
        .into_iter()
        .fold(Message::new(), |push, stream| push.message(1, stream))
        .0
}

#[test]
fn lines_come_with_their_time_and_metadata() {
    let pair = Message::new().bytes(1, "trace_id").bytes(2, "abc");
    let bytes = push([stream(
        r#"{app="web", pod="web-1"}"#,
        [entry(1, 5, "hello").message(3, pair), entry(-1, 0, "past")],
    )]);
    let (push, faults) = parse(&bytes).unwrap();
    assert!(faults.is_empty());
    assert_eq!(push.lines(), 2);
    let stream = &push.streams[0];
    assert_eq!(
        stream.labels,
        Labels::from_pairs([("app", "web"), ("pod", "web-1")])
    );
    assert_eq!(stream.entries[0].time, Nanos(1_000_000_005));
    assert_eq!(
        stream.entries[0].metadata,
        [("trace_id".into(), "abc".into())]
    );
    assert!(matches!(stream.entries[0].line, Cow::Borrowed("hello")));
    assert_eq!(stream.entries[1].time, Nanos(-1_000_000_000));
}

#[test]
fn what_breaks_a_rule_is_left_out_and_counted() {
    let too_long = "x".repeat(LINE_BYTES_MAX + 1);
    let no_name = Message::new().bytes(2, "abc");
    let bytes = push([
        stream("app=web", [entry(1, 0, "lost")]),
        stream(
            r#"{app="web"}"#,
            [
                entry(1, 0, too_long),
                entry(i64::MAX, 0, "too late"),
                entry(1, 0, "bad metadata").message(3, no_name),
                entry(1, 0, [b'a', 0xff]),
                entry(1, 0, "kept"),
            ],
        ),
    ]);
    let (push, faults) = parse(&bytes).unwrap();
    let lines: Vec<_> = push.streams[0]
        .entries
        .iter()
        .map(|entry| &*entry.line)
        .collect();
    assert_eq!(lines, ["a\u{fffd}", "kept"]);
    let problems: Vec<_> = faults
        .kept()
        .iter()
        .map(|fault| (fault.item, fault.problem))
        .collect();
    let expected = [
        (0, Problem::StreamLabels),
        (1, Problem::LineTooLong),
        (1, Problem::TimeOutOfRange),
        (1, Problem::LabelNameEmpty),
        (1, Problem::LineNotUtf8),
    ];
    assert_eq!(problems, expected);
}

fn check_labels(text: &str, expected: Result<&str, Problem>) {
    let read = parse_labels(text.as_bytes()).map(|labels| labels.to_string());
    assert_eq!(read, expected.map(str::to_owned), "{text}");
}

#[test]
fn stream_labels_are_read_as_clients_write_them() {
    check_labels("{}", Ok("{}"));
    check_labels(r#"{a="b"}"#, Ok(r#"{a="b"}"#));
    check_labels(r#" { b = "2" , a="1", } "#, Ok(r#"{a="1", b="2"}"#));
    check_labels(r#"{a="x\"y\\z\n\u00e9\x41"}"#, Ok(r#"{a="x\"y\\z\néA"}"#));
    check_labels("{a=`x\\y`}", Ok(r#"{a="x\\y"}"#));
    check_labels(r#"{"service.name"="x"}"#, Ok(r#"{service.name="x"}"#));
    check_labels(r#"{a=""}"#, Ok("{}"));
}

#[test]
fn stream_labels_that_are_no_selector_are_refused() {
    for text in [
        "",
        "a",
        "{",
        "{a}",
        "{a=}",
        "{a=b}",
        r#"{a="b" c="d"}"#,
        r#"{a="b}"#,
        r#"{a="\q"}"#,
    ] {
        check_labels(text, Err(Problem::StreamLabels));
    }
    check_labels(r#"{="b"}"#, Err(Problem::LabelNameEmpty));
    check_labels(r#"{a="1",a="2"}"#, Err(Problem::LabelTwice));
}

proptest! {
    #[test]
    fn any_label_text_survives_quoting(value in "\\PC{1,20}") {
        let escaped = value.replace('\\', r"\\").replace('"', r#"\""#);
        let read = parse_labels(format!(r#"{{a="{escaped}"}}"#).as_bytes()).unwrap();
        prop_assert_eq!(read.get("a"), value);
    }

    #[test]
    fn any_text_is_refused_or_a_set(text in proptest::collection::vec(any::<u8>(), 0..40)) {
        let _ = parse_labels(&text);
        let braced = [b"{", &text[..], b"}"].concat();
        let _ = parse_labels(&braced);
    }

    #[test]
    fn mutated_pushes_are_refused_or_readable(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let pair = Message::new().bytes(1, "trace_id").bytes(2, "abc");
        let mut bytes = push([
            stream(r#"{a="b"}"#, [entry(1, 2, "x").message(3, pair), entry(3, 4, "y")]),
            stream(r#"{c="d\n"}"#, [entry(5, 6, "z")]),
        ]);
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = parse(&bytes);
    }
}

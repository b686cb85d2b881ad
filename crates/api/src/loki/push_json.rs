//! The JSON form of a push: `{"streams":[{"stream":{…},"values":[["<ns>","line",{…}]]}]}`.
//!
//! In: the body. Out: the same as from protobuf; lines without escapes borrow from the body.
//! Bound: of the labels of a stream or line no more are kept than are admitted and one more.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use weft_exposition::loki::{Entry, Push, Stream, admit_labels, admit_line, admit_metadata};
use weft_exposition::{Faults, Problem};
use weft_model::Nanos;
use weft_model::limits::LABELS_MAX;

use crate::Error;

/// Reads a push.
pub(super) fn parse(bytes: &[u8]) -> Result<(Push<'_>, Faults), Error> {
    let body: Body<'_> = serde_json::from_slice(bytes)
        .map_err(|error| Error::bad_data(format!("read push: {error}")))?;
    let mut push = Push::default();
    let mut faults = Faults::default();
    for (item, stream) in body.streams.into_iter().enumerate() {
        let labels = stream
            .stream
            .0
            .iter()
            .map(|(name, value)| (&*name.0, &*value.0));
        match admit_labels(labels) {
            Ok(labels) => {
                let entries = admitted(stream.values, item, &mut faults);
                push.streams.push(Stream { labels, entries });
            }
            Err(problem) => faults.push(item, problem),
        }
    }
    Ok((push, faults))
}

fn admitted<'a>(values: Vec<Line<'a>>, item: usize, faults: &mut Faults) -> Vec<Entry<'a>> {
    let admit = |line: Line<'a>| match admit(line) {
        Ok(entry) => Some(entry),
        Err(problem) => {
            faults.push(item, problem);
            None
        }
    };
    values.into_iter().filter_map(admit).collect()
}

fn admit(line: Line<'_>) -> Result<Entry<'_>, Problem> {
    let metadata: Vec<_> = line
        .metadata
        .0
        .into_iter()
        .map(|(name, value)| (name.0, value.0))
        .collect();
    admit_line(&line.text.0)?;
    admit_metadata(&metadata)?;
    Ok(Entry {
        time: Nanos(line.time.0.parse().map_err(|_| Problem::TimeOutOfRange)?),
        line: line.text.0,
        metadata,
    })
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    streams: Vec<StreamBody<'a>>,
}

#[derive(Deserialize)]
struct StreamBody<'a> {
    #[serde(borrow)]
    stream: Pairs<'a>,
    #[serde(borrow)]
    values: Vec<Line<'a>>,
}

/// A text that borrows from the body where it can.
#[derive(Default)]
struct Text<'a>(Cow<'a, str>);

/// The pairs of an object.
#[derive(Default)]
struct Pairs<'a>(Vec<(Text<'a>, Text<'a>)>);

/// An array of time, text and perhaps metadata.
struct Line<'a> {
    time: Text<'a>,
    text: Text<'a>,
    metadata: Pairs<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text<'a>, D::Error> {
        struct Expected;
        impl<'de> Visitor<'de> for Expected {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Expected)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pairs<'a>, D::Error> {
        struct Expected;
        impl<'de> Visitor<'de> for Expected {
            type Value = Pairs<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    if pairs.len() <= LABELS_MAX {
                        pairs.push(pair);
                    }
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Expected)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Line<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Line<'a>, D::Error> {
        struct Expected;
        impl<'de> Visitor<'de> for Expected {
            type Value = Line<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of a time in nanoseconds, a line, and perhaps metadata")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Line<'de>, A::Error> {
                let missing = |at| A::Error::invalid_length(at, &self);
                let time = items.next_element()?.ok_or_else(|| missing(0))?;
                let text = items.next_element()?.ok_or_else(|| missing(1))?;
                let metadata = items.next_element()?.unwrap_or_default();
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Line {
                    time,
                    text,
                    metadata,
                })
            }
        }
        deserializer.deserialize_seq(Expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_lines_are_borrowed() {
        let body = br#"{"streams":[{"stream":{"app":"web"},"values":[
            ["1700000000000000000","hello",{"trace_id":"x"}],["2","a\nb"]]}]}"#;
        let (push, faults) = parse(body).unwrap();
        assert!(faults.is_empty());
        let entries = &push.streams[0].entries;
        assert!(matches!(entries[0].line, Cow::Borrowed("hello")));
        assert_eq!(entries[0].metadata, [("trace_id".into(), "x".into())]);
        assert_eq!((entries[1].time, &*entries[1].line), (Nanos(2), "a\nb"));
    }

    #[test]
    fn what_breaks_a_rule_is_left_out_and_counted() {
        let body = br#"{"streams":[{"stream":{"":"x"},"values":[]},
            {"stream":{},"values":[["now","a"],["1","b",{"":"y"}],["1","c"]]}],"more":[[[]]]}"#;
        let (push, faults) = parse(body).unwrap();
        assert_eq!(push.lines(), 1);
        let problems: Vec<_> = faults.kept().iter().map(|fault| fault.problem).collect();
        let expected = [
            Problem::LabelNameEmpty,
            Problem::TimeOutOfRange,
            Problem::LabelNameEmpty,
        ];
        assert_eq!(problems, expected);
    }

    #[test]
    fn what_is_no_push_is_refused_with_the_place() {
        for (body, place) in [
            ("", "line 1 column 0"),
            ("{}", "missing field `streams`"),
            (
                r#"{"streams":[{"stream":{},"values":[[1,"a"]]}]}"#,
                "expected a string",
            ),
            (
                r#"{"streams":[{"stream":{},"values":[["1"]]}]}"#,
                "invalid length 1",
            ),
        ] {
            let error = parse(body.as_bytes()).unwrap_err();
            assert!(error.message.contains(place), "{}", error.message);
        }
        assert!(parse("[".repeat(100_000).as_bytes()).is_err());
    }
}

use proptest::prelude::*;
use weft_model::{FloatHistogram, Labels, MatchOp, Matcher, Millis, Span};

use super::*;
use crate::chunk;
use crate::remote_write::{Request, Version};
use crate::wire::{Cursor, Flaw, Malformed, Value, Writer};

fn request(kinds: &[u64]) -> Vec<u8> {
    let mut message = Writer::default();
    message.message(1, |query| {
        query.number(1, 1000);
        query.number(2, (-5i64) as u64);
        query.message(3, |matcher| {
            matcher.number(1, 2);
            matcher.bytes(2, b"job");
            matcher.bytes(3, b"a|b");
        });
        query.message(4, |hints| {
            hints.number(1, 15_000);
            hints.bytes(2, b"rate");
            hints.number(7, 300_000);
        });
    });
    message.packed_numbers(2, kinds.iter().copied());
    message.into_bytes()
}

#[test]
fn a_request_is_read() {
    let read = ReadRequest::parse(&request(&[1, 0])).unwrap();
    let expected = Query {
        start: Millis(1000),
        end: Millis(-5),
        matchers: vec![Matcher::new("job", MatchOp::Regex, "a|b")],
    };
    assert_eq!(read.queries, [expected]);
    assert_eq!(read.response_type(), Some(ResponseType::StreamedXorChunks));
}

#[test]
fn the_first_kind_that_is_known_is_chosen() {
    let kind = |kinds: &[u64]| ReadRequest::parse(&request(kinds)).unwrap().response_type();
    assert_eq!(kind(&[]), Some(ResponseType::Samples));
    assert_eq!(kind(&[0, 1]), Some(ResponseType::Samples));
    assert_eq!(kind(&[7, 1]), Some(ResponseType::StreamedXorChunks));
    assert_eq!(kind(&[7]), None);
}

#[test]
fn a_request_that_makes_no_sense_is_refused() {
    let with_matcher = |write: &dyn Fn(&mut Writer)| {
        let mut message = Writer::default();
        message.message(1, |query| query.message(3, |matcher| write(matcher)));
        ReadRequest::parse(&message.into_bytes()).unwrap_err()
    };
    let unknown = with_matcher(&|matcher| matcher.number(1, 4));
    assert_eq!(unknown, RequestError::MatcherType);
    let not_text = with_matcher(&|matcher| matcher.bytes(2, &[0xff]));
    assert_eq!(not_text, RequestError::MatcherText);
    let too_long = with_matcher(&|matcher| matcher.bytes(3, &[b'x'; 20_000]));
    assert_eq!(too_long, RequestError::MatcherText);
    let queries = [0x0a, 0x00].repeat(QUERIES_MAX + 1);
    let refused = ReadRequest::parse(&queries).unwrap_err();
    assert_eq!(refused, RequestError::TooManyQueries);
    let cut = request(&[]);
    let refused = ReadRequest::parse(&cut[..cut.len() - 1]).unwrap_err();
    let truncated = |flaw| {
        matches!(
            flaw,
            RequestError::Malformed(Malformed {
                flaw: Flaw::Truncated,
                ..
            })
        )
    };
    assert!(truncated(refused));
}

#[test]
fn samples_are_those_of_remote_write() {
    let labels = Labels::from_pairs([("__name__", "up"), ("job", "a")]);
    let histogram = FloatHistogram {
        schema: -2,
        count: 3.0,
        sum: 2.5,
        zero_threshold: 0.5,
        positive_spans: vec![Span { offset: -1, len: 2 }],
        positive: vec![1.0, 2.0],
        ..FloatHistogram::default()
    };
    let mut response = Response::default();
    response.push(&labels, &[-1, 2], &[0.0, 1.5], &[(3, histogram.clone())]);
    response.end_query();
    response.end_query();
    let bytes = response.into_bytes();

    let mut message = Cursor::new(&bytes);
    let Ok(Some((1, Value::Bytes(result)))) = message.field() else {
        panic!("there is no result");
    };
    let request = Request::parse(Version::One, result.rest()).unwrap();
    let series = request.series().next().unwrap();
    assert_eq!(series.labels(), Ok(labels));
    let samples: Vec<_> = series.samples().map(|it| (it.time.0, it.value)).collect();
    assert_eq!(samples, [(-1, 0.0), (2, 1.5)]);
    let (time, read) = series.histograms().next().unwrap().decode().unwrap();
    assert_eq!((time, read), (Millis(3), histogram));
    let Ok(Some((1, Value::Bytes(second)))) = message.field() else {
        panic!("there is no second result");
    };
    assert!(second.is_empty() && message.is_empty());
}

/// What a frame holds: the query's place, the number of labels, the chunks' samples.
fn read_frame(frame: &[u8]) -> (u64, usize, Vec<(i64, f64)>) {
    let mut cursor = Cursor::new(frame);
    let len = cursor.varint().unwrap() as usize;
    let (crc, message) = cursor.rest().split_first_chunk::<4>().unwrap();
    assert_eq!(message.len(), len);
    assert_eq!(u32::from_be_bytes(*crc), crc32c::crc32c(message));
    let (mut query, mut labels, mut samples) = (0, 0, Vec::new());
    let mut message = Cursor::new(message);
    while let Some((number, value)) = message.field().unwrap() {
        match (number, value) {
            (2, Value::Varint(number)) => query = number,
            (1, Value::Bytes(mut series)) => {
                while let Some((number, value)) = series.field().unwrap() {
                    match number {
                        1 => labels += 1,
                        _ => samples.extend(read_chunk(value.bytes(&series).unwrap())),
                    }
                }
            }
            _ => panic!("an unknown field"),
        }
    }
    (query, labels, samples)
}

fn read_chunk(mut message: Cursor<'_>) -> Vec<(i64, f64)> {
    while let Some((number, value)) = message.field().unwrap() {
        if let (4, Value::Bytes(data)) = (number, value) {
            return chunk::decode_floats(data.rest()).unwrap();
        }
    }
    Vec::new()
}

#[test]
fn a_long_series_goes_on_in_the_next_frame() {
    let labels = Labels::from_pairs([("__name__", "noise"), ("job", "a")]);
    let times: Vec<i64> = (0..400_000).map(|i| i * 1000).collect();
    let values: Vec<f64> = times.iter().map(|time| (*time as f64).sin()).collect();
    let chunks = chunk::encode(&times, &values, &[]);
    let frames: Vec<_> = Frames::new(3, &labels, &chunks).collect();
    assert!(frames.len() > 1);
    let mut read = Vec::new();
    for frame in &frames {
        assert!(frame.len() < FRAME_BYTES + FRAME_BYTES / 10);
        let (query, labels, samples) = read_frame(frame);
        assert_eq!((query, labels), (3, 2));
        read.extend(samples);
    }
    assert_eq!(read, times.into_iter().zip(values).collect::<Vec<_>>());
}

proptest! {
    #[test]
    fn any_bytes_are_a_request_or_not(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        // Whether they are one is not the question here.
        let _ = ReadRequest::parse(&bytes);
    }
}

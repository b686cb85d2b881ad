use proptest::prelude::*;
use weft_model::{Labels, Nanos};

use super::*;
use crate::RangeSet;

fn head(key: u64, start: u64) -> PartHead {
    PartHead {
        labels: Labels::from_pairs([("pod", "web-0"), ("namespace", "shop")]),
        stream_key: key,
        segment: 3,
        start,
    }
}

/// A part whose lines are completed at the given offsets, each with the offset as its text.
fn part(key: u64, start: u64, ends: &[u64]) -> LogPartBuilder {
    let mut part = LogPartBuilder::new(head(key, start));
    for end in ends {
        let time = Nanos(1_790_000_000_000_000_000 + *end as i64);
        part.push(time, *end, LineFlags::STDERR, end.to_string().as_bytes())
            .unwrap();
    }
    part
}

fn ends(part: &LogPart) -> Vec<u64> {
    part.lines().map(|line| line.end).collect()
}

#[test]
fn parts_come_back() {
    let parts = [
        part(1, 0, &[10, 25, 25, 90]),
        part(2, 1 << 40, &[]),
        part(3, 5, &[6]),
    ];
    let encoded = LogsEncoder::new(3).encode(&parts).unwrap();
    assert_eq!(encoded.items, 5);
    assert_eq!(
        (encoded.first.0, encoded.last.0),
        (1_790_000_000_000, 1_790_000_000_000)
    );
    let decoded = decode_logs(&encoded.payload).unwrap();
    assert_eq!(
        decoded.iter().map(LogPart::len).collect::<Vec<_>>(),
        [4, 0, 1]
    );
    assert_eq!(decoded[0].head, head(1, 0));
    assert_eq!((decoded[0].end, decoded[1].end), (90, 1 << 40));
    let line = decoded[0].lines().nth(3).unwrap();
    assert_eq!(
        (line.body, line.flags, line.end),
        (&b"90"[..], LineFlags::STDERR, 90)
    );
}

#[test]
fn lines_are_pushed_in_the_order_of_their_completion() {
    let mut part = part(1, 10, &[20]);
    let mut check = |end, body: &[u8]| part.push(Nanos(0), end, LineFlags::default(), body);
    assert_eq!(check(19, b""), Err(PushLineError::Order));
    assert_eq!(
        check(30, &vec![0; (1 << 20) + 1]),
        Err(PushLineError::TooLong)
    );
    assert_eq!(check(20, b""), Ok(()));
    let mut empty = LogPartBuilder::new(head(1, 10));
    let early = empty.push(Nanos(0), 10, LineFlags::default(), b"");
    assert_eq!(early, Err(PushLineError::Order));
}

#[test]
fn a_line_that_was_stored_is_trimmed() {
    let mut covered = RangeSet::new();
    let receive = |covered: &mut RangeSet, builder: LogPartBuilder| {
        let encoded = LogsEncoder::new(1).encode(&[builder]).unwrap();
        let mut part = decode_logs(&encoded.payload).unwrap().remove(0);
        part.trim(covered);
        part.cover(covered);
        ends(&part)
    };
    assert_eq!(receive(&mut covered, part(1, 0, &[10, 20])), [10, 20]);
    // Sent again from the start of the file, with more lines by now.
    assert_eq!(receive(&mut covered, part(1, 0, &[10, 20, 30])), [30]);
    // A later part first, then the one between.
    assert_eq!(receive(&mut covered, part(1, 50, &[60])), [60]);
    assert_eq!(
        receive(&mut covered, part(1, 0, &[20, 40, 50, 60, 70])),
        [40, 50, 70]
    );
    assert_eq!(covered.ranges(), std::slice::from_ref(&(0..70)));
}

#[test]
fn what_does_not_fit_is_refused_by_the_encoder() {
    let mut builder = LogPartBuilder::new(head(1, 0));
    let body = vec![b'x'; 1 << 20];
    for at in 1..=32 {
        builder
            .push(Nanos(0), at, LineFlags::default(), &body)
            .unwrap();
    }
    assert_eq!(LogsEncoder::new(1).encode(&[builder]), None);
}

proptest! {
    #[test]
    fn any_lines_come_back(
        lines in proptest::collection::vec(
            (any::<i64>(), 0u64..1000, 0u8..8, proptest::collection::vec(any::<u8>(), 0..40)),
            0..40,
        ),
        start in 0u64..1 << 50,
    ) {
        let mut builder = LogPartBuilder::new(head(9, start));
        let mut end = start + 1;
        let mut pushed = Vec::new();
        for (time, step, flags, body) in &lines {
            end += step;
            builder.push(Nanos(*time), end, LineFlags(*flags), body).unwrap();
            pushed.push((*time, end, *flags, body.clone()));
        }
        let encoded = LogsEncoder::new(1).encode(&[builder.clone(), builder]).unwrap();
        for part in decode_logs(&encoded.payload).unwrap() {
            let read = part.lines().map(|l| (l.time.0, l.end, l.flags.0, l.body.to_vec()));
            prop_assert_eq!(read.collect::<Vec<_>>(), pushed.clone());
        }
    }

    #[test]
    fn changed_columns_never_panic(
        at in any::<prop::sample::Index>(), to: u8, cut in 0usize..10,
        random in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let encoded = LogsEncoder::new(1).encode(&[part(1, 0, &[10, 20]), part(2, 5, &[9])]).unwrap();
        let mut bytes = encoded.payload.to_vec();
        *at.get_mut(&mut bytes) = to;
        drop(decode_logs(&bytes));
        let mut columns = super::super::frame::expand(&encoded.payload[1..]).unwrap();
        *at.get_mut(&mut columns) = to;
        columns.truncate(columns.len() - cut);
        for columns in [columns, random] {
            let mut payload = vec![1];
            payload.extend_from_slice(&super::super::frame::Squeezer::new(1).squeeze(&columns));
            drop(decode_logs(&payload));
        }
    }
}

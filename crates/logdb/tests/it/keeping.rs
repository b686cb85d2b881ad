//! What is kept, dropped, set aside and told.

use weft_logdb::{AppendError, Case, Config, Direction, Entry, Selection, TimeRange};
use weft_model::{Labels, Matcher, Nanos};

use crate::support::{Line, Scratch, check_all, line_of, literal, select, stream_of};

const HOUR: i64 = 3_600_000_000_000;
const ALL: (i64, i64) = (i64::MIN, i64::MAX);

fn config() -> Config {
    Config {
        partition_width: HOUR,
        retention: 3 * HOUR,
        block_bytes: 4096,
        head_bytes_max: 64 << 10,
        ..Config::default()
    }
}

/// Lines of an hour.
fn hour(stream: u8, hour: i64) -> Vec<Line> {
    let line = |minute: i64| line_of(stream, hour * HOUR + minute * HOUR / 60, minute as u32);
    (0..60).map(line).collect()
}

fn flip_bytes(path: &std::path::Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    let len = (bytes.len() - middle).min(64);
    for byte in &mut bytes[middle..middle + len] {
        *byte ^= 0x55;
    }
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn retention_drops_whole_partitions_and_late_lines_open_their_own() {
    let mut scratch = Scratch::open("retention", config());
    let (old, new) = (hour(0, 0), hour(0, 5));
    scratch.append(1, 0, &new);
    scratch.append(2, 0, &old);
    scratch.db().flush(Nanos(5 * HOUR)).unwrap();
    let both: Vec<Line> = old.iter().chain(&new).cloned().collect();
    check_all(scratch.db(), &both, ALL, &[]);
    let maintained = scratch.db().maintain(Nanos(5 * HOUR)).unwrap();
    assert_eq!((maintained.dropped, maintained.lines_dropped), (1, 60));
    check_all(scratch.db(), &new, ALL, &[]);
    scratch.reopen();
    assert_eq!(scratch.report.partitions, 1);
    check_all(scratch.db(), &new, ALL, &[]);
}

#[test]
fn partitions_are_bounded_and_lines_beyond_go_to_the_nearest() {
    let bounded = Config {
        partitions_max: 3,
        retention: i64::MAX,
        ..config()
    };
    let scratch = Scratch::open("bounded", bounded);
    let mut lines = Vec::new();
    for (position, at) in [0, 7, -900, 13, 800_000, -800_000].into_iter().enumerate() {
        let hour = hour(1, at);
        scratch.append(position as u64 + 1, 1, &hour);
        lines.extend(hour);
    }
    check_all(scratch.db(), &lines, ALL, &[]);
    scratch.db().flush(Nanos(0)).unwrap();
    assert_eq!(scratch.db().usage().partitions, 3);
    check_all(scratch.db(), &lines, ALL, &[]);
    check_all(scratch.db(), &lines, (13 * HOUR, 14 * HOUR), &[]);
}

#[test]
fn the_ends_of_time_are_times_too() {
    let scratch = Scratch::open("ends", config());
    let lines = [i64::MIN, -1, 0, i64::MAX - 1].map(|time| line_of(0, time, 1));
    scratch.append(1, 0, &lines);
    check_all(scratch.db(), &lines, ALL, &[]);
    scratch.db().flush(Nanos(0)).unwrap();
    check_all(scratch.db(), &lines, ALL, &[]);
}

#[test]
fn a_damaged_block_is_counted_and_the_others_are_read() {
    let mut scratch = Scratch::open("damaged", config());
    let lines: Vec<Line> = (0..3).flat_map(|stream| hour(stream, 0)).collect();
    for stream in 0..3u8 {
        scratch.append(1, stream, &lines[usize::from(stream) * 60..][..60]);
    }
    scratch.db().flush(Nanos(0)).unwrap();
    scratch.close();
    flip_bytes(&scratch.dir().join("p0/blocks"));
    scratch.reopen();
    let selection = Selection {
        matchers: &[],
        range: TimeRange::ALL,
        needles: &[],
        direction: Direction::Forward,
    };
    let (found, stats) = select(scratch.db(), &selection);
    assert_eq!(stats.blocks_lost, 1);
    assert_eq!(found.len(), 120);
}

#[test]
fn a_partition_whose_index_is_damaged_is_set_aside() {
    let mut scratch = Scratch::open("aside", config());
    let (first, second) = (hour(0, 0), hour(0, 1));
    scratch.append(1, 0, &first);
    scratch.append(2, 0, &second);
    scratch.db().flush(Nanos(0)).unwrap();
    scratch.close();
    std::fs::write(scratch.dir().join("p0/index/meta.json"), b"{\"broken").unwrap();
    scratch.reopen();
    assert_eq!(scratch.report.aside.len(), 1);
    assert!(scratch.report.aside[0].path.ends_with("aside-p0"));
    check_all(scratch.db(), &second, ALL, &[]);
    scratch.append(3, 0, &first);
    let both: Vec<Line> = first.iter().chain(&second).cloned().collect();
    scratch.db().flush(Nanos(0)).unwrap();
    check_all(scratch.db(), &both, ALL, &[]);
}

#[test]
fn damage_anywhere_in_the_index_never_panics() {
    for at in 0..12 {
        let mut scratch = Scratch::open("index", config());
        scratch.append(1, 0, &hour(0, 0));
        scratch.db().flush(Nanos(0)).unwrap();
        scratch.close();
        let mut files: Vec<_> = std::fs::read_dir(scratch.dir().join("p0/index"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| std::fs::metadata(path).unwrap().len() > 0)
            .collect();
        files.sort();
        let Some(file) = files.get(at) else { return };
        flip_bytes(file);
        scratch.reopen();
        let needles = [literal("request", Case::Sensitive)];
        let selection = Selection {
            matchers: &[],
            range: TimeRange::ALL,
            needles: &needles,
            direction: Direction::Backward,
        };
        let _ = scratch
            .db()
            .select(&selection, &mut |_| std::ops::ControlFlow::Continue(()));
        let _ = scratch.db().stats(&[], TimeRange::ALL);
        let _ = scratch.db().flush(Nanos(0));
    }
}

#[test]
fn labels_series_and_volumes_are_told_from_metadata() {
    let scratch = Scratch::open("labels", config());
    for stream in 0..4u8 {
        scratch.append(1, stream, &hour(stream, i64::from(stream)));
    }
    let db = scratch.db();
    for _ in 0..2 {
        assert_eq!(db.label_names(&[], TimeRange::ALL).unwrap(), ["app", "pod"]);
        let pods = db.label_values("pod", &[], TimeRange::ALL).unwrap();
        assert_eq!(pods, ["web-0", "web-1", "web-2"]);
        let second_hour = TimeRange {
            start: Nanos(HOUR),
            end: Nanos(2 * HOUR),
        };
        let pods = db.label_values("pod", &[], second_hour).unwrap();
        assert_eq!(pods, ["web-1"]);
        assert_eq!(db.series(&[], TimeRange::ALL).unwrap().len(), 4);
        let one = [Matcher::equal("pod", "web-2")];
        assert_eq!(db.series(&one, TimeRange::ALL).unwrap(), [stream_of(2)]);
        let volumes = db.volume(&[], TimeRange::ALL).unwrap();
        assert_eq!(volumes.len(), 4);
        assert!(volumes.iter().all(|volume| volume.lines == 60));
        assert!(volumes.is_sorted_by(|a, b| a.bytes >= b.bytes));
        db.flush(Nanos(0)).unwrap();
    }
}

#[test]
fn bytes_that_are_not_utf8_are_replaced_and_counted() {
    let scratch = Scratch::open("utf8", config());
    let entry = |line: &'static [u8]| Entry {
        time: Nanos(0),
        line,
        metadata: &[],
    };
    let entries = [entry(b"good"), entry(b"b\xffad")];
    let appended = scratch.db().append(1, &stream_of(0), &entries).unwrap();
    assert_eq!((appended.lines, appended.replaced), (2, 1));
    let needles = [literal("b\u{fffd}ad", Case::Sensitive)];
    let selection = Selection {
        matchers: &[],
        range: TimeRange::ALL,
        needles: &needles,
        direction: Direction::Backward,
    };
    assert_eq!(select(scratch.db(), &selection).0.len(), 1);
}

#[test]
fn labels_that_no_index_can_hold_are_refused() {
    let scratch = Scratch::open("large", config());
    let stream = Labels::from_pairs([("a", "x".repeat(100_000))]);
    let refused = scratch.db().append(1, &stream, &[]);
    assert!(matches!(refused, Err(AppendError::Labels { .. })));
}

#[test]
fn a_tail_gets_each_line_once_in_order_and_is_told_what_it_missed() {
    let small = Config {
        tail_bytes_max: 4000,
        ..config()
    };
    let scratch = Scratch::open("tail", small);
    let db = scratch.db();
    scratch.append(1, 0, &hour(0, 0)[..5]);
    let mut tail = db.tail(None, &[], 100).unwrap();
    assert!(tail.entries.is_empty());
    let (first, second) = (hour(0, 1), hour(1, 1));
    scratch.append(2, 0, &first[..4]);
    scratch.append(3, 1, &second[..4]);
    let mut texts = Vec::new();
    for _ in 0..4 {
        tail = db.tail(Some(tail.next), &[], 3).unwrap();
        assert_eq!(tail.missed, 0);
        texts.extend(tail.entries.iter().map(|entry| entry.line.clone()));
    }
    let expected = first[..4].iter().chain(&second[..4]);
    assert_eq!(
        texts,
        expected.map(|line| line.text.clone()).collect::<Vec<_>>()
    );
    for position in 4..40 {
        scratch.append(position, 1, &second[..10]);
    }
    let late = db
        .tail(Some(tail.next), &[Matcher::equal("pod", "web-1")], 1000)
        .unwrap();
    assert_eq!(late.missed + late.entries.len() as u64, 360);
    assert!(late.missed > 0);
}

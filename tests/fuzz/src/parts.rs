//! Parts of samples whose checksums hold and whose content is wrong: damage that a checksum tells
//! is [`tsdb_part`](crate::tsdb_part)'s, here the decoders behind it are reached.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use weft_disk::{Disk, SimDisk};
use weft_matcher::LabelMatcher;
use weft_model::{FloatHistogram, Labels, MatchOp, Matcher, Millis, Span};
use weft_tsdb::{Config, Tsdb, check};

use crate::{take_byte, take_short};

const DIR: &str = "tsdb";
const DAY: i64 = 86_400_000;
const START: i64 = 20_000 * DAY;

/// The bytes before the first frame, and behind the last one.
const HEADER_BYTES: usize = 12;
const FOOTER_BYTES: usize = 28;

/// A part that holds, and where its frames lie: those that are not compressed, so that a byte of
/// theirs can be another one.
struct Sound {
    path: PathBuf,
    bytes: Vec<u8>,
    frames: Vec<Range<usize>>,
}

static FLUSHED: LazyLock<Sound> = LazyLock::new(|| sound(&written(START)));
static MERGED: LazyLock<Sound> = LazyLock::new(|| {
    let disk = written(START + 1);
    let store = open(&disk).expect("the disk is sound");
    let done = Millis(START + 3 * DAY);
    while store.maintain(done).expect("the disk is sound").more {}
    sound(&disk)
});

/// The input says which bytes of a part's frames are others; everything there is is asked of it.
pub fn tsdb_frames(bytes: &[u8]) {
    let mut rest = bytes;
    let sound: &Sound = if take_byte(&mut rest).is_multiple_of(2) {
        &FLUSHED
    } else {
        &MERGED
    };
    let mut part = sound.bytes.clone();
    while !rest.is_empty() {
        let frame = usize::from(take_byte(&mut rest)) % sound.frames.len();
        let frame = &mut part[sound.frames[frame].clone()];
        let (content, checksum) = frame.split_at_mut(frame.len() - 4);
        // The byte that says whether the frame is compressed is one of them.
        let at = usize::from(take_short(&mut rest)) % content.len();
        content[at] = take_byte(&mut rest);
        checksum.copy_from_slice(&crc32c::crc32c(content).to_le_bytes());
    }
    let disk = SimDisk::new();
    disk.create_dir(Path::new(DIR)).expect("the disk is sound");
    disk.write_atomic(&sound.path, &part)
        .expect("the disk is sound");
    check(&disk, Path::new(DIR)).expect("the disk is sound");
    ask_everything(&disk);
}

fn open(disk: &SimDisk) -> Option<Tsdb> {
    let config = Config {
        reserve_bytes: 0,
        retention_millis: 1000 * DAY,
        ..Config::default()
    };
    let opened = Tsdb::open(
        Arc::new(disk.clone()),
        Path::new(DIR),
        config,
        Millis(START),
    );
    Some(opened.ok()?.0)
}

/// Returns a disk with one part or several, with some of everything that parts have.
fn written(start: i64) -> SimDisk {
    let disk = SimDisk::new();
    let store = open(&disk).expect("the disk is sound");
    let labels = |name: &str, pod: &str| Labels::from_pairs([("__name__", name), ("pod", pod)]);
    for half in 0..2 {
        for (pod, name) in [("a", "counter"), ("b", "counter"), ("a", "gauge")] {
            let series = store.intern(&labels(name, pod)).expect("there is room");
            for at in half * 15..(half + 1) * 15 {
                let drawn = (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let value = if name == "gauge" {
                    f64::from_bits(drawn >> 2)
                } else {
                    (at * 7 % 90) as f64
                };
                let began = if pod == "b" { start } else { 0 };
                let time = Millis(start + at * 2_700_000);
                let taken = store.append_since(series, time, Millis(began), value);
                taken.expect("it is within the retention");
            }
        }
        let series = store.intern(&labels("sizes", "a")).expect("there is room");
        for at in half * 5..(half + 1) * 5 {
            let histogram = FloatHistogram {
                schema: 3,
                count: at as f64,
                sum: at as f64,
                positive_spans: vec![Span { offset: 0, len: 2 }],
                positive: vec![0.0, at as f64],
                ..FloatHistogram::default()
            };
            let time = Millis(start + at * 1000);
            let taken = store.append_histogram(series, time, histogram);
            taken.expect("it is within the retention");
        }
        store.flush(Millis(start)).expect("the disk is sound");
        if start == START {
            break;
        }
    }
    disk
}

/// Finds the only part and its frames, which follow one another and each end with a checksum.
fn sound(disk: &SimDisk) -> Sound {
    let mut parts = disk.list(Path::new(DIR)).expect("the disk is sound");
    parts.retain(|entry| entry.name.ends_with(".part"));
    assert_eq!(parts.len(), 1, "one part");
    let path = parts.remove(0).path;
    let bytes = disk.read(&path).expect("the disk is sound");
    let mut frames = Vec::new();
    let mut at = HEADER_BYTES;
    while at < bytes.len() - FOOTER_BYTES {
        let mut sum = crc32c::crc32c(&bytes[at..=at]);
        let mut end = at + 1;
        while sum.to_le_bytes() != bytes[end..end + 4] {
            sum = crc32c::crc32c_append(sum, &bytes[end..=end]);
            end += 1;
        }
        if bytes[at] == 0 {
            frames.push(at..end + 4);
        }
        at = end + 4;
    }
    Sound {
        path,
        bytes,
        frames,
    }
}

/// Answers and refusals are both well.
fn ask_everything(disk: &SimDisk) {
    let Some(store) = open(disk) else {
        return;
    };
    let (start, end) = (Millis(START), Millis(START + DAY));
    let matcher = |op, value: &str| {
        LabelMatcher::compile(&Matcher::new("pod", op, value)).expect("a sound pattern")
    };
    for matchers in [
        vec![],
        vec![matcher(MatchOp::Regex, "a.*|x")],
        vec![matcher(MatchOp::NotEqual, "a")],
    ] {
        if let Ok(selection) = store.select(&matchers, start, end) {
            (0..selection.len()).for_each(|at| read(&selection, at));
        }
        let _ = store.label_names(&matchers, start, end, 100);
        let _ = store.label_values("pod", &matchers, start, end, 100);
        let _ = store.series(&matchers, start, end, 100);
    }
    let _ = store.delete(
        &[matcher(MatchOp::Equal, "a")],
        start,
        Millis(START + 60_000),
    );
    let _ = store.maintain(Millis(START + 3 * DAY));
    let _ = store.maintain(Millis(START + 3 * DAY));
}

fn read(selection: &weft_tsdb::Selection, at: usize) {
    let (mut times, mut values) = (Vec::new(), Vec::new());
    let _ = selection.labels(at);
    let _ = selection.newest(at, Millis(START + DAY), Millis(START));
    if selection.read_both(at, &mut times, &mut values).is_ok() {
        assert_eq!(times.len(), values.len());
        assert!(times.is_sorted_by(|a, b| a < b), "times ascend");
    }
    for resolution in selection.rollup_resolutions() {
        if let Ok(Some(buckets)) = selection.rollups(at, *resolution, START, START + DAY) {
            assert!(buckets.is_sorted_by(|a, b| a.end < b.end), "buckets ascend");
        }
    }
}

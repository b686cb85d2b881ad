//! Frames whose checksums hold and whose content is wrong: what a fault in a writer, or somebody
//! with a hex editor, would leave. A reader may refuse them; it never panics and never runs away.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use weft_disk::{Disk, SimDisk};
use weft_model::{MatchOp, Millis, Span};

use super::{DIR, NOON, labels, matchers, open, small};
use crate::cache::Cache;
use crate::part::Part;
use crate::part::frame::{FrameRef, Packing, open_frame, put_frame};
use crate::{Tsdb, check};

/// How many mutations of each frame are tried.
const MUTATIONS: u64 = 40;

/// A xorshift generator: equal seeds, equal mutations.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound.max(1)
    }
}

/// Returns a disk with one part that has some of everything, and the part's path.
fn written() -> (SimDisk, PathBuf) {
    let disk = SimDisk::new();
    let store = open(&disk, small(), NOON);
    for series in 0..40 {
        let reference = store.intern(&labels("m", &format!("i{series}"))).unwrap();
        for tick in 0..30 {
            let value = ((tick * series) % 17) as f64 / 10.0;
            let time = Millis(NOON + tick * 15_000 + series % 3);
            store.append(reference, time, value).unwrap();
        }
    }
    let reference = store.intern(&labels("h", "i")).unwrap();
    for at in 0..20 {
        let histogram = weft_model::FloatHistogram {
            schema: 3,
            count: at as f64,
            sum: at as f64,
            positive_spans: vec![Span { offset: 0, len: 2 }],
            positive: vec![0.0, at as f64],
            ..weft_model::FloatHistogram::default()
        };
        let time = Millis(NOON + at * 1000);
        store.append_histogram(reference, time, histogram).unwrap();
    }
    store.flush(Millis(NOON)).unwrap();
    (disk, Path::new(DIR).join("0000000000000001.part"))
}

/// Returns where the frames of a part lie, the meta frame last.
fn frames(disk: &SimDisk, path: &Path) -> Vec<FrameRef> {
    let cache = Arc::new(Cache::new(1 << 20));
    let part = Part::open(disk, path, cache).unwrap();
    let meta = &part.meta;
    let mut frames: Vec<FrameRef> = meta.names.iter().map(|entry| entry.values).collect();
    frames.extend(
        meta.groups
            .iter()
            .flat_map(|entry| [entry.values, entry.postings]),
    );
    frames.extend(&meta.labels);
    frames.extend(meta.times.iter().map(|entry| entry.frame));
    frames.extend(meta.pages.iter().map(|entry| entry.frame));
    let bytes = disk.read(path).unwrap();
    let footer = &bytes[bytes.len() - 28..];
    let offset = u64::from_le_bytes(footer[..8].try_into().unwrap());
    let len = u32::from_le_bytes(footer[8..12].try_into().unwrap());
    frames.push(FrameRef { offset, len });
    frames
}

/// Asks everything that there is to ask; answers and refusals are both well.
fn ask_everything(disk: &SimDisk) {
    let _ = check(disk, Path::new(DIR));
    let opened = Tsdb::open(
        Arc::new(disk.clone()),
        Path::new(DIR),
        small(),
        Millis(NOON),
    );
    let Ok((store, _)) = opened else {
        return;
    };
    let (start, end) = (Millis(0), Millis(i64::MAX));
    let patterns = [
        matchers(&[]),
        matchers(&[("instance", MatchOp::Regex, "i[1-3].*")]),
        matchers(&[
            ("instance", MatchOp::NotEqual, "i7"),
            ("job", MatchOp::Equal, "test"),
        ]),
    ];
    for pattern in &patterns {
        if let Ok(selection) = store.select(pattern, start, end) {
            for at in 0..selection.len() {
                let (mut times, mut values) = (Vec::new(), Vec::new());
                let _ = selection.labels(at);
                let _ = selection.newest(at, end, start);
                if selection.read_both(at, &mut times, &mut values).is_ok() {
                    assert!(times.is_sorted_by(|a, b| a < b), "times ascend");
                }
            }
        }
        let _ = store.label_names(pattern, start, end, 100);
        let _ = store.label_values("instance", pattern, start, end, 100);
        let _ = store.series(pattern, start, end, 100);
    }
    let _ = store.delete(&patterns[1], Millis(NOON), Millis(NOON + 60_000));
    let _ = store.maintain(Millis(NOON + 86_400_000));
    let _ = store.maintain(Millis(NOON + 86_400_000));
}

#[test]
fn wrong_content_behind_a_sound_checksum_never_panics() {
    let (sound, path) = written();
    let mut random = Random(0x5eed);
    let bytes = sound.read(&path).unwrap();
    for frame in frames(&sound, &path) {
        let range = frame.offset as usize..frame.offset as usize + frame.len as usize;
        let content = open_frame(&bytes[range.clone()]).unwrap();
        for _ in 0..MUTATIONS {
            let mut wrong = content.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(wrong.len() as u64) as usize;
                wrong[at] = match random.below(3) {
                    0 => wrong[at] ^ 1 << random.below(8),
                    1 => random.below(256) as u8,
                    _ => [0, 0x7f, 0x80, 0xff][random.below(4) as usize],
                };
            }
            let mut stored = Vec::new();
            put_frame(&wrong, Packing::Plain, &mut stored);
            assert_eq!(stored.len(), range.len(), "frames of a flush are plain");
            let disk = sound.copy();
            disk.open(&path)
                .and_then(|file| file.write_at(frame.offset, &stored))
                .unwrap();
            ask_everything(&disk);
        }
    }
}

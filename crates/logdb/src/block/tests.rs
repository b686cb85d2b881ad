//! Blocks read back as they were written, and damage is noticed.

use proptest::prelude::*;
use weft_model::{Labels, Level, Nanos};

use super::*;
use crate::raw::RawBlock;
use crate::selection::StoredEntry;

type Line = (i64, String, Vec<(String, String)>, u8);

fn block_of(lines: &[Line]) -> RawBlock {
    let mut block = RawBlock::new(Labels::from_pairs([("app", "a")]));
    for (time, line, metadata, level) in lines {
        let metadata: Vec<(&str, &str)> = metadata
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        block.push(&StoredEntry {
            time: Nanos(*time),
            line,
            metadata: &metadata,
            level: Level::from_number(*level).unwrap(),
        });
    }
    block
}

fn lines_of(block: &RawBlock) -> Vec<Line> {
    let mut metadata = Vec::new();
    let mut lines = Vec::new();
    for at in 0..block.len() {
        block.metadata_of(at, &mut metadata);
        let entry = block.entry(at, &metadata);
        let owned = metadata
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        lines.push((
            entry.time.0,
            entry.line.to_owned(),
            owned,
            entry.level as u8,
        ));
    }
    lines
}

fn written(block: &RawBlock) -> Vec<u8> {
    BlockWriter::new(1).unwrap().write(block).unwrap()
}

fn lines() -> impl Strategy<Value = Vec<Line>> {
    let time = prop_oneof![any::<i64>(), (0..1000i64).prop_map(|n| n * 1_000_000)];
    let metadata = prop::collection::vec(("[a-c]{1,3}", ".{0,8}"), 0..3);
    prop::collection::vec((time, "(?s).{0,40}", metadata, 0..8u8), 0..50)
}

proptest! {
    #[test]
    fn a_block_reads_back_as_it_was(lines in lines()) {
        let block = block_of(&lines);
        let bytes = written(&block);
        let back = read(&bytes, block.stream.clone()).unwrap();
        prop_assert_eq!(lines_of(&back), lines_of(&block));
        prop_assert_eq!(lines_of(&back), lines.clone());
        prop_assert_eq!((back.first, back.last), (block.first, block.last));
        let columns = read_columns(&bytes).unwrap();
        prop_assert_eq!(columns.times, block.times);
        prop_assert_eq!(columns.lengths.len(), lines.len());
    }

    #[test]
    fn damage_is_noticed(lines in lines(), at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let block = block_of(&lines);
        let mut bytes = written(&block);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(read(&bytes, block.stream.clone()).is_err());
        bytes.truncate(at);
        prop_assert!(read(&bytes, block.stream.clone()).is_err());
    }

    #[test]
    fn bytes_with_a_valid_checksum_never_panic(body in prop::collection::vec(any::<u8>(), 0..64)) {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(crc32c::crc32c(&body).to_le_bytes());
        bytes.extend(&body);
        let _ = read(&bytes, Labels::empty());
        let _ = read_columns(&bytes);
    }
}

#[test]
fn sorting_keeps_the_order_of_lines_of_the_same_time() {
    let line = |time: i64, text: &str| (time, text.to_owned(), Vec::new(), 0);
    let mut block = block_of(&[line(2, "c"), line(1, "a"), line(2, "d"), line(1, "b")]);
    block.sort();
    let texts: Vec<String> = lines_of(&block).into_iter().map(|line| line.1).collect();
    assert_eq!(texts, ["a", "b", "c", "d"]);
}

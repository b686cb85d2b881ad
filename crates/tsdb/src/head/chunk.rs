//! Sealed samples of one series: at most sixteen, chained from the newest to the oldest.
//!
//! A chunk record is: distance to the chunk before it in the log, or 0; distance to its times;
//! a float column. A times record is: count, first time, an integer column of offsets. Series
//! that were scraped together share one. All distances are backward.

use weft_codec::varint::{put_uvarint, put_varint, take_byte, take_uvarint, take_varint};
use weft_codec::{CodecError, float, int};

use super::block::{Block, OPEN_MAX};
use super::log::Log;

/// Writes chunks and remembers the times written of late.
#[derive(Default)]
pub(crate) struct Sealer {
    last_times: Option<Times>,
    recent: hashbrown::HashMap<u64, u64>,
    record: Vec<u8>,
    integers: Vec<i64>,
}

/// How many distinct times are remembered.
const RECENT_MAX: usize = 4096;

#[derive(Clone, Copy)]
struct Times {
    base: i64,
    len: u8,
    offsets: [u32; OPEN_MAX],
    position: u64,
}

impl Sealer {
    /// Forgets the times written so far: chunks to come refer to none of them.
    pub(crate) fn forget(&mut self) {
        self.last_times = None;
        self.recent.clear();
    }

    /// Moves the open samples of a series into the log.
    pub(crate) fn seal(&mut self, block: &mut Block, at: usize, log: &mut Log, now: i64) {
        let len = usize::from(block.len[at]);
        let times = self.times(block, at, log, now);
        self.record.clear();
        float::encode_with(
            &block.values[at][..len],
            &mut self.record,
            &mut self.integers,
        );
        let values = std::mem::take(&mut self.record);
        // The position is known only once the record's page is, so the longest head is assumed
        // when the page is chosen.
        let position = log.reserve(values.len() + 2 * 10, now);
        let mut record = Vec::with_capacity(values.len() + 20);
        let previous = block.chain[at];
        put_uvarint(
            &mut record,
            if previous == 0 {
                0
            } else {
                position + 1 - previous
            },
        );
        put_uvarint(&mut record, position - times);
        record.extend_from_slice(&values);
        let written = log.append(&record, now);
        debug_assert_eq!(
            written, position,
            "a reserved record goes where it was reserved"
        );
        self.record = values;
        block.chain[at] = position + 1;
        block.len[at] = 0;
    }

    /// Returns the position of the record with the times of a series' open samples.
    fn times(&mut self, block: &Block, at: usize, log: &mut Log, now: i64) -> u64 {
        let (base, len) = (block.base[at], block.len[at]);
        let offsets = &block.offsets[at];
        let used = usize::from(len);
        if let Some(last) = &self.last_times
            && last.base == base
            && last.len == len
            && last.offsets[..used] == offsets[..used]
        {
            return last.position;
        }
        self.record.clear();
        self.record.push(len);
        put_varint(&mut self.record, base);
        self.integers.clear();
        self.integers
            .extend(offsets[..used].iter().map(|offset| i64::from(*offset)));
        int::encode(&self.integers, &mut self.record);
        let hash = xxhash_rust::xxh3::xxh3_64(&self.record);
        let known = self.recent.get(&hash).copied();
        let same = |position: &u64| {
            log.get(*position)
                .is_some_and(|bytes| bytes.starts_with(&self.record))
        };
        let position = known
            .filter(same)
            .unwrap_or_else(|| log.append(&self.record, now));
        if self.recent.len() >= RECENT_MAX {
            self.recent.clear();
        }
        self.recent.insert(hash, position);
        self.last_times = Some(Times {
            base,
            len,
            offsets: *offsets,
            position,
        });
        position
    }
}

/// Positions of a series' chunks, from the newest to the oldest that is still there.
pub(crate) struct Chain<'a> {
    log: &'a Log,
    next: u64,
}

/// One chunk, its times decoded.
pub(crate) struct Chunk<'a> {
    values: &'a [u8],
}

impl<'a> Chain<'a> {
    /// Begins at `block.chain`.
    pub(crate) fn new(log: &'a Log, newest: u64) -> Chain<'a> {
        Chain { log, next: newest }
    }

    /// Returns the next older chunk, with its times appended to `times`.
    pub(crate) fn next(&mut self, times: &mut Vec<i64>) -> Option<Chunk<'a>> {
        let position = self.next.checked_sub(1)?;
        let mut record = self.log.get(position)?;
        let read = |record: &mut &[u8]| -> Result<(u64, u64), CodecError> {
            Ok((take_uvarint(record)?, take_uvarint(record)?))
        };
        let (back, times_back) = read(&mut record).expect("a chunk is as it was written");
        let times_record = self.log.get(position - times_back)?;
        decode_times(times_record, times).expect("times are as they were written");
        self.next = if back == 0 { 0 } else { position + 1 - back };
        Some(Chunk { values: record })
    }
}

fn decode_times(mut record: &[u8], times: &mut Vec<i64>) -> Result<(), CodecError> {
    let len = usize::from(take_byte(&mut record)?);
    let base = take_varint(&mut record)?;
    let from = times.len();
    int::decode(&mut record, len, times)?;
    times[from..].iter_mut().for_each(|time| *time += base);
    Ok(())
}

impl Chunk<'_> {
    /// Appends the chunk's values, of which there are `count`.
    pub(crate) fn values(&self, count: usize, values: &mut Vec<f64>) {
        let mut bytes = self.values;
        float::decode(&mut bytes, count, values).expect("values are as they were written");
    }
}

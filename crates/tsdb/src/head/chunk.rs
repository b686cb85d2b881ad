//! Sealed samples of one series: chunks, chained from the newest to the oldest.
//!
//! A chunk record is: distance to the chunk before it in the log, or 0; distance to its times;
//! a float column. A times record is: count, first time, an integer column of offsets. Series
//! that were scraped together share one. All distances are backward, and a chunk's times lie in
//! its page.
//!
//! Open samples become a small chunk. Longer columns cost fewer bytes a sample: small chunks that
//! have [`MIDDLE`] samples together are written again as one of middle size, and those likewise at
//! [`LARGE`]. So every sample is written three times.

use weft_codec::varint::{put_uvarint, put_varint, take_byte, take_uvarint, take_varint};
use weft_codec::{CodecError, float, int};

use super::block::Block;
use super::log::Log;

/// The samples of a chunk that is not small any more.
const MIDDLE: usize = 32;

/// The samples of a chunk that is not written again.
const LARGE: usize = 128;

/// How many distinct times are remembered.
const RECENT_MAX: usize = 4096;

/// What the two distances of a chunk take at most.
const DISTANCES_BYTES: usize = 2 * 10;

/// Writes chunks and remembers the times written to the page of late.
#[derive(Default)]
pub(crate) struct Sealer {
    /// The samples that are being sealed.
    times: Vec<i64>,
    values: Vec<f64>,
    /// The times sealed last, and where they are.
    last_times: Vec<i64>,
    last_position: u64,
    /// Positions of times records by their hash, all in one page.
    recent: hashbrown::HashMap<u64, u64>,
    page: u64,
    times_record: Vec<u8>,
    record: Vec<u8>,
    encoded: Vec<u8>,
    integers: Vec<i64>,
    /// The chunks that are being written again.
    replaced: Vec<u64>,
}

impl Sealer {
    /// Moves the open samples of a series into the log, and with them what is worth being written
    /// again.
    pub(crate) fn seal(&mut self, block: &mut Block, at: usize, log: &mut Log, now: i64) {
        self.times.clear();
        self.values.clear();
        let before = self.take_up(block, at, log);
        for (time, value) in block.open(at) {
            self.times.push(time);
            self.values.push(value);
        }
        let position = self.write(before, log, now);
        for position in self.replaced.drain(..) {
            log.release(position);
        }
        block.chain[at] = position + 1;
        block.len[at] = 0;
    }

    /// Reads the newest chunks if they are to be written again; returns the chain without them.
    fn take_up(&mut self, block: &mut Block, at: usize, log: &Log) -> u64 {
        let open = usize::from(block.len[at]);
        let small = open + usize::from(block.small[at]);
        let all = small + usize::from(block.middle[at]);
        if small < MIDDLE {
            block.small[at] = small as u8;
            return block.chain[at];
        }
        block.small[at] = 0;
        let taken = if all < LARGE {
            block.middle[at] = all as u8;
            small - open
        } else {
            block.middle[at] = 0;
            all - open
        };
        let mut chain = Chain::new(log, block.chain[at]);
        let mut chunks = Vec::with_capacity(MIDDLE);
        let mut found = 0;
        while found < taken
            && let Some(chunk) = chain.next()
        {
            found += chunk.len();
            chunks.push(chunk);
        }
        for chunk in chunks.iter().rev() {
            chunk.times(&mut self.times);
            chunk.values(&mut self.values, &mut self.integers);
        }
        self.replaced
            .extend(chunks.iter().map(|chunk| chunk.position));
        chain.next
    }

    /// Writes a chunk in front of a chain; returns its position.
    fn write(&mut self, before: u64, log: &mut Log, now: i64) -> u64 {
        self.encoded.clear();
        float::encode_with(&self.values, &mut self.encoded, &mut self.integers);
        let len = self.encoded.len() + DISTANCES_BYTES;
        let times = self.place_times(len, log, now);
        let position = log.reserve(len, now);
        self.record.clear();
        let back = if before == 0 {
            0
        } else {
            position + 1 - before
        };
        put_uvarint(&mut self.record, back);
        put_uvarint(&mut self.record, position - times);
        self.record.extend_from_slice(&self.encoded);
        let written = log.keep(&self.record, now);
        debug_assert_eq!(written, position, "room was reserved there");
        position
    }

    /// Returns the position of the times, in a page that has room for `len` more bytes.
    fn place_times(&mut self, len: usize, log: &mut Log, now: i64) -> u64 {
        if self.times == self.last_times && self.is_present(log.reserve(len, now)) {
            return self.last_position;
        }
        self.encode_times();
        let page = Log::page_of(log.reserve(self.times_record.len() + len, now));
        if self.page != page || self.recent.len() >= RECENT_MAX {
            self.recent.clear();
            self.page = page;
        }
        let hash = xxhash_rust::xxh3::xxh3_64(&self.times_record);
        let known = self.recent.get(&hash).copied();
        let same = |position: &u64| {
            log.get(*position)
                .is_some_and(|bytes| bytes.starts_with(&self.times_record))
        };
        let position = match known.filter(same) {
            Some(known) => known,
            None => log.append(&self.times_record, now),
        };
        self.recent.insert(hash, position);
        self.last_times.clone_from(&self.times);
        self.last_position = position;
        position
    }

    /// Tells whether the times sealed last lie in the page of a position.
    fn is_present(&self, position: u64) -> bool {
        Log::page_of(position) == self.page && Log::page_of(self.last_position) == self.page
    }

    fn encode_times(&mut self) {
        let base = self.times.first().copied().unwrap_or_default();
        self.times_record.clear();
        self.times_record.push(self.times.len() as u8);
        put_varint(&mut self.times_record, base);
        self.integers.clear();
        self.integers
            .extend(self.times.iter().map(|time| time.wrapping_sub(base)));
        int::encode(&self.integers, &mut self.times_record);
    }
}

/// A series' chunks, from the newest to the oldest that is still there.
pub(crate) struct Chain<'a> {
    log: &'a Log,
    next: u64,
}

/// One chunk.
pub(crate) struct Chunk<'a> {
    position: u64,
    times_position: u64,
    len: u8,
    times: &'a [u8],
    values: &'a [u8],
}

impl<'a> Chain<'a> {
    /// Begins at `block.chain`.
    pub(crate) fn new(log: &'a Log, newest: u64) -> Chain<'a> {
        Chain { log, next: newest }
    }

    /// Returns the next older chunk.
    pub(crate) fn next(&mut self) -> Option<Chunk<'a>> {
        let position = self.next.checked_sub(1)?;
        let mut values = self.log.get(position)?;
        let read = |record: &mut &[u8]| -> Result<(u64, u64), CodecError> {
            Ok((take_uvarint(record)?, take_uvarint(record)?))
        };
        let (back, times_back) = read(&mut values).expect("a chunk is as it was written");
        let times_position = position - times_back;
        let mut times = self.log.get(times_position)?;
        let len = take_byte(&mut times).expect("times are as they were written");
        self.next = if back == 0 { 0 } else { position + 1 - back };
        Some(Chunk {
            position,
            times_position,
            len,
            times,
            values,
        })
    }
}

impl Chunk<'_> {
    /// Returns where its times lie in the log, which are those of other series, too.
    pub(crate) fn times_position(&self) -> u64 {
        self.times_position
    }

    /// Returns how many samples it has.
    pub(crate) fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Appends the chunk's times.
    pub(crate) fn times(&self, times: &mut Vec<i64>) {
        let read = |mut bytes: &[u8], times: &mut Vec<i64>| -> Result<(), CodecError> {
            let base = take_varint(&mut bytes)?;
            let from = times.len();
            int::decode(&mut bytes, self.len(), times)?;
            let offsets = times[from..].iter_mut();
            offsets.for_each(|time| *time = time.wrapping_add(base));
            Ok(())
        };
        read(self.times, times).expect("times are as they were written");
    }

    /// Appends the chunk's values.
    pub(crate) fn values(&self, values: &mut Vec<f64>, scratch: &mut Vec<i64>) {
        let mut bytes = self.values;
        float::decode_with(&mut bytes, self.len(), values, scratch)
            .expect("values are as they were written");
    }
}

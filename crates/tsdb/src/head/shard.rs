//! The samples of every sixteenth block of series.
//!
//! In: samples by the series' place. Out: runs of samples. In-order samples are kept open, then
//! sealed into the log; others wait at the side. What is written to a part stays for a while, so
//! that recent questions need no part.
//!
//! Which value counts where several were written to one time is settled by layers, the later over
//! the earlier: what is flushed, the parts, what is not, the side.

use weft_model::FloatHistogram;

use super::Point;
use super::block::{Block, NEVER, OPEN_MAX, SERIES};
use super::chunk::{Chain, Sealer};
use super::log::Log;
use super::reading::ChunkReader;
use super::resets::Resets;
use super::side::{Insert, Side};
use super::starts::Starts;
use crate::error::Rejected;
use crate::run::{Run, SeriesRun};

/// What an append did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Appended {
    InOrder,
    OutOfOrder,
    Repeated,
}

/// One shard.
#[derive(Default)]
pub(crate) struct Shard {
    blocks: Vec<Block>,
    log: Log,
    sealer: Sealer,
    resets: Resets,
    /// Of in-order floats.
    starts: Starts,
    side: Side,
    /// The side of the flush that is going on.
    flushing: Side,
    /// Sides that are in parts, with the number of the view that has those parts.
    published: Vec<(u64, Side)>,
    /// Where the log ended when the last flush that succeeded began.
    flushed_to: u64,
    marked: u64,
    unflushed: u64,
}

/// A series' samples in the head, as layers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layers {
    /// In order; the newest ones are in no part.
    pub(crate) in_order: SeriesRun,
    /// How many of those in order are in no part, or in one that is just being published.
    pub(crate) unflushed: usize,
    /// Out of order, and histograms.
    pub(crate) side: SeriesRun,
}

impl Layers {
    /// Forgets what a series had and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.in_order.clear();
        self.unflushed = 0;
        self.side.clear();
    }
}

impl Shard {
    fn place(local: u32) -> (usize, usize) {
        (local as usize / SERIES, local as usize % SERIES)
    }

    /// Makes room for a series and names its generation.
    pub(crate) fn activate(&mut self, local: u32, generation: u32) {
        let (block, at) = Shard::place(local);
        while self.blocks.len() <= block {
            self.blocks.push(Block::new());
        }
        self.blocks[block].reset(at, generation);
        self.forget(local);
    }

    /// Forgets what is kept of a series beside its samples.
    fn forget(&mut self, local: u32) {
        self.resets.forget(local);
        self.starts.forget(local);
    }

    fn find(&mut self, local: u32, generation: u32) -> Result<(&mut Block, usize), Rejected> {
        let (block, at) = Shard::place(local);
        match self.blocks.get_mut(block) {
            Some(block) if block.generation[at] == generation => Ok((block, at)),
            _ => Err(Rejected::Stale),
        }
    }

    #[inline]
    pub(crate) fn append(
        &mut self,
        local: u32,
        generation: u32,
        point: Point,
        now: i64,
    ) -> Result<Appended, Rejected> {
        let Point { time, start, value } = point;
        let (number, at) = Shard::place(local);
        let block = match self.blocks.get_mut(number) {
            Some(block) if block.generation[at] == generation => block,
            _ => return Err(Rejected::Stale),
        };
        if time <= block.last[at] {
            return Ok(self.append_late(local, point));
        }
        let mut len = usize::from(block.len[at]);
        let reach = time.wrapping_sub(block.base[at]);
        if len == OPEN_MAX || (len > 0 && reach > i64::from(u32::MAX)) {
            self.sealer.seal(block, at, &mut self.log, now);
            len = 0;
        }
        if len == 0 {
            block.base[at] = time;
        }
        block.offsets[at][len] = (time - block.base[at]) as u32;
        block.values[at][len] = value;
        block.len[at] = len as u8 + 1;
        block.last[at] = time;
        block.unflushed[at] += 1;
        self.unflushed += 1;
        if start != 0 || !self.starts.is_empty() {
            self.starts.note(local, time, start);
        }
        Ok(Appended::InOrder)
    }

    fn append_late(&mut self, local: u32, point: Point) -> Appended {
        let Point { time, start, value } = point;
        let (block, at) = Shard::place(local);
        // What is in a part may have been written over in one.
        let unflushed = self.blocks[block].unflushed[at] as usize;
        let open = self.blocks[block]
            .open(at)
            .rev()
            .take(unflushed)
            .find(|(open, _)| *open <= time);
        let repeated = open.is_some_and(|(t, v)| t == time && v.to_bits() == value.to_bits())
            && self.start_of(local, time) == start;
        if repeated && !self.waits(local) {
            return Appended::Repeated;
        }
        match self.side.insert(local, point) {
            Insert::Changed => Appended::OutOfOrder,
            Insert::Repeated => Appended::Repeated,
        }
    }

    /// Returns the start timestamp of an in-order sample, 0 if it has none.
    fn start_of(&self, local: u32, time: i64) -> i64 {
        let mut found = Vec::new();
        self.starts.of(local, &[time], &mut found);
        found.first().map_or(0, |(_, start)| *start)
    }

    pub(crate) fn append_histogram(
        &mut self,
        local: u32,
        generation: u32,
        (time, start): (i64, i64),
        mut histogram: FloatHistogram,
    ) -> Result<Appended, Rejected> {
        let (block, at) = self.find(local, generation)?;
        let last = block.last[at];
        block.last[at] = last.max(time);
        let in_order = time > last;
        if self.side.has_histogram(local, time, start, &histogram) {
            return Ok(Appended::Repeated);
        }
        let before = in_order.then_some(last);
        self.resets.tell(local, time, before, &mut histogram);
        self.side.insert_histogram(local, (time, start), histogram);
        Ok(if in_order {
            Appended::InOrder
        } else {
            Appended::OutOfOrder
        })
    }

    /// Tells whether samples of a series wait at any side.
    fn waits(&self, local: u32) -> bool {
        let published = || self.published.iter().any(|(_, side)| side.has(local));
        self.side.has(local) || self.flushing.has(local) || published()
    }

    /// Adds what a series has from `start` to `end` to layers that are empty. The shard's number
    /// tells the reader whose chunks these are.
    pub(crate) fn layers(
        &self,
        (number, local): (usize, u32),
        (start, end): (i64, i64),
        reader: &mut ChunkReader,
        layers: &mut Layers,
    ) {
        let (block, at) = Shard::place(local);
        let Layers {
            in_order,
            unflushed,
            side,
        } = layers;
        if let Some(block) = self.blocks.get(block).filter(|_| start <= end) {
            let floats = &mut in_order.floats;
            let mut later = 0;
            if block.len[at] == 0 || block.base[at] > start {
                let log = (number, &self.log);
                later += reader.read(log, block.chain[at], (start, end), floats);
            }
            for (time, value) in block.open(at) {
                if time > end {
                    later += 1;
                } else if time >= start {
                    floats.push(time, value);
                }
            }
            // Those after the stretch are the newest ones.
            let newest = (block.unflushed[at] as usize).saturating_sub(later);
            *unflushed = newest.min(floats.len());
            self.starts.of(local, &floats.times, &mut in_order.starts);
        }
        if !self.has_sides() {
            return;
        }
        for (_, published) in &self.published {
            side.overlay(published.run(local, start, end));
        }
        side.overlay(self.flushing.run(local, start, end));
        side.overlay(self.side.run(local, start, end));
    }

    /// Tells whether anything waits at a side.
    fn has_sides(&self) -> bool {
        !self.side.is_empty() || !self.flushing.is_empty() || !self.published.is_empty()
    }

    /// Returns the newest sample between two times, if only in-order samples need to be asked.
    pub(crate) fn newest(&self, local: u32, not_before: i64, until: i64) -> Newest {
        let (number, at) = Shard::place(local);
        let Some(block) = self.blocks.get(number) else {
            return Newest::None;
        };
        if self.has_sides() && self.waits(local) {
            return Newest::Ask;
        }
        if self.starts.has(local) {
            return Newest::Ask;
        }
        if block.last[at] < not_before {
            return Newest::None;
        }
        match block.open(at).rev().find(|(time, _)| *time <= until) {
            Some((time, value)) if time >= not_before => Newest::Sample(time, value),
            Some(_) => Newest::None,
            None => Newest::Ask,
        }
    }

    /// Begins a flush: what waits at the side is to be written. Returns from where on the log has
    /// all in-order samples that the flush will find.
    pub(crate) fn begin_flush(&mut self) -> u64 {
        let mut side = std::mem::take(&mut self.side);
        side.underlay(std::mem::take(&mut self.flushing));
        self.flushing = side;
        self.marked = self.log.end();
        self.flushed_to
    }

    /// Returns what is to be written of a series, and how many in-order samples that is.
    pub(crate) fn unflushed(&self, local: u32, run: &mut SeriesRun) -> u32 {
        let (number, at) = Shard::place(local);
        let block = &self.blocks[number];
        let count = block.unflushed[at] as usize;
        if count > 0 {
            self.newest_in_order(block, at, count, &mut run.floats);
            self.starts.of(local, &run.floats.times, &mut run.starts);
        }
        if self.flushing.has(local) {
            run.overlay(self.flushing.run(local, i64::MIN, i64::MAX));
        }
        count as u32
    }

    fn newest_in_order(&self, block: &Block, at: usize, count: usize, out: &mut Run) {
        let open = usize::from(block.len[at]);
        let (mut runs, mut scratch) = (Vec::new(), Vec::new());
        let mut found = open;
        let mut chain = Chain::new(&self.log, block.chain[at]);
        while found < count {
            let Some(chunk) = chain.next() else {
                break;
            };
            let mut run = Run::default();
            chunk.times(&mut run.times);
            chunk.values(&mut run.values, &mut scratch);
            found += run.len();
            runs.push(run);
        }
        let mut skip = found.saturating_sub(count);
        for run in runs.into_iter().rev() {
            let from = skip.min(run.len());
            skip -= from;
            out.times.extend_from_slice(&run.times[from..]);
            out.values.extend_from_slice(&run.values[from..]);
        }
        for (time, value) in block.open(at).skip(skip) {
            out.push(time, value);
        }
    }

    /// Notes that `count` in-order samples of a series, and all at its side, are in a part since
    /// a second.
    pub(crate) fn flushed(&mut self, local: u32, count: u32, second: u32) {
        let (number, at) = Shard::place(local);
        self.blocks[number].unflushed[at] -= count;
        self.blocks[number].flushed_at[at] = second;
        self.unflushed -= u64::from(count);
    }

    /// Ends a flush whose parts the view of this number has.
    pub(crate) fn end_flush(&mut self, view: u64) {
        let side = std::mem::take(&mut self.flushing);
        if !side.is_empty() {
            self.published.push((view, side));
        }
        self.flushed_to = self.marked;
    }

    /// Ends a flush that failed: what was to be written waits on.
    pub(crate) fn abort_flush(&mut self) {
        let flushing = std::mem::take(&mut self.flushing);
        self.side.underlay(flushing);
    }

    /// Tells whether the flush that goes on writes out-of-order samples or histograms.
    pub(crate) fn flushes_side(&self) -> bool {
        !self.flushing.is_empty()
    }

    /// Returns where the log would begin without what is in parts and was last written before
    /// `time`.
    pub(crate) fn start_without(&self, time: i64) -> u64 {
        self.log.start_without(self.flushed_to, time)
    }

    /// Gives back what every view since `view` has in its parts, and the log before `start`.
    pub(crate) fn reclaim(&mut self, view: u64, start: u64) {
        self.published.retain(|(published, _)| *published > view);
        self.log.truncate(start);
        let (blocks, log) = (&self.blocks, &self.log);
        self.starts.trim(|local| {
            let (number, at) = Shard::place(local);
            oldest(&blocks[number], at, log)
        });
    }

    /// Tells whether a series has nothing left here and was in no flush since a second. One that
    /// was in none at all counts as flushed at `now`, so that its first samples find it.
    pub(crate) fn is_idle(&mut self, local: u32, since: u32, now: u32) -> bool {
        let (number, at) = Shard::place(local);
        let block = &mut self.blocks[number];
        if block.flushed_at[at] == NEVER {
            block.flushed_at[at] = now;
        }
        let quiet = block.unflushed[at] == 0 && block.flushed_at[at] < since;
        quiet && !self.waits(local)
    }

    /// Forgets a series' samples from `start` to `end`, sealed, open and at the side.
    pub(crate) fn cut(&mut self, local: u32, start: i64, end: i64, now: i64) {
        for side in self.published.iter_mut().map(|(_, side)| side) {
            side.cut(local, start, end);
        }
        self.flushing.cut(local, start, end);
        self.side.cut(local, start, end);
        let mut layers = Layers::default();
        let all = (i64::MIN, i64::MAX);
        // A reader of its own has met no chunks of any other shard.
        self.layers((0, local), all, &mut ChunkReader::default(), &mut layers);
        let Layers {
            in_order: mut flushed,
            unflushed,
            ..
        } = layers;
        let mut unflushed = flushed.split_newest(unflushed);
        self.resets.forget(local);
        let outside = |time: &i64| !(start..=end).contains(time);
        let mut times = flushed.floats.times.iter().chain(&unflushed.floats.times);
        if times.all(outside) {
            return;
        }
        self.unflushed -= unflushed.len() as u64;
        flushed.cut(start, end);
        unflushed.cut(start, end);
        self.starts.forget(local);
        let (number, at) = Shard::place(local);
        let generation = self.blocks[number].generation[at];
        let last = self.blocks[number].last[at];
        self.blocks[number].reset(at, generation);
        for point in flushed.points().chain(unflushed.points()) {
            self.append(local, generation, point, now)
                .expect("the series is there");
        }
        let flushed = flushed.len() as u32;
        let block = &mut self.blocks[number];
        block.unflushed[at] -= flushed;
        self.unflushed -= u64::from(flushed);
        block.last[at] = last;
    }

    /// Ends a slot's use; references to it are stale from here on.
    pub(crate) fn deactivate(&mut self, local: u32) {
        let (number, at) = Shard::place(local);
        let block = &mut self.blocks[number];
        block.generation[at] = block.generation[at].wrapping_add(1);
        self.forget(local);
    }

    /// Returns how many runs of in-order samples a series has here, and the times of the first and
    /// the last sample.
    pub(crate) fn extent(&self, local: u32) -> (u64, Option<(i64, i64)>) {
        let (number, at) = Shard::place(local);
        let Some(block) = self.blocks.get(number) else {
            return (0, None);
        };
        let mut chain = Chain::new(&self.log, block.chain[at]);
        let mut chunks = u64::from(block.len[at] > 0);
        let mut first = block.open(at).next().map(|(time, _)| time);
        let mut oldest = None;
        while let Some(chunk) = chain.next() {
            chunks += 1;
            oldest = Some(chunk);
        }
        if let Some(chunk) = oldest {
            let mut times = Vec::new();
            chunk.times(&mut times);
            first = times.first().copied().or(first);
        }
        (chunks, first.map(|first| (first, block.last[at])))
    }

    /// Returns the bytes of sealed and waiting samples.
    pub(crate) fn bytes(&self) -> usize {
        let published: usize = self.published.iter().map(|(_, side)| side.bytes()).sum();
        let beside = self.resets.bytes() + self.starts.bytes();
        self.log.bytes() + self.side.bytes() + self.flushing.bytes() + published + beside
    }

    /// Returns how many samples are in no part.
    pub(crate) fn samples_unflushed(&self) -> u64 {
        self.unflushed + self.side.samples() + self.flushing.samples()
    }
}

/// Returns the time of the oldest in-order sample that is left of a series.
fn oldest(block: &Block, at: usize, log: &Log) -> i64 {
    let mut chain = Chain::new(log, block.chain[at]);
    let (mut oldest, mut times) = (block.base[at], Vec::new());
    while let Some(chunk) = chain.next() {
        times.clear();
        chunk.times(&mut times);
        oldest = times.first().copied().unwrap_or(oldest);
    }
    oldest
}

/// What a shard knows of a series' newest sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Newest {
    /// There is none here.
    None,
    /// This one.
    Sample(i64, f64),
    /// The layers must be looked at.
    Ask,
}

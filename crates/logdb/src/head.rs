//! What is in memory: open blocks, blocks waiting to be sealed, and the partitions as published.
//!
//! One lock guards it. It is held for copying lines and for cloning references, never for files.
//! Bound: [`crate::Config::head_bytes_max`], twice over.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use hashbrown::HashMap;
use weft_model::{Labels, Nanos};

use crate::config::Config;
use crate::partition::{Partition, Sealed, Snapshot};
use crate::raw::RawBlock;
use crate::selection::{StoredEntry, TimeRange};
use crate::tail::Tails;

/// What is in memory.
pub(crate) struct Head {
    /// The partitions on disk, by the start of their span.
    pub(crate) partitions: BTreeMap<Nanos, Published>,
    /// The open blocks by partition, which may not be on disk yet.
    open: BTreeMap<Nanos, HashMap<Labels, Open>>,
    /// Blocks that take no more lines, in the order in which they are sealed.
    pub(crate) full: VecDeque<Full>,
    /// The bytes of open and full blocks.
    pub(crate) bytes: usize,
    /// The time as last told.
    pub(crate) now: Nanos,
    pub(crate) tails: Tails,
    /// The journal positions that streams were found to have reached on opening; forgotten when
    /// the journal's replay has passed them.
    watermarks: HashMap<(Nanos, Labels), u64>,
    pub(crate) watermark_max: u64,
}

/// A partition as questions see it.
pub(crate) struct Published {
    pub(crate) partition: Arc<Partition>,
    pub(crate) snapshot: Snapshot,
    /// Sealed blocks that are not committed.
    pub(crate) pending: Vec<Arc<Sealed>>,
}

/// A block that takes lines.
struct Open {
    block: Arc<RawBlock>,
    position: u64,
    since: Nanos,
}

/// A block that takes no more lines.
#[derive(Clone)]
pub(crate) struct Full {
    pub(crate) start: Nanos,
    pub(crate) block: Arc<RawBlock>,
    pub(crate) position: u64,
}

impl Head {
    pub(crate) fn new(config: &Config, now: Nanos) -> Head {
        Head {
            partitions: BTreeMap::new(),
            open: BTreeMap::new(),
            full: VecDeque::new(),
            bytes: 0,
            now,
            tails: Tails::new(config.tail_bytes_max),
            watermarks: HashMap::new(),
            watermark_max: 0,
        }
    }

    /// Adds a partition as it was found on disk.
    pub(crate) fn publish(&mut self, partition: Arc<Partition>, snapshot: Snapshot) {
        for segment in &snapshot.segments {
            for stream in &segment.streams {
                let positions = stream.documents.iter().map(|d| segment.position(*d));
                let reached = positions.max().unwrap_or(0);
                let key = (partition.start, stream.labels.clone());
                let watermark = self.watermarks.entry(key).or_insert(0);
                *watermark = reached.max(*watermark);
                self.watermark_max = reached.max(self.watermark_max);
            }
        }
        let published = Published {
            snapshot,
            pending: Vec::new(),
            partition,
        };
        self.partitions.insert(published.partition.start, published);
    }

    /// Forgets the watermarks once the journal's replay is past all of them.
    pub(crate) fn pass(&mut self, position: u64) {
        if position > self.watermark_max && !self.watermarks.is_empty() {
            self.watermarks = HashMap::new();
        }
    }

    /// Returns the start of the partition for a time.
    pub(crate) fn partition_of(&self, time: Nanos, config: &Config) -> Nanos {
        let width = config.partition_width;
        let start = time.0.div_euclid(width).checked_mul(width);
        // The very first partition begins where the first whole width does.
        let start = Nanos(start.unwrap_or(i64::MIN / width * width));
        let is_known = self.open.contains_key(&start) || self.partitions.contains_key(&start);
        let count = self
            .open
            .keys()
            .filter(|s| !self.partitions.contains_key(s))
            .count();
        if is_known || count + self.partitions.len() < config.partitions_max {
            return start;
        }
        let known = self.partitions.keys().chain(self.open.keys());
        let nearest = known.min_by_key(|known| known.0.abs_diff(start.0));
        nearest.copied().unwrap_or(start)
    }

    /// Tells whether a stream's lines of a journal position were durable before the last start.
    pub(crate) fn is_durable(&self, start: Nanos, stream: &Labels, position: u64) -> bool {
        if self.watermarks.is_empty() {
            return false;
        }
        let watermark = self.watermarks.get(&(start, stream.clone()));
        watermark.is_some_and(|watermark| position <= *watermark)
    }

    /// Adds a line to its stream's open block.
    pub(crate) fn push(
        &mut self,
        start: Nanos,
        stream: &Labels,
        position: u64,
        entry: &StoredEntry<'_>,
    ) {
        let since = self.now;
        let streams = self.open.entry(start).or_default();
        let open = streams.entry_ref(stream).or_insert_with(|| Open {
            block: Arc::new(RawBlock::new(stream.clone())),
            position,
            since,
        });
        open.position = open.position.max(position);
        // A question that is reading the block keeps the old one; else nothing is copied.
        let block = Arc::make_mut(&mut open.block);
        let before = block.weight();
        block.push(entry);
        self.bytes += block.weight() - before;
    }

    /// Moves a stream's open block to the full ones if it has grown to `block_bytes`.
    pub(crate) fn close_if_grown(&mut self, start: Nanos, stream: &Labels, block_bytes: usize) {
        let Some(streams) = self.open.get_mut(&start) else {
            return;
        };
        let is_grown = |open: &Open| open.block.text.len() >= block_bytes;
        if !streams.get(stream).is_some_and(is_grown) {
            return;
        }
        if let Some(open) = streams.remove(stream) {
            self.full.push_back(open.into_full(start));
        }
        if streams.is_empty() {
            self.open.remove(&start);
        }
    }

    /// Moves the open blocks for which `wanted` holds to the full ones; it gets the time of the
    /// first line's arrival.
    pub(crate) fn close_where(&mut self, wanted: impl Fn(Nanos) -> bool) {
        for (start, streams) in &mut self.open {
            let closed = streams.extract_if(|_, open| wanted(open.since));
            self.full
                .extend(closed.map(|(_, open)| open.into_full(*start)));
        }
        self.open.retain(|_, streams| !streams.is_empty());
    }

    /// Moves the largest open blocks to the full ones until the others take at most `bytes`.
    pub(crate) fn close_largest(&mut self, bytes: usize) {
        let mut sizes: Vec<(usize, Nanos, Labels)> = Vec::new();
        for (start, streams) in &self.open {
            let size =
                |(labels, open): (&Labels, &Open)| (open.block.weight(), *start, labels.clone());
            sizes.extend(streams.iter().map(size));
        }
        let mut total: usize = sizes.iter().map(|size| size.0).sum();
        sizes.sort_unstable_by_key(|size| std::cmp::Reverse(size.0));
        for (size, start, labels) in sizes {
            if total <= bytes {
                return;
            }
            total -= size;
            self.close_if_grown(start, &labels, 0);
        }
    }

    /// Takes a sealed block out of the full ones and publishes what became of it.
    pub(crate) fn sealed(&mut self, start: Nanos, sealed: Vec<Sealed>) {
        if let Some(full) = self.full.pop_front() {
            self.bytes = self.bytes.saturating_sub(full.block.weight());
        }
        if let Some(published) = self.partitions.get_mut(&start) {
            published.pending.extend(sealed.into_iter().map(Arc::new));
        }
    }

    /// Returns the blocks in memory that have lines in a range.
    pub(crate) fn blocks_in(&self, range: &TimeRange) -> Vec<Arc<RawBlock>> {
        let open = self
            .open
            .values()
            .flat_map(HashMap::values)
            .map(|open| &open.block);
        let full = self.full.iter().map(|full| &full.block);
        open.chain(full)
            .filter(|block| range.overlaps(block.first, block.last))
            .cloned()
            .collect()
    }

    /// Returns how many open blocks there are.
    pub(crate) fn open_count(&self) -> usize {
        self.open.values().map(HashMap::len).sum()
    }
}

impl Open {
    fn into_full(self, start: Nanos) -> Full {
        Full {
            start,
            block: self.block,
            position: self.position,
        }
    }
}

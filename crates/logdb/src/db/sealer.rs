//! The one who turns full blocks into sealed ones and commits them.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use weft_model::Nanos;

use super::LogDb;
use crate::error::WriteError;
use crate::partition::seal::Encoder;
use crate::partition::{Partition, PartitionWriter, Sealed, Snapshot};

/// How many partitions are written to at once. Lines that come late open another writer; the one
/// of the oldest partition gives way.
const WRITERS_MAX: usize = 3;

/// The writers of the partitions that are being written to.
pub(super) struct Sealer {
    encoder: Encoder,
    writers: BTreeMap<Nanos, PartitionWriter>,
    /// The bytes of lines that are sealed and not committed.
    pending_bytes: u64,
}

impl Sealer {
    pub(super) fn new(compression: i32) -> io::Result<Sealer> {
        Ok(Sealer {
            encoder: Encoder::new(compression)?,
            writers: BTreeMap::new(),
            pending_bytes: 0,
        })
    }

    /// Drops the writer of a partition without a commit.
    pub(super) fn forget(&mut self, start: Nanos) {
        self.writers.remove(&start);
    }
}

impl LogDb {
    /// Seals the full blocks in their order; on a failure those left stay full.
    pub(super) fn seal_full(&self, sealer: &mut Sealer) -> Result<usize, WriteError> {
        let mut count = 0;
        loop {
            let Some(full) = self.head().full.front().cloned() else {
                return Ok(count);
            };
            let sealed = self
                .writer(sealer, full.start)
                .and_then(|()| self.seal_one(sealer, &full));
            match sealed {
                Ok(sealed) => {
                    count += sealed.len();
                    sealer.pending_bytes += sealed.iter().map(|s| s.tally.all_bytes()).sum::<u64>();
                    self.head().sealed(full.start, sealed);
                }
                Err(error) => {
                    // What the writer holds is not known; a new one starts from what is pending.
                    sealer.forget(full.start);
                    return Err(error);
                }
            }
        }
    }

    fn seal_one(
        &self,
        sealer: &mut Sealer,
        full: &crate::head::Full,
    ) -> Result<Vec<Sealed>, WriteError> {
        let Some(writer) = sealer.writers.get_mut(&full.start) else {
            return Ok(Vec::new());
        };
        let block_bytes = self.config.block_bytes;
        writer.seal(&full.block, full.position, block_bytes, &mut sealer.encoder)
    }

    /// Makes sure that there is a writer for a partition.
    fn writer(&self, sealer: &mut Sealer, start: Nanos) -> Result<(), WriteError> {
        if sealer.writers.contains_key(&start) {
            return Ok(());
        }
        while sealer.writers.len() >= WRITERS_MAX {
            let Some(oldest) = sealer.writers.keys().next().copied() else {
                break;
            };
            self.commit_one(sealer, oldest)?;
            if let Some(writer) = sealer.writers.remove(&oldest) {
                writer.close()?;
            }
        }
        let partition = self.partition(start)?;
        let pending = self.pending_of(start);
        let mut writer = PartitionWriter::new(partition)?;
        for sealed in pending {
            writer.add_again(&sealed, &mut sealer.encoder)?;
        }
        sealer.writers.insert(start, writer);
        Ok(())
    }

    fn pending_of(&self, start: Nanos) -> Vec<Arc<Sealed>> {
        let head = self.head();
        let published = head.partitions.get(&start);
        published.map_or_else(Vec::new, |published| published.pending.clone())
    }

    /// Returns a partition, which is made on disk if it is new.
    fn partition(&self, start: Nanos) -> Result<Arc<Partition>, WriteError> {
        if let Some(published) = self.head().partitions.get(&start) {
            return Ok(published.partition.clone());
        }
        let (partition, snapshot) = Partition::open(&*self.disk, &self.root, start)?;
        let partition = Arc::new(partition);
        self.head().publish(partition.clone(), snapshot);
        Ok(partition)
    }

    /// Commits once enough is pending.
    pub(super) fn commit_when_due(&self, sealer: &mut Sealer) -> Result<bool, WriteError> {
        let is_due = sealer.pending_bytes >= self.config.commit_bytes;
        if is_due {
            self.commit(sealer)?;
        }
        Ok(is_due)
    }

    /// Commits every partition with pending blocks.
    pub(super) fn commit(&self, sealer: &mut Sealer) -> Result<usize, WriteError> {
        let mut starts: Vec<Nanos> = Vec::new();
        for (start, published) in &self.head().partitions {
            if !published.pending.is_empty() {
                starts.push(*start);
            }
        }
        for start in &starts {
            self.writer(sealer, *start)?;
            self.commit_one(sealer, *start)?;
        }
        sealer.pending_bytes = 0;
        Ok(starts.len())
    }

    fn commit_one(&self, sealer: &mut Sealer, start: Nanos) -> Result<(), WriteError> {
        let Some(writer) = sealer.writers.get_mut(&start).filter(|w| w.added() > 0) else {
            return Ok(());
        };
        let before: Snapshot = match self.head().partitions.get(&start) {
            Some(published) => published.snapshot.clone(),
            None => Snapshot::default(),
        };
        match writer.commit(&*self.disk, &before) {
            Ok(snapshot) => {
                if let Some(published) = self.head().partitions.get_mut(&start) {
                    published.snapshot = snapshot;
                    published.pending.clear();
                }
                Ok(())
            }
            Err(error) => {
                sealer.forget(start);
                Err(error)
            }
        }
    }
}

//! What is done from time to time: flush, seal by age, commit, drop what is too old.

use weft_model::Nanos;

use super::LogDb;
use super::open::DROP_PREFIX;
use super::sealer::Sealer;
use crate::error::WriteError;

/// What one round of maintenance did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Maintained {
    /// Blocks that were sealed.
    pub sealed: usize,
    /// Whether the index was committed.
    pub committed: bool,
    /// Partitions that retention dropped.
    pub dropped: usize,
    /// Lines in them.
    pub lines_dropped: u64,
}

impl LogDb {
    /// Makes everything durable whose append has returned. On an error nothing is lost, and
    /// nothing is promised.
    pub fn flush(&self, now: Nanos) -> Result<(), WriteError> {
        let mut sealer = self.sealer();
        {
            let mut head = self.head();
            head.now = now;
            head.close_where(|_| true);
        }
        self.seal_full(&mut sealer)?;
        self.commit(&mut sealer)?;
        Ok(())
    }

    /// Seals blocks that are full or old, commits when enough is pending, and drops partitions
    /// that are too old or too many bytes. To be called every few seconds.
    pub fn maintain(&self, now: Nanos) -> Result<Maintained, WriteError> {
        let mut sealer = self.sealer();
        {
            let mut head = self.head();
            head.now = now;
            let age = self.config.block_age;
            head.close_where(|since| now.0.saturating_sub(since.0) >= age);
        }
        let mut maintained = Maintained {
            sealed: self.seal_full(&mut sealer)?,
            committed: self.commit_when_due(&mut sealer)?,
            ..Maintained::default()
        };
        self.retain(&mut sealer, now, &mut maintained)?;
        Ok(maintained)
    }

    fn retain(
        &self,
        sealer: &mut Sealer,
        now: Nanos,
        maintained: &mut Maintained,
    ) -> Result<(), WriteError> {
        let oldest_kept = now.0.saturating_sub(self.config.retention);
        loop {
            let expired = {
                let head = self.head();
                let mut starts = head.partitions.keys();
                let is_over = |start: &Nanos| {
                    start.0.saturating_add(self.config.partition_width) <= oldest_kept
                };
                let oldest = starts.next().copied();
                let bytes: u64 = match self.config.retention_bytes {
                    u64::MAX => 0,
                    _ => head
                        .partitions
                        .values()
                        .map(|p| p.partition.bytes().unwrap_or(0))
                        .sum(),
                };
                let is_too_much = bytes > self.config.retention_bytes && head.partitions.len() > 1;
                oldest.filter(|start| is_over(start) || is_too_much)
            };
            let Some(start) = expired else {
                return Ok(());
            };
            maintained.lines_dropped += self.drop_partition(sealer, start)?;
            maintained.dropped += 1;
        }
    }

    /// Drops a partition whole; questions under way read on. Returns how many lines it had.
    fn drop_partition(&self, sealer: &mut Sealer, start: Nanos) -> Result<u64, WriteError> {
        sealer.forget(start);
        let Some(published) = self.head().partitions.remove(&start) else {
            return Ok(0);
        };
        let mut lines: u64 = published.pending.iter().map(|s| s.tally.all_lines()).sum();
        for segment in &published.snapshot.segments {
            for document in 0..segment.blocks.len() {
                lines += segment.tally(document as u32)?.all_lines();
            }
        }
        let dir = published.partition.dir();
        let name = dir.file_name().unwrap_or_default().to_string_lossy();
        let doomed = self.root.join(format!("{DROP_PREFIX}{name}"));
        self.disk.rename(dir, &doomed)?;
        self.disk.sync_dir(&self.root)?;
        self.disk.remove_dir(&doomed)?;
        Ok(lines)
    }
}

//! Taking lines in.

use std::borrow::Cow;
use std::sync::TryLockError;

use weft_model::{Labels, Level, Nanos};

use super::LogDb;
use crate::error::AppendError;
use crate::partition::LABELS_BYTES_MAX;
use crate::raw::RawBlock;
use crate::selection::StoredEntry;

/// How many full blocks may wait before an appender waits for the sealer.
const FULL_MAX: usize = 16;

/// A line to append.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// When it was written. Any time is taken, in any order.
    pub time: Nanos,
    /// The line, without its end. Bytes that are not UTF-8 become U+FFFD, and the line is counted.
    pub line: &'a [u8],
    /// Labels of this line only. Of equal names the last one counts; empty values are left out.
    pub metadata: &'a [(&'a str, &'a str)],
}

/// What became of the lines of one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// Lines taken.
    pub lines: u64,
    /// Bytes of these lines.
    pub bytes: u64,
    /// Lines among them with bytes that were not UTF-8.
    pub replaced: u64,
    /// Lines left out because they were durable before the last start.
    pub already_durable: u64,
}

/// A line on its way into a block.
struct Prepared<'a> {
    time: Nanos,
    line: Cow<'a, str>,
    metadata: Vec<(&'a str, &'a str)>,
    level: Level,
}

impl LogDb {
    /// Appends lines of one stream; they are found at once, and durable after the next
    /// [`LogDb::flush`].
    ///
    /// `position` is where the lines are in the caller's journal: it must not fall from call to
    /// call for one stream, and all lines of a stream and a position must be in one call. When
    /// the journal is replayed after a crash, lines that are durable already are left out. A
    /// caller without a journal counts its calls.
    pub fn append(
        &self,
        position: u64,
        stream: &Labels,
        entries: &[Entry<'_>],
    ) -> Result<Appended, AppendError> {
        let label_bytes = stream.as_bytes().len();
        if label_bytes > LABELS_BYTES_MAX {
            return Err(AppendError::Labels {
                bytes: label_bytes,
                bytes_max: LABELS_BYTES_MAX,
            });
        }
        let of_stream = Level::of_labels(stream.iter());
        let prepared: Vec<Prepared<'_>> = entries.iter().map(|e| prepare(e, of_stream)).collect();
        let (appended, full) = self.insert(position, stream, &prepared)?;
        self.seal_when_due(full);
        Ok(appended)
    }

    /// Copies lines into the head; returns how many full blocks wait.
    fn insert(
        &self,
        position: u64,
        stream: &Labels,
        prepared: &[Prepared<'_>],
    ) -> Result<(Appended, usize), AppendError> {
        let mut appended = Appended::default();
        let mut head = self.head();
        let bytes_max = 2 * self.config.head_bytes_max;
        if head.bytes > bytes_max {
            return Err(AppendError::Full {
                bytes: head.bytes,
                bytes_max,
            });
        }
        head.pass(position);
        let now = head.now;
        let mut followed = head
            .tails
            .is_wanted(now)
            .then(|| RawBlock::new(stream.clone()));
        let mut starts: Vec<Nanos> = Vec::new();
        for line in prepared {
            let start = head.partition_of(line.time, &self.config);
            if head.is_durable(start, stream, position) {
                appended.already_durable += 1;
                continue;
            }
            let entry = StoredEntry {
                time: line.time,
                line: &line.line,
                metadata: &line.metadata,
                level: line.level,
            };
            head.push(start, stream, position, &entry);
            if let Some(followed) = &mut followed {
                followed.push(&entry);
            }
            if !starts.contains(&start) {
                starts.push(start);
            }
            appended.lines += 1;
            appended.bytes += line.line.len() as u64;
            appended.replaced += u64::from(matches!(line.line, Cow::Owned(_)));
        }
        // Only now: a block that is sealed holds all lines of a position or none.
        for start in starts {
            head.close_if_grown(start, stream, self.config.block_bytes);
        }
        if let Some(followed) = followed {
            head.tails.push(followed);
        }
        if head.bytes > self.config.head_bytes_max {
            head.close_largest(self.config.head_bytes_max / 4 * 3);
        }
        Ok((appended, head.full.len()))
    }

    /// Seals full blocks, unless somebody is at it and there are few.
    fn seal_when_due(&self, full: usize) {
        if full == 0 {
            return;
        }
        let mut sealer = match self.sealer.try_lock() {
            Ok(sealer) => sealer,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) if full < FULL_MAX => return,
            Err(TryLockError::WouldBlock) => self.sealer(),
        };
        // A failure leaves the blocks where they are; the next flush tells of it.
        if self.seal_full(&mut sealer).is_ok() {
            let _ = self.commit_when_due(&mut sealer);
        }
    }
}

fn prepare<'a>(entry: &Entry<'a>, of_stream: Option<Level>) -> Prepared<'a> {
    let mut metadata: Vec<(&str, &str)> = Vec::new();
    for (name, value) in entry.metadata {
        match metadata.binary_search_by(|(known, _)| known.cmp(name)) {
            Ok(at) => metadata[at].1 = value,
            Err(at) => metadata.insert(at, (name, value)),
        }
    }
    metadata.retain(|(_, value)| !value.is_empty());
    let level = Level::of_labels(metadata.iter().copied()).or(of_stream);
    Prepared {
        time: entry.time,
        line: String::from_utf8_lossy(entry.line),
        level: level.unwrap_or_else(|| Level::of_line(entry.line)),
        metadata,
    }
}

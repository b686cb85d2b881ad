//! How far a segment was acknowledged, and from where it is read again after a restart.

use super::assemble::Beginning;
use super::record::{Inside, OUTPUTS};
use super::segment::FileId;

/// The acknowledged state of one segment of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SegmentState {
    /// The segment.
    pub(super) id: u64,
    /// The fingerprint of its first record.
    pub(super) fingerprint: u64,
    /// Tells it from others of the same fingerprint.
    pub(super) generation: u32,
    /// The file that it was read from last: a hint.
    pub(super) file: FileId,
    /// Lines with a completion offset up to here are durable downstream.
    pub(super) end: u64,
    /// The offset of the first byte that was not used.
    pub(super) read_to: u64,
    /// Where the open line of each output begins in this segment.
    pub(super) open: [Option<OpenLine>; OUTPUTS],
    /// Whether nothing in it has to be read any more.
    pub(super) done: bool,
}

/// Where a line begins that was not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OpenLine {
    /// The offset.
    pub(super) start: u64,
    /// Set when that is within a record.
    pub(super) inside: Option<Inside>,
}

impl SegmentState {
    /// Returns where reading resumes: at the first byte that some open line needs.
    pub(super) fn resume_at(&self) -> u64 {
        self.skip_to().into_iter().fold(self.read_to, u64::min)
    }

    /// Returns for each output the offset before which its pieces are not handed on again.
    pub(super) fn skip_to(&self) -> [u64; OUTPUTS] {
        self.open
            .map(|open| open.map_or(self.read_to, |open| open.start))
    }

    /// Returns the record that reading resumes in the middle of, if it does.
    pub(super) fn inside(&self) -> Option<Inside> {
        let at = self.resume_at();
        let first = self.open.iter().flatten().find(|open| open.start == at);
        first.and_then(|open| open.inside)
    }
}

/// Returns where an open line that begins at `beginning` begins within a segment that is
/// `order` places after the one it begins in: nowhere before, at the start of all later ones.
pub(super) fn open_in(beginning: &Beginning, order: std::cmp::Ordering) -> Option<OpenLine> {
    match order {
        std::cmp::Ordering::Less => None,
        std::cmp::Ordering::Equal => Some(OpenLine {
            start: beginning.start,
            inside: beginning.inside,
        }),
        std::cmp::Ordering::Greater => Some(OpenLine {
            start: 0,
            inside: None,
        }),
    }
}

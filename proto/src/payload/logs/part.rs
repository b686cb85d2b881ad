//! A run of lines of one log stream.
//!
//! In: columns. Out: the lines, without those that a receiver has already.

use bytes::Bytes;
use weft_model::{Labels, Nanos};

use crate::RangeSet;

/// Where a part comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartHead {
    /// The labels of the stream.
    pub labels: Labels,
    /// What names the stream at its origin; labels may change, this does not.
    pub stream_key: u64,
    /// Which of the stream's files it comes from; offsets count within it.
    pub segment: u64,
    /// The offset up to which earlier parts reach.
    pub start: u64,
}

/// What is to be known of a line beside its text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LineFlags(pub u8);

impl LineFlags {
    /// Written to standard error instead of standard output.
    pub const STDERR: LineFlags = LineFlags(1);
    /// The rest was cut off and is lost.
    pub const TRUNCATED: LineFlags = LineFlags(2);
    /// The next line of the same output continues this one: it was too long for one.
    pub const CONTINUES: LineFlags = LineFlags(4);

    /// Returns these flags together with others.
    pub fn with(self, other: LineFlags) -> LineFlags {
        LineFlags(self.0 | other.0)
    }

    /// Tells whether all of `other` are set.
    pub fn has(self, other: LineFlags) -> bool {
        self.0 & other.0 == other.0
    }
}

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLine<'a> {
    /// When it was written.
    pub time: Nanos,
    /// The offset just past the record that completes it.
    pub end: u64,
    /// What else is known.
    pub flags: LineFlags,
    /// The text without the newline; UTF-8 as a rule, but not by force.
    pub body: &'a [u8],
}

/// Lines of one stream in the order of their completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPart {
    /// Where it comes from.
    pub head: PartHead,
    /// The part covers the lines that were completed after `head.start` and up to here.
    pub end: u64,
    pub(super) lines: Vec<Line>,
    pub(super) bodies: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) time: Nanos,
    pub(super) end: u64,
    pub(super) flags: LineFlags,
    pub(super) body: (u32, u32),
}

impl LogPart {
    /// Returns the lines.
    pub fn lines(&self) -> impl ExactSizeIterator<Item = LogLine<'_>> {
        self.lines.iter().map(|line| LogLine {
            time: line.time,
            end: line.end,
            flags: line.flags,
            body: &self.bodies[line.body.0 as usize..line.body.1 as usize],
        })
    }

    /// Returns how many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Tells whether there are no lines.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Removes the lines that were completed at an offset that is covered, and returns how many.
    /// `covered` holds what the receiver has of this stream and segment: see
    /// [`LogPart::cover`].
    pub fn trim(&mut self, covered: &RangeSet) -> usize {
        let before = self.lines.len();
        // The set holds half-open ranges from their first offset; a line counts by its last.
        let known = |line: &Line| {
            line.end
                .checked_sub(1)
                .is_some_and(|at| covered.contains(at))
        };
        self.lines.retain(|line| !known(line));
        before - self.lines.len()
    }

    /// Notes that all lines of this part are now stored: those completed in `(start, end]`, which
    /// in the set are the offsets `start..end` of their last bytes.
    pub fn cover(&self, covered: &mut RangeSet) {
        covered.insert(self.head.start..self.end);
    }
}

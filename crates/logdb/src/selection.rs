//! What is asked of the database and what it hands out.

use weft_model::{Labels, Level, Matcher, Nanos};

/// Times from `start` to before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    /// The first time that belongs to it.
    pub start: Nanos,
    /// The first time that no longer does.
    pub end: Nanos,
}

impl TimeRange {
    /// All times but the very last nanosecond.
    pub const ALL: TimeRange = TimeRange {
        start: Nanos(i64::MIN),
        end: Nanos(i64::MAX),
    };

    /// Tells whether a time belongs to the range.
    pub fn contains(&self, time: Nanos) -> bool {
        self.start <= time && time < self.end
    }

    /// Tells whether a span, both ends included, has a time in common with the range.
    pub(crate) fn overlaps(&self, first: Nanos, last: Nanos) -> bool {
        first < self.end && self.start <= last
    }

    /// Tells whether a span, both ends included, lies within the range.
    pub(crate) fn covers(&self, first: Nanos, last: Nanos) -> bool {
        self.start <= first && last < self.end
    }
}

/// Which lines are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// The conditions on a stream's labels; all must hold.
    pub matchers: &'a [Matcher],
    /// When the lines were written.
    pub range: TimeRange,
    /// Texts of which every wanted line contains at least one alternative each.
    pub needles: &'a [Needle],
    /// Which lines are wanted first.
    pub direction: Direction,
}

/// A condition that every wanted line fulfils: it contains one of the alternatives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needle {
    /// At least one; an empty needle is ignored.
    pub any: Vec<Literal>,
}

/// A text that a line contains.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Literal {
    /// The text.
    pub text: String,
    /// Whether letters A to Z count as their small ones. Other characters are compared exactly.
    pub case: Case,
}

/// Whether the case of ASCII letters matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Case {
    /// It does.
    Sensitive,
    /// It does not.
    Insensitive,
}

/// Which end of the time range comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Newest first.
    #[default]
    Backward,
    /// Oldest first.
    Forward,
}

/// What is handed to the visitor of a selection.
#[derive(Clone, Copy, Debug)]
pub enum Found<'a> {
    /// A line of a stream. It contains the needles.
    Entry(&'a Labels, StoredEntry<'a>),
    /// No line to come lies before (forward) or after (backward) this time.
    Horizon(Nanos),
}

/// One line as stored.
#[derive(Clone, Copy, Debug)]
pub struct StoredEntry<'a> {
    /// When it was written.
    pub time: Nanos,
    /// The line, without its end.
    pub line: &'a str,
    /// Labels of this line only, sorted by name.
    pub metadata: &'a [(&'a str, &'a str)],
    /// Its level, as detected when it was appended.
    pub level: Level,
}

/// Equal steps of time: `i` covers `[start + i * step, start + (i + 1) * step)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    /// Where the first one begins.
    pub start: Nanos,
    /// How wide each is, in nanoseconds; above 0.
    pub step: i64,
    /// How many there are.
    pub count: usize,
}

impl Steps {
    /// Returns the times that the steps cover together.
    pub fn range(&self) -> TimeRange {
        let count = i64::try_from(self.count).unwrap_or(i64::MAX);
        TimeRange {
            start: self.start,
            end: self.start.plus(self.step.saturating_mul(count)),
        }
    }

    /// Returns the step that a time belongs to.
    pub(crate) fn of(&self, time: Nanos) -> Option<usize> {
        let since = i128::from(time.0) - i128::from(self.start.0);
        let step = usize::try_from(since.div_euclid(i128::from(self.step))).ok()?;
        (step < self.count).then_some(step)
    }
}

/// What was counted in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepCount {
    /// Which step, below [`Steps::count`].
    pub step: usize,
    /// The level of the lines.
    pub level: Level,
    /// How many lines.
    pub lines: u64,
    /// How many bytes they have.
    pub bytes: u64,
}

/// What one question took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SelectStats {
    /// Streams that matched.
    pub streams: u64,
    /// Blocks that may hold lines by their labels and times.
    pub blocks: u64,
    /// Blocks whose lines were read, after pruning by the needles.
    pub blocks_read: u64,
    /// Lines that were visited.
    pub lines: u64,
    /// Bytes of the lines that were decoded.
    pub bytes: u64,
    /// Blocks that could not be read and whose lines are missing.
    pub blocks_lost: u64,
}

/// How much there is of some streams, from what is known of the blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Streams with a line in the range.
    pub streams: u64,
    /// Blocks that overlap the range.
    pub chunks: u64,
    /// Lines in the range.
    pub entries: u64,
    /// Bytes of these lines.
    pub bytes: u64,
}

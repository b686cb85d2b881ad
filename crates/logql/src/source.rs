//! Where lines come from: declared here, implemented by whoever stores them.
//!
//! In: conditions. Out: at least the lines that fulfil them, in any order, with horizons that say
//! how far the answer has come. Bound: a source holds no more than one block of lines at a time.

use std::ops::ControlFlow;

use weft_model::{Labels, Level, Matcher, Nanos};

/// Stored lines that can be asked for.
pub trait Source {
    /// Visits the lines of a selection until they end or `visit` breaks.
    ///
    /// Every line of the selected streams within the range that contains all needles is visited
    /// exactly once. Lines without the needles may be visited too: the engine verifies. Lines come
    /// in no order, but after [`Found::Horizon`] with time `t` every further line has a time of at
    /// most `t` going backward, at least `t` going forward. A source sends horizons as often as it
    /// can, best before each block; with none of them a limited query reads everything.
    fn select(
        &self,
        selection: &Selection<'_>,
        visit: &mut dyn FnMut(Found<'_>) -> ControlFlow<()>,
    ) -> Result<SelectStats, SourceError>;

    /// Counts lines and bytes per stream, level and step without reading lines, or returns nothing
    /// when the source cannot do so exactly; the engine then selects. An error after the first
    /// visit fails the query.
    fn counts(
        &self,
        selection: &CountSelection<'_>,
        visit: &mut dyn FnMut(&Labels, StepCount),
    ) -> Result<Option<SelectStats>, SourceError> {
        let _ = (selection, visit);
        Ok(None)
    }
}

/// Which lines are to be counted.
#[derive(Clone, Copy, Debug)]
pub struct CountSelection<'a> {
    /// The conditions on a stream's labels.
    pub matchers: &'a [Matcher],
    /// The steps; `i` covers `[start + i * step, start + (i + 1) * step)`.
    pub steps: Steps,
    /// The names the counts are grouped by. If a line may have metadata of one of these names,
    /// other than `detected_level`, counts cannot answer.
    pub labels: &'a [String],
}

/// Which lines are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// The conditions on a stream's labels.
    pub matchers: &'a [Matcher],
    /// When the lines were written.
    pub range: TimeRange,
    /// Texts of which every wanted line contains at least one alternative each.
    pub needles: &'a [Needle],
    /// Which lines are wanted first.
    pub direction: Direction,
}

/// Times from `start` to before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    /// The first time that belongs to it.
    pub start: Nanos,
    /// The first time that no longer does.
    pub end: Nanos,
}

/// Equal steps of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    /// Where the first one begins.
    pub start: Nanos,
    /// How wide each is, in nanoseconds; above 0.
    pub step: i64,
    /// How many there are.
    pub count: usize,
}

/// What a source counted in one step.
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

/// A condition that every wanted line fulfils: it contains one of the alternatives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needle {
    /// At least one.
    pub any: Vec<Literal>,
}

/// A text that a line contains.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Literal {
    /// The text; not empty.
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

/// What a source hands to its visitor.
#[derive(Clone, Copy, Debug)]
pub enum Found<'a> {
    /// A line of a stream.
    Entry(&'a Labels, Entry<'a>),
    /// No line to come lies before (forward) or after (backward) this time.
    Horizon(Nanos),
}

/// One line as stored.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// When it was written.
    pub time: Nanos,
    /// The line, without its end.
    pub line: &'a str,
    /// Labels of this line only, sorted by name.
    pub metadata: &'a [(&'a str, &'a str)],
    /// Its level, when the source knows it.
    pub level: Option<Level>,
}

/// What a source did for one selection.
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

impl SelectStats {
    /// Adds what another selection did.
    pub fn add(&mut self, other: SelectStats) {
        self.streams += other.streams;
        self.blocks += other.blocks;
        self.blocks_read += other.blocks_read;
        self.lines += other.lines;
        self.bytes += other.bytes;
        self.blocks_lost += other.blocks_lost;
    }
}

/// A source that could not answer.
#[derive(Debug, thiserror::Error)]
#[error("read log lines")]
pub struct SourceError(#[from] pub Box<dyn std::error::Error + Send + Sync>);

//! A rule file as it was written: every value with its place, nothing checked yet.
//!
//! In: what a reader of YAML found. Out: the same, to be checked by [`crate::check`].

use std::fmt;

/// A line and a column of a file, both from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A text and where it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// Where it stands.
    pub place: Place,
    /// The text.
    pub text: String,
}

/// Names with texts, in the order of the file.
pub type Pairs = Vec<(Text, Text)>;

/// A whole file.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// The file's path, as groups are told apart by it.
    pub path: String,
    /// Its groups.
    pub groups: Vec<Group>,
}

/// Rules that are evaluated together; what is missing is nothing.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Where it begins.
    pub place: Place,
    /// `name`.
    pub name: Option<Text>,
    /// `interval`.
    pub interval: Option<Text>,
    /// `limit`.
    pub limit: Option<Text>,
    /// `query_offset`.
    pub query_offset: Option<Text>,
    /// `labels`.
    pub labels: Pairs,
    /// `rules`.
    pub rules: Vec<Rule>,
}

/// A rule; what is missing is nothing.
#[derive(Clone, Debug, Default)]
pub struct Rule {
    /// Where it begins.
    pub place: Place,
    /// `record`.
    pub record: Option<Text>,
    /// `alert`.
    pub alert: Option<Text>,
    /// `expr`.
    pub expr: Option<Text>,
    /// `for`.
    pub hold: Option<Text>,
    /// `keep_firing_for`.
    pub keep_firing_for: Option<Text>,
    /// `labels`.
    pub labels: Pairs,
    /// `annotations`.
    pub annotations: Pairs,
}

//! What a query yields.

use weft_model::{Labels, Nanos};

/// The answer to a query.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Lines, grouped by stream; each stream's lines are sorted in the direction asked for.
    Streams(Vec<Stream>),
    /// Series over the steps of a range query, sorted by their labels.
    Matrix(Vec<Series>),
    /// Samples at one time.
    Vector(Vec<VectorSample>),
    /// One number.
    Scalar(ScalarSample),
}

/// Lines that share their stream labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// The labels of the stream that the pipeline left.
    pub labels: Labels,
    /// The lines.
    pub entries: Vec<StreamEntry>,
}

/// A line after the pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamEntry {
    /// When it was written.
    pub time: Nanos,
    /// Its text.
    pub line: String,
    /// Labels stored with the line, `detected_level` among them.
    pub metadata: Labels,
    /// Labels that the pipeline extracted or wrote.
    pub parsed: Labels,
}

/// A series of numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its labels.
    pub labels: Labels,
    /// Times and values, ascending.
    pub points: Vec<(Nanos, f64)>,
}

/// A number at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorSample {
    /// Its labels.
    pub labels: Labels,
    /// When it holds.
    pub time: Nanos,
    /// The number.
    pub value: f64,
}

/// A number at a time, without labels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScalarSample {
    /// When it holds.
    pub time: Nanos,
    /// The number.
    pub value: f64,
}

/// Regroups lines by all of their labels together, for clients that do not tell the categories
/// apart. Every stream comes at the place of its first line; metadata and parsed labels are empty
/// afterwards.
pub fn merge_categories(streams: Vec<Stream>) -> Vec<Stream> {
    let mut at: hashbrown::HashMap<Labels, usize> = hashbrown::HashMap::new();
    let mut merged: Vec<Stream> = Vec::new();
    for stream in streams {
        for mut entry in stream.entries {
            let metadata = std::mem::replace(&mut entry.metadata, Labels::empty());
            let parsed = std::mem::replace(&mut entry.parsed, Labels::empty());
            let pairs = stream.labels.iter().chain(metadata.iter());
            let labels = Labels::from_pairs(pairs.chain(parsed.iter()));
            let place = *at.entry_ref(&labels).or_insert_with(|| {
                let entries = Vec::new();
                merged.push(Stream {
                    labels: labels.clone(),
                    entries,
                });
                merged.len() - 1
            });
            merged[place].entries.push(entry);
        }
    }
    merged
}

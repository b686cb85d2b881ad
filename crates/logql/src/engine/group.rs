//! Which series a line or another series belongs to.
//!
//! In: a row, and the labels to group by. Out: the number of its series. Bound: the number of
//! series is limited by the caller; the cache of raw keys by [`CACHED_MAX`].

use hashbrown::HashMap;
use weft_model::{Labels, LabelsBuilder};

use crate::ast::{Grouping, GroupingKind};
use crate::pipeline::row::Row;
use crate::query::QueryError;

/// How many raw keys are remembered before the cache starts over.
const CACHED_MAX: usize = 65_536;

/// The series found so far.
pub(super) struct Groups<'a> {
    grouping: Option<&'a Grouping>,
    series_max: usize,
    key: Vec<u8>,
    /// From the bytes of a row's labels to its series: spares making labels for every line.
    cached: HashMap<Box<[u8]>, usize>,
    places: HashMap<Labels, usize>,
    labels: Vec<Labels>,
}

impl<'a> Groups<'a> {
    pub(super) fn new(grouping: Option<&'a Grouping>, series_max: usize) -> Groups<'a> {
        Groups {
            grouping,
            series_max,
            key: Vec::new(),
            cached: HashMap::new(),
            places: HashMap::new(),
            labels: Vec::new(),
        }
    }

    /// Returns the labels of the series, in order of their numbers.
    pub(super) fn into_labels(self) -> Vec<Labels> {
        self.labels
    }

    /// Returns the number of a row's series.
    pub(super) fn of_row(&mut self, row: &Row<'_>) -> Result<usize, QueryError> {
        self.key.clear();
        match self.grouping {
            Some(grouping) if grouping.kind == GroupingKind::By => {
                for name in &grouping.labels {
                    let value = row.get(name);
                    let len = u32::try_from(value.len()).unwrap_or(u32::MAX);
                    self.key.extend_from_slice(&len.to_le_bytes());
                    self.key.extend_from_slice(value.as_bytes());
                }
            }
            _ => row.key_into(&mut self.key),
        }
        if let Some(series) = self.cached.get(self.key.as_slice()) {
            return Ok(*series);
        }
        let labels = match self.grouping {
            Some(grouping) if grouping.kind == GroupingKind::By => {
                let names = grouping.labels.iter();
                Labels::from_pairs(names.map(|name| (name, row.get(name))))
            }
            grouping => grouped(&row.labels(), grouping),
        };
        let series = self.of_labels(labels)?;
        if self.cached.len() >= CACHED_MAX {
            self.cached.clear();
        }
        self.cached.insert(self.key.as_slice().into(), series);
        Ok(series)
    }

    /// Returns the number of the series with exactly these labels.
    pub(super) fn of_labels(&mut self, labels: Labels) -> Result<usize, QueryError> {
        if let Some(series) = self.places.get(&labels) {
            return Ok(*series);
        }
        let series = self.labels.len();
        if series >= self.series_max {
            return Err(too_many_series(self.series_max));
        }
        self.labels.push(labels.clone());
        self.places.insert(labels, series);
        Ok(series)
    }
}

/// Returns the labels that a grouping leaves; without one, all of them.
pub(super) fn grouped(labels: &Labels, grouping: Option<&Grouping>) -> Labels {
    let Some(grouping) = grouping else {
        return labels.clone();
    };
    let is_named = |name: &str| grouping.labels.iter().any(|label| label == name);
    match grouping.kind {
        GroupingKind::By => labels.filtered(is_named),
        GroupingKind::Without => labels.filtered(|name| !is_named(name)),
    }
}

/// Returns the labels with some of `source` put in their place.
pub(super) fn with_included(labels: &Labels, source: &Labels, names: &[String]) -> Labels {
    let mut builder = LabelsBuilder::from(labels);
    for name in names {
        builder.set(name, source.get(name));
    }
    builder.build()
}

/// Returns the error for an answer with too many series.
pub(super) fn too_many_series(series_max: usize) -> QueryError {
    QueryError::Limit(format!(
        "maximum number of series ({series_max}) reached for a single query; consider reducing \
         query cardinality by adding more specific stream selectors, reducing the time range, or \
         aggregating results with functions like sum, count or topk"
    ))
}

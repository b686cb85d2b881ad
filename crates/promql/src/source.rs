//! Where samples come from: the trait that a store implements.
//!
//! In: matchers and a time range. Out: a selection of series, each of which is decoded once into a
//! [`Column`]. Bound: the engine counts what it reads against its limits between two series.

use std::error::Error;

use weft_model::{Labels, Matcher};

use crate::Column;

/// A store of series.
pub trait Source: Send + Sync {
    /// Returns how many series fulfil all matchers at least, if that is known without selecting them
    /// and more than `most`.
    fn series_beyond(&self, _matchers: &[Matcher], _most: usize) -> Option<usize> {
        None
    }

    /// Selects the series that fulfil all matchers and may have samples in `[start_ms, end_ms]`.
    ///
    /// Fails when the store cannot answer.
    fn select(
        &self,
        matchers: &[Matcher],
        start_ms: i64,
        end_ms: i64,
        hints: &SelectHints,
    ) -> Result<Box<dyn SeriesSet + '_>, SourceError>;
}

/// The series of one selection, in any order, each at most once.
pub trait SeriesSet: Send + Sync {
    /// Returns how many series there are.
    fn len(&self) -> usize;

    /// Tells whether there are no series.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns about how many samples the series have in the selected range, all together, if that
    /// is known without reading them.
    fn samples_hint(&self) -> Option<u64> {
        None
    }

    /// Tells whether any series may have a label of this name; a store that cannot tell says yes.
    fn may_have_label(&self, _name: &str) -> bool {
        true
    }

    /// Returns the labels of a series.
    fn labels(&self, series: usize) -> Labels;

    /// Hands out name and value of each label of a series, in order of the names.
    fn each_label(&self, series: usize, each: &mut dyn FnMut(&str, &str)) {
        hand_out(&self.labels(series), each);
    }

    /// Appends the samples of a series that lie in the selected range, in ascending order.
    ///
    /// Fails when the store cannot decode them.
    fn read(&self, series: usize, into: &mut Column) -> Result<(), SourceError>;

    /// Returns the lengths of the buckets in which [`SeriesSet::rollups`] may answer, milliseconds.
    fn rollup_resolutions(&self) -> &[i64] {
        &[]
    }

    /// Returns what a series comes to in each bucket with samples that ends after `start_ms` and
    /// not after `end_ms`, ascending; both are multiples of the resolution and lie within the
    /// selected range, or one before it. Returns nothing where the samples must be read instead,
    /// as for series with histograms.
    ///
    /// Fails when the store cannot decode them.
    fn rollups(
        &self,
        _series: usize,
        _resolution_ms: i64,
        _start_ms: i64,
        _end_ms: i64,
    ) -> Result<Option<Vec<Rollup>>, SourceError> {
        Ok(None)
    }

    /// Appends at most one sample: the newest of a series that lies in the selected range.
    ///
    /// Fails when the store cannot decode it. A store that keeps newest values at hand overrides
    /// this to answer wide instant queries without decoding.
    fn read_newest(&self, series: usize, into: &mut Column) -> Result<(), SourceError> {
        self.read(series, into)?;
        into.keep_newest();
        Ok(())
    }
}

/// Hands out the labels of a set, one by one.
pub(crate) fn hand_out(labels: &Labels, each: &mut dyn FnMut(&str, &str)) {
    labels.iter().for_each(|(name, value)| each(name, value));
}

/// What the floats of a series come to in a bucket: after its end minus the resolution, until its
/// end included. Staleness markers do not count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rollup {
    /// The end of the bucket.
    pub end_ms: i64,
    /// How many samples there are; one at least.
    pub count: u64,
    /// The least value; NaN only if there is no other.
    pub min: f64,
    /// The greatest value, likewise.
    pub max: f64,
    /// The first value.
    pub first: f64,
    /// The last value.
    pub last: f64,
    /// The sum, only if the values are whole numbers and no order of adding them rounds.
    pub sum: Option<f64>,
    /// Where values are less than those before, if the store knows.
    pub falls: Option<Falls>,
    /// The times of the first and of the last sample, if the store knows them and that no sample
    /// has a start timestamp.
    pub extent_ms: Option<(i64, i64)>,
}

/// Where a counter was reset.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Falls {
    /// How often a value is less than the one before.
    pub count: u64,
    /// The values before those, summed.
    pub lost: f64,
}

/// What a store may use to read less; ignoring it is correct.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelectHints {
    /// Distance of two evaluation times; 0 for an instant query.
    pub step_ms: i64,
    /// The window of a range selector; 0 for an instant selector.
    pub range_ms: i64,
    /// The function that consumes the selected range; empty when there is none.
    pub function: String,
}

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
#[error("read series")]
pub struct SourceError(#[source] pub Box<dyn Error + Send + Sync>);

impl SourceError {
    /// Wraps the store's own error.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> SourceError {
        SourceError(error.into())
    }
}

//! The TSDB as PromQL's source.
//!
//! In: matchers and a stretch of time. Out: the selection's series, decoded into columns.

use std::sync::Arc;

use weft_matcher::LabelMatcher;
use weft_model::{FloatHistogram, Labels, Matcher, Millis};
use weft_promql::{Column, Falls, Rollup, SelectHints, SeriesSet, Source, SourceError};
use weft_tsdb::{Beside, Newest, Selection, Tsdb};

/// Selects from a TSDB.
#[derive(Clone, Copy, Debug)]
pub struct SampleSource<'a> {
    tsdb: &'a Tsdb,
}

impl<'a> SampleSource<'a> {
    /// Returns a source over a store.
    pub fn new(tsdb: &'a Tsdb) -> SampleSource<'a> {
        SampleSource { tsdb }
    }
}

impl Source for SampleSource<'_> {
    fn series_beyond(&self, matchers: &[Matcher], most: usize) -> Option<usize> {
        let compiled = LabelMatcher::compile_all(matchers).ok()?;
        self.tsdb.series_beyond(&compiled, most)
    }

    fn select(
        &self,
        matchers: &[Matcher],
        start_ms: i64,
        end_ms: i64,
        _hints: &SelectHints,
    ) -> Result<Box<dyn SeriesSet + '_>, SourceError> {
        let compiled = LabelMatcher::compile_all(matchers).map_err(SourceError::new)?;
        let selected = self
            .tsdb
            .select(&compiled, Millis(start_ms), Millis(end_ms));
        let selection = selected.map_err(SourceError::new)?;
        let unread = Labels::empty();
        let range = (Millis(start_ms), Millis(end_ms));
        Ok(Box::new(Selected {
            tsdb: self.tsdb,
            selection,
            unread,
            range,
        }))
    }
}

struct Selected<'a> {
    tsdb: &'a Tsdb,
    selection: Selection,
    /// What stands for labels that cannot be read: the series' samples then fail to be read, too.
    unread: Labels,
    range: (Millis, Millis),
}

impl SeriesSet for Selected<'_> {
    fn len(&self) -> usize {
        self.selection.len()
    }

    fn samples_hint(&self) -> Option<u64> {
        Some(self.selection.samples_hint())
    }

    fn may_have_label(&self, name: &str) -> bool {
        let (start, end) = self.range;
        match self.tsdb.label_values(name, &[], start, end, 1) {
            Ok(values) => !values.is_empty(),
            Err(_) => true,
        }
    }

    fn labels(&self, series: usize) -> Labels {
        self.selection
            .labels(series)
            .unwrap_or_else(|_| self.unread.clone())
    }

    fn each_label(&self, series: usize, each: &mut dyn FnMut(&str, &str)) {
        // Labels that cannot be read are none; the series' samples then fail to be read, too.
        self.selection.each_label(series, each).unwrap_or_default();
    }

    fn read(&self, series: usize, into: &mut Column) -> Result<(), SourceError> {
        let before = into.times.len();
        let Beside { histograms, starts } = self
            .selection
            .read_all(series, &mut into.times, &mut into.values)
            .map_err(SourceError::new)?;
        if !histograms.is_empty() {
            weave(into, before, histograms);
        }
        if !into.starts.is_empty() || !starts.is_empty() {
            set_starts(into, before, &starts);
        }
        Ok(())
    }

    fn rollup_resolutions(&self) -> &[i64] {
        self.selection.rollup_resolutions()
    }

    fn rollups(
        &self,
        series: usize,
        resolution_ms: i64,
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Option<Vec<Rollup>>, SourceError> {
        let found = self
            .selection
            .rollups(series, resolution_ms, start_ms, end_ms)
            .map_err(SourceError::new)?;
        let falls = |falls: weft_tsdb::Falls| Falls {
            count: falls.count,
            lost: falls.lost,
        };
        let rollup = |rollup: weft_tsdb::Rollup| Rollup {
            end_ms: rollup.end,
            count: rollup.count,
            min: rollup.min,
            max: rollup.max,
            first: rollup.first,
            last: rollup.last,
            sum: rollup.sum,
            falls: rollup.falls.map(falls),
            extent_ms: rollup.extent.map(|extent| (extent.first, extent.last)),
        };
        Ok(found.map(|found| found.into_iter().map(rollup).collect()))
    }

    fn read_newest(&self, series: usize, into: &mut Column) -> Result<(), SourceError> {
        let (start, end) = self.range;
        let newest = self
            .selection
            .newest(series, end, start)
            .map_err(SourceError::new)?;
        match newest {
            Newest::None => {}
            Newest::Float(time, value) => into.push(time, value),
            // Only floats are kept at hand.
            Newest::Started(..) | Newest::Histogram(_) => {
                self.read(series, into)?;
                into.keep_newest();
            }
        }
        Ok(())
    }
}

/// Puts histograms between the floats that a column has from an index on.
fn weave(into: &mut Column, from: usize, histograms: Vec<(i64, FloatHistogram)>) {
    let floats: Vec<(i64, f64)> = into
        .times
        .drain(from..)
        .zip(into.values.drain(from..))
        .collect();
    let mut floats = floats.into_iter().peekable();
    for (time, histogram) in histograms {
        while let Some((at, value)) = floats.next_if(|(at, _)| *at < time) {
            into.push(at, value);
        }
        into.push_histogram(time, Arc::new(histogram));
    }
    floats.for_each(|(time, value)| into.push(time, value));
    into.tell_resets(from);
}

/// Sets the start timestamps of the samples that a column has from an index on.
fn set_starts(into: &mut Column, from: usize, starts: &[(i64, i64)]) {
    into.starts.resize(from, 0);
    let mut starts = starts.iter().peekable();
    for time in &into.times[from..] {
        while starts.next_if(|(at, _)| at < time).is_some() {}
        let start = starts.peek().filter(|(at, _)| at == time);
        into.starts.push(start.map_or(0, |(_, start)| *start));
    }
}

#[cfg(test)]
mod tests;

//! Which streams there are, and how much of each: from metadata, not from lines.

use std::collections::BTreeSet;

use weft_matcher::LabelMatcher;
use weft_model::{Labels, Matcher};

use super::LogDb;
use crate::error::ReadError;
use crate::selection::{Stats, TimeRange};

/// How much there is of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamVolume {
    /// The stream.
    pub stream: Labels,
    /// Its lines in the range.
    pub lines: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl LogDb {
    /// Returns the names of the labels of matching streams, sorted.
    pub fn label_names(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<String>, ReadError> {
        let mut names: BTreeSet<String> = BTreeSet::new();
        self.each_stream(matchers, range, &mut |stream| {
            for (name, _) in stream.iter() {
                if !names.contains(name) {
                    names.insert(name.to_owned());
                }
            }
        })?;
        Ok(names.into_iter().collect())
    }

    /// Returns the values of a label of matching streams, sorted.
    pub fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<String>, ReadError> {
        let mut values: BTreeSet<String> = BTreeSet::new();
        self.each_stream(matchers, range, &mut |stream| {
            let value = stream.get(name);
            if !value.is_empty() && !values.contains(value) {
                values.insert(value.to_owned());
            }
        })?;
        Ok(values.into_iter().collect())
    }

    /// Returns the matching streams that have a block in the range, sorted.
    pub fn series(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<Labels>, ReadError> {
        let mut streams: BTreeSet<Labels> = BTreeSet::new();
        self.each_stream(matchers, range, &mut |stream| {
            if !streams.contains(stream) {
                streams.insert(stream.clone());
            }
        })?;
        Ok(streams.into_iter().collect())
    }

    /// Returns how much there is of the matching streams together.
    pub fn stats(&self, matchers: &[Matcher], range: TimeRange) -> Result<Stats, ReadError> {
        let (totals, stats) = self.totals(matchers, range)?;
        Ok(Stats {
            streams: totals.len() as u64,
            chunks: stats.blocks,
            entries: totals.values().map(|total| total.0).sum(),
            bytes: totals.values().map(|total| total.1).sum(),
        })
    }

    /// Returns how much there is of each matching stream, the largest first.
    pub fn volume(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<StreamVolume>, ReadError> {
        let (totals, _) = self.totals(matchers, range)?;
        let volume = |(stream, (lines, bytes))| StreamVolume {
            stream,
            lines,
            bytes,
        };
        let mut volumes: Vec<StreamVolume> = totals.into_iter().map(volume).collect();
        volumes.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.stream.cmp(&b.stream)));
        Ok(volumes)
    }

    fn each_stream(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        visit: &mut dyn FnMut(&Labels),
    ) -> Result<(), ReadError> {
        let matchers = LabelMatcher::compile_all(matchers)?;
        self.view(range).each_stream(&matchers, visit);
        Ok(())
    }
}

//! The roll-ups of a part while it is written: frames of as many series as those of label sets.
//!
//! In: the samples of each series in turn. Out: frames, noted in the meta tables. Bound: the
//! buckets of one series, and a frame for each resolution.

use weft_codec::int;
use weft_codec::varint::put_uvarint;

use super::frame::Packing;
use super::meta::{RollupEntry, SERIES_PER_FRAME};
use super::output::Output;
use super::rollup::{ROLLUP_RESOLUTIONS, RollupBuilder, encode};
use crate::error::WriteError;
use crate::run::SeriesRun;

/// Roll-ups being gathered.
pub(super) struct RollupWriter {
    day: i64,
    levels: Vec<Level>,
    /// Whether a series was begun.
    is_open: bool,
    has_histograms: bool,
}

/// Those of one resolution.
struct Level {
    entry: RollupEntry,
    series: RollupBuilder,
    /// The bytes of each series that is not in a frame.
    lens: Vec<i64>,
    content: Vec<u8>,
}

impl RollupWriter {
    pub(super) fn new(day: i64) -> RollupWriter {
        let level = |resolution| Level {
            entry: RollupEntry {
                resolution,
                frames: Vec::new(),
            },
            series: RollupBuilder::default(),
            lens: Vec::new(),
            content: Vec::new(),
        };
        RollupWriter {
            day,
            levels: ROLLUP_RESOLUTIONS.into_iter().map(level).collect(),
            is_open: false,
            has_histograms: false,
        }
    }

    /// Begins the next series.
    pub(super) fn begin(&mut self) {
        self.end();
        self.is_open = true;
    }

    /// Adds samples of the series that was begun last.
    pub(super) fn add(&mut self, run: &SeriesRun) {
        self.has_histograms |= !run.histograms.is_empty();
        for level in &mut self.levels {
            let resolution = level.entry.resolution;
            level.series.add(resolution, run);
        }
    }

    /// Packs the series that was begun last.
    fn end(&mut self) {
        if !std::mem::take(&mut self.is_open) {
            return;
        }
        let has_histograms = std::mem::take(&mut self.has_histograms);
        for level in &mut self.levels {
            let buckets = std::mem::take(&mut level.series).finish();
            let buckets = (!has_histograms).then_some(buckets.as_slice());
            let from = level.content.len();
            encode(
                buckets,
                level.entry.resolution,
                self.day,
                &mut level.content,
            );
            level.lens.push((level.content.len() - from) as i64);
        }
    }

    /// Writes the frames that are full; to be called for each series.
    pub(super) fn write_full(
        &mut self,
        output: &mut Output<'_>,
        packing: Packing,
    ) -> Result<(), WriteError> {
        let is_full = |level: &&mut Level| level.lens.len() >= SERIES_PER_FRAME;
        let mut levels = self.levels.iter_mut().filter(is_full);
        levels.try_for_each(|level| level.write(output, packing))
    }

    /// Writes what is left, and returns where all of it is.
    pub(super) fn finish(
        mut self,
        output: &mut Output<'_>,
        packing: Packing,
    ) -> Result<Vec<RollupEntry>, WriteError> {
        self.end();
        let mut entries = Vec::new();
        for mut level in self.levels {
            if !level.lens.is_empty() {
                level.write(output, packing)?;
            }
            entries.push(level.entry);
        }
        Ok(entries)
    }
}

impl Level {
    fn write(&mut self, output: &mut Output<'_>, packing: Packing) -> Result<(), WriteError> {
        let mut content = Vec::with_capacity(self.content.len() + 2 * self.lens.len() + 16);
        put_uvarint(&mut content, self.lens.len() as u64);
        int::encode(&self.lens, &mut content);
        content.append(&mut self.content);
        self.lens.clear();
        self.entry.frames.push(output.frame(&content, packing)?);
        Ok(())
    }
}

//! Writes a part: series in order, their samples as they come, the index at the end.
//!
//! In: for each series its labels and runs of samples, ascending. Out: a durable file under an
//! unfinished name, and what it says about itself. Bound: one page for each window and one run of
//! columns; of the index about 45 bytes a series and the text of the pairs.

use std::collections::BTreeMap;
use std::path::Path;

use hashbrown::HashMap;
use weft_codec::varint::put_uvarint;
use weft_codec::{float, int};
use weft_disk::Disk;
use weft_model::Exemplar;
use xxhash_rust::xxh3::xxh3_128;

use super::dictionary::Dictionary;
use super::exemplars::ExemplarWriter;
use super::frame::Packing;
use super::histograms;
use super::index_writer::{SeriesTable, write_index};
use super::meta::{Identity, Meta, PageEntry, Sketch, TimesEntry};
use super::output::Output;
use super::page::PageBuilder;
use super::rollup_writer::RollupWriter;
use crate::config::DAY_MILLIS;
use crate::error::WriteError;
use crate::run::{Run, SeriesRun};

/// Blocks do not reach beyond one window of the day, so that series scraped together share the
/// times of their blocks even when one begins or pauses elsewhere.
pub(crate) const WINDOW_MILLIS: i64 = 2 * 3_600_000;

/// The samples of a block.
pub(crate) const BLOCK_MAX: usize = 1024;

/// The histograms of a block.
const HISTOGRAM_BLOCK_MAX: usize = 64;

/// The plain bytes of values at which the pages of a group of series are closed, for each page,
/// and at which a run of columns is.
const PAGE_BYTES: usize = 64 * 1024;

/// The series at which they are closed.
const PAGE_SERIES: usize = 4096;

/// How many time columns are remembered; beyond it they are written again.
const COLUMNS_MAX: usize = 1 << 20;

/// In a block's head: the window of the day.
pub(crate) const WINDOW: u8 = 0x0f;

/// In a block's head, beside the window: start timestamps follow the values.
pub(crate) const STARTED_BLOCK: u8 = 0x20;

/// In a block's head, beside the window: histograms instead of floats.
pub(crate) const HISTOGRAM_BLOCK: u8 = 0x10;

/// A part being written.
pub(crate) struct PartWriter<'a> {
    output: Output<'a>,
    packing: Packing,
    meta: Meta,
    pub(crate) dictionary: Dictionary,
    table: SeriesTable,
    columns: Columns,
    group: PageGroup,
    rollups: Option<RollupWriter>,
    exemplars: ExemplarWriter,
    scratch: Scratch,
}

#[derive(Default)]
struct Columns {
    known: HashMap<u128, u32>,
    last: Option<(Vec<i64>, u32)>,
    /// Columns not yet in a frame.
    content: Vec<u8>,
    first: u32,
}

/// A run of series, and for each window in which they have samples a page.
#[derive(Default)]
struct PageGroup {
    first_series: u32,
    last_series: u32,
    pages: BTreeMap<u8, PageBuilder>,
}

impl PageGroup {
    fn is_full(&self) -> bool {
        let bytes: usize = self.pages.values().map(PageBuilder::bytes).sum();
        bytes >= PAGE_BYTES * self.pages.len() || self.series() >= PAGE_SERIES
    }

    fn series(&self) -> usize {
        (self.last_series - self.first_series) as usize + 1
    }
}

#[derive(Default)]
struct Scratch {
    bytes: Vec<u8>,
    integers: Vec<i64>,
}

/// A part whose content is durable but which has no name yet.
pub(crate) struct Written {
    pub(crate) meta: Meta,
    pub(crate) bytes: u64,
}

impl<'a> PartWriter<'a> {
    pub(crate) fn create(
        disk: &'a dyn Disk,
        path: &Path,
        identity: Identity,
        packing: Packing,
    ) -> Result<PartWriter<'a>, WriteError> {
        Ok(PartWriter {
            output: Output::create(disk, path)?,
            packing,
            meta: Meta {
                identity,
                ..Meta::default()
            },
            dictionary: Dictionary::default(),
            table: SeriesTable::default(),
            columns: Columns::default(),
            group: PageGroup::default(),
            rollups: None,
            exemplars: ExemplarWriter::default(),
            scratch: Scratch::default(),
        })
    }

    /// Adds roll-ups of all series.
    pub(crate) fn roll_up(&mut self) {
        self.rollups = Some(RollupWriter::new(self.meta.identity.day));
    }

    /// Makes room for series that are to come.
    pub(crate) fn reserve(&mut self, series: usize) {
        self.table.reserve(series);
    }

    /// Begins a series, in the order of metric names, then label sets. The pairs are ids of
    /// [`PartWriter::dictionary`], in order of their names.
    pub(crate) fn begin(&mut self, pairs: impl Iterator<Item = u32>) -> Result<(), WriteError> {
        self.table.push(pairs);
        if let Some(rollups) = &mut self.rollups {
            rollups.begin();
            rollups.write_full(&mut self.output, self.packing)?;
        }
        Ok(())
    }

    /// Adds exemplars to the series that was begun last, ascending by time, then labels.
    pub(crate) fn add_exemplars(&mut self, exemplars: &[Exemplar]) -> Result<(), WriteError> {
        let series = self.table.len() - 1;
        self.exemplars.add(series, exemplars, &mut self.output)
    }

    /// Adds samples to the series that was begun last; runs of one series ascend.
    pub(crate) fn add(&mut self, run: &SeriesRun) -> Result<(), WriteError> {
        if let Some(rollups) = &mut self.rollups {
            rollups.add(run);
        }
        let day = self.meta.identity.day * DAY_MILLIS;
        let window = |time: i64| time.saturating_sub(day).div_euclid(WINDOW_MILLIS);
        let floats = &run.floats;
        let mut from = 0;
        while from < floats.len() {
            let number = window(floats.times[from]);
            let rest = &floats.times[from..floats.len().min(from + BLOCK_MAX)];
            let to = from + rest.partition_point(|time| window(*time) == number);
            let starts = run.starts_of(&floats.times[from..to]);
            self.float_block(number, floats, from..to, starts)?;
            from = to;
        }
        let mut rest = run.histograms.as_slice();
        while let Some((first, _)) = rest.first() {
            let number = window(*first);
            let most = &rest[..rest.len().min(HISTOGRAM_BLOCK_MAX)];
            let len = most.partition_point(|(time, _)| window(*time) == number);
            let times: Vec<i64> = rest[..len].iter().map(|(time, _)| *time).collect();
            let starts = run.starts_of(&times);
            self.histogram_block(number, &rest[..len], &times, starts)?;
            rest = &rest[len..];
        }
        Ok(())
    }

    fn float_block(
        &mut self,
        window: i64,
        run: &Run,
        range: std::ops::Range<usize>,
        starts: Option<Vec<i64>>,
    ) -> Result<(), WriteError> {
        let (times, values) = (&run.times[range.clone()], &run.values[range]);
        let column = self.column(times)?;
        self.scratch.bytes.clear();
        float::encode_with(values, &mut self.scratch.bytes, &mut self.scratch.integers);
        let head = window as u8 | self.put_starts(starts);
        self.block(head, column, times).add_values(values);
        self.close_full_pages()
    }

    fn histogram_block(
        &mut self,
        window: i64,
        run: &[(i64, weft_model::FloatHistogram)],
        times: &[i64],
        starts: Option<Vec<i64>>,
    ) -> Result<(), WriteError> {
        let column = self.column(times)?;
        self.scratch.bytes.clear();
        histograms::encode(
            run.iter().map(|(_, histogram)| histogram),
            &mut self.scratch.bytes,
        );
        self.meta.histograms += run.len() as u64;
        let head = window as u8 | HISTOGRAM_BLOCK | self.put_starts(starts);
        self.block(head, column, times);
        self.close_full_pages()
    }

    /// Adds start timestamps to the values of a block; returns what its head says of them.
    fn put_starts(&mut self, starts: Option<Vec<i64>>) -> u8 {
        starts.map_or(0, |starts| {
            int::encode(&starts, &mut self.scratch.bytes);
            STARTED_BLOCK
        })
    }

    /// Adds a block of the present series, whose values are in the scratch bytes, to the page of
    /// its window. Returns the page's sketch.
    fn block(&mut self, head: u8, column: u32, times: &[i64]) -> &mut Sketch {
        let group = &mut self.group;
        let series = self.table.len() - 1;
        if group.pages.is_empty() {
            group.first_series = series;
        }
        group.last_series = series;
        let page = group.pages.entry(head & WINDOW).or_default();
        let at = (series - group.first_series) as usize;
        page.push(at, head, column, &self.scratch.bytes);
        page.sketch.add_times(times);
        &mut page.sketch
    }

    fn close_full_pages(&mut self) -> Result<(), WriteError> {
        if self.group.is_full() {
            self.close_pages()?;
        }
        Ok(())
    }

    fn close_pages(&mut self) -> Result<(), WriteError> {
        let group = std::mem::take(&mut self.group);
        let series = group.series();
        for mut page in group.pages.into_values() {
            let frame = self.output.frame(&page.encode(series), self.packing)?;
            self.meta.pages.push(PageEntry {
                series: (group.first_series, group.last_series),
                sketch: page.sketch,
                frame,
            });
        }
        Ok(())
    }

    /// Returns the number of a time column, which is written if it is new.
    fn column(&mut self, times: &[i64]) -> Result<u32, WriteError> {
        if let Some((known, number)) = &self.columns.last
            && known == times
        {
            return Ok(*number);
        }
        self.scratch.bytes.clear();
        put_uvarint(&mut self.scratch.bytes, times.len() as u64);
        int::encode(times, &mut self.scratch.bytes);
        let hash = xxh3_128(&self.scratch.bytes);
        let number = match self.columns.known.get(&hash) {
            Some(known) => *known,
            None => self.new_column(hash)?,
        };
        self.columns.last = Some((times.to_vec(), number));
        Ok(number)
    }

    fn new_column(&mut self, hash: u128) -> Result<u32, WriteError> {
        let number = self.meta.columns;
        self.meta.columns += 1;
        if self.columns.known.len() >= COLUMNS_MAX {
            self.columns.known.clear();
        }
        self.columns.known.insert(hash, number);
        self.columns.content.extend_from_slice(&self.scratch.bytes);
        if self.columns.content.len() >= PAGE_BYTES {
            self.close_columns()?;
        }
        Ok(number)
    }

    fn close_columns(&mut self) -> Result<(), WriteError> {
        if self.columns.content.is_empty() {
            return Ok(());
        }
        let content = std::mem::take(&mut self.columns.content);
        let frame = self.output.frame(&content, self.packing)?;
        let first_column = std::mem::replace(&mut self.columns.first, self.meta.columns);
        self.meta.times.push(TimesEntry {
            first_column,
            frame,
        });
        Ok(())
    }

    /// Writes the index and makes everything durable, under an unfinished name.
    pub(crate) fn finish(mut self) -> Result<Written, WriteError> {
        match self.write_rest() {
            Ok(()) => {}
            Err(e) => {
                self.output.discard();
                return Err(e);
            }
        }
        let bytes = self.output.finish(&self.meta.encode())?;
        self.meta.sum_up();
        Ok(Written {
            meta: self.meta,
            bytes,
        })
    }

    fn write_rest(&mut self) -> Result<(), WriteError> {
        self.close_pages()?;
        self.close_columns()?;
        if let Some(rollups) = self.rollups.take() {
            self.meta.rollups = rollups.finish(&mut self.output, self.packing)?;
        }
        let exemplars = std::mem::take(&mut self.exemplars);
        self.meta.exemplars = exemplars.finish(&mut self.output)?;
        let dictionary = std::mem::take(&mut self.dictionary);
        let table = std::mem::take(&mut self.table);
        write_index(
            &mut self.output,
            &mut self.meta,
            dictionary,
            table,
            self.packing,
        )
    }

    /// Gives the part up.
    pub(crate) fn discard(self) {
        self.output.discard();
    }

    /// Returns how many series were begun.
    pub(crate) fn series(&self) -> u32 {
        self.table.len()
    }
}

/// Returns the day that a time lies in.
pub(crate) fn day_of(time: i64) -> i64 {
    time.div_euclid(DAY_MILLIS)
}

/// Returns the day that all of a run lies in, if it is one.
pub(crate) fn only_day(run: &SeriesRun) -> Option<i64> {
    let first = [
        run.floats.times.first(),
        run.histograms.first().map(|(time, _)| time),
    ];
    let last = [
        run.floats.times.last(),
        run.histograms.last().map(|(time, _)| time),
    ];
    let first = first.into_iter().flatten().min()?;
    let last = last.into_iter().flatten().max()?;
    (day_of(*first) == day_of(*last)).then(|| day_of(*first))
}

/// Splits a run by days, ascending.
pub(crate) fn by_day(run: &SeriesRun) -> BTreeMap<i64, SeriesRun> {
    let mut days: BTreeMap<i64, SeriesRun> = BTreeMap::new();
    for (time, value) in run.floats.times.iter().zip(&run.floats.values) {
        days.entry(day_of(*time))
            .or_default()
            .floats
            .push(*time, *value);
    }
    for (time, histogram) in &run.histograms {
        let day = days.entry(day_of(*time)).or_default();
        day.histograms.push((*time, histogram.clone()));
    }
    for (time, start) in &run.starts {
        let day = days.entry(day_of(*time)).or_default();
        day.starts.push((*time, *start));
    }
    days
}

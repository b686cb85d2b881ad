//! What a part has of a series: its samples in a stretch of time, or the newest one.
//!
//! In: the number of a series, times. Out: runs of samples. A reader that goes through series in
//! order finds page and times in the frames it used last.

use std::sync::Arc;

use super::decoded::Times;
use super::meta::{PageEntry, SERIES_PER_FRAME};
use super::page::{Block, Page};
use super::reader::{Part, Recent, recent};
use super::rollup::{Rollup, RollupFrame};
use super::version_one;
use super::writer::{HISTOGRAM_BLOCK, STARTED_BLOCK, WINDOW, WINDOW_MILLIS};
use crate::config::DAY_MILLIS;
use crate::error::{Malformed, PartError};
use crate::run::SeriesRun;

/// The frames of samples used last.
#[derive(Default)]
pub(super) struct RecentSamples {
    /// By window of the day.
    pages: Vec<Option<(u64, Arc<Page>)>>,
    /// Where the pages of the series asked for last begin.
    first_page: usize,
    /// With the place of the frame among those of times.
    times: Option<(usize, Arc<Times>)>,
    rollups: Option<(u64, Arc<RollupFrame>)>,
    scratch: (Vec<f64>, Vec<i64>),
}

/// The newest sample of a series.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Newest {
    /// There is none.
    #[default]
    None,
    /// A float, with its time in milliseconds.
    Float(i64, f64),
    /// A float that may have a start timestamp, with its time in milliseconds.
    Started(i64, f64),
    /// A histogram, with its time in milliseconds.
    Histogram(i64),
}

impl Newest {
    /// Returns the time of the sample.
    pub fn time(self) -> Option<i64> {
        match self {
            Newest::None => None,
            Newest::Float(time, _) | Newest::Started(time, _) | Newest::Histogram(time) => {
                Some(time)
            }
        }
    }

    /// Returns time and value if it is a float.
    pub fn float(self) -> Option<(i64, f64)> {
        match self {
            Newest::Float(time, value) | Newest::Started(time, value) => Some((time, value)),
            Newest::None | Newest::Histogram(_) => None,
        }
    }
}

impl Part {
    /// Returns the pages that have a place for a series, in order of writing.
    fn pages(&self, series: u32, used: &mut RecentSamples) -> &[PageEntry] {
        let pages = &self.meta.pages;
        let begins = |at: usize| {
            let after = at
                .checked_sub(1)
                .is_none_or(|before| pages[before].series.1 < series);
            after && pages.get(at).is_some_and(|page| page.series.1 >= series)
        };
        if !begins(used.first_page) {
            used.first_page = pages.partition_point(|page| page.series.1 < series);
        }
        let rest = &pages[used.first_page..];
        let count = rest.iter().take_while(|page| page.series.0 <= series);
        &rest[..count.count()]
    }

    /// Returns how many pages a series has for itself: it is large if there are many.
    pub(crate) fn pages_of(&self, series: u32) -> usize {
        let pages = self.pages(series, &mut RecentSamples::default());
        let alone = |page: &&PageEntry| page.series == (series, series);
        pages.iter().filter(alone).count()
    }

    fn page<'a>(
        &self,
        entry: &PageEntry,
        pages: &'a mut Vec<Option<(u64, Arc<Page>)>>,
    ) -> Result<&'a Page, PartError> {
        let window = (entry.sketch.min_time.rem_euclid(DAY_MILLIS) / WINDOW_MILLIS) as usize;
        if pages.len() <= window {
            pages.resize_with(window + 1, || None);
        }
        let decode = |content| {
            if self.is_version_one() {
                version_one::page(content)
            } else {
                Page::decode(content)
            }
        };
        let get = || self.frame(entry.frame, decode);
        recent(&mut pages[window], entry.frame.offset, get)
    }

    /// Returns when a block's window begins.
    fn window_start(&self, block: &Block<'_>) -> i64 {
        let day = self.meta.identity.day.saturating_mul(DAY_MILLIS);
        day.saturating_add(i64::from(block.head & WINDOW) * WINDOW_MILLIS)
    }

    /// Appends what a series has from `start` to `end`; what `out` has lies before.
    pub(crate) fn read(
        &self,
        series: u32,
        start: i64,
        end: i64,
        out: &mut SeriesRun,
        used: &mut Recent,
    ) -> Result<(), PartError> {
        let used = &mut used.samples;
        for entry in self.pages(series, used) {
            if entry.sketch.min_time > end || entry.sketch.max_time < start {
                continue;
            }
            let RecentSamples {
                pages,
                times,
                scratch,
                ..
            } = used;
            let blocks = self
                .page(entry, pages)?
                .get((series - entry.series.0) as usize)
                .ok_or_else(|| self.fault(Malformed("a series is not in its page")))?;
            for block in blocks {
                self.read_block(&block, (start, end), out, times, &mut scratch.1)?;
            }
        }
        Ok(())
    }

    fn read_block(
        &self,
        block: &Block<'_>,
        (start, end): (i64, i64),
        out: &mut SeriesRun,
        times: &mut Option<(usize, Arc<Times>)>,
        scratch: &mut Vec<i64>,
    ) -> Result<(), PartError> {
        let from = self.window_start(block);
        if from > end || from.saturating_add(WINDOW_MILLIS) <= start {
            return Ok(());
        }
        let times = self.times(block.column, times)?;
        let before = out.floats.times.last();
        let fits = times
            .first()
            .zip(before)
            .is_none_or(|(first, last)| last < first);
        let read = if block.head & HISTOGRAM_BLOCK != 0 {
            block.histograms(times, start, end, out)
        } else if fits {
            block.floats(times, start, end, out, scratch)
        } else {
            Err(Malformed("times do not ascend"))
        };
        read.map_err(|e| self.fault(e))
    }

    /// Returns the newest sample of a series from `start` to `end`; only its block is decoded.
    pub(crate) fn newest(
        &self,
        series: u32,
        start: i64,
        end: i64,
        used: &mut Recent,
    ) -> Result<Newest, PartError> {
        let mut newest = Newest::None;
        let used = &mut used.samples;
        for entry in self.pages(series, used).iter().rev() {
            let known = newest.time().unwrap_or(i64::MIN).max(start);
            if entry.sketch.min_time > end || entry.sketch.max_time < known {
                continue;
            }
            let RecentSamples {
                pages,
                times,
                scratch,
                ..
            } = used;
            let blocks = self
                .page(entry, pages)?
                .get((series - entry.series.0) as usize)
                .ok_or_else(|| self.fault(Malformed("a series is not in its page")))?;
            for block in blocks.rev() {
                let known = newest.time().unwrap_or(i64::MIN).max(start);
                let window = self.window_start(&block);
                if window > end || window.saturating_add(WINDOW_MILLIS) <= known {
                    continue;
                }
                let times = self.times(block.column, times)?;
                let before = times.partition_point(|time| *time <= end);
                let Some(at) = before.checked_sub(1).filter(|at| times[*at] >= known) else {
                    continue;
                };
                if block.head & HISTOGRAM_BLOCK != 0 {
                    newest = Newest::Histogram(times[at]);
                } else if newest.time().is_none_or(|known| known < times[at]) {
                    let value = block.float_at(at, times.len(), scratch);
                    let value = value.map_err(|e| self.fault(e))?;
                    newest = if block.head & STARTED_BLOCK == 0 {
                        Newest::Float(times[at], value)
                    } else {
                        Newest::Started(times[at], value)
                    };
                }
            }
        }
        Ok(newest)
    }

    /// Returns the buckets of a series, if the part has them in this resolution.
    pub(crate) fn rollups(
        &self,
        series: u32,
        resolution: i64,
        used: &mut Recent,
    ) -> Result<Option<Vec<Rollup>>, PartError> {
        let mut entries = self.meta.rollups.iter();
        let entry = entries.find(|entry| entry.resolution == resolution);
        let at = series as usize;
        let frame = entry.and_then(|entry| entry.frames.get(at / SERIES_PER_FRAME));
        let Some(frame) = frame else {
            return Ok(None);
        };
        let get = || self.frame(*frame, RollupFrame::decode);
        let rollups = recent(&mut used.samples.rollups, frame.offset, get)?;
        let day = self.meta.identity.day;
        let found = rollups.get(at % SERIES_PER_FRAME, resolution, day);
        found.map_err(|e| self.fault(e))
    }

    /// Returns a time column.
    fn times<'a>(
        &self,
        column: u32,
        used: &'a mut Option<(usize, Arc<Times>)>,
    ) -> Result<&'a [i64], PartError> {
        let outside = || self.fault(Malformed("a time column lies outside"));
        let all = &self.meta.times;
        let is_in = |at: usize| {
            all[at].first_column <= column
                && all
                    .get(at + 1)
                    .is_none_or(|next| column < next.first_column)
        };
        let fresh = match used.take() {
            Some((at, times)) if is_in(at) => (at, times),
            _ => {
                let after = all.partition_point(|times| times.first_column <= column);
                let at = after.checked_sub(1).ok_or_else(outside)?;
                let decode = |content: Vec<u8>| Times::decode(&content);
                (at, self.frame(all[at].frame, decode)?)
            }
        };
        let (at, times) = used.insert(fresh);
        times
            .get((column - all[*at].first_column) as usize)
            .ok_or_else(outside)
    }
}

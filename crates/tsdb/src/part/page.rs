//! Pages: the blocks of a run of series that lie in one window of the day.
//!
//! In: blocks, series by series. Out: a frame in which what is said of each block is a column over
//! all blocks, and their values follow. Read, it gives the blocks of a series without going
//! through those of others. Bound: the writer closes a page by its bytes.

use weft_codec::varint::{put_uvarint, take_len};
use weft_codec::{COUNT_MAX, float, int};

use super::histograms;
use super::meta::Sketch;
use super::writer::STARTED_BLOCK;
use crate::cache::Weigh;
use crate::error::Malformed;
use crate::run::SeriesRun;

const OUTSIDE: Malformed = Malformed("a run lies outside");

/// A page being gathered.
#[derive(Default)]
pub(crate) struct PageBuilder {
    /// How many blocks each series has.
    counts: Vec<i64>,
    heads: Vec<i64>,
    columns: Vec<i64>,
    lens: Vec<i64>,
    values: Vec<u8>,
    pub(crate) sketch: Sketch,
}

impl PageBuilder {
    /// Adds a block of the series at this place; series ascend.
    pub(crate) fn push(&mut self, at: usize, head: u8, column: u32, values: &[u8]) {
        self.counts.resize(at + 1, 0);
        self.counts[at] += 1;
        self.heads.push(i64::from(head));
        self.columns.push(i64::from(column));
        self.lens.push(values.len() as i64);
        self.values.extend_from_slice(values);
    }

    /// Returns the bytes of the values so far.
    pub(crate) fn bytes(&self) -> usize {
        self.values.len()
    }

    /// Returns the frame's content, for so many series.
    pub(crate) fn encode(&mut self, series: usize) -> Vec<u8> {
        self.counts.resize(series, 0);
        let mut content = Vec::with_capacity(self.values.len() + 4 * self.heads.len() + 32);
        put_uvarint(&mut content, series as u64);
        int::encode(&self.counts, &mut content);
        for column in [&self.heads, &self.columns, &self.lens] {
            int::encode(column, &mut content);
        }
        content.extend_from_slice(&self.values);
        content
    }
}

/// A page, its tables decoded, its values still packed.
pub(crate) struct Page {
    /// Where the blocks of each series begin among all, and where the last ones end.
    firsts: Vec<u32>,
    heads: Vec<u8>,
    columns: Vec<u32>,
    /// Where the values of each block begin in `content`, and where the last ones end.
    bounds: Vec<u32>,
    content: Vec<u8>,
}

impl Page {
    pub(crate) fn decode(content: Vec<u8>) -> Result<Page, Malformed> {
        let bytes = &mut content.as_slice();
        let series = take_len(bytes, COUNT_MAX)?;
        let mut column = Vec::new();
        int::decode(bytes, series, &mut column)?;
        let firsts = bounds_of(&column, 0, COUNT_MAX)?;
        let blocks = firsts.last().map_or(0, |last| *last as usize);
        let mut next = |column: &mut Vec<i64>| {
            column.clear();
            int::decode(bytes, blocks, column)
        };
        next(&mut column)?;
        let heads = all_fit(&column)?;
        next(&mut column)?;
        let columns = all_fit(&column)?;
        next(&mut column)?;
        let bounds = bounds_of(&column, content.len() - bytes.len(), content.len())?;
        Ok(Page {
            firsts,
            heads,
            columns,
            bounds,
            content,
        })
    }

    /// Returns the page of blocks that are known already, given the blocks of each series.
    pub(super) fn from_blocks(content: Vec<u8>, series: &[Vec<PlacedBlock>]) -> Page {
        let mut page = Page {
            firsts: vec![0],
            heads: Vec::new(),
            columns: Vec::new(),
            bounds: vec![0],
            content: Vec::with_capacity(content.len()),
        };
        for blocks in series {
            for block in blocks {
                page.heads.push(block.head);
                page.columns.push(block.column);
                page.content
                    .extend_from_slice(&content[block.values.clone()]);
                page.bounds.push(page.content.len() as u32);
            }
            page.firsts.push(page.heads.len() as u32);
        }
        page
    }

    /// Returns the blocks of the series at this place, or nothing if the page has no such place.
    pub(crate) fn get(&self, at: usize) -> Option<impl DoubleEndedIterator<Item = Block<'_>>> {
        let range = *self.firsts.get(at)?..*self.firsts.get(at + 1)?;
        Some(range.map(|block| self.block(block as usize)))
    }

    fn block(&self, at: usize) -> Block<'_> {
        let values = self.bounds[at] as usize..self.bounds[at + 1] as usize;
        Block {
            head: self.heads[at],
            column: self.columns[at],
            values: &self.content[values],
        }
    }
}

impl Weigh for Page {
    fn weight(&self) -> usize {
        self.content.len() + 4 * self.firsts.len() + 9 * self.heads.len() + 64
    }
}

/// A block by the place of its values.
pub(super) struct PlacedBlock {
    pub(super) head: u8,
    pub(super) column: u32,
    pub(super) values: std::ops::Range<usize>,
}

fn all_fit<T: TryFrom<i64>>(column: &[i64]) -> Result<Vec<T>, Malformed> {
    let fit = |value: &i64| T::try_from(*value).map_err(|_| OUTSIDE);
    column.iter().map(fit).collect()
}

/// Turns lengths into bounds; the first one is where the first run begins.
fn bounds_of(lens: &[i64], start: usize, most: usize) -> Result<Vec<u32>, Malformed> {
    let mut bounds = Vec::with_capacity(lens.len() + 1);
    let mut end = start as u64;
    bounds.push(start as u32);
    for len in lens {
        let next = u64::try_from(*len)
            .ok()
            .and_then(|len| end.checked_add(len));
        end = next.filter(|end| *end <= most as u64).ok_or(OUTSIDE)?;
        bounds.push(end as u32);
    }
    Ok(bounds)
}

/// A block of one series: samples that lie in one window of the day.
pub(crate) struct Block<'a> {
    /// The window, and what kind of samples.
    pub(crate) head: u8,
    pub(crate) column: u32,
    values: &'a [u8],
}

impl Block<'_> {
    /// Appends the floats from `start` to `end`.
    pub(crate) fn floats(
        &self,
        times: &[i64],
        start: i64,
        end: i64,
        out: &mut SeriesRun,
        scratch: &mut Vec<i64>,
    ) -> Result<(), Malformed> {
        let from = times.partition_point(|time| *time < start);
        let to = times.partition_point(|time| *time <= end);
        if from >= to {
            return Ok(());
        }
        let run = &mut out.floats;
        let before = run.values.len();
        let mut bytes = self.values;
        float::decode_with(&mut bytes, times.len(), &mut run.values, scratch)?;
        run.values.truncate(before + to);
        run.values.drain(before..before + from);
        run.times.extend_from_slice(&times[from..to]);
        self.starts(bytes, times, from..to, out)
    }

    /// Appends the start timestamps of some of the block's samples.
    fn starts(
        &self,
        mut bytes: &[u8],
        times: &[i64],
        range: std::ops::Range<usize>,
        out: &mut SeriesRun,
    ) -> Result<(), Malformed> {
        if self.head & STARTED_BLOCK == 0 {
            return Ok(());
        }
        let mut starts = Vec::new();
        int::decode(&mut bytes, times.len(), &mut starts)?;
        let all = times.iter().copied().zip(starts);
        let some = all.skip(range.start).take(range.len());
        out.starts.extend(some.filter(|(_, start)| *start != 0));
        // Blocks of floats and of histograms may take turns, and share what they have at one time.
        out.starts.sort_unstable();
        out.starts.dedup();
        Ok(())
    }

    /// Appends the histograms from `start` to `end`.
    pub(crate) fn histograms(
        &self,
        times: &[i64],
        start: i64,
        end: i64,
        out: &mut SeriesRun,
    ) -> Result<(), Malformed> {
        let mut bytes = self.values;
        let histograms = histograms::decode(&mut bytes, times.len())?;
        let all = times.iter().copied().zip(histograms);
        out.histograms
            .extend(all.filter(|(time, _)| (start..=end).contains(time)));
        if !out.histograms.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(Malformed("times do not ascend"));
        }
        let from = times.partition_point(|time| *time < start);
        let to = times.partition_point(|time| *time <= end);
        self.starts(bytes, times, from..to.max(from), out)
    }

    /// Returns one of the block's floats.
    pub(crate) fn float_at(
        &self,
        at: usize,
        count: usize,
        scratch: &mut (Vec<f64>, Vec<i64>),
    ) -> Result<f64, Malformed> {
        let (values, integers) = scratch;
        values.clear();
        float::decode_with(&mut &*self.values, count, values, integers)?;
        values.get(at).copied().ok_or(OUTSIDE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn blocks_come_back_by_series(
            series in prop::collection::vec(
                prop::collection::vec((any::<u8>(), 0u32..900, prop::collection::vec(any::<u8>(), 0..9)), 0..4),
                1..40,
            ),
        ) {
            let mut builder = PageBuilder::default();
            for (at, blocks) in series.iter().enumerate() {
                for (head, column, values) in blocks {
                    builder.push(at, *head, *column, values);
                }
            }
            let page = Page::decode(builder.encode(series.len())).unwrap();
            for (at, blocks) in series.iter().enumerate() {
                let found: Vec<_> = page.get(at).unwrap()
                    .map(|block| (block.head, block.column, block.values.to_vec()))
                    .collect();
                prop_assert_eq!(&found, blocks);
            }
            prop_assert!(page.get(series.len()).is_none());
        }

        #[test]
        fn hostile_bytes_do_not_panic(content in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(page) = Page::decode(content) {
                for at in 0..100 {
                    page.get(at).into_iter().flatten().for_each(drop);
                }
            }
        }
    }
}

//! Writes the index of a part: names, values, postings, label sets.
//!
//! In: the series in order, with provisional pair ids. Out: frames, noted in the meta tables.

use weft_codec::int;
use weft_codec::varint::{put_run, put_uvarint};

use super::dictionary::{Dictionary, Ordered};
use super::frame::Packing;
use super::label_sets::LabelSets;
use super::meta::{GroupEntry, Meta, NameEntry, SERIES_PER_FRAME};
use super::output::Output;
use crate::error::WriteError;

/// How many pairs share a frame of values at most.
pub(crate) const PAIRS_PER_GROUP: usize = 256;

/// The bytes of postings at which a group is closed.
const GROUP_BYTES: usize = 64 * 1024;

/// The values in one map of a name, and their bytes.
const MAP_VALUES: usize = 1 << 16;
const MAP_BYTES: usize = 16 << 20;

/// The numbers in one column of a postings list.
pub(crate) const POSTINGS_MAX: usize = 1 << 16;

/// How many labels a series mostly has.
const LABELS: usize = 8;

/// The series of a part being written.
#[derive(Default)]
pub(crate) struct SeriesTable {
    /// Where the pairs of a series end.
    ends: Vec<u32>,
    pairs: Vec<u32>,
}

impl SeriesTable {
    /// Makes room for series that are to come, with as many labels as they mostly have.
    pub(crate) fn reserve(&mut self, series: usize) {
        self.ends.reserve_exact(series);
        self.pairs.reserve_exact(series.saturating_mul(LABELS));
    }

    pub(crate) fn push(&mut self, pairs: impl Iterator<Item = u32>) {
        self.pairs.extend(pairs);
        self.ends.push(self.pairs.len() as u32);
    }

    pub(crate) fn len(&self) -> u32 {
        self.ends.len() as u32
    }

    fn pairs_of(&self, series: usize) -> &[u32] {
        let start = series.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.pairs[start as usize..self.ends[series] as usize]
    }
}

pub(crate) fn write_index(
    output: &mut Output<'_>,
    meta: &mut Meta,
    dictionary: Dictionary,
    mut table: SeriesTable,
    packing: Packing,
) -> Result<(), WriteError> {
    let ordered = dictionary.order(table.pairs.iter().copied());
    table
        .pairs
        .iter_mut()
        .for_each(|pair| *pair = ordered.numbers[*pair as usize]);
    meta.series = table.len();
    meta.pairs = ordered.values.len() as u32;
    write_names(output, meta, &ordered)?;
    write_groups(
        output,
        meta,
        &ordered,
        &Lists::of(&table, ordered.values.len()),
    )?;
    write_labels(output, meta, &table, packing)
}

fn write_names(
    output: &mut Output<'_>,
    meta: &mut Meta,
    pairs: &Ordered,
) -> Result<(), WriteError> {
    let mut first_pair = 0;
    for (name, count) in &pairs.names {
        let end = first_pair + *count as usize;
        while first_pair < end {
            let values = one_map(&pairs.values[first_pair..end]);
            let numbered = values
                .iter()
                .enumerate()
                .map(|(i, value)| (&**value, i as u64));
            let map = fst::Map::from_iter(numbered).expect("values are distinct and ascend");
            let frame = output.frame(map.as_fst().as_bytes(), Packing::Plain)?;
            meta.names.push(NameEntry {
                name: name.to_string(),
                first_pair: first_pair as u32,
                pairs: values.len() as u32,
                values: frame,
            });
            first_pair += values.len();
        }
    }
    Ok(())
}

/// Returns the values that go into one map: so many that it stays well within a frame.
fn one_map(values: &[Box<str>]) -> &[Box<str>] {
    let mut bytes = 0;
    let mut fits = |len: usize| {
        bytes += len;
        bytes <= MAP_BYTES
    };
    let lens = values.iter().take(MAP_VALUES).map(|value| value.len());
    let fitting = lens.take_while(|len| fits(*len)).count();
    &values[..fitting.max(1).min(values.len())]
}

/// The series of each pair, one list behind the other.
struct Lists {
    ends: Vec<u32>,
    series: Vec<u32>,
}

impl Lists {
    fn of(table: &SeriesTable, pairs: usize) -> Lists {
        let mut ends = vec![0u32; pairs + 1];
        table
            .pairs
            .iter()
            .for_each(|pair| ends[*pair as usize + 1] += 1);
        for pair in 0..pairs {
            ends[pair + 1] += ends[pair];
        }
        let mut series = vec![0; table.pairs.len()];
        for number in 0..table.ends.len() {
            for pair in table.pairs_of(number) {
                let at = &mut ends[*pair as usize];
                series[*at as usize] = number as u32;
                *at += 1;
            }
        }
        // Each place has moved to where the next list begins: to its own list's end.
        ends.pop();
        Lists { ends, series }
    }

    fn get(&self, pair: usize) -> &[u32] {
        let start = pair.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.series[start as usize..self.ends[pair] as usize]
    }
}

fn write_groups(
    output: &mut Output<'_>,
    meta: &mut Meta,
    pairs: &Ordered,
    lists: &Lists,
) -> Result<(), WriteError> {
    let mut group = Group::default();
    for (pair, value) in pairs.values.iter().enumerate() {
        group.push(value, lists.get(pair));
        let full = group.counts.len() == PAIRS_PER_GROUP || group.postings.len() >= GROUP_BYTES;
        if full || pair + 1 == pairs.values.len() {
            let first_pair = (pair + 1 - group.counts.len()) as u32;
            let entry = std::mem::take(&mut group).write(output, first_pair)?;
            meta.groups.push(entry);
        }
    }
    Ok(())
}

/// A run of pairs being gathered.
#[derive(Default)]
struct Group {
    last: String,
    values: Vec<u8>,
    /// How many series have each pair.
    counts: Vec<i64>,
    /// The bytes of each pair's postings.
    lens: Vec<i64>,
    postings: Vec<u8>,
}

impl Group {
    /// Adds a pair: of its value what differs from the one before, and its series as differences.
    fn push(&mut self, value: &str, series: &[u32]) {
        let shared = self
            .last
            .bytes()
            .zip(value.bytes())
            .take_while(|(a, b)| a == b)
            .count();
        let shared = value.floor_char_boundary(shared);
        put_uvarint(&mut self.values, shared as u64);
        put_run(&mut self.values, &value.as_bytes()[shared..]);
        value.clone_into(&mut self.last);
        let from = self.postings.len();
        let mut numbers = Vec::new();
        for run in series.chunks(POSTINGS_MAX) {
            numbers.clear();
            numbers.extend(run.iter().map(|series| i64::from(*series)));
            int::encode(&numbers, &mut self.postings);
        }
        self.counts.push(series.len() as i64);
        self.lens.push((self.postings.len() - from) as i64);
    }

    fn write(self, output: &mut Output<'_>, first_pair: u32) -> Result<GroupEntry, WriteError> {
        let mut content = Vec::with_capacity(self.values.len() + 8);
        put_uvarint(&mut content, self.counts.len() as u64);
        content.extend_from_slice(&self.values);
        let values = output.frame(&content, Packing::Dense)?;
        content.clear();
        put_uvarint(&mut content, self.counts.len() as u64);
        int::encode(&self.counts, &mut content);
        int::encode(&self.lens, &mut content);
        content.extend_from_slice(&self.postings);
        let postings = output.frame(&content, Packing::Plain)?;
        Ok(GroupEntry {
            first_pair,
            values,
            postings,
        })
    }
}

fn write_labels(
    output: &mut Output<'_>,
    meta: &mut Meta,
    table: &SeriesTable,
    packing: Packing,
) -> Result<(), WriteError> {
    let series = table.ends.len();
    let mut content = Vec::new();
    for first in (0..series).step_by(SERIES_PER_FRAME) {
        let last = series.min(first + SERIES_PER_FRAME);
        let sets: Vec<&[u32]> = (first..last).map(|number| table.pairs_of(number)).collect();
        content.clear();
        LabelSets::encode(&sets, &mut content);
        meta.labels.push(output.frame(&content, packing)?);
    }
    Ok(())
}

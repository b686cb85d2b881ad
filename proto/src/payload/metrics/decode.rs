//! Decodes a metrics payload.
//!
//! In: a payload and the dictionaries of its session. Out: the ticks, as three flat columns.
//! Bound: [`SAMPLES_MAX`] codes; what contradicts the dictionary is refused.

use std::collections::HashMap;

use weft_codec::varint::{take_len, take_run, take_uvarint, take_varint};
use weft_model::Millis;

use super::super::bits::BitReader;
use super::super::code::CodeReader;
use super::super::dictionaries::{DictLookup, SeriesTable};
use super::super::reference::Reference;
use super::super::{PayloadError, SAMPLES_MAX, frame};

/// What a payload needs to be decoded; told without decompressing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricsNeeds {
    /// The dictionary's epoch.
    pub epoch: u32,
    /// How many series the dictionary must define.
    pub series: u32,
}

/// Decoded samples: for every tick a run of the two long columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// The epoch that gave the series their numbers.
    pub numbering: u32,
    ticks: Vec<Run>,
    series: Vec<u32>,
    values: Vec<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Run {
    time: Millis,
    target: u32,
    end: usize,
}

/// The values of one target at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tick<'a> {
    /// When they were measured.
    pub time: Millis,
    /// Where they were measured.
    pub target: u32,
    /// The numbers of the series, ascending.
    pub series: &'a [u32],
    /// One value for each of `series`.
    pub values: &'a [f64],
}

impl Samples {
    /// Returns the ticks in the order in which they were pushed.
    pub fn ticks(&self) -> impl Iterator<Item = Tick<'_>> {
        let mut start = 0;
        self.ticks.iter().map(move |run| {
            let range = start..run.end;
            start = run.end;
            Tick {
                time: run.time,
                target: run.target,
                series: &self.series[range.clone()],
                values: &self.values[range],
            }
        })
    }

    /// Returns how many samples there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

/// Returns what a payload of the encoding `ENCODING_METRICS_V1` needs.
pub fn metrics_needs(payload: &[u8]) -> Result<MetricsNeeds, PayloadError> {
    take_needs(&mut &*payload)
}

fn take_needs(payload: &mut &[u8]) -> Result<MetricsNeeds, PayloadError> {
    frame::take_version(payload)?;
    let mut number = || {
        let number = take_uvarint(payload)?;
        u32::try_from(number).map_err(|_| PayloadError::Malformed("a number over 32 bits"))
    };
    Ok(MetricsNeeds {
        epoch: number()?,
        series: number()?,
    })
}

/// Decodes a payload of the encoding `ENCODING_METRICS_V1`.
pub fn decode_metrics(
    payload: &[u8],
    dictionaries: &impl DictLookup,
) -> Result<Samples, PayloadError> {
    let mut payload = payload;
    let MetricsNeeds { epoch, series } = take_needs(&mut payload)?;
    let table = dictionaries
        .table(epoch)
        .filter(|table| table.len() >= series);
    let table = table.ok_or(PayloadError::NeedDict { epoch, series })?;
    let bytes = frame::expand(take_run(&mut payload)?)?;
    let mut columns = bytes.as_slice();
    let entries = read_entries(&mut columns, table, series)?;
    let extras = take_run(&mut columns)?;
    let mut decoder = Decoder {
        reader: CodeReader {
            extras,
            bits: BitReader::new(payload),
        },
        samples: Samples {
            numbering: table.numbering(),
            ..Samples::default()
        },
    };
    decoder.run(table, entries, columns)?;
    Ok(decoder.samples)
}

struct Entry<'a> {
    target: u32,
    time: Millis,
    series: &'a [u32],
}

fn read_entries<'a>(
    columns: &mut &[u8],
    table: &'a SeriesTable,
    series: u32,
) -> Result<Vec<Entry<'a>>, PayloadError> {
    let count = take_len(columns, columns.len())?;
    let mut entries = Vec::new();
    let mut time = 0i64;
    for _ in 0..count {
        let target = take_uvarint(columns)?;
        let target = u32::try_from(target).map_err(|_| PayloadError::Malformed("no target"))?;
        time = time.wrapping_add(take_varint(columns)?);
        let known = table.target(target);
        let known = &known[..known.partition_point(|number| *number < series)];
        let later = take_len(columns, known.len())?;
        entries.push(Entry {
            target,
            time: Millis(time),
            series: &known[..known.len() - later],
        });
    }
    Ok(entries)
}

struct Decoder<'a> {
    reader: CodeReader<'a>,
    samples: Samples,
}

impl Decoder<'_> {
    fn run(
        &mut self,
        table: &SeriesTable,
        entries: Vec<Entry<'_>>,
        mut codes: &[u8],
    ) -> Result<(), PayloadError> {
        let expected: usize = entries.iter().map(|entry| entry.series.len()).sum();
        if expected > SAMPLES_MAX {
            return Err(PayloadError::TooLarge("samples"));
        }
        if expected != codes.len() {
            return Err(PayloadError::Malformed("not one code for each series"));
        }
        self.samples.series.reserve(expected);
        self.samples.values.reserve(expected);
        let mut latest: HashMap<u32, Vec<Reference>> = HashMap::new();
        for entry in entries {
            let references = latest.entry(entry.target).or_default();
            let new = entry.series.iter().skip(references.len());
            references.extend(new.filter_map(|number| table.bases.get(*number as usize)));
            let (own, rest) = codes.split_at(entry.series.len());
            codes = rest;
            self.entry(&entry, own, references)?;
        }
        if self.reader.is_done() {
            Ok(())
        } else {
            Err(PayloadError::Malformed("bits after the last sample"))
        }
    }

    fn entry(
        &mut self,
        entry: &Entry<'_>,
        codes: &[u8],
        references: &mut [Reference],
    ) -> Result<(), PayloadError> {
        for ((number, code), reference) in entry.series.iter().zip(codes).zip(references) {
            if let Some(value) = self.reader.value(*code, reference)? {
                self.samples.series.push(*number);
                self.samples.values.push(value);
            }
        }
        self.samples.ticks.push(Run {
            time: entry.time,
            target: entry.target,
            end: self.samples.values.len(),
        });
        Ok(())
    }
}

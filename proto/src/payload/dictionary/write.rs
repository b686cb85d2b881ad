//! Writes the parts of a dictionary.
//!
//! In: series with their targets, families and bases. Out: payloads of `ENCODING_DICT_V1`.
//! Bound: the caller passes no more series than fit into a batch.

use std::collections::HashMap;
use std::hash::Hash;

use weft_codec::varint::{put_run, put_uvarint, put_varint};
use weft_model::{Labels, MetricKind, MetricMetadata};

use super::super::code::CodeWriter;
use super::super::frame::{Squeezer, VERSION};
use super::super::reference::Reference;
use super::{REBASE, SERIES};

/// The metric kinds by their number in the format.
pub(super) const KINDS: [MetricKind; 8] = [
    MetricKind::Unknown,
    MetricKind::Counter,
    MetricKind::Gauge,
    MetricKind::Histogram,
    MetricKind::GaugeHistogram,
    MetricKind::Summary,
    MetricKind::Info,
    MetricKind::StateSet,
];

/// One series to write.
#[derive(Clone, Copy, Debug)]
pub(in crate::payload) struct Defined<'a> {
    pub(in crate::payload) target: u32,
    pub(in crate::payload) target_labels: &'a Labels,
    pub(in crate::payload) family: u32,
    pub(in crate::payload) metadata: &'a MetricMetadata,
    pub(in crate::payload) labels: &'a Labels,
    pub(in crate::payload) base: Reference,
}

/// Returns the payload that defines `series`, the first of which has the number `first`.
pub(in crate::payload) fn write_series(
    squeezer: &mut Squeezer,
    epochs: (u32, u32),
    first: u32,
    series: &[Defined<'_>],
) -> Vec<u8> {
    let mut out = vec![SERIES];
    for number in [epochs.0, epochs.1, first, series.len() as u32] {
        put_uvarint(&mut out, number.into());
    }
    let families = Table::of(series.iter().map(|s| (s.family, s.metadata)));
    put_uvarint(&mut out, families.entries.len() as u64);
    for (_, metadata) in &families.entries {
        let kind = KINDS.iter().position(|kind| *kind == metadata.kind);
        out.push(kind.expect("the table of kinds is complete") as u8);
        put_run(&mut out, metadata.help.as_bytes());
        put_run(&mut out, metadata.unit.as_bytes());
    }
    let targets = Table::of(series.iter().map(|s| (s.target, s.target_labels)));
    put_uvarint(&mut out, targets.entries.len() as u64);
    for (number, labels) in &targets.entries {
        put_uvarint(&mut out, (*number).into());
        put_run(&mut out, labels.as_bytes());
    }
    for index in targets.column.iter().chain(&families.column) {
        put_uvarint(&mut out, *index);
    }
    out.extend(series.iter().map(|s| s.base.domain.number()));
    for series in series {
        put_varint(&mut out, series.base.integer);
    }
    put_labels(&mut out, series);
    seal(squeezer, &out)
}

/// A table of what several series share, and the column of their indices into it.
struct Table<K, V> {
    entries: Vec<(K, V)>,
    column: Vec<u64>,
}

impl<K: Eq + Hash + Copy, V> Table<K, V> {
    fn of(values: impl Iterator<Item = (K, V)>) -> Table<K, V> {
        let mut entries = Vec::new();
        let mut places = HashMap::new();
        let column = values.map(|(key, value)| {
            *places.entry(key).or_insert_with(|| {
                entries.push((key, value));
                entries.len() as u64 - 1
            })
        });
        let column = column.collect();
        Table { entries, column }
    }
}

fn put_labels(out: &mut Vec<u8>, series: &[Defined<'_>]) {
    let mut suffixes = Vec::new();
    let mut before: &[u8] = &[];
    for series in series {
        let own = series.labels.as_bytes();
        let shared = before.iter().zip(own).take_while(|(a, b)| a == b).count();
        put_uvarint(out, shared as u64);
        put_run(&mut suffixes, &own[shared..]);
        before = own;
    }
    out.extend_from_slice(&suffixes);
}

/// Returns the payload that makes `epoch` out of `parent`.
pub(in crate::payload) fn write_rebase(
    squeezer: &mut Squeezer,
    epoch: u32,
    parent: u32,
    columns: CodeWriter,
) -> Vec<u8> {
    let mut out = vec![REBASE];
    put_uvarint(&mut out, epoch.into());
    put_uvarint(&mut out, parent.into());
    put_run(&mut out, &columns.codes);
    put_run(&mut out, &columns.extras);
    out.extend_from_slice(&columns.bits.finish());
    seal(squeezer, &out)
}

fn seal(squeezer: &mut Squeezer, bytes: &[u8]) -> Vec<u8> {
    let mut payload = vec![VERSION];
    payload.extend_from_slice(&squeezer.squeeze(bytes));
    payload
}

//! What parts of version 1 have otherwise: label sets and pages one series after the other, and a
//! table of hashes, which is not read any more.
//!
//! In: the content of a frame. Out: what [`super::decoded`] knows.

use std::ops::Range;

use weft_codec::varint::{take_byte, take_len, take_run, take_uvarint, take_varint};
use weft_codec::{COUNT_MAX, int};

use super::label_sets::LabelSets;
use super::meta::SERIES_PER_FRAME;
use super::page::{Page, PlacedBlock};
use crate::error::Malformed;

const OUTSIDE: Malformed = Malformed("a run lies outside");

/// Decodes label sets: for each series how many pairs it has, then each one's distance to the pair
/// in the same place of the series before.
pub(super) fn label_sets(content: &[u8], pairs_max: u32) -> Result<LabelSets, Malformed> {
    let bytes = &mut &*content;
    let mut rows: Vec<Vec<u32>> = Vec::new();
    while !bytes.is_empty() && rows.len() < SERIES_PER_FRAME {
        let count = take_len(bytes, bytes.len())?;
        let mut row = Vec::new();
        for at in 0..count {
            let base = rows.last().and_then(|before| before.get(at)).copied();
            let pair = i64::from(base.unwrap_or(0)).checked_add(take_varint(bytes)?);
            let pair = pair.filter(|pair| (0..i64::from(pairs_max)).contains(pair));
            row.push(pair.ok_or(OUTSIDE)? as u32);
        }
        rows.push(row);
    }
    Ok(LabelSets::from_rows(&rows))
}

/// Decodes a page: for each series the length of its entry, then the entries, which are blocks.
pub(super) fn page(content: Vec<u8>) -> Result<Page, Malformed> {
    let bytes = &mut content.as_slice();
    let series = take_len(bytes, COUNT_MAX)?;
    let mut lens = Vec::new();
    int::decode(bytes, series, &mut lens)?;
    let mut start = content.len() - bytes.len();
    let mut all = Vec::new();
    for len in lens {
        let len = usize::try_from(len).map_err(|_| OUTSIDE)?;
        let end = start.checked_add(len).filter(|end| *end <= content.len());
        let entry = start..end.ok_or(OUTSIDE)?;
        start = entry.end;
        all.push(blocks(&content, entry)?);
    }
    Ok(Page::from_blocks(content, &all))
}

fn blocks(content: &[u8], entry: Range<usize>) -> Result<Vec<PlacedBlock>, Malformed> {
    let bytes = &mut &content[entry.clone()];
    let mut blocks = Vec::new();
    while !bytes.is_empty() {
        let head = take_byte(bytes)?;
        let column = u32::try_from(take_uvarint(bytes)?).map_err(|_| OUTSIDE)?;
        let values = take_run(bytes)?;
        let end = entry.end - bytes.len();
        blocks.push(PlacedBlock {
            head,
            column,
            values: end - values.len()..end,
        });
    }
    Ok(blocks)
}

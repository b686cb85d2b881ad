//! Series dictionaries as they arrive: definitions of series, and new bases for old ones.
//!
//! In: payloads from a peer. Out: labels, metadata and the base that later samples are compared
//! with. Bound: [`SERIES_MAX`] series, the limits on labels, and the decoded size of a batch for
//! all labels together, because short prefixes may stand for long sets.

use weft_codec::varint::{take_byte, take_len, take_run, take_uvarint, take_varint};
use weft_model::limits::{
    BATCH_DECODED_BYTES_MAX, LABEL_NAME_BYTES_MAX, LABEL_VALUE_BYTES_MAX, LABELS_MAX,
};
use weft_model::{Labels, MetricKind, MetricMetadata};

use super::reference::{Domain, Reference};
use super::{PayloadError, SAMPLES_MAX, SERIES_MAX, frame};

mod write;

pub(super) use write::{Defined, write_rebase, write_series};

/// The tag of a part that defines series.
const SERIES: u8 = 0;
/// The tag of a part that moves bases.
const REBASE: u8 = 1;

/// One payload of a dictionary.
#[derive(Debug)]
pub enum DictPart {
    /// Defines series.
    Series(SeriesPart),
    /// Makes a new epoch out of an old one: the same series, other bases.
    Rebase(Rebase),
}

/// Definitions of the series `first`, `first + 1` and so on.
#[derive(Debug)]
pub struct SeriesPart {
    /// The epoch they belong to.
    pub epoch: u32,
    /// The epoch that gave the numbers: while it is the same, a number means the same series.
    pub numbering: u32,
    /// The number of the first.
    pub first: u32,
    /// What is known of the metrics, shared by their series.
    pub families: Vec<MetricMetadata>,
    /// The series.
    pub series: Vec<SeriesDefinition>,
}

/// One series of a [`SeriesPart`].
#[derive(Debug)]
pub struct SeriesDefinition {
    /// All its labels, those of its target included.
    pub labels: Labels,
    /// The target it is measured at.
    pub target: u32,
    /// The index of its metric in [`SeriesPart::families`].
    pub family: u32,
    pub(super) base: Reference,
}

/// New bases, told as differences.
#[derive(Clone, Debug)]
pub struct Rebase {
    /// The new epoch.
    pub epoch: u32,
    /// The epoch it is made from.
    pub parent: u32,
    pub(super) codes: Vec<u8>,
    pub(super) extras: Vec<u8>,
    pub(super) bits: Vec<u8>,
}

impl DictPart {
    /// Returns the epoch that the part belongs to.
    pub fn epoch(&self) -> u32 {
        match self {
            DictPart::Series(part) => part.epoch,
            DictPart::Rebase(part) => part.epoch,
        }
    }
}

/// Decodes a payload of the encoding `ENCODING_DICT_V1`.
pub fn decode_dict(payload: &[u8]) -> Result<DictPart, PayloadError> {
    let mut payload = payload;
    frame::take_version(&mut payload)?;
    let bytes = frame::expand(payload)?;
    let mut rest = bytes.as_slice();
    match take_byte(&mut rest)? {
        SERIES => read_series(rest).map(DictPart::Series),
        REBASE => read_rebase(rest).map(DictPart::Rebase),
        _ => Err(PayloadError::Malformed("unknown kind of dictionary part")),
    }
}

fn take_u32(rest: &mut &[u8]) -> Result<u32, PayloadError> {
    let number = take_uvarint(rest)?;
    u32::try_from(number).map_err(|_| PayloadError::Malformed("a number over 32 bits"))
}

fn read_rebase(mut rest: &[u8]) -> Result<Rebase, PayloadError> {
    let epoch = take_u32(&mut rest)?;
    let parent = take_u32(&mut rest)?;
    let codes = take_run(&mut rest)?.to_vec();
    let extras = take_run(&mut rest)?.to_vec();
    if codes.len() > SAMPLES_MAX {
        return Err(PayloadError::TooLarge("series"));
    }
    Ok(Rebase {
        epoch,
        parent,
        codes,
        extras,
        bits: rest.to_vec(),
    })
}

fn read_series(mut rest: &[u8]) -> Result<SeriesPart, PayloadError> {
    let rest = &mut rest;
    let (epoch, numbering, first) = (take_u32(rest)?, take_u32(rest)?, take_u32(rest)?);
    // Every series takes a byte of each column, so that its count is bound by the bytes.
    let count = take_len(rest, rest.len())?;
    if (first as usize).saturating_add(count) > SERIES_MAX {
        return Err(PayloadError::TooLarge("series"));
    }
    let families = read_families(rest)?;
    let targets = read_targets(rest)?;
    let target_column = read_indices(rest, count, targets.len())?;
    let family_column = read_indices(rest, count, families.len())?;
    let bases = read_bases(rest, count)?;
    let labels = read_labels(rest, &targets, &target_column)?;
    if !rest.is_empty() {
        return Err(PayloadError::Malformed("bytes after the last column"));
    }
    let columns = target_column.into_iter().zip(family_column).zip(bases);
    let series = columns
        .zip(labels)
        .map(|(((target, family), base), labels)| SeriesDefinition {
            labels,
            target: targets[target].0,
            family: family as u32,
            base,
        });
    Ok(SeriesPart {
        epoch,
        numbering,
        first,
        families,
        series: series.collect(),
    })
}

fn read_families(rest: &mut &[u8]) -> Result<Vec<MetricMetadata>, PayloadError> {
    let count = take_len(rest, rest.len())?;
    let mut families = Vec::new();
    for _ in 0..count {
        families.push(MetricMetadata {
            kind: read_kind(take_byte(rest)?)?,
            help: read_text(rest)?,
            unit: read_text(rest)?,
        });
    }
    Ok(families)
}

fn read_kind(number: u8) -> Result<MetricKind, PayloadError> {
    let kind = write::KINDS.get(usize::from(number));
    kind.copied()
        .ok_or(PayloadError::Malformed("unknown metric kind"))
}

fn read_text(rest: &mut &[u8]) -> Result<String, PayloadError> {
    let text = std::str::from_utf8(take_run(rest)?);
    text.map(str::to_owned)
        .map_err(|_| PayloadError::Malformed("text is not UTF-8"))
}

fn read_targets(rest: &mut &[u8]) -> Result<Vec<(u32, Labels)>, PayloadError> {
    let count = take_len(rest, rest.len())?;
    let mut targets = Vec::new();
    for _ in 0..count {
        let number = take_u32(rest)?;
        targets.push((number, read_set(take_run(rest)?)?));
    }
    Ok(targets)
}

fn read_set(bytes: &[u8]) -> Result<Labels, PayloadError> {
    let labels = Labels::from_bytes(bytes).ok_or(PayloadError::Malformed("no label set"))?;
    if within_limits(&labels) {
        Ok(labels)
    } else {
        Err(PayloadError::TooLarge("labels"))
    }
}

/// Tells whether a label set is within the limits on labels.
pub(super) fn within_limits(labels: &Labels) -> bool {
    let short = |(name, value): (&str, &str)| {
        name.len() <= LABEL_NAME_BYTES_MAX && value.len() <= LABEL_VALUE_BYTES_MAX
    };
    labels.len() <= LABELS_MAX && labels.iter().all(short)
}

fn read_indices(rest: &mut &[u8], count: usize, most: usize) -> Result<Vec<usize>, PayloadError> {
    let mut indices = Vec::with_capacity(count);
    for _ in 0..count {
        let index = take_len(rest, SERIES_MAX)?;
        if index >= most {
            return Err(PayloadError::Malformed("an index past its table"));
        }
        indices.push(index);
    }
    Ok(indices)
}

fn read_bases(rest: &mut &[u8], count: usize) -> Result<Vec<Reference>, PayloadError> {
    let domains = weft_codec::varint::take_bytes(rest, count)?;
    let mut bases = Vec::with_capacity(count);
    for number in domains {
        let domain = Domain::from_number(*number);
        bases.push(Reference {
            domain: domain.ok_or(PayloadError::Malformed("unknown domain"))?,
            integer: take_varint(rest)?,
        });
    }
    Ok(bases)
}

/// Reads the labels of each series, front coded, and adds those of its target.
fn read_labels(
    rest: &mut &[u8],
    targets: &[(u32, Labels)],
    column: &[usize],
) -> Result<Vec<Labels>, PayloadError> {
    let mut prefixes = Vec::with_capacity(column.len());
    for _ in column {
        prefixes.push(take_len(rest, BATCH_DECODED_BYTES_MAX)?);
    }
    let mut all = Vec::with_capacity(column.len());
    let mut own = Vec::new();
    let mut bytes = 0;
    for (prefix, target) in prefixes.into_iter().zip(column) {
        if prefix > own.len() {
            return Err(PayloadError::Malformed(
                "a prefix longer than the labels before",
            ));
        }
        own.truncate(prefix);
        own.extend_from_slice(take_run(rest)?);
        let labels = merge(&targets[*target].1, &read_set(&own)?)?;
        bytes += labels.as_bytes().len();
        if bytes > BATCH_DECODED_BYTES_MAX {
            return Err(PayloadError::TooLarge("bytes of labels"));
        }
        all.push(labels);
    }
    Ok(all)
}

/// Returns the labels of both sets; a series' own win over those of its target.
fn merge(target: &Labels, own: &Labels) -> Result<Labels, PayloadError> {
    if target.is_empty() {
        return Ok(own.clone());
    }
    let mut bytes = Vec::with_capacity(target.as_bytes().len() + own.as_bytes().len());
    let mut put = |(name, value): (&str, &str)| {
        weft_codec::varint::put_run(&mut bytes, name.as_bytes());
        weft_codec::varint::put_run(&mut bytes, value.as_bytes());
    };
    let mut shared = target.iter().peekable();
    for label in own.iter() {
        while let Some(before) = shared.next_if(|(name, _)| *name < label.0) {
            put(before);
        }
        shared.next_if(|(name, _)| *name == label.0);
        put(label);
    }
    shared.for_each(put);
    read_set(&bytes)
}

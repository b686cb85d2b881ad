//! What a request tells about metrics: kind, help and unit.

use weft_model::limits::{LABEL_NAME_BYTES_MAX, LABEL_VALUE_BYTES_MAX};
use weft_model::{METRIC_NAME, MetricKind};

use super::series::{Part, Series};
use super::{Symbols, Version};
use crate::wire::{Cursor, Malformed, Value};

/// What is told about a metric, borrowed from the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata<'a> {
    /// The name of the metric's family.
    pub name: &'a str,
    /// What it is.
    pub kind: MetricKind,
    /// One sentence for people.
    pub help: &'a str,
    /// The unit's name, empty when there is none.
    pub unit: &'a str,
}

/// Checks the structure of a description.
pub(super) fn check(mut metadata: Cursor<'_>) -> Result<(), Malformed> {
    while let Some((number, value)) = metadata.field()? {
        if number == 1 {
            value.number(&metadata)?;
        }
    }
    Ok(())
}

/// Reads the descriptions of version 1; those without a name or with overlong text are left out.
pub(super) fn for_each_listed(mut request: Cursor<'_>, mut take: impl FnMut(Metadata<'_>)) {
    while let Ok(Some((number, value))) = request.field() {
        if let (3, Value::Bytes(message)) = (number, value)
            && let Some(metadata) = read_listed(message)
        {
            take(metadata);
        }
    }
}

fn read_listed(mut message: Cursor<'_>) -> Option<Metadata<'_>> {
    let mut metadata = EMPTY;
    while let Ok(Some((number, value))) = message.field() {
        match (number, value) {
            (1, Value::Varint(kind)) => metadata.kind = kind_of(kind),
            (2, Value::Bytes(bytes)) => metadata.name = text(bytes.rest(), LABEL_NAME_BYTES_MAX)?,
            (4, Value::Bytes(bytes)) => metadata.help = text(bytes.rest(), LABEL_VALUE_BYTES_MAX)?,
            (5, Value::Bytes(bytes)) => metadata.unit = text(bytes.rest(), LABEL_NAME_BYTES_MAX)?,
            _ => {}
        }
    }
    (!metadata.name.is_empty()).then_some(metadata)
}

/// Reads the description that a series of version 2 carries, when it says anything.
pub(super) fn of_series<'a>(series: &Series<'_, 'a>) -> Option<Metadata<'a>> {
    let mut message = series.message();
    let mut metadata = None;
    while let Ok(Some((number, value))) = message.field() {
        if let (Part::Metadata, Value::Bytes(bytes)) = (Part::of(Version::Two, number), value) {
            metadata = read_referred(bytes, series.symbols());
        }
    }
    let metadata = metadata?;
    let says_something = metadata.kind != MetricKind::Unknown
        || !metadata.help.is_empty()
        || !metadata.unit.is_empty();
    let is_name = |pair: &(&[u8], &[u8])| pair.0 == METRIC_NAME.as_bytes();
    let (_, name) = series.label_pairs().filter_map(Result::ok).find(is_name)?;
    let name = family_of(text(name, LABEL_NAME_BYTES_MAX)?, metadata.kind);
    says_something.then_some(Metadata { name, ..metadata })
}

/// Returns the name of the family that a series belongs to: version 2 describes families, but in
/// each of their series.
fn family_of(name: &str, kind: MetricKind) -> &str {
    let suffixes: &[&str] = match kind {
        MetricKind::Histogram | MetricKind::GaugeHistogram => &["_bucket", "_count", "_sum"],
        MetricKind::Summary => &["_count", "_sum"],
        _ => &[],
    };
    let stripped = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix));
    stripped.filter(|family| !family.is_empty()).unwrap_or(name)
}

fn read_referred<'a>(mut message: Cursor<'a>, symbols: &Symbols<'a>) -> Option<Metadata<'a>> {
    let mut metadata = EMPTY;
    while let Ok(Some((number, value))) = message.field() {
        match (number, value) {
            (1, Value::Varint(kind)) => metadata.kind = kind_of(kind),
            (3, Value::Varint(help)) => {
                metadata.help = text(symbols.get(help)?, LABEL_VALUE_BYTES_MAX)?;
            }
            (4, Value::Varint(unit)) => {
                metadata.unit = text(symbols.get(unit)?, LABEL_NAME_BYTES_MAX)?;
            }
            _ => {}
        }
    }
    Some(metadata)
}

const EMPTY: Metadata<'static> = Metadata {
    name: "",
    kind: MetricKind::Unknown,
    help: "",
    unit: "",
};

fn text(bytes: &[u8], bytes_max: usize) -> Option<&str> {
    let admitted = bytes.len() <= bytes_max;
    std::str::from_utf8(bytes).ok().filter(|_| admitted)
}

/// Both versions number the kinds alike.
fn kind_of(number: u64) -> MetricKind {
    match number {
        1 => MetricKind::Counter,
        2 => MetricKind::Gauge,
        3 => MetricKind::Histogram,
        4 => MetricKind::GaugeHistogram,
        5 => MetricKind::Summary,
        6 => MetricKind::Info,
        7 => MetricKind::StateSet,
        _ => MetricKind::Unknown,
    }
}

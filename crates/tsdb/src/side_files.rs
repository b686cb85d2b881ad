//! The small files beside the parts: metadata of metrics, and the exemplars of stores of version 2.
//!
//! In: what is kept. Out: the same. Each file is one frame; one that does not hold is reported and
//! begun anew. That of metadata is written when something changed, that of exemplars is only read. Bound: the store's configuration.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::Path;

use weft_codec::varint::{
    put_run, put_uvarint, take_byte, take_bytes, take_run, take_uvarint, take_varint,
};
use weft_disk::Disk;
use weft_model::{Exemplar, Labels, MetricKind, MetricMetadata, Millis};

use crate::config::Config;
use crate::error::{Malformed, PartError};
use crate::part::frame::{Packing, open_frame, put_frame};

/// The names of the files.
pub(crate) const METADATA_FILE: &str = "metadata";
pub(crate) const EXEMPLARS_FILE: &str = "exemplars";

/// What the files hold.
#[derive(Default)]
pub(crate) struct SideFiles {
    pub(crate) metadata: BTreeMap<String, MetricMetadata>,
    pub(crate) exemplars: VecDeque<(Labels, Exemplar)>,
    pub(crate) faults: Vec<PartError>,
}

pub(crate) fn load(disk: &dyn Disk, dir: &Path, config: &Config) -> io::Result<SideFiles> {
    let mut files = SideFiles::default();
    let (metadata, fault) = load_one(disk, &dir.join(METADATA_FILE), decode_metadata)?;
    files.metadata = metadata;
    files.faults.extend(fault);
    let (exemplars, fault) = load_one(disk, &dir.join(EXEMPLARS_FILE), decode_exemplars)?;
    files.exemplars = exemplars;
    files.faults.extend(fault);
    while files.metadata.len() > config.metadata_max {
        files.metadata.pop_last();
    }
    Ok(files)
}

fn load_one<T: Default>(
    disk: &dyn Disk,
    path: &Path,
    decode: impl FnOnce(&[u8]) -> Result<T, Malformed>,
) -> io::Result<(T, Option<PartError>)> {
    if !disk.exists(path) {
        return Ok((T::default(), None));
    }
    let stored = disk.read(path)?;
    Ok(
        match open_frame(&stored).and_then(|content| decode(&content)) {
            Ok(decoded) => (decoded, None),
            Err(Malformed(reason)) => (
                T::default(),
                Some(PartError::Corrupt {
                    path: path.to_owned(),
                    reason,
                }),
            ),
        },
    )
}

pub(crate) fn store_metadata(
    disk: &dyn Disk,
    dir: &Path,
    metadata: &BTreeMap<String, MetricMetadata>,
) -> io::Result<()> {
    let mut content = Vec::new();
    put_uvarint(&mut content, metadata.len() as u64);
    for (metric, known) in metadata {
        put_run(&mut content, metric.as_bytes());
        content.push(known.kind as u8);
        put_run(&mut content, known.help.as_bytes());
        put_run(&mut content, known.unit.as_bytes());
    }
    store(disk, &dir.join(METADATA_FILE), &content)
}

fn decode_metadata(content: &[u8]) -> Result<BTreeMap<String, MetricMetadata>, Malformed> {
    const KINDS: [MetricKind; 8] = [
        MetricKind::Unknown,
        MetricKind::Counter,
        MetricKind::Gauge,
        MetricKind::Histogram,
        MetricKind::GaugeHistogram,
        MetricKind::Summary,
        MetricKind::Info,
        MetricKind::StateSet,
    ];
    let bytes = &mut &*content;
    let mut metadata = BTreeMap::new();
    for _ in 0..take_uvarint(bytes)? {
        let metric = take_text(bytes)?;
        let code = take_byte(bytes)?;
        let kind = KINDS
            .into_iter()
            .find(|kind| *kind as u8 == code)
            .unwrap_or_default();
        let known = MetricMetadata {
            kind,
            help: take_text(bytes)?,
            unit: take_text(bytes)?,
        };
        metadata.insert(metric, known);
    }
    Ok(metadata)
}

fn decode_exemplars(content: &[u8]) -> Result<VecDeque<(Labels, Exemplar)>, Malformed> {
    let bytes = &mut &*content;
    let mut exemplars = VecDeque::new();
    for _ in 0..take_uvarint(bytes)? {
        let series = take_labels(bytes)?;
        let labels = take_labels(bytes)?;
        let time = Millis(take_varint(bytes)?);
        let value = take_bytes(bytes, 8)?
            .try_into()
            .expect("eight bytes were taken");
        let value = f64::from_le_bytes(value);
        exemplars.push_back((
            series,
            Exemplar {
                labels,
                value,
                time,
            },
        ));
    }
    Ok(exemplars)
}

fn store(disk: &dyn Disk, path: &Path, content: &[u8]) -> io::Result<()> {
    let mut stored = Vec::new();
    put_frame(content, Packing::Dense, &mut stored);
    disk.write_atomic(path, &stored)
}

fn take_text(bytes: &mut &[u8]) -> Result<String, Malformed> {
    let text = std::str::from_utf8(take_run(bytes)?);
    Ok(text
        .map_err(|_| Malformed("a text is not UTF-8"))?
        .to_owned())
}

fn take_labels(bytes: &mut &[u8]) -> Result<Labels, Malformed> {
    Labels::from_bytes(take_run(bytes)?).ok_or(Malformed("a label set is not canonical"))
}

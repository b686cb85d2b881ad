//! The segments that are there when a journal is opened.
//!
//! In: a directory. Out: the segments' sizes and the end of the last sound record; what follows
//! it was being written when the process or the power ended, and is cut off.

use std::collections::BTreeMap;
use std::path::Path;

use weft_disk::{Disk, File};

use crate::error::OpenError;
use crate::journal::OpenReport;
use crate::reader::{Interest, SegmentReader, Step};
use crate::{Position, segment};

/// The segments by number, with their sizes in bytes.
pub(crate) type Segments = BTreeMap<u64, u64>;

/// Finds the segments below `dir`, which is made if it is missing.
pub(crate) fn open(
    disk: &dyn Disk,
    dir: &Path,
) -> Result<(Segments, Position, OpenReport), OpenError> {
    let failed = |source| OpenError::Io {
        path: dir.to_owned(),
        source,
    };
    disk.create_dir(dir).map_err(failed)?;
    let mut segments = Segments::new();
    for entry in disk.list(dir).map_err(failed)? {
        if let Some(number) = segment::number_of(&entry.name).filter(|_| !entry.is_dir) {
            segments.insert(number, entry.bytes);
        }
    }
    let mut report = OpenReport::default();
    for number in segments.keys() {
        check_version(disk, dir, *number)?;
    }
    let mut end = Position::new(1, segment::HEADER_BYTES as u64);
    if let Some((number, bytes)) = segments.last_key_value() {
        end = find_end(disk, dir, (*number, *bytes), &mut report)?;
        segments.insert(end.segment, end.offset);
    }
    report.segments = segments.len() as u64;
    report.bytes = segments.values().sum();
    report.end = end;
    Ok((segments, end, report))
}

fn check_version(disk: &dyn Disk, dir: &Path, number: u64) -> Result<(), OpenError> {
    let path = segment::path(dir, number);
    let mut bytes = [0; segment::HEADER_BYTES];
    let read = disk
        .open(&path)
        .and_then(|file| file.read_at(0, &mut bytes));
    let read = read.map_err(|source| OpenError::Io {
        path: path.clone(),
        source,
    })?;
    match segment::read_header(&bytes[..read], number) {
        segment::Header::Version(version) => Err(OpenError::Version { path, version }),
        segment::Header::Sound | segment::Header::Damaged => Ok(()),
    }
}

/// Returns the end of the last sound record of the last segment and cuts off what follows.
fn find_end(
    disk: &dyn Disk,
    dir: &Path,
    (number, bytes): (u64, u64),
    report: &mut OpenReport,
) -> Result<Position, OpenError> {
    let path = segment::path(dir, number);
    let failed = |source| OpenError::Io {
        path: path.clone(),
        source,
    };
    let start = Position::new(number, segment::HEADER_BYTES as u64);
    let mut end = start;
    let file = disk.open(&path).map_err(failed)?;
    let mut reader = SegmentReader::new(file, start, bytes, Interest::All);
    loop {
        match reader.step().map_err(failed)? {
            Step::Record(record) => end = record.next,
            Step::Damage(_) | Step::Passed => {}
            Step::End => break,
        }
    }
    if bytes > end.offset {
        report.cut_bytes = bytes - end.offset;
        let cut = |file: Box<dyn File>| file.set_len(end.offset).and_then(|()| file.sync());
        disk.open(&path).and_then(cut).map_err(failed)?;
    }
    Ok(end)
}

//! Reads a journal at rest and says what does not hold.
//!
//! In: a directory that no process has open. Out: counts, and faults with their places. Nothing is
//! changed. Bound: one record in memory, and one fault for each run of damaged bytes.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use weft_disk::Disk;

use crate::reader::{Interest, SegmentReader, Step};
use crate::{Position, segment};

/// What a check has seen.
#[derive(Debug, Default)]
pub struct CheckReport {
    /// Segments looked at.
    pub segments: u64,
    /// Records whose checksums hold.
    pub records: u64,
    /// Bytes of the segments.
    pub bytes: u64,
    /// What does not hold.
    pub faults: Vec<Fault>,
}

/// Something in a segment that does not hold.
#[derive(Debug)]
pub struct Fault {
    /// The segment's file.
    pub path: PathBuf,
    /// What it is.
    pub kind: FaultKind,
}

/// What does not hold, and so what an opening does about it.
#[derive(Debug)]
pub enum FaultKind {
    /// The segment was written by a later version: the journal is not opened.
    Version(u32),
    /// The header is damaged: it is not needed.
    Header,
    /// The bytes from here on to the end of the last segment are no record: they are cut off.
    Torn {
        /// Where they begin.
        offset: u64,
        /// How many they are.
        bytes: u64,
    },
    /// Some bytes are no record: they are skipped.
    Damaged {
        /// Where they begin.
        offset: u64,
        /// How many they are.
        bytes: u64,
    },
    /// The segment is not there, though earlier and later ones are.
    Missing,
    /// The file cannot be read.
    Unreadable(io::Error),
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FaultKind::Version(version) => write!(f, "the segment is of version {version}"),
            FaultKind::Header => f.write_str("the segment's header is damaged"),
            FaultKind::Torn { offset, bytes } => {
                write!(f, "the last {bytes} bytes, from {offset} on, are no record")
            }
            FaultKind::Damaged { offset, bytes } => {
                write!(f, "{bytes} bytes from {offset} on are no record")
            }
            FaultKind::Missing => f.write_str("the segment is missing"),
            FaultKind::Unreadable(error) => write!(f, "the file cannot be read: {error}"),
        }
    }
}

/// Reads all segments below `dir`; `each` is told the path and the size of each beforehand.
pub fn check(
    disk: &dyn Disk,
    dir: &Path,
    each: &mut dyn FnMut(&Path, u64),
) -> io::Result<CheckReport> {
    let mut report = CheckReport::default();
    let mut segments = Vec::new();
    for entry in disk.list(dir)? {
        if let Some(number) = segment::number_of(&entry.name).filter(|_| !entry.is_dir) {
            segments.push((number, entry.bytes));
        }
    }
    let last = segments.last().map(|(number, _)| *number);
    let mut before: Option<u64> = None;
    for (number, bytes) in segments {
        if let Some(missing) = before
            .map(|before| before + 1)
            .filter(|next| *next < number)
        {
            let path = segment::path(dir, missing);
            let kind = FaultKind::Missing;
            report.faults.push(Fault { path, kind });
        }
        before = Some(number);
        let path = segment::path(dir, number);
        each(&path, bytes);
        report.segments += 1;
        report.bytes += bytes;
        let ends = Some(number) == last;
        if let Err(error) = check_segment(disk, &path, (number, bytes), ends, &mut report) {
            let kind = FaultKind::Unreadable(error);
            report.faults.push(Fault { path, kind });
        }
    }
    Ok(report)
}

fn check_segment(
    disk: &dyn Disk,
    path: &Path,
    (number, bytes): (u64, u64),
    is_last: bool,
    report: &mut CheckReport,
) -> io::Result<()> {
    let mut fault = |kind| {
        let path = path.to_owned();
        report.faults.push(Fault { path, kind });
    };
    let file = disk.open(path)?;
    let mut header = [0; segment::HEADER_BYTES];
    let read = file.read_at(0, &mut header)?;
    match segment::read_header(&header[..read], number) {
        segment::Header::Version(version) => {
            fault(FaultKind::Version(version));
            return Ok(());
        }
        // A last segment that is shorter than a header was just being begun.
        segment::Header::Damaged if !is_last || bytes >= segment::HEADER_BYTES as u64 => {
            fault(FaultKind::Header);
        }
        segment::Header::Damaged | segment::Header::Sound => {}
    }
    let start = Position::new(number, segment::HEADER_BYTES as u64);
    let mut reader = SegmentReader::new(file, start, bytes, Interest::All);
    let mut offset = start.offset;
    let mut records = 0;
    loop {
        match reader.step()? {
            Step::Record(record) => {
                records += 1;
                offset = record.next.offset;
            }
            Step::Damage(damaged) => {
                let ends = is_last && offset + damaged >= bytes;
                let (from, bytes) = (offset, damaged);
                fault(match ends {
                    true => FaultKind::Torn {
                        offset: from,
                        bytes,
                    },
                    false => FaultKind::Damaged {
                        offset: from,
                        bytes,
                    },
                });
                offset += damaged;
            }
            Step::Passed => {}
            Step::End => break,
        }
    }
    report.records += records;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use expect_test::{Expect, expect};
    use weft_disk::SimDisk;

    use super::*;
    use crate::{Config, Journal};

    const DIR: &str = "/journal";

    fn written() -> SimDisk {
        let disk = SimDisk::new();
        let config = Config {
            segment_bytes: 200,
            pending_bytes_max: 1 << 16,
        };
        let (journal, _) = Journal::open(Arc::new(disk.clone()), Path::new(DIR), config).unwrap();
        for at in 0..12u8 {
            journal.append(1, &[&[at; 40]]).unwrap();
            journal.sync().unwrap();
        }
        disk
    }

    fn found(disk: &SimDisk) -> String {
        let report = check(disk, Path::new(DIR), &mut |_, _| {}).unwrap();
        let mut lines = format!("{} segments, {} records\n", report.segments, report.records);
        for fault in report.faults {
            lines += &format!("{}: {}\n", fault.path.display(), fault.kind);
        }
        lines
    }

    fn says(damage: impl FnOnce(&SimDisk, &dyn Fn(u64) -> PathBuf), expected: &Expect) {
        let disk = written();
        damage(&disk, &|number| segment::path(Path::new(DIR), number));
        expected.assert_eq(&found(&disk));
        let before = disk.files();
        found(&disk);
        assert_eq!(disk.files(), before, "a check changes nothing");
    }

    #[test]
    fn a_sound_journal_has_no_faults() {
        says(
            |_, _| {},
            &expect![[r#"
            4 segments, 12 records
        "#]],
        );
    }

    #[test]
    fn each_fault_is_told_with_its_place() {
        says(
            |disk, path| assert!(disk.flip_bit(&path(2), 90, 3)),
            &expect![[r#"
                4 segments, 11 records
                /journal/0000000000000002.wal: 52 bytes from 76 on are no record
            "#]],
        );
        says(
            |disk, path| disk.open(&path(4)).unwrap().set_len(150).unwrap(),
            &expect![[r#"
                4 segments, 11 records
                /journal/0000000000000004.wal: the last 22 bytes, from 128 on, are no record
            "#]],
        );
        says(
            |disk, path| assert!(disk.flip_bit(&path(3), 5, 0)),
            &expect![[r#"
                4 segments, 12 records
                /journal/0000000000000003.wal: the segment's header is damaged
            "#]],
        );
        says(
            |disk, path| disk.remove(&path(2)).unwrap(),
            &expect![[r#"
                3 segments, 9 records
                /journal/0000000000000002.wal: the segment is missing
            "#]],
        );
    }
}

//! Looks at a data directory at rest: every checksum and invariant of journals, checkpoints,
//! samples and lines, and what a start would do about each that does not hold.
//!
//! In: a directory that no process uses; the caller holds its lock. Out: counts and findings.
//! Nothing is changed. Bound: one part, segment or partition at a time.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use weft_disk::Disk;
use weft_journal::FaultKind;
use weft_tsdb::PartError;

use crate::lane::Checkpoint;
use crate::store::{COVERED, SAMPLES_CHECKPOINT, chain, read_covered};

/// What was looked at, and what does not hold.
#[derive(Debug, Default)]
pub struct CheckReport {
    /// Parts of samples.
    pub parts: usize,
    /// Their series, counted once for each part.
    pub series: u64,
    /// Their samples.
    pub samples: u64,
    /// Their exemplars.
    pub exemplars: u64,
    /// Sound records of the journals.
    pub records: u64,
    /// Sound blocks of lines.
    pub blocks: u64,
    /// Bytes of parts and journals.
    pub bytes: u64,
    /// Files that were set aside before.
    pub set_aside: usize,
    /// What does not hold, by file.
    pub findings: Vec<Finding>,
}

/// Something that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: String,
    /// What a start would do about it.
    pub remedy: Remedy,
}

/// What a start does about a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// It goes on without the file, which gets another name.
    SetAside,
    /// It serves the file until its damage is read, and goes on without it then.
    SetAsideWhenRead,
    /// It cuts the file at this offset.
    CutAt(u64),
    /// It skips the bytes, counts them and goes on.
    Skip,
    /// It goes on as if the file were not there, and writes it anew.
    BeginAnew,
    /// It reads the whole journal, and applies nothing twice.
    ReadWholeJournal,
    /// It removes the file: all it has is elsewhere.
    Remove,
    /// It serves the rest; a query that needs what is damaged fails.
    FailQueries,
    /// It refuses to start.
    Refuse,
}

impl Remedy {
    /// Tells whether the file is only a trace of an interrupted write, by which nothing is lost.
    pub fn is_harmless(self) -> bool {
        matches!(self, Remedy::Remove | Remedy::CutAt(_))
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Remedy::SetAside => "would set it aside and serve the rest",
            Remedy::SetAsideWhenRead => {
                "would serve it until a query or a merge reads the damage, then set it aside"
            }
            Remedy::CutAt(offset) => return write!(f, "would cut the torn tail at {offset}"),
            Remedy::Skip => "would skip the bytes and count them",
            Remedy::BeginAnew => "would begin it anew",
            Remedy::ReadWholeJournal => "would read the whole journal",
            Remedy::Remove => "would remove it",
            Remedy::FailQueries => "would serve the rest; queries that need it would fail",
            Remedy::Refuse => "would be refused",
        })
    }
}

/// Why a directory cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// It holds nothing that an aggregator keeps.
    #[error("check {0}: it is not the data directory of an aggregator, it has no tsdb/")]
    NotData(PathBuf),
    /// A directory cannot be read.
    #[error("read {path}")]
    Io {
        /// The directory.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The samples cannot be read.
    #[error("read samples")]
    Samples(#[from] weft_tsdb::OpenError),
    /// The lines cannot be read.
    #[error("read lines")]
    Lines(#[from] weft_logdb::OpenError),
}

/// Looks at all that is kept below `data`; `each` is told the path and the size of what is looked
/// at next.
pub fn check(
    disk: &dyn Disk,
    data: &Path,
    each: &mut dyn FnMut(&Path, u64),
) -> Result<CheckReport, CheckError> {
    let samples = data.join("tsdb");
    if !disk.exists(&samples) {
        return Err(CheckError::NotData(data.to_owned()));
    }
    let mut report = CheckReport::default();
    for name in ["samples", "lines", "dictionaries"] {
        check_journal(disk, &data.join("journal").join(name), each, &mut report)?;
    }
    check_checkpoints(disk, &data.join("journal"), &mut report)?;
    check_samples(disk, &samples, each, &mut report)?;
    let lines = weft_logdb::check(&data.join("logdb"), each)?;
    report.blocks = lines.blocks;
    for fault in lines.faults {
        let remedy = match fault.sets_aside {
            true => Remedy::SetAside,
            false => Remedy::FailQueries,
        };
        report.find(fault.path, fault.reason, remedy);
    }
    Ok(report)
}

impl CheckReport {
    fn find(&mut self, path: PathBuf, fault: impl Into<String>, remedy: Remedy) {
        let fault = fault.into();
        self.findings.push(Finding {
            path,
            fault,
            remedy,
        });
    }
}

fn check_journal(
    disk: &dyn Disk,
    dir: &Path,
    each: &mut dyn FnMut(&Path, u64),
    report: &mut CheckReport,
) -> Result<(), CheckError> {
    let checked = weft_journal::check(disk, dir, each).map_err(|source| CheckError::Io {
        path: dir.to_owned(),
        source,
    })?;
    report.records += checked.records;
    report.bytes += checked.bytes;
    for fault in checked.faults {
        let remedy = match fault.kind {
            FaultKind::Version(_) | FaultKind::Unreadable(_) => Remedy::Refuse,
            FaultKind::Torn { offset, .. } => Remedy::CutAt(offset),
            FaultKind::Header | FaultKind::Damaged { .. } | FaultKind::Missing => Remedy::Skip,
        };
        report.find(fault.path, fault.kind.to_string(), remedy);
    }
    Ok(())
}

fn check_checkpoints(
    disk: &dyn Disk,
    journal: &Path,
    report: &mut CheckReport,
) -> Result<(), CheckError> {
    for name in [SAMPLES_CHECKPOINT, COVERED] {
        let path = journal.join(name);
        if !disk.exists(&path) {
            continue;
        }
        let read = disk.read(&path);
        let bytes = read.map_err(|source| CheckError::Io {
            path: path.clone(),
            source,
        })?;
        let holds = match name {
            COVERED => read_covered(&bytes).is_some(),
            _ => Checkpoint::from_bytes(&bytes).is_some(),
        };
        if !holds {
            let fault = "the checkpoint's checksum does not hold";
            report.find(path, fault, Remedy::ReadWholeJournal);
        }
    }
    Ok(())
}

fn check_samples(
    disk: &dyn Disk,
    dir: &Path,
    each: &mut dyn FnMut(&Path, u64),
    report: &mut CheckReport,
) -> Result<(), CheckError> {
    let checked = weft_tsdb::check_each(disk, dir, each)?;
    report.parts = checked.parts;
    report.series = checked.series;
    report.samples = checked.samples;
    report.exemplars = checked.exemplars;
    report.bytes += checked.bytes;
    report.set_aside = checked.set_aside;
    for fault in checked.faults {
        let error = fault.error;
        let is_part = error.path().extension().is_some_and(|it| it == "part");
        let remedy = match &error {
            PartError::Io { .. } | PartError::Version { .. } => Remedy::Refuse,
            PartError::Corrupt { .. } if !is_part => Remedy::BeginAnew,
            PartError::Corrupt { .. } if fault.is_seen_on_opening => Remedy::SetAside,
            PartError::Corrupt { .. } => Remedy::SetAsideWhenRead,
        };
        report.find(error.path().to_owned(), chain(&error), remedy);
    }
    for path in checked.leftovers {
        report.find(
            path,
            "left by an interrupted write or merge",
            Remedy::Remove,
        );
    }
    Ok(())
}

//! Reads a log store at rest and says what does not hold.
//!
//! In: a directory that no process has open. Out: counts, and faults by file. The files of each
//! index are compared with their checksums, and every block is decoded; id filters have no
//! checksum and are not looked at. Bound: one partition's catalogue and one block in memory.

use std::path::{Path, PathBuf};

use weft_disk::{Disk, RealDisk};
use weft_model::Labels;

use crate::block;
use crate::error::{IndexError, OpenError};
use crate::partition::Partition;

/// What a check has seen.
#[derive(Debug, Default)]
pub struct CheckReport {
    /// Partitions looked at.
    pub partitions: usize,
    /// Blocks whose checksums hold.
    pub blocks: u64,
    /// What does not hold.
    pub faults: Vec<Fault>,
}

/// Something in a partition that does not hold.
#[derive(Debug)]
pub struct Fault {
    /// The file or directory.
    pub path: PathBuf,
    /// What it is, in words.
    pub reason: String,
    /// Whether an opening sets the partition aside; otherwise a query that needs it fails.
    pub sets_aside: bool,
}

/// Reads all partitions below `root`; `each` is told the path and the size of each beforehand.
pub fn check(root: &Path, each: &mut dyn FnMut(&Path, u64)) -> Result<CheckReport, OpenError> {
    let failed = |source| OpenError::Io {
        path: root.to_owned(),
        source,
    };
    let mut report = CheckReport::default();
    for entry in RealDisk.list(root).map_err(failed)? {
        let Some(start) = Partition::start_of(&entry.name).filter(|_| entry.is_dir) else {
            continue;
        };
        let files = RealDisk.list(&entry.path).map_err(failed)?;
        each(&entry.path, files.iter().map(|file| file.bytes).sum());
        report.partitions += 1;
        // Opening makes what is missing, and a check changes nothing.
        let missing = ["blocks", "filters", "index/meta.json"]
            .map(|name| entry.path.join(name))
            .into_iter()
            .find(|path| !RealDisk.exists(path));
        if let Some(path) = missing {
            let reason = "the file is missing".to_owned();
            report.faults.push(Fault {
                path,
                reason,
                sets_aside: false,
            });
            continue;
        }
        let checked = Partition::open(&RealDisk, root, start).and_then(|(partition, snapshot)| {
            for path in partition.damaged_files()? {
                report.faults.push(Fault {
                    path,
                    reason: "a checksum does not hold".to_owned(),
                    sets_aside: false,
                });
            }
            let blocks = snapshot.segments.iter().flat_map(|segment| &segment.blocks);
            blocks.for_each(|meta| check_block(&partition, meta, &mut report));
            Ok(())
        });
        if let Err(error) = checked {
            report.faults.push(Fault {
                path: entry.path,
                reason: words(&error),
                sets_aside: true,
            });
        }
    }
    Ok(report)
}

fn check_block(
    partition: &Partition,
    meta: &crate::partition::BlockMeta,
    report: &mut CheckReport,
) {
    let read = partition
        .read_block(meta)
        .map_err(|error| error.to_string());
    let decoded = read.and_then(|bytes| {
        let block = block::read(&bytes, Labels::empty()).map_err(|error| error.to_string())?;
        let within = block.first >= meta.first && block.last <= meta.last;
        within
            .then_some(())
            .ok_or_else(|| "the times are not those of the index".to_owned())
    });
    match decoded {
        Ok(()) => report.blocks += 1,
        Err(reason) => report.faults.push(Fault {
            path: partition.dir().join("blocks"),
            reason: format!(
                "the block of {} bytes at {}: {reason}",
                meta.block_len, meta.block_at
            ),
            sets_aside: false,
        }),
    }
}

fn words(error: &IndexError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

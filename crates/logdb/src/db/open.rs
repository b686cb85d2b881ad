//! Opening a database: every partition that can be read, and the others set aside.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use weft_disk::{DirLock, Disk, RealDisk};
use weft_model::Nanos;

use super::LogDb;
use super::sealer::Sealer;
use crate::config::Config;
use crate::error::{IndexError, OpenError};
use crate::head::Head;
use crate::partition::Partition;

/// What the name of a partition begins with that was set aside.
const ASIDE_PREFIX: &str = "aside-";

/// What the name of a partition begins with that is being dropped.
pub(super) const DROP_PREFIX: &str = "drop-";

/// What was found on opening.
#[derive(Debug, Default)]
pub struct OpenReport {
    /// Partitions that were opened.
    pub partitions: usize,
    /// Blocks in them.
    pub blocks: usize,
    /// The highest journal position in them.
    pub position: u64,
    /// Partitions that could not be read; their lines are missing.
    pub aside: Vec<Aside>,
}

/// A partition that could not be read.
#[derive(Debug)]
pub struct Aside {
    /// Where it was moved.
    pub path: PathBuf,
    /// Why it could not be read.
    pub reason: IndexError,
}

impl LogDb {
    /// Opens the database in a directory, which is made if it is missing.
    ///
    /// The index maps its files itself, so the directory is always on a file system of this
    /// machine.
    pub fn open(root: &Path, config: Config, now: Nanos) -> Result<(LogDb, OpenReport), OpenError> {
        check(&config)?;
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let lock = DirLock::acquire(root)?;
        let failed = |source| OpenError::Io {
            path: root.to_owned(),
            source,
        };
        let mut head = Head::new(&config, now);
        let mut report = OpenReport::default();
        for entry in disk.list(root).map_err(failed)? {
            if entry.name.starts_with(DROP_PREFIX) {
                disk.remove_dir(&entry.path).map_err(failed)?;
            }
            let Some(start) = Partition::start_of(&entry.name).filter(|_| entry.is_dir) else {
                continue;
            };
            match Partition::open(&*disk, root, start) {
                Ok((partition, snapshot)) => {
                    report.partitions += 1;
                    for segment in &snapshot.segments {
                        report.blocks += segment.blocks.len();
                        report.position = report.position.max(segment.position_max());
                    }
                    head.publish(Arc::new(partition), snapshot);
                }
                Err(reason) => {
                    let path = set_aside(&*disk, root, &entry.name).map_err(failed)?;
                    report.aside.push(Aside { path, reason });
                }
            }
        }
        let sealer = Sealer::new(config.compression).map_err(failed)?;
        let db = LogDb {
            root: root.to_owned(),
            config,
            disk,
            head: Mutex::new(head),
            sealer: Mutex::new(sealer),
            _lock: lock,
        };
        Ok((db, report))
    }
}

/// Moves a partition out of the way under a name that is free.
fn set_aside(disk: &dyn Disk, root: &Path, name: &str) -> std::io::Result<PathBuf> {
    let mut path = root.join(format!("{ASIDE_PREFIX}{name}"));
    let mut copy = 1;
    while disk.exists(&path) {
        copy += 1;
        path = root.join(format!("{ASIDE_PREFIX}{name}-{copy}"));
    }
    disk.rename(&root.join(name), &path)?;
    disk.sync_dir(root)?;
    Ok(path)
}

fn check(config: &Config) -> Result<(), OpenError> {
    const SECOND: i64 = 1_000_000_000;
    if config.partition_width <= 0 || config.partition_width % SECOND != 0 {
        return Err(OpenError::Config("a partition must cover whole seconds"));
    }
    if config.partitions_max == 0 {
        return Err(OpenError::Config("at least one partition must be allowed"));
    }
    if !(1 << 10..=16 << 20).contains(&config.block_bytes) {
        return Err(OpenError::Config(
            "a block must have between 1 KiB and 16 MiB",
        ));
    }
    if config.head_bytes_max < config.block_bytes || config.head_bytes_max > 1 << 30 {
        return Err(OpenError::Config(
            "the head must hold between one block and 1 GiB",
        ));
    }
    Ok(())
}

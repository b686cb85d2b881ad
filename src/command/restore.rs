//! `weft restore`: makes a data directory from a snapshot of the samples.
//!
//! In: a snapshot, as `POST /api/v1/admin/tsdb/snapshot` leaves it below `snapshots/`, and a data
//! directory that is new or has no data yet. Out: the directory, ready for `weft aggregator`.

use anyhow::{Context, Result, bail};
use weft_disk::{DirLock, Disk, RealDisk};
use weft_stdx::text;

use crate::args::Restore;
use crate::exit::Exit;
use crate::print;
use crate::print::progress::Progress;

/// What a data directory holds once an aggregator has run in it.
const USED: [&str; 3] = ["tsdb", "journal", "logdb"];

pub(crate) fn run(restore: &Restore) -> Result<Exit> {
    let (snapshot, data) = (&restore.snapshot, &restore.data);
    if !snapshot.is_dir() {
        bail!(
            "restore from {}: there is no such directory",
            snapshot.display()
        );
    }
    let _held = DirLock::acquire(data)?;
    for name in USED {
        let path = data.join(name);
        let entries = RealDisk
            .list(&path)
            .with_context(|| format!("read {}", path.display()))?;
        if !entries.is_empty() {
            bail!(
                "restore to {}: it has {name}/ already; choose another directory or move this one away",
                data.display()
            );
        }
    }
    let mut progress = Progress::new("restoring");
    let restored = weft_tsdb::restore(
        &RealDisk,
        snapshot,
        &data.join("tsdb"),
        &mut |path, bytes| {
            progress.next(path, bytes);
        },
    );
    progress.end();
    let report = restored?;
    print::line(&format!(
        "{} parts with {} samples, {}: start with weft aggregator --data {}",
        report.parts,
        report.samples,
        text::bytes(report.bytes),
        data.display(),
    ));
    Ok(Exit::Done)
}

//! Measures a spool on this machine's disk: a backlog is kept while batches go in and out.
//!
//! In: a directory to use, which is emptied, and how many MiB to move (2048 if not said).
//! Out: throughput, how long a sync takes, what opening costs.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use weft_model::{Millis, SessionId, StreamKind};
use weft_spool::{Config, NewBatch, Spool};

const BATCH_BYTES: usize = 256 << 10;
const BACKLOG_BATCHES: u64 = 1024;
const STREAM: StreamKind = StreamKind::Logs;

#[allow(clippy::print_stdout, reason = "the figures are what it is for")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::args()
        .nth(1)
        .map(PathBuf::from)
        .ok_or("name a directory")?;
    let mib = std::env::args()
        .nth(2)
        .and_then(|text| text.parse().ok())
        .unwrap_or(2048);
    let dir = dir.join("spool-speed");
    let batches = mib * (1 << 20) / BATCH_BYTES as u64;
    drop(std::fs::remove_dir_all(&dir));
    let (spool, _) = Spool::open(&dir, Config::default())?;
    let payload: Vec<u8> = (0..BATCH_BYTES as u32)
        .map(|at| ((at * at) >> 7) as u8)
        .collect();
    let mut syncs = Vec::new();
    let mut waiting = 0;
    let start = Instant::now();
    for at in 0..batches {
        let batch = NewBatch {
            session: SessionId(1),
            stream: STREAM,
            items: 1,
            first: Millis(0),
            last: Millis(0),
            meta: b"",
            payload: &payload,
        };
        spool.append_next(&batch, Millis(0))?;
        waiting += 1;
        if at % 4 == 3 {
            let before = Instant::now();
            spool.sync(STREAM)?;
            syncs.push(before.elapsed());
            while waiting > BACKLOG_BATCHES {
                let entries = spool.read(STREAM, 4 * BATCH_BYTES)?;
                let ids: Vec<_> = entries.iter().map(|entry| entry.id).collect();
                waiting -= ids.len() as u64;
                spool.ack(STREAM, &ids)?;
            }
        }
    }
    let moved = start.elapsed();
    syncs.sort_unstable();
    let at = |share: usize| {
        syncs
            .get(syncs.len() * share / 100)
            .copied()
            .unwrap_or_default()
    };
    let bytes = spool.stats(STREAM).bytes;
    drop(spool);
    let start = Instant::now();
    let (_spool, report) = Spool::open(&dir, Config::default())?;
    let opened: Duration = start.elapsed();
    println!("in and out: {:.0} MiB/s", mib as f64 / moved.as_secs_f64());
    println!(
        "sync of 1 MiB: half below {:?}, 99 of 100 below {:?}",
        at(50),
        at(99)
    );
    println!(
        "backlog: {} entries in {} MiB on the disk",
        report.entries,
        bytes >> 20
    );
    println!("opened again in {opened:?}");
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use weft_disk::{Fault, SimDisk};
use weft_model::{Millis, SessionId, StreamKind};

use super::*;

const DIR: &str = "/spool";
const OWN: SessionId = SessionId(0xabc);
const STREAM: StreamKind = StreamKind::Metrics;

/// Eight segments of two kilobytes, the oldest dropped when all are full.
fn small() -> Config {
    Config {
        metrics_bytes_max: 16 << 10,
        segment_bytes: 2 << 10,
        free_bytes_min: 0,
        ..Config::default()
    }
}

fn open_with(disk: &SimDisk, config: Config, ledger: &MemoryLedger) -> (Spool, OpenReport) {
    let (disk, ledger) = (Arc::new(disk.clone()), Box::new(ledger.clone()));
    Spool::open_on(disk, Path::new(DIR), config, ledger).unwrap()
}

fn open(disk: &SimDisk, ledger: &MemoryLedger) -> Spool {
    open_with(disk, small(), ledger).0
}

fn batch(items: u32, payload: &[u8]) -> NewBatch<'_> {
    NewBatch {
        session: OWN,
        stream: STREAM,
        items,
        first: Millis(1),
        last: Millis(2),
        meta: b"meta",
        payload,
    }
}

/// Appends a batch of `bytes` bytes and returns its number.
fn append(spool: &Spool, bytes: usize) -> u64 {
    spool
        .append_next(&batch(3, &vec![7; bytes]), Millis(0))
        .unwrap()
}

fn read_all(spool: &Spool) -> Vec<Entry> {
    spool.read(STREAM, usize::MAX).unwrap()
}

fn seqs(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.seq).collect()
}

fn ids(entries: &[Entry]) -> Vec<EntryId> {
    entries.iter().map(|entry| entry.id).collect()
}

#[test]
fn batches_come_out_as_they_went_in() {
    let spool = open(&SimDisk::new(), &MemoryLedger::new());
    assert_eq!(append(&spool, 5), 1);
    assert_eq!(read_all(&spool), [], "what is not durable is not given out");
    spool.sync(STREAM).unwrap();
    let entries = read_all(&spool);
    let content = Content::Batch {
        meta: b"meta".to_vec(),
        payload: vec![7; 5],
    };
    assert_eq!(entries[0].content, content);
    let entry = &entries[0];
    assert_eq!(
        (entry.session, entry.seq, entry.last_seq, entry.items),
        (OWN, 1, 1, 3)
    );
    assert_eq!((entry.first, entry.last), (Millis(1), Millis(2)));
    assert_eq!(read_all(&spool), [], "entries are read once");
}

#[test]
fn reading_stops_at_its_budget_and_goes_on_there() {
    let spool = open(&SimDisk::new(), &MemoryLedger::new());
    (0..20).for_each(|_| assert!(append(&spool, 300) > 0));
    spool.sync(STREAM).unwrap();
    let mut seen = Vec::new();
    loop {
        let entries = spool.read(STREAM, 700).unwrap();
        if entries.is_empty() {
            break;
        }
        assert!(entries.len() <= 3);
        seen.extend(seqs(&entries));
    }
    assert_eq!(seen, (1..=20).collect::<Vec<_>>());
}

#[test]
fn acknowledgements_in_any_order_remove_whole_segments() {
    let disk = SimDisk::new();
    let spool = open(&disk, &MemoryLedger::new());
    (0..30).for_each(|_| assert!(append(&spool, 300) > 0));
    spool.sync(STREAM).unwrap();
    let entries = read_all(&spool);
    let before = spool.stats(STREAM).bytes;
    spool.ack(STREAM, &ids(&entries[1..])).unwrap();
    assert_eq!(
        (spool.stats(STREAM).bytes, spool.stats(STREAM).entries),
        (before, 1)
    );
    spool.rewind(STREAM);
    assert_eq!(seqs(&read_all(&spool)), [1]);
    spool.ack(STREAM, &ids(&entries[..1])).unwrap();
    let stats = spool.stats(STREAM);
    assert_eq!((stats.entries, stats.in_flight, stats.oldest), (0, 0, None));
    assert!(stats.bytes <= 2 << 10);
}

#[test]
fn what_was_acknowledged_is_not_read_after_a_restart() {
    let (disk, ledger) = (SimDisk::new(), MemoryLedger::new());
    let spool = open(&disk, &ledger);
    (0..10).for_each(|_| assert!(append(&spool, 100) > 0));
    spool.sync(STREAM).unwrap();
    let entries = read_all(&spool);
    spool.ack(STREAM, &ids(&entries[..4])).unwrap();
    spool.sync(STREAM).unwrap();
    drop(spool);
    let (spool, report) = open_with(&disk, small(), &ledger);
    assert_eq!(
        (seqs(&read_all(&spool)), report.entries),
        ((5..=10).collect(), 6)
    );
    drop(spool);
    // Without its ledger the spool gives all again, which is no loss.
    let (spool, report) = open_with(&disk, small(), &MemoryLedger::new());
    assert_eq!(
        (seqs(&read_all(&spool)), report.entries),
        ((1..=10).collect(), 10)
    );
    assert_eq!(spool.next_seq(OWN, STREAM), 11);
}

#[test]
fn a_session_keeps_its_numbers_when_all_is_acknowledged_and_the_ledger_lost() {
    let disk = SimDisk::new();
    let spool = open(&disk, &MemoryLedger::new());
    for _ in 0..60 {
        append(&spool, 300);
        spool.sync(STREAM).unwrap();
        let entries = read_all(&spool);
        spool.ack(STREAM, &ids(&entries)).unwrap();
    }
    assert!(spool.stats(STREAM).bytes <= 2 << 10);
    drop(spool);
    let spool = open(&disk, &MemoryLedger::new());
    assert_eq!(spool.next_seq(OWN, STREAM), 61);
    let sessions = spool.sessions(STREAM);
    assert_eq!((sessions.len(), sessions[0].0), (1, OWN));
    assert_eq!(sessions[0].1.count(), 60);
}

#[test]
fn a_full_queue_drops_its_oldest_batches_and_tells_each() {
    let spool = open(&SimDisk::new(), &MemoryLedger::new());
    for _ in 0..100 {
        append(&spool, 300);
        assert!(spool.stats(STREAM).bytes <= 16 << 10);
    }
    spool.sync(STREAM).unwrap();
    let entries = read_all(&spool);
    let is_gap = |entry: &&Entry| matches!(entry.content, Content::Gap(DropReason::Full));
    let told: u64 = entries
        .iter()
        .filter(is_gap)
        .map(|gap| gap.last_seq - gap.seq + 1)
        .sum();
    let kept = entries.iter().filter(|entry| !is_gap(entry)).count() as u64;
    assert_eq!(told + kept, 100);
    let items: u64 = entries.iter().map(|entry| entry.items).sum();
    assert_eq!(items, 300);
    let dropped = spool.stats(STREAM).dropped;
    assert_eq!(dropped[0].0, DropReason::Full);
    assert_eq!((dropped[0].1.batches, dropped[0].1.items), (told, told * 3));
}

#[test]
fn backpressure_refuses_and_keeps_what_is_there() {
    let config = Config {
        metrics_full: Full::Backpressure,
        ..small()
    };
    let (spool, _) = open_with(&SimDisk::new(), config, &MemoryLedger::new());
    let payload = vec![1; 300];
    let append = || spool.append_next(&batch(1, &payload), Millis(0));
    let taken = std::iter::from_fn(|| append().ok()).count();
    assert!((30..60).contains(&taken), "{taken}");
    assert!(matches!(append(), Err(AppendError::Full)));
    spool.sync(STREAM).unwrap();
    let entries = read_all(&spool);
    assert_eq!(entries.len(), taken);
    spool.ack(STREAM, &ids(&entries)).unwrap();
    assert!(append().is_ok());
}

#[test]
fn too_little_space_on_the_file_system_counts_as_full() {
    let disk = SimDisk::new();
    let config = Config {
        metrics_full: Full::Backpressure,
        free_bytes_min: 10_000,
        ..small()
    };
    let (spool, _) = open_with(&disk, config, &MemoryLedger::new());
    let append = || spool.append_next(&batch(1, &[1; 300]), Millis(0));
    assert!(append().is_ok());
    disk.set_fault(Some(Fault::Full { bytes: 9_000 }));
    assert!(matches!(append(), Err(AppendError::Full)));
    disk.set_fault(None);
    assert!(append().is_ok());
}

#[test]
fn a_full_disk_is_an_error_and_nothing_is_lost() {
    let disk = SimDisk::new();
    let spool = open(&disk, &MemoryLedger::new());
    append(&spool, 300);
    spool.sync(STREAM).unwrap();
    disk.set_fault(Some(Fault::Full { bytes: 500 }));
    append(&spool, 300);
    assert!(matches!(spool.sync(STREAM), Err(SyncError::NoSpace { .. })));
    assert_eq!(seqs(&read_all(&spool)), [1]);
    disk.set_fault(None);
    spool.sync(STREAM).unwrap();
    assert_eq!(seqs(&read_all(&spool)), [2]);
}

#[test]
fn batches_that_waited_too_long_are_dropped() {
    let config = Config {
        age_max: Some(Duration::from_secs(10)),
        ..small()
    };
    let (spool, _) = open_with(&SimDisk::new(), config, &MemoryLedger::new());
    for at in 0..12 {
        spool
            .append_next(&batch(1, &[1; 900]), Millis(at * 1000))
            .unwrap();
        spool.sync(STREAM).unwrap();
    }
    spool.expire(Millis(17_000)).unwrap();
    spool.sync(STREAM).unwrap();
    let entries = read_all(&spool);
    let old = entries
        .iter()
        .filter(|entry| entry.content == Content::Gap(DropReason::Age));
    let old: Vec<u64> = old.map(|entry| entry.seq).collect();
    assert_eq!(old, (1..=old.len() as u64).collect::<Vec<_>>());
    assert!((4..=7).contains(&old.len()), "{old:?}");
}

#[test]
fn a_batch_that_is_too_large_or_has_no_number_is_refused() {
    let spool = open(&SimDisk::new(), &MemoryLedger::new());
    let large = spool.append_next(&batch(1, &[0; 4000]), Millis(0));
    assert!(matches!(large, Err(AppendError::TooLarge { .. })));
    for seq in [0, u64::MAX] {
        let refused = spool.append(&batch(1, &[]), seq, Millis(0));
        assert!(matches!(refused, Err(AppendError::Seq(_))));
    }
}

#[test]
fn numbers_that_a_power_cut_took_are_told_as_gaps() {
    let disk = SimDisk::new();
    let spool = open(&disk, &MemoryLedger::new());
    (1..=5).for_each(|_| assert!(append(&spool, 100) > 0));
    spool.sync(STREAM).unwrap();
    drop(spool);
    // The record of batch 3 is damaged.
    let path = PathBuf::from(DIR).join("metrics/0000000000000001.wal");
    assert!(disk.flip_bit(&path, 24 + 2 * 172 + 100, 1));
    let (spool, report) = open_with(&disk, small(), &MemoryLedger::new());
    assert!(report.damaged_bytes > 0);
    assert_eq!(spool.fill_holes(OWN, Millis(9)).unwrap(), 1);
    spool.sync(STREAM).unwrap();
    let entries = read_all(&spool);
    assert_eq!(seqs(&entries), [1, 2, 4, 5, 3]);
    assert_eq!(entries[4].content, Content::Gap(DropReason::Damage));
    assert_eq!(spool.fill_holes(OWN, Millis(9)).unwrap(), 0, "told once");
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// What a spool owes: by number the items of each batch that was synced, less those acknowledged.
#[derive(Default)]
struct Model {
    unsynced: BTreeMap<u64, u64>,
    owed: BTreeMap<u64, u64>,
    greatest: u64,
    read: Vec<Entry>,
}

impl Model {
    fn sync(&mut self) {
        self.greatest = self
            .unsynced
            .keys()
            .copied()
            .max()
            .unwrap_or(0)
            .max(self.greatest);
        self.owed.append(&mut self.unsynced);
    }

    fn ack(&mut self, spool: &Spool, random: &mut Random) {
        let mut acked = Vec::new();
        let left = std::mem::take(&mut self.read)
            .into_iter()
            .filter_map(|entry| {
                if random.below(3) > 0 {
                    return Some(entry);
                }
                acked.push(entry);
                None
            });
        self.read = left.collect();
        spool.ack(STREAM, &ids(&acked)).unwrap();
        for entry in acked {
            for seq in entry.seq..=entry.last_seq {
                // Making room syncs, too.
                self.unsynced.remove(&seq);
                self.owed.remove(&seq);
            }
        }
    }

    /// Claims that all that is owed is given out, as itself or as a gap, with its items.
    fn check(&mut self, spool: &Spool, seed: u64) {
        spool.rewind(STREAM);
        self.read = read_all(spool);
        let mut found = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for entry in &self.read {
            assert!(seen.insert(entry.id), "seed {seed}: read twice");
            for seq in entry.seq..=entry.last_seq {
                found.insert(seq, entry.items / (entry.last_seq - entry.seq + 1));
            }
        }
        for (seq, items) in &self.owed {
            let given = found.get(seq);
            assert!(given.is_some(), "seed {seed}: batch {seq} is lost");
            let joined = self.read.iter().any(|e| e.seq < e.last_seq);
            assert!(
                joined || given == Some(items),
                "seed {seed}: items of {seq}"
            );
        }
        assert!(
            spool.next_seq(OWN, STREAM) > self.greatest,
            "seed {seed}: a number twice"
        );
    }
}

fn check_spool(seed: u64) {
    let mut random = Random(seed);
    let (disk, mut ledger) = (SimDisk::new(), MemoryLedger::new());
    let mut spool = open(&disk, &ledger);
    let mut model = Model::default();
    for _ in 0..150 {
        match random.below(40) {
            0..20 => {
                let (items, bytes) = (1 + random.below(9) as u32, random.below(500) as usize);
                let seq = spool
                    .append_next(&batch(items, &vec![1; bytes]), Millis(0))
                    .unwrap();
                model.unsynced.insert(seq, items.into());
                assert!(spool.stats(STREAM).bytes <= 16 << 10, "seed {seed}");
            }
            20..27 => {
                spool.sync(STREAM).unwrap();
                model.sync();
            }
            27..31 => model.read.extend(spool.read(STREAM, 900).unwrap()),
            31..35 => model.ack(&spool, &mut random),
            35 => model.check(&spool, seed),
            36 => spool.expire(Millis(0)).unwrap(),
            step => {
                drop(spool);
                disk.crash(seed ^ step);
                match step {
                    37 => ledger.crash(),
                    38 => ledger = MemoryLedger::new(),
                    _ => {}
                }
                spool = open(&disk, &ledger);
                spool.fill_holes(OWN, Millis(0)).unwrap();
                spool.sync(STREAM).unwrap();
                model.unsynced.clear();
                model.check(&spool, seed);
            }
        }
    }
}

#[test]
fn what_was_synced_is_given_out_until_it_is_acknowledged() {
    for seed in 0..400 {
        check_spool(seed);
    }
}

#[test]
fn a_spool_on_this_machine_survives_a_restart() {
    let name = format!("weft-spool-{}", std::process::id());
    let dir = std::env::temp_dir().join(name);
    drop(std::fs::remove_dir_all(&dir));
    let (spool, report) = Spool::open(&dir, small()).unwrap();
    assert_eq!(report, OpenReport::default());
    (0..20).for_each(|_| assert!(append(&spool, 300) > 0));
    spool.sync_all().unwrap();
    let entries = read_all(&spool);
    spool.ack(STREAM, &ids(&entries[..15])).unwrap();
    drop(spool);
    let (spool, report) = Spool::open(&dir, small()).unwrap();
    assert_eq!((report.entries, report.ledger_was_rebuilt), (5, false));
    assert_eq!(seqs(&read_all(&spool)), (16..=20).collect::<Vec<_>>());
    drop(spool);
    std::fs::remove_dir_all(dir.join("ledger")).unwrap();
    let (spool, _) = Spool::open(&dir, small()).unwrap();
    assert!(seqs(&read_all(&spool)).ends_with(&[16, 17, 18, 19, 20]));
    drop(spool);
    std::fs::remove_dir_all(&dir).unwrap();
}

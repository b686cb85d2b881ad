//! A container that writes, a tailer that may crash, and a receiver that trims and stores.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use weft_disk::SimDisk;
use weft_model::{Labels, Nanos};
use weft_proto::RangeSet;
use weft_proto::payload::{LineFlags, decode_logs};

use crate::config::TailConfig;
use crate::intake::tail::tailer::{LogBatch, Moment, Tailer};
use crate::intake::tail::tally::Tally;
use crate::intake::tail::watch::Changes;

/// A line as the receiver stored it.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) labels: Labels,
    pub(super) time: Nanos,
    pub(super) flags: LineFlags,
    pub(super) body: String,
}

/// What the receiver has.
#[derive(Debug, Default)]
pub(super) struct Store {
    pub(super) lines: Vec<Stored>,
    pub(super) trimmed: usize,
    covered: HashMap<(u64, u64), RangeSet>,
}

impl Store {
    fn take(&mut self, batch: &LogBatch) {
        for mut part in decode_logs(&batch.encoded.payload).unwrap() {
            let key = (part.head.stream_key, part.head.segment);
            let covered = self.covered.entry(key).or_default();
            self.trimmed += part.trim(covered);
            part.cover(covered);
            for line in part.lines() {
                self.lines.push(Stored {
                    labels: part.head.labels.clone(),
                    time: line.time,
                    flags: line.flags,
                    body: String::from_utf8(line.body.to_vec()).unwrap(),
                });
            }
        }
    }

    pub(super) fn bodies(&self) -> Vec<String> {
        self.lines.iter().map(|line| line.body.clone()).collect()
    }
}

/// The whole scene.
pub(super) struct Bench {
    root: PathBuf,
    disk: Arc<SimDisk>,
    config: TailConfig,
    tailer: Tailer,
    begun: Instant,
    millis: u64,
    /// Batches that did not reach the receiver yet; a crash loses them.
    sent: Vec<LogBatch>,
    /// Whether batches reach the receiver.
    pub(super) delivers: bool,
    /// Whether the receiver's acknowledgements reach the tailer.
    pub(super) acks: bool,
    last_seq: u64,
    pub(super) store: Store,
    pub(super) tally: Tally,
    container: PathBuf,
    run: u32,
    file: File,
    rotations: u32,
    writes: u64,
    /// The lines that must be stored, in order.
    written: Vec<String>,
}

const EPOCH: i64 = 1_700_000_000_000_000_000;

impl Bench {
    pub(super) fn new(name: &str) -> Bench {
        Bench::with_config(name, |_| {})
    }

    pub(super) fn with_config(name: &str, change: impl FnOnce(&mut TailConfig)) -> Bench {
        let root = std::env::temp_dir().join(format!("weft-tail-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("pods")).unwrap();
        let mut config = TailConfig {
            pods: vec![root.join("pods")],
            ..TailConfig::default()
        };
        change(&mut config);
        let disk = Arc::new(SimDisk::new());
        weft_disk::Disk::create_dir(&*disk, Path::new("/state")).unwrap();
        let container = root.join("pods/shop_cart-1_22/web");
        fs::create_dir_all(&container).unwrap();
        let file = append(&container.join("0.log"));
        Bench {
            tailer: open(&config, &disk),
            root,
            disk,
            config,
            begun: Instant::now(),
            millis: 0,
            sent: Vec::new(),
            delivers: true,
            acks: true,
            last_seq: 0,
            store: Store::default(),
            tally: Tally::default(),
            container,
            run: 0,
            file,
            rotations: 0,
            writes: 0,
            written: Vec::new(),
        }
    }

    /// Notes a line that must be stored, written by the test itself.
    pub(super) fn expect(&mut self, body: &str) {
        self.written.push(body.to_owned());
    }

    pub(super) fn out(&mut self, body: &str) {
        self.record("stdout", "F", body);
        self.expect(body);
    }

    pub(super) fn err(&mut self, body: &str) {
        self.record("stderr", "F", body);
        self.expect(body);
    }

    /// Writes a record without expecting a line of it.
    pub(super) fn record(&mut self, output: &str, tag: &str, body: &str) {
        self.writes += 1;
        let time = Nanos(EPOCH).plus(self.writes as i64);
        self.raw(&format!("{time} {output} {tag} {body}\n"));
    }

    pub(super) fn raw(&mut self, bytes: &str) {
        self.file.write_all(bytes.as_bytes()).unwrap();
    }

    pub(super) fn last_time(&self) -> Nanos {
        Nanos(EPOCH).plus(self.writes as i64)
    }

    pub(super) fn current(&self) -> PathBuf {
        self.container.join(format!("{}.log", self.run))
    }

    /// Returns the name that the next rotation gives.
    pub(super) fn next_rotated(&self) -> PathBuf {
        let name = format!("{}.log.20240101-{:06}", self.run, self.rotations + 1);
        self.container.join(name)
    }

    /// Renames the current file, as the kubelet does; the writer still has it.
    pub(super) fn rename_current(&mut self) -> PathBuf {
        let rotated = self.next_rotated();
        self.rotations += 1;
        fs::rename(self.current(), &rotated).unwrap();
        rotated
    }

    /// Makes the writer open a new file.
    pub(super) fn reopen(&mut self) {
        self.file = append(&self.current());
    }

    pub(super) fn rotate(&mut self) -> PathBuf {
        let rotated = self.rename_current();
        self.reopen();
        rotated
    }

    /// Compresses a rotated file and removes it, as the kubelet does.
    pub(super) fn compress(&mut self, path: &Path) {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&fs::read(path).unwrap()).unwrap();
        let with = |end: &str| PathBuf::from(format!("{}{end}", path.display()));
        fs::write(with(".tmp"), encoder.finish().unwrap()).unwrap();
        fs::rename(with(".tmp"), with(".gz")).unwrap();
        fs::remove_file(path).unwrap();
    }

    pub(super) fn new_container(&mut self, dir: &str) {
        self.container = self.root.join("pods").join(dir);
        (self.run, self.rotations) = (0, 0);
        fs::create_dir_all(&self.container).unwrap();
        self.reopen();
    }

    pub(super) fn restart_container(&mut self) {
        self.run += 1;
        self.reopen();
    }

    pub(super) fn remove_pod(&mut self) {
        fs::remove_dir_all(self.container.parent().unwrap()).unwrap();
    }

    pub(super) fn streams(&self) -> u64 {
        self.tailer.last_survey().streams
    }

    /// Lets `millis` pass and the tailer take one turn.
    pub(super) fn step(&mut self, millis: u64) {
        self.millis += millis;
        let instant = self.begun + Duration::from_millis(self.millis);
        let now = Nanos(EPOCH).plus(self.millis as i64 * 1_000_000);
        let changes = self.tailer.wait(Duration::ZERO).unwrap();
        self.tailer.turn(Moment { instant, now }, &changes);
        if let Some(batch) = self.tailer.take_batch() {
            self.sent.push(batch);
        }
        if self.delivers {
            for batch in self.sent.drain(..) {
                self.store.take(&batch);
                self.last_seq = batch.seq;
            }
        }
        if self.acks {
            self.ack_all();
        }
        let (tally, _) = self.tailer.take_tally();
        self.tally.lines += tally.lines;
        self.tally.malformed += tally.malformed;
        self.tally.gaps += tally.gaps;
        self.tally.truncations += tally.truncations;
        self.tally.refused_streams += tally.refused_streams;
    }

    pub(super) fn ack_all(&mut self) {
        self.tailer.acked(self.last_seq);
    }

    /// Lets enough time pass for everything that is there to be read and delivered.
    pub(super) fn run(&mut self) {
        for _ in 0..80 {
            self.step(50);
        }
    }

    /// Lets more time pass than lines stay open.
    pub(super) fn run_long(&mut self) {
        self.run();
        self.step(6_000);
        self.run();
    }

    /// Ends the tailer without a word, and starts another one on what it left.
    pub(super) fn crash(&mut self) {
        self.tailer = open(&self.config, &self.disk);
        self.last_seq = 0;
        self.sent.clear();
    }

    pub(super) fn assert_stored_once(&self) {
        let told = self.store.bodies();
        assert_eq!(told, self.written, "stored, then written");
    }

    /// Claims that all lines are stored once, in whatever order.
    pub(super) fn assert_stored_once_in_any_order(&self) {
        let (mut told, mut written) = (self.store.bodies(), self.written.clone());
        told.sort();
        written.sort();
        assert_eq!(told, written, "stored, then written");
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

fn open(config: &TailConfig, disk: &Arc<SimDisk>) -> Tailer {
    let disk = Arc::<SimDisk>::clone(disk);
    let mut tailer =
        Tailer::open(config.clone(), "n1", disk, Path::new("/state/positions")).unwrap();
    tailer.wait(Duration::ZERO).unwrap();
    assert_eq!(tailer.wait(Duration::ZERO).unwrap(), Changes::default());
    tailer
}

fn append(path: &Path) -> File {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap()
}

//! Runs PromQL scripts against the real engine over the real TSDB.
//!
//! In: files, or folders of `*.test` files. Out: per file how many cases passed, and which failed.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use weft_aggregator::SampleSource;
use weft_disk::SimDisk;
use weft_model::{Labels, Millis};
use weft_promql::{Column, Source};
use weft_promqltest::{Report, Storage, run};
use weft_tsdb::{Config, Tsdb};

/// Where the store is, on a disk in memory.
const DIR: &str = "/tsdb";

/// The store's time: scripts begin at the epoch and stay within days of it.
const NOW: Millis = Millis(0);

/// Runs all scripts, over samples in memory and over samples in parts, and prints what passed.
pub(crate) fn run_all(paths: &[&str]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let mut failed = 0;
    for place in [Place::Head, Place::Parts] {
        let mut passed = 0;
        writeln!(out, "{place:?}:")?;
        for path in paths {
            for script in scripts(Path::new(path))? {
                let report = run_one(&script, place)?;
                let name = script.file_name().unwrap_or_default().to_string_lossy();
                let faults = report.failed.len();
                writeln!(out, "{name}: {} passed, {faults} failed", report.passed)?;
                for failure in &report.failed {
                    writeln!(out, "  {failure}")?;
                }
                passed += report.passed;
                failed += faults;
            }
        }
        writeln!(out, "{passed} passed")?;
    }
    if failed > 0 {
        bail!("{failed} cases of PromQL scripts did not end as they should");
    }
    Ok(())
}

fn run_one(script: &Path, place: Place) -> Result<Report> {
    let text =
        std::fs::read_to_string(script).with_context(|| format!("read {}", script.display()))?;
    run(&text, &mut Stored::new(place)?).with_context(|| format!("run {}", script.display()))
}

fn scripts(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).with_context(|| format!("list {}", path.display()))? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "test")
        {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Where the samples are when a question is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Head,
    Parts,
}

/// A TSDB that a script fills.
struct Stored {
    disk: SimDisk,
    tsdb: Tsdb,
    place: Place,
}

impl Stored {
    fn new(place: Place) -> Result<Stored> {
        let disk = SimDisk::new();
        let tsdb = open(&disk)?;
        Ok(Stored { disk, tsdb, place })
    }
}

fn open(disk: &SimDisk) -> Result<Tsdb> {
    // Scripts reach far into the past and future, and no disk is to be worn by them.
    let config = Config {
        retention_millis: i64::MAX / 4,
        future_max_millis: i64::MAX / 4,
        ..Config::default()
    };
    let (tsdb, _) = Tsdb::open(Arc::new(disk.clone()), Path::new(DIR), config, NOW)?;
    Ok(tsdb)
}

impl Storage for Stored {
    fn clear(&mut self) -> Result<()> {
        *self = Stored::new(self.place)?;
        Ok(())
    }

    fn append(&mut self, labels: &Labels, column: &Column) -> Result<()> {
        let series = self.tsdb.intern(labels)?;
        for (at, time) in column.times.iter().enumerate() {
            let (time, start) = (Millis(*time), Millis(column.start(at)));
            match column.histogram(at) {
                Some(histogram) => {
                    let histogram = histogram.as_ref().clone();
                    self.tsdb
                        .append_histogram_since(series, time, start, histogram)?;
                }
                None => {
                    let value = column.values[at];
                    self.tsdb.append_since(series, time, start, value)?;
                }
            }
        }
        if self.place == Place::Parts {
            self.tsdb.flush(NOW)?;
            self.tsdb = open(&self.disk)?;
        }
        Ok(())
    }

    fn source(&self) -> Box<dyn Source + '_> {
        Box::new(SampleSource::new(&self.tsdb))
    }
}

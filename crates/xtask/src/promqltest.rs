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
use weft_promqltest::{Failure, Storage, run};
use weft_tsdb::{Config, Tsdb};

/// Where the store is, on a disk in memory.
const DIR: &str = "/tsdb";

/// Cases that fail over the TSDB and not over the engine's own store, with the reason. A case that
/// passes although it is listed is a failure, too.
const KNOWN: [(&str, usize, &str); 7] = [
    ("native_histograms.test", 1747, HINT),
    ("native_histograms.test", 1752, HINT),
    ("native_histograms.test", 1821, HINT),
    ("native_histograms.test", 1826, HINT),
    ("native_histograms.test", 1880, HINT),
    ("native_histograms.test", 1885, HINT),
    ("range_queries.test", 93, HINT),
];

const HINT: &str =
    "the TSDB keeps no reset hints, and the first histogram of a window has none before it";

/// The store's time: scripts begin at the epoch and stay within days of it.
const NOW: Millis = Millis(0);

/// Runs all scripts and prints what passed.
pub(crate) fn run_all(paths: &[&str]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let (mut passed, mut failed) = (0, 0);
    for path in paths {
        for script in scripts(Path::new(path))? {
            let text = std::fs::read_to_string(&script)
                .with_context(|| format!("read {}", script.display()))?;
            let report = run(&text, &mut Stored::new()?)
                .with_context(|| format!("run {}", script.display()))?;
            let name = script.file_name().unwrap_or_default().to_string_lossy();
            writeln!(
                out,
                "{name}: {} passed, {} failed",
                report.passed,
                report.failed.len()
            )?;
            failed += judge(&mut out, &name, &report.failed)?;
            passed += report.passed;
        }
    }
    writeln!(out, "{passed} passed, {failed} failed")?;
    if failed > 0 {
        bail!("{failed} cases of PromQL scripts did not end as they should");
    }
    Ok(())
}

/// Prints the failures of a script; returns how many are not known, and known ones that are gone.
fn judge(out: &mut impl Write, script: &str, failures: &[Failure]) -> Result<usize> {
    let known: Vec<_> = KNOWN.iter().filter(|known| known.0 == script).collect();
    let mut unexpected = 0;
    for failure in failures {
        match known.iter().find(|known| known.1 == failure.line) {
            Some((_, line, reason)) => writeln!(out, "  line {line}: known: {reason}")?,
            None => {
                unexpected += 1;
                writeln!(out, "  {failure}")?;
            }
        }
    }
    for (_, line, _) in known {
        if !failures.iter().any(|failure| failure.line == *line) {
            unexpected += 1;
            writeln!(out, "  line {line}: passes, but is listed as known to fail")?;
        }
    }
    Ok(unexpected)
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

/// A TSDB that a script fills.
struct Stored(Tsdb);

impl Stored {
    fn new() -> Result<Stored> {
        // Scripts reach far into the past and future, and no disk is to be worn by them.
        let config = Config {
            retention_millis: i64::MAX / 4,
            future_max_millis: i64::MAX / 4,
            ..Config::default()
        };
        let (tsdb, _) = Tsdb::open(Arc::new(SimDisk::new()), Path::new(DIR), config, NOW)?;
        Ok(Stored(tsdb))
    }
}

impl Storage for Stored {
    fn clear(&mut self) -> Result<()> {
        *self = Stored::new()?;
        Ok(())
    }

    fn append(&mut self, labels: &Labels, column: &Column) -> Result<()> {
        let series = self.0.intern(labels)?;
        for (at, time) in column.times.iter().enumerate() {
            match column.histogram(at) {
                Some(histogram) => {
                    self.0
                        .append_histogram(series, Millis(*time), histogram.as_ref().clone())?;
                }
                None => self.0.append(series, Millis(*time), column.values[at])?,
            }
        }
        Ok(())
    }

    fn source(&self) -> Box<dyn Source + '_> {
        Box::new(SampleSource::new(&self.0))
    }
}

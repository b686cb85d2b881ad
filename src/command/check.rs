//! `weft check`: looks at files without running anything.

use std::path::Path;

use anyhow::{Context, Result, bail};
use weft_disk::RealDisk;
use weft_stdx::text;

use crate::args::Check;
use crate::config;
use crate::exit::Exit;
use crate::print;

pub(crate) fn run(check: &Check) -> Result<Exit> {
    match check {
        Check::Config { file } => {
            let faults = config::check_file(file);
            for fault in &faults {
                print::line(&format!("{}: {fault}", file.display()));
            }
            if faults.is_empty() {
                print::line(&format!("{}: good", file.display()));
                return Ok(Exit::Done);
            }
            Ok(Exit::Unusable)
        }
        Check::Data { dir } => check_data(dir),
    }
}

fn check_data(dir: &Path) -> Result<Exit> {
    let samples = dir.join("tsdb");
    if !samples.is_dir() {
        bail!(
            "{} is not the data directory of an aggregator: it has no tsdb/",
            dir.display()
        );
    }
    let report = weft_tsdb::check(&RealDisk, &samples).context("read the samples")?;
    for fault in &report.faults {
        let cause = std::error::Error::source(fault).map(|cause| format!(": {cause}"));
        print::line(&format!("{fault}{}", cause.unwrap_or_default()));
    }
    print::line(&format!(
        "{} parts, {} series, {} samples, {}: {} faults, {} files set aside before",
        report.parts,
        report.series,
        report.samples,
        text::bytes(report.bytes),
        report.faults.len(),
        report.set_aside,
    ));
    if report.faults.is_empty() {
        return Ok(Exit::Done);
    }
    print::line("a part at fault is set aside when the aggregator opens it; the rest is served");
    Ok(Exit::Failed)
}

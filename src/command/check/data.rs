//! `weft check data`: every checksum and invariant below a data directory.
//!
//! In: a directory, locked meanwhile so that no process changes it. Out: a line or a JSON object
//! for each finding with what a start would do about it, then a summary.

use std::path::Path;

use anyhow::Result;
use serde_json::json;
use weft_aggregator::{CheckReport, Finding};
use weft_disk::{DirLock, RealDisk};
use weft_stdx::text;

use crate::complain;
use crate::exit::Exit;
use crate::print;
use crate::print::progress::Progress;

pub(super) fn run(dir: &Path, as_json: bool) -> Result<Exit> {
    if !dir.is_dir() {
        complain(&format!(
            "check {}: there is no such directory",
            dir.display()
        ));
        return Ok(Exit::Unusable);
    }
    let held = match DirLock::acquire(dir) {
        Ok(held) => held,
        Err(error) => {
            complain(&format!("{:#}", anyhow::Error::from(error)));
            return Ok(Exit::Unusable);
        }
    };
    let mut progress = Progress::new("checking");
    let checked = weft_aggregator::check(&RealDisk, dir, &mut |path, bytes| {
        progress.next(path, bytes);
    });
    progress.end();
    drop(held);
    let report = match checked {
        Ok(report) => report,
        Err(error @ weft_aggregator::CheckError::NotData(_)) => {
            complain(&error.to_string());
            return Ok(Exit::Unusable);
        }
        Err(error) => return Err(error.into()),
    };
    if as_json {
        print::line(&as_object(&report).to_string());
    } else {
        report
            .findings
            .iter()
            .for_each(|finding| print::line(&sentence(finding)));
        print::line(&summary(&report));
    }
    let harmless = report
        .findings
        .iter()
        .all(|finding| finding.remedy.is_harmless());
    Ok(if harmless { Exit::Done } else { Exit::Failed })
}

fn sentence(finding: &Finding) -> String {
    let Finding {
        path,
        fault,
        remedy,
    } = finding;
    format!("{}: {fault}; a start {remedy}", path.display())
}

fn summary(report: &CheckReport) -> String {
    format!(
        "{} parts with {} series, {} samples and {} exemplars, {} journal records, {} blocks of lines, {}: \
         {} findings, {} files set aside before",
        report.parts,
        report.series,
        report.samples,
        report.exemplars,
        report.records,
        report.blocks,
        text::bytes(report.bytes),
        report.findings.len(),
        report.set_aside,
    )
}

fn as_object(report: &CheckReport) -> serde_json::Value {
    let findings = report.findings.iter().map(|finding| {
        json!({
            "file": finding.path.display().to_string(),
            "fault": finding.fault,
            "start": finding.remedy.to_string(),
            "harmless": finding.remedy.is_harmless(),
        })
    });
    json!({
        "parts": report.parts,
        "series": report.series,
        "samples": report.samples,
        "exemplars": report.exemplars,
        "journal_records": report.records,
        "line_blocks": report.blocks,
        "bytes": report.bytes,
        "set_aside_before": report.set_aside,
        "findings": findings.collect::<Vec<_>>(),
    })
}

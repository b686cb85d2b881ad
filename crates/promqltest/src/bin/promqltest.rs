//! Runs test scripts, files or folders of them, and prints what passed and failed.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use weft_promqltest::{Memory, run};

fn main() -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let mut all_passed = true;
    for argument in std::env::args_os().skip(1) {
        for path in scripts(Path::new(&argument))? {
            let script = std::fs::read_to_string(&path)
                .with_context(|| format!("read {}", path.display()))?;
            let report = run(&script, &mut Memory::new())
                .with_context(|| format!("run {}", path.display()))?;
            let (passed, failed) = (report.passed, report.failed.len());
            writeln!(out, "{}: {passed} passed, {failed} failed", path.display())?;
            for failure in &report.failed {
                writeln!(out, "  {failure}")?;
            }
            all_passed &= report.failed.is_empty();
        }
    }
    Ok(if all_passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn scripts(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
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

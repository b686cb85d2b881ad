//! `weft check`: looks at files without running anything.

mod data;
mod rule_tests;
mod rules;

use anyhow::Result;

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
        Check::Rules(files) => rules::run(files),
        Check::Data { dir, json } => data::run(dir, *json),
    }
}

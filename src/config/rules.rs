//! Rule files: from YAML to groups of rules, with every fault and its place.
//!
//! In: paths and patterns of paths. Out: the groups that all files hold, or what is wrong with
//! them. A file has the fields of Prometheus's rule files, and no others.
//! Bound: [`FILE_BYTES_MAX`] for each file, [`FILES_MAX`] files.

mod shape;

use std::path::{Path, PathBuf};
use std::time::Duration;

use weft_alert::{Fault, Group};

use super::{glob, yaml};

/// The bytes that a rule file may have.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// How many files patterns may name.
const FILES_MAX: usize = 10_000;

/// A file and what it holds.
#[derive(Debug)]
pub(crate) struct RuleFile {
    /// The path, as it was named or found.
    pub(crate) path: String,
    /// Its groups, or what is wrong.
    pub(crate) groups: Result<Vec<Group>, Vec<Fault>>,
}

/// Returns the files that paths and patterns name, each once, in the order of their names for
/// each pattern. A path that names nothing is an error, a pattern that matches nothing is not.
pub(crate) fn files(patterns: &[String]) -> Result<Vec<PathBuf>, String> {
    let mut found: Vec<PathBuf> = Vec::new();
    for pattern in patterns {
        for path in glob::expand(pattern)? {
            if !found.contains(&path) {
                found.push(path);
            }
        }
        if found.len() > FILES_MAX {
            return Err(format!("{pattern}: more than {FILES_MAX} files"));
        }
    }
    Ok(found)
}

/// Reads a rule file; `interval` is that of groups that name none.
pub(crate) fn read(path: &Path, interval: Duration) -> RuleFile {
    let named = path.display().to_string();
    let groups = load(path).and_then(|text| parse(&named, &text, interval));
    RuleFile {
        path: named,
        groups,
    }
}

/// Reads all rule files that patterns name. One that is wrong makes all of them wrong, so that
/// rules never change by half.
pub(crate) fn read_all(patterns: &[String], interval: Duration) -> Result<Vec<Group>, Vec<String>> {
    let mut groups = Vec::new();
    let mut faults = Vec::new();
    for path in files(patterns).map_err(|fault| vec![fault])? {
        let file = read(&path, interval);
        match file.groups {
            Ok(read) => groups.extend(read),
            Err(found) => faults.extend(found.iter().map(|fault| located(&file.path, fault))),
        }
    }
    match faults.is_empty() {
        true => Ok(groups),
        false => Err(faults),
    }
}

/// Returns a fault as one line that begins with the file and the place.
pub(crate) fn located(path: &str, fault: &Fault) -> String {
    match fault.place {
        Some(_) => format!("{path}:{fault}"),
        None => format!("{path}: {fault}"),
    }
}

pub(super) fn load(path: &Path) -> Result<String, Vec<Fault>> {
    let fault = |message: String| {
        vec![Fault {
            place: None,
            message,
        }]
    };
    let metadata = std::fs::metadata(path).map_err(|error| fault(error.to_string()))?;
    if metadata.len() > FILE_BYTES_MAX {
        return Err(fault(format!("longer than {FILE_BYTES_MAX} bytes")));
    }
    std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))
}

/// Reads the text of a rule file.
pub(crate) fn parse(path: &str, text: &str, interval: Duration) -> Result<Vec<Group>, Vec<Fault>> {
    let node = yaml::parse(text).map_err(|fault| vec![fault])?;
    let (file, mut faults) = shape::file(path, &node);
    let checked = weft_alert::check(&file, interval, &|query| {
        let parsed = weft_promql::parse(query);
        parsed
            .map(|expr| expr.to_string())
            .map_err(|error| error.to_string())
    });
    match checked {
        Ok(groups) if faults.is_empty() => Ok(groups),
        checked => {
            faults.extend(checked.err().unwrap_or_default());
            faults.sort_by_key(|fault| fault.place);
            Err(faults)
        }
    }
}

#[cfg(test)]
mod tests;

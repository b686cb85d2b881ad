//! The files of one stream in the order in which they were written.
//!
//! In: the path that is written to. Out: its rotated predecessors, oldest first, and itself.
//! Known are the kubelet's `0.log.<time>[.gz]` and logrotate's `app.log.<n>[.gz]` and
//! `app.log-<date>[.gz]`. What is still being made, `.tmp`, is left out.

use std::cmp::Reverse;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where a file stands in its chain, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// Rotated at a time, which sorts as text.
    Dated(String),
    /// Rotated so many times since.
    Numbered(Reverse<u32>),
    /// The one that is written to.
    Current,
}

/// Returns the files of the stream whose current file is `path`, oldest first.
pub(super) fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    let (Some(dir), Some(base)) = (path.parent(), path.file_name().and_then(|n| n.to_str())) else {
        return Ok(Vec::new());
    };
    let mut found: Vec<(Place, bool, PathBuf)> = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(base)) else {
            continue;
        };
        let (rest, compressed) = match rest.strip_suffix(".gz") {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        if let Some(place) = place(rest) {
            found.push((place, compressed, entry.path()));
        }
    }
    // Of a file and its compressed copy the plain one sorts first and stays.
    found.sort();
    found.dedup_by(|later, earlier| later.0 == earlier.0);
    Ok(found.into_iter().map(|(_, _, path)| path).collect())
}

/// Returns the name that a rotated file had while it was written to, if it looks like one.
pub(super) fn name_before_rotation(name: &str) -> Option<&str> {
    let name = name.strip_suffix(".gz").unwrap_or(name);
    name.match_indices(['.', '-'])
        .map(|(at, _)| name.split_at(at))
        .find(|(base, rest)| {
            !base.is_empty() && matches!(place(rest), Some(p) if p != Place::Current)
        })
        .map(|(base, _)| base)
}

fn place(rest: &str) -> Option<Place> {
    if rest.is_empty() {
        return Some(Place::Current);
    }
    let suffix = rest.strip_prefix(['.', '-'])?;
    let is_date = |c: char| c.is_ascii_digit() || matches!(c, '-' | ':' | 'T' | '_' | '.');
    let begins_with_digit = suffix.starts_with(|c: char| c.is_ascii_digit());
    if !begins_with_digit || !suffix.chars().all(is_date) {
        return None;
    }
    match suffix.parse() {
        Ok(number) if suffix.len() <= 4 => Some(Place::Numbered(Reverse(number))),
        _ => Some(Place::Dated(suffix.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(base: &str, names: &[&str], ordered: &[&str]) {
        let dir = std::env::temp_dir().join(format!("weft-chain-{}-{base}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        for name in names {
            fs::write(dir.join(name), b"").unwrap();
        }
        let found = files(&dir.join(base)).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|p| p.file_name().unwrap().to_str().unwrap())
            .collect();
        fs::remove_dir_all(&dir).unwrap();
        assert_eq!(found, ordered);
    }

    #[test]
    fn rotated_files_come_before_the_current_one() {
        check(
            "0.log",
            &[
                "0.log",
                "0.log.20240102-000000",
                "0.log.20240101-000000.gz",
                "0.log.20240101-120000.tmp",
                "1.log",
                "0.logs",
            ],
            &["0.log.20240101-000000.gz", "0.log.20240102-000000", "0.log"],
        );
        check(
            "app.log",
            &[
                "app.log",
                "app.log.1",
                "app.log.10.gz",
                "app.log.2.gz",
                "app.log.2",
                "app.log.bak",
            ],
            &["app.log.10.gz", "app.log.2", "app.log.1", "app.log"],
        );
    }

    #[test]
    fn a_rotated_name_tells_the_one_before() {
        for (name, before) in [
            ("app.log.1", Some("app.log")),
            ("app.log-20240101.gz", Some("app.log")),
            ("0.log.20240101-000000", Some("0.log")),
            ("app.log", None),
            ("app-7.log", None),
        ] {
            assert_eq!(name_before_rotation(name), before, "{name}");
        }
    }
}

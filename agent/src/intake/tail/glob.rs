//! Paths with `*` and `?`, which do not match a `/`.
//!
//! In: a pattern. Out: the files that match now, sorted. Bound: [`MATCHES_MAX`] paths at each
//! level; more are left out.

use std::fs;
use std::path::{Path, PathBuf};

/// Paths that are followed at each level of a pattern.
const MATCHES_MAX: usize = 10_000;

/// What a pattern matches now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Matches {
    /// The files.
    pub(super) files: Vec<PathBuf>,
    /// The directories in which further files may appear.
    pub(super) dirs: Vec<PathBuf>,
}

/// Returns what `pattern` matches.
pub(super) fn expand(pattern: &str) -> Matches {
    let mut matches = Matches::default();
    let mut paths = vec![if pattern.starts_with('/') {
        PathBuf::from("/")
    } else {
        PathBuf::new()
    }];
    let mut parts = pattern
        .split('/')
        .filter(|part| !part.is_empty())
        .peekable();
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        let is_pattern = part.contains(['*', '?']);
        if is_pattern || is_last {
            matches
                .dirs
                .extend(paths.iter().map(|dir| readable(dir).to_owned()));
        }
        paths = paths
            .iter()
            .flat_map(|dir| step(dir, part, is_pattern))
            .take(MATCHES_MAX)
            .collect();
    }
    paths.retain(|path| path.is_file());
    paths.sort();
    matches.dirs.retain(|dir| dir.is_dir());
    matches.dirs.sort();
    matches.files = paths;
    matches
}

fn step(dir: &Path, part: &str, is_pattern: bool) -> Vec<PathBuf> {
    if !is_pattern {
        return vec![dir.join(part)];
    }
    let Ok(entries) = fs::read_dir(readable(dir)) else {
        return Vec::new();
    };
    let name = |entry: &fs::DirEntry| entry.file_name().into_string().ok();
    entries
        .flatten()
        .filter_map(|entry| name(&entry))
        .filter(|name| is_match(part.as_bytes(), name.as_bytes()))
        .map(|name| dir.join(name))
        .collect()
}

fn readable(dir: &Path) -> &Path {
    if dir.as_os_str().is_empty() {
        Path::new(".")
    } else {
        dir
    }
}

/// Tells whether a name matches a pattern, in time proportional to their lengths' product.
fn is_match(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at_pattern, mut at_name) = (0, 0);
    // Where to go on when what follows the last star does not match.
    let mut retry: Option<(usize, usize)> = None;
    while at_name < name.len() {
        match pattern.get(at_pattern) {
            Some(b'*') => {
                retry = Some((at_pattern + 1, at_name));
                at_pattern += 1;
            }
            Some(byte) if *byte == b'?' || *byte == name[at_name] => {
                at_pattern += 1;
                at_name += 1;
            }
            _ => {
                let Some((after_star, from)) = retry else {
                    return false;
                };
                retry = Some((after_star, from + 1));
                (at_pattern, at_name) = (after_star, from + 1);
            }
        }
    }
    pattern[at_pattern..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_match() {
        for (pattern, name, matched) in [
            ("*.log", "app.log", true),
            ("*.log", "app.log.1", false),
            ("a*b*c", "axxbyybzc", true),
            ("a*b*c", "axxbyybz", false),
            ("?.log", "a.log", true),
            ("?.log", "ab.log", false),
            ("*", "", true),
            ("", "a", false),
        ] {
            assert_eq!(
                is_match(pattern.as_bytes(), name.as_bytes()),
                matched,
                "{pattern} {name}"
            );
        }
    }

    #[test]
    fn every_level_of_a_path_may_be_a_pattern() {
        let dir = std::env::temp_dir().join(format!("weft-glob-{}", std::process::id()));
        for part in ["a/x", "b/x", "c/y"] {
            fs::create_dir_all(dir.join(part)).unwrap();
            fs::write(dir.join(part).join("app.log"), b"").unwrap();
        }
        let found = expand(&format!("{}/*/x/*.log", dir.display()));
        assert_eq!(
            found.files,
            [dir.join("a/x/app.log"), dir.join("b/x/app.log")]
        );
        assert_eq!(found.dirs, [dir.clone(), dir.join("a/x"), dir.join("b/x")]);
        fs::remove_dir_all(&dir).unwrap();
    }
}

//! Patterns of paths: `*`, `?` and `[a-z]` within each part of a path.
//!
//! In: a pattern. Out: the paths that exist and match, sorted.

use std::path::{Path, PathBuf};

/// Returns the paths that a pattern names.
///
/// Fails when a path without wildcards names nothing, and when a directory cannot be read.
pub(super) fn expand(pattern: &str) -> Result<Vec<PathBuf>, String> {
    let path = Path::new(pattern);
    if !is_pattern(pattern) {
        return match path.exists() {
            true => Ok(vec![path.to_owned()]),
            false => Err(format!("{pattern}: no such file")),
        };
    }
    let mut found = vec![PathBuf::new()];
    for part in path.components() {
        let part = part.as_os_str().to_string_lossy();
        found = match is_pattern(&part) {
            true => matching(&found, &part)?,
            false => {
                let joined = found.iter().map(|base| base.join(part.as_ref()));
                joined.filter(|path| path.exists()).collect()
            }
        };
    }
    found.sort();
    Ok(found)
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Returns the entries of directories whose names match; hidden ones only when asked for.
fn matching(bases: &[PathBuf], part: &str) -> Result<Vec<PathBuf>, String> {
    let pattern: Vec<char> = part.chars().collect();
    let mut found = Vec::new();
    for base in bases {
        let dir = if base.as_os_str().is_empty() {
            Path::new(".")
        } else {
            base
        };
        if !dir.is_dir() {
            continue;
        }
        let failed = |error: std::io::Error| format!("{}: {error}", dir.display());
        for entry in std::fs::read_dir(dir).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let text = name.to_string_lossy();
            let is_hidden = text.starts_with('.') && !part.starts_with('.');
            if !is_hidden && matches(&pattern, &text.chars().collect::<Vec<_>>()) {
                found.push(base.join(&name));
            }
        }
    }
    Ok(found)
}

/// Tells whether a name matches; going back only to the last `*` keeps it quadratic at worst.
fn matches(pattern: &[char], name: &[char]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star = None;
    while n < name.len() {
        match one(&pattern[p..], name[n]) {
            _ if pattern.get(p) == Some(&'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(len) => {
                p += len;
                n += 1;
            }
            None => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    (p, n) = (at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Returns how much of the pattern matches one character.
fn one(pattern: &[char], c: char) -> Option<usize> {
    match pattern.first()? {
        '?' => Some(1),
        '[' => {
            let close = pattern.iter().skip(2).position(|it| *it == ']')? + 2;
            let inside = &pattern[1..close];
            let (negated, set) = match inside.first() {
                Some('^' | '!') => (true, &inside[1..]),
                _ => (false, inside),
            };
            (in_set(set, c) != negated).then_some(close + 1)
        }
        literal => (*literal == c).then_some(1),
    }
}

fn in_set(set: &[char], c: char) -> bool {
    let mut rest = set;
    while let Some((first, others)) = rest.split_first() {
        match others {
            ['-', last, behind @ ..] => {
                if (*first..=*last).contains(&c) {
                    return true;
                }
                rest = behind;
            }
            _ if *first == c => return true,
            _ => rest = others,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_patterns() {
        let check = |pattern: &str, name: &str, expected: bool| {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            assert_eq!(
                matches(&chars(pattern), &chars(name)),
                expected,
                "{pattern} {name}"
            );
        };
        check("*.yaml", "a.yaml", true);
        check("*.yaml", "a.yml", false);
        check("a*b*c", "aXbYbZc", true);
        check("a?c", "abc", true);
        check("a?c", "ac", false);
        check("[a-c]x", "bx", true);
        check("[^a-c]x", "bx", false);
        check("*", "", true);
        check("[", "[", false);
    }

    #[test]
    fn a_path_that_names_nothing_is_an_error_and_a_pattern_is_not() {
        assert!(expand("/nowhere/rules.yaml").is_err());
        assert_eq!(expand("/nowhere/*.yaml"), Ok(Vec::new()));
        let manifest = expand(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.t?ml")).unwrap();
        assert_eq!(manifest.len(), 1);
    }
}

//! The `regexp` stage: a label for every named group.

use regex::Regex;

/// Compiles a pattern with at least one named group.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    let regex = weft_matcher::search(pattern).map_err(|e| e.to_string())?;
    match regex.capture_names().flatten().next() {
        Some(_) => Ok(regex),
        None => Err("at least one named capture must be supplied".to_owned()),
    }
}

//! The `decolorize` stage.

/// Returns the line without ANSI escape sequences, or nothing if it has none.
pub(super) fn decolorized(line: &str) -> Option<String> {
    let mut at = line.find('\u{1b}')?;
    let mut rest = line;
    let mut plain = String::with_capacity(line.len());
    loop {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        rest = &rest[sequence_len(rest).max(1)..];
        match rest.find('\u{1b}') {
            Some(next) => at = next,
            None => break,
        }
    }
    plain.push_str(rest);
    Some(plain)
}

/// Returns how long the sequence is that begins a text: ESC, `[`, parameters, a final letter.
fn sequence_len(text: &str) -> usize {
    let Some(body) = text.strip_prefix("\u{1b}[") else {
        return 1;
    };
    let is_parameter = |c: char| ('\u{20}'..='\u{3f}').contains(&c);
    match body.find(|c| !is_parameter(c)) {
        Some(end) if ('@'..='~').contains(&char::from(body.as_bytes()[end])) => 2 + end + 1,
        Some(end) => 2 + end,
        None => text.len(),
    }
}

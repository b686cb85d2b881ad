//! The expressions of `| json name="expression"`: `a.b[0]["c d"]`.

/// One step into a JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The member of an object.
    Key(String),
    /// The element of an array.
    Index(usize),
}

/// Reads an expression.
pub(crate) fn parse(text: &str) -> Result<Vec<Step>, String> {
    let invalid = || format!("cannot parse JSON expression {text:?}");
    let mut steps = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (step, after) = bracket(inner).ok_or_else(invalid)?;
            steps.push(step);
            rest = after;
            continue;
        }
        if !steps.is_empty() {
            rest = rest.strip_prefix('.').ok_or_else(invalid)?;
        }
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let is_key =
            |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '@' | '$' | ':' | '/');
        if end == 0 || !rest[..end].chars().all(is_key) {
            return Err(invalid());
        }
        steps.push(Step::Key(rest[..end].to_owned()));
        rest = &rest[end..];
    }
    if steps.is_empty() {
        return Err(invalid());
    }
    Ok(steps)
}

/// Reads `"key"]` or `0]`.
fn bracket(inner: &str) -> Option<(Step, &str)> {
    if let Some(quoted) = inner.strip_prefix('"') {
        let end = quoted.find("\"]")?;
        let key = crate::parse::quote::unquote(&quoted[..end])?;
        return Some((Step::Key(key), &quoted[end + 2..]));
    }
    let end = inner.find(']')?;
    let index = inner[..end].parse().ok()?;
    Some((Step::Index(index), &inner[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_indexes_are_read() {
        let key = |name: &str| Step::Key(name.to_owned());
        let expected = vec![key("a"), key("b"), Step::Index(0), key("c d"), key("e")];
        assert_eq!(parse(r#"a.b[0]["c d"].e"#), Ok(expected));
        assert_eq!(parse(r#"["x.y"]"#), Ok(vec![key("x.y")]));
    }

    #[test]
    fn malformed_expressions_are_refused() {
        for text in ["", ".", "a.", "a[", "a[x]", "a b", "a[0]b", "a..b"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}

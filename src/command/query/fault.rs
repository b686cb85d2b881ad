//! A fault of a query, with a mark below the place that it is about.

/// Returns what a server says is wrong; when it names a place, with the line and a caret below it.
pub(super) fn shown(query: &str, error: &str) -> String {
    let Some((line, column, message)) = place(error) else {
        return error.to_owned();
    };
    let Some(text) = query.split('\n').nth(line - 1) else {
        return error.to_owned();
    };
    // The column counts bytes.
    let before: String = match text.get(..column - 1) {
        Some(before) => before.chars().map(|_| ' ').collect(),
        None => " ".repeat(text.chars().count()),
    };
    let text = text.replace('\t', " ");
    format!("{message}\n  {text}\n  {before}^")
}

/// Returns line and column, from 1, and the message of `…1:5: parse error: message`.
fn place(error: &str) -> Option<(usize, usize, &str)> {
    let (head, message) = error.split_once(": parse error: ")?;
    let place = head.rsplit(' ').next()?;
    let (line, column) = place.split_once(':')?;
    let (line, column) = (line.parse::<usize>().ok()?, column.parse::<usize>().ok()?);
    (line > 0 && column > 0).then_some((line, column, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_below_the_fault() {
        let error = "invalid parameter \"query\": 1:9: parse error: unexpected \")\"";
        let expected = "unexpected \")\"\n  sum(rate)\n          ^";
        assert_eq!(shown("sum(rate)", error), expected);
        let error = "invalid parameter \"query\": 2:4: parse error: what";
        assert_eq!(shown("up +\n\tä b", error), "what\n   ä b\n    ^");
        assert_eq!(shown("up", "query timed out"), "query timed out");
        assert_eq!(shown("up", "9:9: parse error: x"), "9:9: parse error: x");
    }
}

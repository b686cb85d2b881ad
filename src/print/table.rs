//! Rows in aligned columns.

/// Returns the rows with their cells padded: the last column to the right when it holds numbers,
/// all others to the left.
pub(crate) fn aligned(header: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let mut widths: Vec<usize> = header.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let last = header.len().saturating_sub(1);
    let numeric = rows
        .iter()
        .all(|row| row.get(last).is_some_and(|cell| is_number(cell)));
    let pad = |column: usize, cell: &str| {
        let width = widths[column];
        match column == last {
            true if numeric => format!("{cell:>width$}"),
            true => cell.to_owned(),
            false => format!("{cell:<width$}"),
        }
    };
    let joined = |cells: Vec<&str>| {
        let padded = cells.iter().enumerate().map(|(i, cell)| pad(i, cell));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![joined(header.to_vec())];
    lines.extend(
        rows.iter()
            .map(|row| joined(row.iter().map(String::as_str).collect())),
    );
    lines
}

fn is_number(cell: &str) -> bool {
    cell.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_aligned_to_the_right() {
        let rows = [
            vec!["a".to_owned(), "1.5".to_owned()],
            vec!["long".to_owned(), "10".to_owned()],
        ];
        assert_eq!(
            aligned(&["series", "value"], &rows),
            ["series  value", "a         1.5", "long       10"]
        );
    }
}

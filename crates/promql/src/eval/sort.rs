//! `sort` and its kin, which order the result of an instant query.

use std::cmp::Ordering;

use crate::ast::{Call, FunctionId, Span};
use crate::error::QueryError;

use super::call::arg;
use super::table::{CellRef, Table};
use super::{Evaluator, Steps};

impl Evaluator<'_> {
    pub(super) fn eval_sort(
        &self,
        call: &Call,
        span: Span,
        steps: Steps,
    ) -> Result<Table, QueryError> {
        let function = call.function.id;
        let table = self.eval_vector(arg(call, 0)?, steps)?;
        let by_value = matches!(function, FunctionId::Sort | FunctionId::SortDesc);
        if self.times.is_range || steps.count > 1 {
            let text = "sort is ineffective for range queries since results are always ordered by \
                        labels";
            self.notes.warn(span.start, text);
            let floats = |_, value| Some(value);
            return if by_value {
                self.each_float(table, floats)
            } else {
                Ok(table)
            };
        }
        let mut held = self.ledger.charge();
        held.hold::<usize>(table.len())?;
        let mut order: Vec<usize> = (0..table.len()).collect();
        if by_value {
            let floats = self.each_float(table, |_, value| Some(value))?;
            order.truncate(floats.len());
            let descending = function == FunctionId::SortDesc;
            order.sort_by(|a, b| compare_values(&floats, *a, *b, descending));
            return floats.reordered(&order);
        }
        let mut names = Vec::new();
        for at in 1..call.args.len() {
            names.push(self.text_arg(call, at, steps)?.to_str_lossy().into_owned());
        }
        order.sort_by(|a, b| compare_labels(&table, *a, *b, &names));
        if function == FunctionId::SortByLabelDesc {
            order.reverse();
        }
        table.reordered(&order)
    }
}

/// NaN comes last in either direction.
fn compare_values(table: &Table, a: usize, b: usize, descending: bool) -> Ordering {
    let value = |row| match table.get(row, 0) {
        Some(CellRef::Float(value)) => value,
        _ => f64::NAN,
    };
    let (a, b) = (value(a), value(b));
    match (a.is_nan(), b.is_nan()) {
        (false, false) => {
            let ascending = a.partial_cmp(&b).unwrap_or(Ordering::Equal);
            if descending {
                ascending.reverse()
            } else {
                ascending
            }
        }
        (a_is_nan, b_is_nan) => a_is_nan.cmp(&b_is_nan),
    }
}

fn compare_labels(table: &Table, a: usize, b: usize, names: &[String]) -> Ordering {
    let (a, b) = (&table.labels[a], &table.labels[b]);
    let by_names = names
        .iter()
        .map(|name| natural(a.get(name), b.get(name)))
        .find(|ordering| ordering.is_ne());
    by_names.unwrap_or_else(|| a.cmp(b))
}

/// Compares texts so that numbers in them count as numbers: `a2` comes before `a10`.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let (chunk_a, rest_a) = chunk(a);
        let (chunk_b, rest_b) = chunk(b);
        if chunk_a.is_empty() || chunk_b.is_empty() {
            return chunk_a.cmp(chunk_b);
        }
        let numbers = (chunk_a.parse::<u64>(), chunk_b.parse::<u64>());
        let ordering = match numbers {
            (Ok(number_a), Ok(number_b)) => number_a.cmp(&number_b),
            _ => chunk_a.cmp(chunk_b),
        };
        if ordering.is_ne() {
            return ordering;
        }
        (a, b) = (rest_a, rest_b);
    }
}

/// Splits off a run of digits or of anything else.
fn chunk(text: &str) -> (&str, &str) {
    let digits = text.starts_with(|char: char| char.is_ascii_digit());
    let end = text
        .find(|char: char| char.is_ascii_digit() != digits)
        .unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_texts_count_as_numbers() {
        let check = |a: &str, b: &str, expected: Ordering| assert_eq!(natural(a, b), expected);
        check("a2", "a10", Ordering::Less);
        check("10", "9", Ordering::Greater);
        check("a", "a1", Ordering::Less);
        check("x1y2", "x1y2", Ordering::Equal);
        check("", "a", Ordering::Less);
    }
}

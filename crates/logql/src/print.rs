//! From an expression back to text: on one line, or laid out for people.
//!
//! In: an [`Expr`]. Out: text that parses to an equal expression.

mod log;
mod metric;

use std::fmt;

use crate::ast::Expr;

/// How wide a line may be before its expression is broken up.
const WIDTH: usize = 100;

impl fmt::Display for Expr {
    /// Writes the expression on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expr::Log(log) => write!(f, "{log}"),
            Expr::Metric(metric) => write!(f, "{metric}"),
        }
    }
}

/// Lays out an expression over several lines where it is long.
pub fn pretty(expr: &Expr) -> String {
    match expr {
        Expr::Log(log) => log::pretty(log, 0),
        Expr::Metric(metric) => metric::pretty(metric, 0),
    }
}

/// Returns the spaces before a line of this depth.
fn indent(depth: usize) -> String {
    "  ".repeat(depth)
}

/// Tells whether a text fits on a line of this depth.
fn fits(text: &str, depth: usize) -> bool {
    text.len() + 2 * depth <= WIDTH
}

/// Writes items with commas between them.
fn joined<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let texts: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    texts.join(", ")
}

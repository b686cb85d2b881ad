//! Conditions on labels, compiled.

use weft_matcher::LabelMatcher;

use super::address::AddressSet;
use super::row::{ErrorKind, Row};
use crate::ast::{Comparison, LabelFilter};
use crate::unit;

/// A compiled condition.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Text(LabelMatcher),
    Number(Comparison<f64>),
    Duration(Comparison<i64>),
    Bytes(Comparison<u64>),
    Ip {
        name: String,
        negated: bool,
        set: AddressSet,
    },
}

impl Condition {
    /// Compiles a condition.
    pub(crate) fn compile(filter: &LabelFilter) -> Result<Condition, String> {
        let boxed = |filter: &LabelFilter| Condition::compile(filter).map(Box::new);
        Ok(match filter {
            LabelFilter::And(left, right) => Condition::And(boxed(left)?, boxed(right)?),
            LabelFilter::Or(left, right) => Condition::Or(boxed(left)?, boxed(right)?),
            LabelFilter::Text(matcher) => {
                Condition::Text(LabelMatcher::compile(matcher).map_err(|e| e.to_string())?)
            }
            LabelFilter::Number(comparison) => Condition::Number(comparison.clone()),
            LabelFilter::Duration(comparison) => Condition::Duration(comparison.clone()),
            LabelFilter::Bytes(comparison) => Condition::Bytes(comparison.clone()),
            LabelFilter::Ip {
                name,
                negated,
                pattern,
            } => Condition::Ip {
                name: name.clone(),
                negated: *negated,
                set: AddressSet::parse(pattern)?,
            },
        })
    }

    /// Tells whether a row fulfils the condition. A value that cannot be compared marks the row
    /// and lets it stay, and a marked row is only filtered by comparisons of text.
    pub(crate) fn holds(&self, row: &mut Row<'_>) -> bool {
        match self {
            Condition::And(left, right) => left.holds(row) && right.holds(row),
            Condition::Or(left, right) => left.holds(row) || right.holds(row),
            Condition::Text(matcher) => matcher.matches(row.get(matcher.name())),
            Condition::Number(comparison) => {
                compared(comparison, row, |text| text.trim().parse().ok(), "number")
            }
            Condition::Duration(comparison) => {
                compared(comparison, row, unit::parse_duration, "duration")
            }
            Condition::Bytes(comparison) => compared(comparison, row, unit::parse_bytes, "size"),
            Condition::Ip { name, negated, set } => {
                let value = row.get(name);
                if !row.error().is_empty() {
                    return true;
                }
                !value.is_empty() && set.contains_text(value) != *negated
            }
        }
    }
}

fn compared<T: PartialOrd + Copy>(
    comparison: &Comparison<T>,
    row: &mut Row<'_>,
    read: impl Fn(&str) -> Option<T>,
    kind: &str,
) -> bool {
    if !row.error().is_empty() {
        return true;
    }
    let text = row.get(&comparison.name);
    if text.is_empty() {
        return false;
    }
    match read(text) {
        Some(value) => comparison.op.holds(value, comparison.value),
        None => {
            let details = format!("label {} is not a {kind}: {text:?}", comparison.name);
            row.fail(ErrorKind::LabelFilter, &details);
            true
        }
    }
}

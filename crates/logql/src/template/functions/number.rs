//! Functions on numbers, comparisons and logic.

use std::cmp::Ordering;

use super::{Function, Value, function, text_at};
use crate::unit;

pub(super) const FUNCTIONS: &[Function] = &[
    function("int", 1, 1, |a| Ok(Value::Int(a[0].as_int()))),
    function("float64", 1, 1, |a| Ok(Value::Float(a[0].as_float()))),
    function("add", 2, 8, |a| fold_int(a, i64::wrapping_add)),
    function("sub", 2, 2, |a| fold_int(a, i64::wrapping_sub)),
    function("mul", 2, 8, |a| fold_int(a, i64::wrapping_mul)),
    function("div", 2, 2, |a| divided(a, i64::checked_div)),
    function("mod", 2, 2, |a| divided(a, i64::checked_rem)),
    function("min", 1, 8, |a| fold_int(a, i64::min)),
    function("max", 1, 8, |a| fold_int(a, i64::max)),
    function("addf", 2, 8, |a| fold_float(a, |x, y| x + y)),
    function("subf", 2, 8, |a| fold_float(a, |x, y| x - y)),
    function("mulf", 2, 8, |a| fold_float(a, |x, y| x * y)),
    function("divf", 2, 8, |a| fold_float(a, |x, y| x / y)),
    function("minf", 1, 8, |a| fold_float(a, f64::min)),
    function("maxf", 1, 8, |a| fold_float(a, f64::max)),
    function("ceil", 1, 1, |a| Ok(Value::Float(a[0].as_float().ceil()))),
    function("floor", 1, 1, |a| Ok(Value::Float(a[0].as_float().floor()))),
    function("round", 2, 2, round),
    function("len", 1, 1, |a| {
        let len = text_at(a, 0).len();
        Ok(Value::Int(i64::try_from(len).unwrap_or(i64::MAX)))
    }),
    function("eq", 2, 2, |a| {
        Ok(Value::Bool(compare(a) == Ordering::Equal))
    }),
    function("ne", 2, 2, |a| {
        Ok(Value::Bool(compare(a) != Ordering::Equal))
    }),
    function("lt", 2, 2, |a| {
        Ok(Value::Bool(compare(a) == Ordering::Less))
    }),
    function("le", 2, 2, |a| {
        Ok(Value::Bool(compare(a) != Ordering::Greater))
    }),
    function("gt", 2, 2, |a| {
        Ok(Value::Bool(compare(a) == Ordering::Greater))
    }),
    function("ge", 2, 2, |a| {
        Ok(Value::Bool(compare(a) != Ordering::Less))
    }),
    function("not", 1, 1, |a| Ok(Value::Bool(!a[0].is_true()))),
    function("and", 1, 8, |a| Ok(first_or_last(a, false))),
    function("or", 1, 8, |a| Ok(first_or_last(a, true))),
    function("bytes", 1, 1, |a| {
        let text = text_at(a, 0);
        let bytes = unit::parse_bytes(&text).ok_or_else(|| format!("invalid size {text:?}"))?;
        Ok(Value::Int(i64::try_from(bytes).unwrap_or(i64::MAX)))
    }),
    function("duration", 1, 1, seconds),
    function("duration_seconds", 1, 1, seconds),
];

fn fold_int(arguments: &[Value], combine: fn(i64, i64) -> i64) -> Result<Value, String> {
    let numbers = arguments.iter().map(Value::as_int);
    Ok(Value::Int(numbers.reduce(combine).unwrap_or(0)))
}

fn divided(arguments: &[Value], divide: fn(i64, i64) -> Option<i64>) -> Result<Value, String> {
    let quotient = divide(arguments[0].as_int(), arguments[1].as_int());
    quotient
        .map(Value::Int)
        .ok_or_else(|| "division by zero".to_owned())
}

fn fold_float(arguments: &[Value], combine: fn(f64, f64) -> f64) -> Result<Value, String> {
    let numbers = arguments.iter().map(Value::as_float);
    Ok(Value::Float(numbers.reduce(combine).unwrap_or(0.0)))
}

/// `round number digits`
fn round(arguments: &[Value]) -> Result<Value, String> {
    let scale = 10f64.powi(arguments[1].as_int().clamp(0, 15) as i32);
    Ok(Value::Float(
        (arguments[0].as_float() * scale).round() / scale,
    ))
}

fn seconds(arguments: &[Value]) -> Result<Value, String> {
    let text = text_at(arguments, 0);
    let nanos = unit::parse_duration(&text).ok_or_else(|| format!("invalid duration {text:?}"))?;
    Ok(Value::Float(nanos as f64 / 1e9))
}

/// Compares two texts as texts, anything else as numbers.
fn compare(arguments: &[Value]) -> Ordering {
    match (&arguments[0], &arguments[1]) {
        (Value::Text(left), Value::Text(right)) => left.cmp(right),
        (left, right) => left.as_float().total_cmp(&right.as_float()),
    }
}

/// Returns the first argument that is as true as `wanted`, or the last one.
fn first_or_last(arguments: &[Value], wanted: bool) -> Value {
    let found = arguments.iter().find(|value| value.is_true() == wanted);
    found
        .or(arguments.last())
        .map_or(Value::Bool(false), Value::clone)
}

//! `eq`, `ne`, `lt`, `le`, `gt`, `ge`: only values of one kind compare, as in Go.

use std::cmp::Ordering;

use super::value::Value;

/// Tells whether the first value equals one of the others.
pub(super) fn equals_any(values: &[Value]) -> Result<bool, String> {
    let [first, others @ ..] = values else {
        return Err("missing argument for comparison".to_owned());
    };
    if others.is_empty() {
        return Err("missing argument for comparison".to_owned());
    }
    for other in others {
        if equal(first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equal(a: &Value, b: &Value) -> Result<bool, String> {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        (Value::Nil, Value::Nil) => Ok(true),
        (Value::Nil, _) | (_, Value::Nil) => Ok(false),
        // Not a number equals nothing.
        (Value::Float(a), Value::Float(b)) => Ok(a == b),
        _ => order(a, b).map(|order| order == Some(Ordering::Equal)),
    }
}

/// Returns how two values of one kind are ordered; nothing for what is not a number.
pub(super) fn order(a: &Value, b: &Value) -> Result<Option<Ordering>, String> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Ok(Some(a.cmp(b))),
        (Value::Float(a), Value::Float(b)) | (Value::Duration(a), Value::Duration(b)) => {
            Ok(a.partial_cmp(b))
        }
        (Value::Text(a), Value::Text(b)) => Ok(Some(a.cmp(b))),
        (Value::Time(a), Value::Time(b)) => Ok(Some(a.cmp(b))),
        _ if is_basic(a) && is_basic(b) => Err(format!(
            "incompatible types for comparison: {} and {}",
            a.kind(),
            b.kind()
        )),
        _ => Err("invalid type for comparison".to_owned()),
    }
}

fn is_basic(value: &Value) -> bool {
    matches!(
        value,
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_)
    )
}

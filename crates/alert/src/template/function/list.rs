//! Functions on lists, mappings and samples.

use super::text;
use crate::template::Context;
use crate::template::value::Value;

/// `len`: how many items, entries or bytes there are.
pub(super) fn len(args: &[Value], _: &Context<'_>) -> Result<Value, String> {
    let len = match &args[0] {
        Value::Text(text) => text.len(),
        Value::List(items) => items.len(),
        Value::Labels(labels) => labels.len(),
        Value::Map(entries) => entries.len(),
        other => return Err(format!("len of type {}", other.kind())),
    };
    Ok(Value::Int(len as i64))
}

/// `index`: an item by its number or an entry by its key, and so on within it.
pub(super) fn index(args: &[Value], _: &Context<'_>) -> Result<Value, String> {
    args[1..]
        .iter()
        .try_fold(args[0].clone(), |value, key| match (&value, key) {
            (Value::Labels(_) | Value::Map(_), Value::Text(name)) => value.field(name),
            (Value::Labels(_) | Value::Map(_), other) => {
                Err(format!("value has type {}; should be string", other.kind()))
            }
            (Value::List(items), Value::Int(at)) => {
                let item = usize::try_from(*at).ok().and_then(|at| items.get(at));
                item.cloned()
                    .ok_or_else(|| format!("index out of range: {at}"))
            }
            (Value::Text(text), Value::Int(at)) => {
                let byte = usize::try_from(*at)
                    .ok()
                    .and_then(|at| text.as_bytes().get(at));
                let byte = byte.map(|byte| Value::Int(i64::from(*byte)));
                byte.ok_or_else(|| format!("index out of range: {at}"))
            }
            _ => Err(format!("can't index item of type {}", value.kind())),
        })
}

/// `slice`: a part of a text or a list.
pub(super) fn slice(args: &[Value], _: &Context<'_>) -> Result<Value, String> {
    let len = match &args[0] {
        Value::Text(text) => text.len(),
        Value::List(items) => items.len(),
        other => return Err(format!("can't slice item of type {}", other.kind())),
    };
    let bound = |at: usize, default: usize| match args.get(at) {
        None => Ok(default),
        Some(Value::Int(bound)) => match usize::try_from(*bound) {
            Ok(bound) if bound <= len => Ok(bound),
            _ => Err(format!("index out of range: {bound}")),
        },
        Some(other) => Err(format!(
            "cannot index slice/array with type {}",
            other.kind()
        )),
    };
    let (from, to) = (bound(1, 0)?, bound(2, len)?);
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}"));
    }
    match &args[0] {
        Value::Text(text) => match text.get(from..to) {
            Some(part) => Ok(Value::Text(part.to_owned())),
            None => Err("slice within a character".to_owned()),
        },
        Value::List(items) => Ok(Value::List(items[from..to].to_vec())),
        _ => Ok(Value::Nil),
    }
}

/// `first`: the first element of a query's result.
pub(super) fn first(args: &[Value], _: &Context<'_>) -> Result<Value, String> {
    let first = samples(&args[0])?.first().cloned();
    first.ok_or_else(|| "first() called on vector with no elements".to_owned())
}

/// `label`: a label of a sample.
pub(super) fn label(args: &[Value], _: &Context<'_>) -> Result<Value, String> {
    let name = text::of(&args[0])?;
    match &args[1] {
        Value::Sample(labels, _) => Ok(Value::Text(labels.get(name).to_owned())),
        other => Err(not_a_sample(other)),
    }
}

/// `value`: the value of a sample.
pub(super) fn value(args: &[Value], _: &Context<'_>) -> Result<Value, String> {
    match &args[0] {
        Value::Sample(_, value) => Ok((**value).clone()),
        other => Err(not_a_sample(other)),
    }
}

/// `strvalue`: the label `__value__`, which `count_values` of old made.
pub(super) fn text_value(args: &[Value], _: &Context<'_>) -> Result<Value, String> {
    match &args[0] {
        Value::Sample(labels, _) => Ok(Value::Text(labels.get("__value__").to_owned())),
        other => Err(not_a_sample(other)),
    }
}

/// `sortByLabel`: samples in the order of a label's values.
pub(super) fn sort_by_label(args: &[Value], _: &Context<'_>) -> Result<Value, String> {
    let name = text::of(&args[0])?;
    let mut sorted = samples(&args[1])?.to_vec();
    sorted.sort_by_cached_key(|sample| match sample {
        Value::Sample(labels, _) => labels.get(name).to_owned(),
        _ => String::new(),
    });
    Ok(Value::List(sorted))
}

fn samples(value: &Value) -> Result<&[Value], String> {
    match value {
        Value::List(items) => Ok(items),
        other => Err(format!(
            "can't handle {} for arg of type template.queryResult",
            other.text()
        )),
    }
}

fn not_a_sample(value: &Value) -> String {
    format!(
        "can't handle {} for arg of type *template.sample",
        value.text()
    )
}

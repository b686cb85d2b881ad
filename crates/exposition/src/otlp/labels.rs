//! The labels of a series: those of its point, of who measures, and of what is measured.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::message::{Attributes, Resource, Scope, Value};
use super::{name, value};

const SERVICE_NAME: &str = "service.name";
const SERVICE_NAMESPACE: &str = "service.namespace";
const SERVICE_INSTANCE: &str = "service.instance.id";

/// Labels by name.
pub(super) type LabelMap<'a> = BTreeMap<Cow<'a, str>, Cow<'a, str>>;

/// An attribute of which nothing can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoName;

/// Returns `job` and `instance`, where a resource tells of them.
pub(super) fn identity<'a>(resource: &'a Resource<'_>) -> LabelMap<'a> {
    let mut labels = LabelMap::new();
    if let Some(service) = find(&resource.attributes, SERVICE_NAME) {
        let job = match find(&resource.attributes, SERVICE_NAMESPACE) {
            Some(namespace) => Cow::Owned(format!("{namespace}/{service}")),
            None => service,
        };
        labels.insert("job".into(), job);
    }
    if let Some(instance) = find(&resource.attributes, SERVICE_INSTANCE) {
        labels.insert("instance".into(), instance);
    }
    labels
}

/// Adds what is known of the library that measures, unless it has no name.
pub(super) fn add_scope<'a>(labels: &mut LabelMap<'a>, scope: &'a Scope<'_>) {
    if scope.name.is_empty() {
        return;
    }
    for (key, value) in &scope.attributes {
        let key = format!("otel_scope_{key}");
        if let Some(name) = name::label(&key) {
            labels.insert(Cow::Owned(name.into_owned()), value::to_text(value));
        }
    }
    let known = [
        ("otel_scope_name", &scope.name),
        ("otel_scope_version", &scope.version),
        ("otel_scope_schema_url", &scope.schema_url),
    ];
    for (name, value) in known {
        labels.insert(name.into(), Cow::Borrowed(value));
    }
}

/// Returns what a resource tells beside its identity.
pub(super) fn description<'a>(resource: &'a Resource<'_>) -> Result<LabelMap<'a>, NoName> {
    let is_identity =
        |key: &str| [SERVICE_NAME, SERVICE_NAMESPACE, SERVICE_INSTANCE].contains(&key);
    let rest = resource.attributes.iter();
    of_pairs(rest.filter(|(key, _)| !is_identity(key)))
}

/// Returns attributes as labels; those whose names become the same have their values joined.
pub(super) fn of_attributes<'a>(attributes: &'a Attributes<'_>) -> Result<LabelMap<'a>, NoName> {
    of_pairs(attributes.iter())
}

fn of_pairs<'a, 'b: 'a>(
    pairs: impl Iterator<Item = &'a (Cow<'b, str>, Value<'b>)>,
) -> Result<LabelMap<'a>, NoName> {
    let mut sorted: Vec<_> = pairs.collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    let mut labels = LabelMap::new();
    for (key, value) in sorted {
        let name = name::label(key).ok_or(NoName)?;
        let value = value::to_text(value);
        match labels.get_mut(&name) {
            Some(joined) => {
                let joined = joined.to_mut();
                joined.push(';');
                joined.push_str(&value);
            }
            None => {
                labels.insert(name, value);
            }
        }
    }
    Ok(labels)
}

fn find<'a>(attributes: &'a Attributes<'_>, key: &str) -> Option<Cow<'a, str>> {
    let found = attributes.iter().find(|(name, _)| name == key);
    found.map(|(_, found)| value::to_text(found))
}

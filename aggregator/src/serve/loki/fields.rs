//! What can be taken from lines: the fields of JSON and logfmt lines, and stored metadata.
//!
//! In: a query and how many lines to look at. Out: fields with their kinds and about how many
//! values they have. Bound: the query's own limits on lines and fields.

use std::collections::{BTreeMap, BTreeSet};

use weft_api::Error;
use weft_api::loki::backend::{DetectedField, FieldKind, FieldQuery};
use weft_logql::{Engine, Entry, Pipeline, QueryError, RangeParams, Stream, StreamEntry, Value};
use weft_model::Labels;
use weft_stdx::text;

/// The parsers that are tried, in this order.
const PARSERS: [&str; 2] = ["json", "logfmt"];

/// Labels that LogQL adds by itself.
const ADDED: [&str; 3] = ["detected_level", "__error__", "__error_details__"];

/// What is known of a field.
#[derive(Default)]
struct Field {
    parsers: BTreeSet<&'static str>,
    values: BTreeSet<String>,
}

/// Returns the fields of a query's lines.
pub(super) fn detect(engine: &Engine<'_>, query: &FieldQuery) -> Result<Vec<DetectedField>, Error> {
    let fields = collect(&lines(engine, query)?)?;
    let detected = |(label, field): (String, Field)| DetectedField {
        kind: kind_of(&field.values),
        cardinality: field.values.len() as u64,
        parsers: field
            .parsers
            .iter()
            .map(|parser| (*parser).to_owned())
            .collect(),
        json_path: if field.parsers.contains("json") {
            vec![label.clone()]
        } else {
            Vec::new()
        },
        label,
    };
    Ok(fields.into_iter().take(query.limit).map(detected).collect())
}

/// Returns the values of one field.
pub(super) fn values(
    engine: &Engine<'_>,
    name: &str,
    query: &FieldQuery,
) -> Result<Vec<String>, Error> {
    let mut fields = collect(&lines(engine, query)?)?;
    let values = fields
        .remove(name)
        .map(|field| field.values)
        .unwrap_or_default();
    Ok(values.into_iter().take(query.limit).collect())
}

fn lines(engine: &Engine<'_>, query: &FieldQuery) -> Result<Vec<Stream>, Error> {
    let expression = weft_logql::parse(&query.query).map_err(QueryError::from)?;
    let params = RangeParams {
        start: query.start,
        end: query.end,
        step: 1_000_000_000,
        limit: query.line_limit,
        direction: weft_logql::Direction::Backward,
    };
    match engine.range(&expression, &params)?.value {
        Value::Streams(streams) => Ok(streams),
        _ => Err(Error::bad_data(
            "fields are detected in lines, not in numbers",
        )),
    }
}

fn collect(streams: &[Stream]) -> Result<BTreeMap<String, Field>, Error> {
    let mut fields: BTreeMap<String, Field> = BTreeMap::new();
    let mut pipelines = Vec::new();
    for parser in PARSERS {
        let expression =
            weft_logql::parse_log(&format!("{{}} | {parser}")).map_err(QueryError::from)?;
        pipelines.push((
            parser,
            Pipeline::compile(&expression).map_err(Error::bad_data)?,
        ));
    }
    for stream in streams {
        for entry in &stream.entries {
            note(&mut fields, None, &entry.metadata);
            for (parser, pipeline) in &pipelines {
                if let Some(parsed) = parse(pipeline, &stream.labels, entry) {
                    note(&mut fields, Some(parser), &parsed);
                    break;
                }
            }
        }
    }
    Ok(fields)
}

/// Returns what a parser finds in a line, or nothing when the line is not of its kind.
fn parse(pipeline: &Pipeline, labels: &Labels, entry: &StreamEntry) -> Option<Labels> {
    let line = Entry {
        time: entry.time,
        line: &entry.line,
        metadata: &[],
        level: None,
    };
    let (_, parsed) = pipeline.process(labels, line)?;
    let is_of_kind = parsed.parsed.get("__error__").is_empty() && !parsed.parsed.is_empty();
    is_of_kind.then_some(parsed.parsed)
}

fn note(fields: &mut BTreeMap<String, Field>, parser: Option<&&'static str>, labels: &Labels) {
    for (name, value) in labels.iter().filter(|(name, _)| !ADDED.contains(name)) {
        let field = fields.entry(name.to_owned()).or_default();
        field.parsers.extend(parser.copied());
        field.values.insert(value.to_owned());
    }
}

/// Returns the narrowest kind that all values are of.
fn kind_of(values: &BTreeSet<String>) -> FieldKind {
    let all = |test: fn(&str) -> bool| values.iter().all(|value| test(value));
    if all(|value| value.parse::<i64>().is_ok()) {
        FieldKind::Int
    } else if all(|value| value.parse::<f64>().is_ok()) {
        FieldKind::Float
    } else if all(|value| value.parse::<bool>().is_ok()) {
        FieldKind::Boolean
    } else if all(|value| text::parse_duration(value).is_some()) {
        FieldKind::Duration
    } else if all(|value| text::parse_bytes(value).is_some()) {
        FieldKind::Bytes
    } else {
        FieldKind::String
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(values: &[&str]) -> FieldKind {
        kind_of(&values.iter().map(|value| (*value).to_owned()).collect())
    }

    #[test]
    fn the_narrowest_kind_is_found() {
        assert_eq!(kind(&["1", "-20"]), FieldKind::Int);
        assert_eq!(kind(&["1", "2.5"]), FieldKind::Float);
        assert_eq!(kind(&["true", "false"]), FieldKind::Boolean);
        assert_eq!(kind(&["15ms", "1h"]), FieldKind::Duration);
        assert_eq!(kind(&["10MB", "1KiB"]), FieldKind::Bytes);
        assert_eq!(kind(&["10MB", "x"]), FieldKind::String);
    }
}

//! The fields of a file of tests: which there are, and what each has to be.
//!
//! In: YAML. Out: the file, or all its faults.

use std::time::Duration;

use weft_alert::raw::{Pairs, Place, Text};
use weft_alert::{Fault, Origin, parse_duration};
use weft_model::time::parse_rfc3339;
use weft_model::{Labels, Millis};
use weft_promqltest::notation;

use super::{AlertCheck, Comparing, ExpectedAlert, ExpectedSample, ExpectedValue};
use super::{QueryCheck, RuleTest};
use crate::config::yaml::{Node, Shape};

/// How often rules are evaluated where the file does not say.
const INTERVAL: Duration = Duration::from_secs(60);

/// The label that tells an alert's name.
const ALERT_NAME: &str = "alertname";

/// A whole file.
#[derive(Default)]
pub(super) struct File {
    /// Patterns, beside the file.
    pub(super) rule_files: Vec<String>,
    pub(super) interval: Duration,
    /// Names of groups.
    pub(super) order: Vec<String>,
    pub(super) comparing: Comparing,
    pub(super) tests: Vec<RuleTest>,
}

/// Reads a whole file.
pub(super) fn file(node: &Node) -> Result<File, Vec<Fault>> {
    let mut shape = Shape::default();
    let mut file = File {
        interval: INTERVAL,
        ..File::default()
    };
    let mut tests = Vec::new();
    for (key, value) in shape.fields("the file", node) {
        match key.text.as_str() {
            "rule_files" => file.rule_files = texts(&mut shape, "rule_files", value),
            "evaluation_interval" => {
                file.interval = interval(&mut shape, &key.text, value).unwrap_or(INTERVAL);
            }
            "group_eval_order" => file.order = order(&mut shape, value),
            "fuzzy_compare" => file.comparing = comparing(&mut shape, value),
            "tests" => tests = shape.items("tests", value).collect(),
            _ => shape.unknown(&key, "a file of tests"),
        }
    }
    let read = tests
        .iter()
        .map(|node| test(&mut shape, node, file.interval));
    file.tests = read.collect();
    match shape.faults.is_empty() {
        true => Ok(file),
        false => {
            shape.faults.sort_by_key(|fault| fault.place);
            Err(shape.faults)
        }
    }
}

fn order(shape: &mut Shape, node: &Node) -> Vec<String> {
    let names = texts(shape, "group_eval_order", node);
    let mut known = std::collections::BTreeSet::new();
    for name in &names {
        if !known.insert(name) {
            let message = format!("group_eval_order: {name:?} is repeated");
            shape.fault(node.place, message);
        }
    }
    names
}

fn comparing(shape: &mut Shape, node: &Node) -> Comparing {
    match shape
        .text("fuzzy_compare", node)
        .as_ref()
        .map(|it| it.text.as_str())
    {
        Some("true") => Comparing::Fuzzy,
        Some("false") | None => Comparing::Exact,
        Some(other) => {
            let message = format!("fuzzy_compare: {other:?} is neither true nor false");
            shape.fault(node.place, message);
            Comparing::Exact
        }
    }
}

fn test(shape: &mut Shape, node: &Node, evaluation: Duration) -> RuleTest {
    let mut test = RuleTest {
        name: String::new(),
        start: Millis(0),
        series: Vec::new(),
        origin: Origin::default(),
        alerts: Vec::new(),
        queries: Vec::new(),
    };
    let mut step = evaluation;
    let mut series: Vec<(Place, String)> = Vec::new();
    for (key, value) in shape.fields("a test", node) {
        let name = key.text.as_str();
        match name {
            "name" => test.name = plain(shape, name, value),
            "interval" => step = interval(shape, name, value).unwrap_or(evaluation),
            "start_timestamp" => test.start = start(shape, value),
            "external_labels" => {
                test.origin.external_labels = Some(labels(&shape.pairs(name, value)));
            }
            "external_url" => test.origin.external_url = plain(shape, name, value),
            "input_series" => {
                let items = shape.items(name, value);
                series = items.map(|item| input(shape, item)).collect();
            }
            "alert_rule_test" => {
                let items = shape.items(name, value);
                test.alerts = items.map(|item| alert_check(shape, item)).collect();
            }
            "promql_expr_test" => {
                let items = shape.items(name, value);
                test.queries = items.map(|item| query_check(shape, item)).collect();
            }
            _ => shape.unknown(&key, "a test"),
        }
    }
    let step = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
    for (place, text) in series {
        match notation::series(&text, test.start.0, step) {
            Ok(read) => test.series.push(read),
            Err(fault) => shape.fault(place, format!("input_series: {fault}")),
        }
    }
    test
}

/// Reads a series and its values, which stand behind it in the notation.
fn input(shape: &mut Shape, node: &Node) -> (Place, String) {
    let (mut series, mut values) = (String::new(), String::new());
    for (key, value) in shape.fields("a series", node) {
        match key.text.as_str() {
            "series" => series = plain(shape, "series", value),
            "values" => values = plain(shape, "values", value),
            _ => shape.unknown(&key, "a series"),
        }
    }
    (node.place, format!("{} {values}", series.trim()))
}

fn alert_check(shape: &mut Shape, node: &Node) -> AlertCheck {
    let mut check = AlertCheck {
        place: node.place,
        at: Duration::ZERO,
        name: String::new(),
        expected: Vec::new(),
    };
    let mut alerts = Vec::new();
    for (key, value) in shape.fields("a check of alerts", node) {
        match key.text.as_str() {
            "eval_time" => check.at = duration(shape, "eval_time", value).unwrap_or_default(),
            "alertname" => check.name = plain(shape, "alertname", value),
            "exp_alerts" => alerts = shape.items("exp_alerts", value).collect(),
            _ => shape.unknown(&key, "a check of alerts"),
        }
    }
    if check.name.is_empty() {
        shape.fault(node.place, "alertname must not be empty".to_owned());
    }
    let read = alerts
        .iter()
        .map(|node| expected_alert(shape, node, &check.name));
    check.expected = read.collect();
    check
}

fn expected_alert(shape: &mut Shape, node: &Node, name: &str) -> ExpectedAlert {
    let mut alert = ExpectedAlert {
        labels: Labels::empty(),
        annotations: Labels::empty(),
    };
    for (key, value) in shape.fields("an alert", node) {
        match key.text.as_str() {
            "exp_labels" => alert.labels = labels(&shape.pairs("exp_labels", value)),
            "exp_annotations" => alert.annotations = labels(&shape.pairs("exp_annotations", value)),
            _ => shape.unknown(&key, "an alert"),
        }
    }
    alert.labels = alert.labels.with(ALERT_NAME, name);
    alert
}

fn query_check(shape: &mut Shape, node: &Node) -> QueryCheck {
    let mut check = QueryCheck {
        place: node.place,
        at: Duration::ZERO,
        query: String::new(),
        expected: Vec::new(),
    };
    for (key, value) in shape.fields("a check of a query", node) {
        match key.text.as_str() {
            "eval_time" => check.at = duration(shape, "eval_time", value).unwrap_or_default(),
            "expr" => check.query = query(shape, value),
            "exp_samples" => {
                let items = shape.items("exp_samples", value);
                check.expected = items.map(|item| sample(shape, item)).collect();
            }
            _ => shape.unknown(&key, "a check of a query"),
        }
    }
    check
}

fn query(shape: &mut Shape, node: &Node) -> String {
    let text = plain(shape, "expr", node);
    if let Err(error) = weft_promql::parse(&text) {
        shape.fault(node.place, format!("could not parse expression: {error}"));
    }
    text
}

fn sample(shape: &mut Shape, node: &Node) -> ExpectedSample {
    let mut sample = ExpectedSample {
        labels: Labels::empty(),
        value: ExpectedValue::Float(0.0),
    };
    for (key, value) in shape.fields("a sample", node) {
        let text = plain(shape, &key.text, value);
        let read = match key.text.as_str() {
            "labels" => notation::labels(&text).map(|read| sample.labels = read),
            "value" => number(&text).map(|read| sample.value = ExpectedValue::Float(read)),
            "histogram" => notation::Histogram::parse(&text)
                .map(|read| sample.value = ExpectedValue::Histogram(read)),
            _ => {
                shape.unknown(&key, "a sample");
                Ok(())
            }
        };
        if let Err(fault) = read {
            shape.fault(value.place, format!("{}: {fault}", key.text));
        }
    }
    sample
}

/// Reads a number as YAML or PromQL writes it.
fn number(text: &str) -> Result<f64, String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1.0, digits),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let word = digits
        .strip_prefix('.')
        .filter(|it| it.starts_with(char::is_alphabetic));
    let value = weft_promql::parse::parse_number(word.unwrap_or(digits));
    value
        .map(|value| sign * value)
        .ok_or_else(|| format!("{text:?} is not a number"))
}

/// Returns a time: seconds since 1970, or RFC 3339.
fn start(shape: &mut Shape, node: &Node) -> Millis {
    let text = plain(shape, "start_timestamp", node);
    let seconds = text.parse::<f64>().ok().filter(|it| it.is_finite());
    let read = seconds.map(|seconds| Millis((seconds * 1000.0).round() as i64));
    let read = read.or_else(|| Some(parse_rfc3339(text.as_bytes())?.to_millis()));
    read.unwrap_or_else(|| {
        let message = format!("start_timestamp: {text:?} is neither seconds nor RFC 3339");
        shape.fault(node.place, message);
        Millis(0)
    })
}

fn duration(shape: &mut Shape, what: &str, node: &Node) -> Option<Duration> {
    let Text { place, text } = shape.text(what, node)?;
    match parse_duration(&text) {
        Ok(duration) => Some(duration),
        Err(fault) => {
            shape.fault(place, format!("{what}: {fault}"));
            None
        }
    }
}

/// Returns a duration that is not zero.
fn interval(shape: &mut Shape, what: &str, node: &Node) -> Option<Duration> {
    duration(shape, what, node).filter(|interval| !interval.is_zero())
}

/// Returns a text, empty where there is none.
fn plain(shape: &mut Shape, what: &str, node: &Node) -> String {
    shape.text(what, node).map(|it| it.text).unwrap_or_default()
}

fn texts(shape: &mut Shape, what: &str, node: &Node) -> Vec<String> {
    let items = shape.items(what, node);
    items
        .filter_map(|item| shape.text(what, item))
        .map(|text| text.text)
        .collect()
}

fn labels(pairs: &Pairs) -> Labels {
    Labels::from_pairs(pairs.iter().map(|(name, value)| (&name.text, &value.text)))
}

//! Tests of rules: files in the format of `promtool test rules`, with every fault and its place.
//!
//! In: a path. Out: the rules that the tests are about, and what each test loads and expects.
//! Bound: that of rule files; the samples of a series are bounded by their notation.

mod fields;

use std::path::Path;
use std::time::Duration;

use weft_alert::raw::Place;
use weft_alert::{Group, Origin};
use weft_model::{Labels, Millis};
use weft_promql::Column;
use weft_promqltest::notation::Histogram;

use super::{rules, yaml};

/// A file and what it holds.
#[derive(Debug)]
pub(crate) struct RuleTestFile {
    /// The path, as it was named or found.
    pub(crate) path: String,
    /// Its tests, or what is wrong, one line for each fault.
    pub(crate) content: Result<RuleTests, Vec<String>>,
}

/// Tests and the rules that they are about.
#[derive(Debug)]
pub(crate) struct RuleTests {
    /// The groups in the order in which they are evaluated.
    pub(crate) groups: Vec<Group>,
    /// How often they are evaluated, whatever their own interval is.
    pub(crate) interval: Duration,
    /// How numbers are compared.
    pub(crate) comparing: Comparing,
    /// The tests, in their order.
    pub(crate) tests: Vec<RuleTest>,
}

/// How numbers are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Comparing {
    /// They must be the same.
    #[default]
    Exact,
    /// They may differ in the last bit.
    Fuzzy,
}

/// What a test loads and expects.
#[derive(Debug)]
pub(crate) struct RuleTest {
    /// Its name, or nothing.
    pub(crate) name: String,
    /// When it begins; the times of its checks count from here.
    pub(crate) start: Millis,
    /// What is stored beforehand.
    pub(crate) series: Vec<(Labels, Column)>,
    /// What templates are told.
    pub(crate) origin: Origin,
    /// Which alerts fire when.
    pub(crate) alerts: Vec<AlertCheck>,
    /// What queries find, once all rules have been evaluated.
    pub(crate) queries: Vec<QueryCheck>,
}

/// Which alerts of a name fire at some time.
#[derive(Debug)]
pub(crate) struct AlertCheck {
    pub(crate) place: Place,
    pub(crate) at: Duration,
    pub(crate) name: String,
    pub(crate) expected: Vec<ExpectedAlert>,
}

/// An alert that has to fire.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ExpectedAlert {
    /// Its labels, its name among them.
    pub(crate) labels: Labels,
    pub(crate) annotations: Labels,
}

/// What a query finds at some time.
#[derive(Debug)]
pub(crate) struct QueryCheck {
    pub(crate) place: Place,
    pub(crate) at: Duration,
    pub(crate) query: String,
    pub(crate) expected: Vec<ExpectedSample>,
}

/// A sample that has to be found.
#[derive(Debug)]
pub(crate) struct ExpectedSample {
    pub(crate) labels: Labels,
    pub(crate) value: ExpectedValue,
}

/// The value of a sample.
#[derive(Debug)]
pub(crate) enum ExpectedValue {
    Float(f64),
    Histogram(Histogram),
}

/// Reads a file of tests and the rule files that it names.
pub(crate) fn read(path: &Path) -> RuleTestFile {
    let named = path.display().to_string();
    let content = load(path, &named);
    RuleTestFile {
        path: named,
        content,
    }
}

fn load(path: &Path, named: &str) -> Result<RuleTests, Vec<String>> {
    let located = |faults: Vec<weft_alert::Fault>| -> Vec<String> {
        let line = |fault| rules::located(named, fault);
        faults.iter().map(line).collect()
    };
    let text = rules::load(path).map_err(&located)?;
    let node = yaml::parse(&text).map_err(|fault| located(vec![fault]))?;
    let file = fields::file(&node).map_err(&located)?;
    let beside = path.parent().unwrap_or(Path::new(""));
    let patterns: Vec<String> = file
        .rule_files
        .iter()
        .map(|pattern| beside.join(pattern).display().to_string())
        .collect();
    let groups = rules::read_all(&patterns, file.interval)?;
    Ok(RuleTests {
        groups: ordered(groups, &file.order),
        interval: file.interval,
        comparing: file.comparing,
        tests: file.tests,
    })
}

/// Puts groups whose names are listed in front, in the order of the list.
fn ordered(mut groups: Vec<Group>, order: &[String]) -> Vec<Group> {
    groups.sort_by_key(|group| {
        let place = order.iter().position(|name| *name == group.name);
        place.unwrap_or(order.len())
    });
    groups
}

//! `info`: adds labels of info metrics, such as `target_info`, to the series of the same target.
//!
//! Series belong together when `instance` and `job` are equal. Of several info series of a target
//! the one with the newest sample counts.

use hashbrown::{HashMap, HashSet};

use weft_matcher::LabelMatcher;
use weft_model::{Labels, LabelsBuilder, METRIC_NAME, MatchOp, Matcher};

use crate::ast::{Call, Expr, ExprKind};
use crate::error::QueryError;
use crate::source::SelectHints;

use super::call::arg;
use super::merge::Merger;
use super::rows::Vector;
use super::select::{Hints, Newest, Reference, Want};
use super::table::{CellRef, Distinct, Table};
use super::{Evaluator, Steps, execution};

const TARGET_INFO: &str = "target_info";

/// The labels by which an info series belongs to a target.
const IDENTIFYING: [&str; 2] = ["instance", "job"];

/// Values beyond this many are not asked for one by one.
const VALUES_MAX: usize = 500;

/// What the call says about info series.
struct Wanted {
    /// Conditions on the info metric's name; empty for the default.
    names: Vec<LabelMatcher>,
    /// Conditions on the labels that are added.
    data: Vec<LabelMatcher>,
}

impl Wanted {
    fn of(call: &Call) -> Result<Wanted, QueryError> {
        let matchers: &[Matcher] = match call.args.get(1).map(|arg| &arg.kind) {
            Some(ExprKind::Selector(selector)) => &selector.matchers,
            _ => &[],
        };
        let compiled = LabelMatcher::compile_all(matchers);
        let compiled = compiled.map_err(|fault| execution(fault.to_string()))?;
        let (names, data): (Vec<_>, Vec<_>) = compiled
            .into_iter()
            .partition(|matcher| matcher.name() == METRIC_NAME);
        Ok(Wanted { names, data })
    }

    /// Tells whether a series is an info series itself, which gets no labels added.
    fn is_info(&self, labels: &Labels, has_selector: bool) -> bool {
        if !has_selector {
            return labels.name() == TARGET_INFO;
        }
        let matches = |matcher: &LabelMatcher| matcher.matches(labels.name());
        !self.names.is_empty() && self.names.iter().all(matches)
    }

    fn adds(&self, label: &str) -> bool {
        self.data.is_empty() || self.data.iter().any(|matcher| matcher.name() == label)
    }

    fn needs_info(&self) -> bool {
        self.data.iter().any(|matcher| !matcher.matches_empty())
    }
}

/// Returns the metric and target that an info series is about.
fn key(name: &str, labels: &Labels) -> Labels {
    let target = IDENTIFYING.map(|label| (label, labels.get(label)));
    Labels::from_pairs(target.into_iter().chain([(METRIC_NAME, name)]))
}

impl Evaluator<'_> {
    pub(super) fn eval_info(&self, call: &Call, steps: Steps) -> Result<Table, QueryError> {
        let base = self.eval_vector(arg(call, 0)?, steps)?;
        let wanted = Wanted::of(call)?;
        let has_selector = call.args.len() > 1;
        let ignored: Vec<bool> = base
            .labels
            .iter()
            .map(|labels| wanted.is_info(labels, has_selector))
            .collect();
        let info = self.info_series(arg(call, 0)?, &base, &ignored, &wanted, steps)?;
        let mut names: Vec<&str> = info.labels.iter().map(Labels::name).collect();
        names.sort_unstable();
        names.dedup();
        let mut held = self.ledger.charge();
        let key_bytes = base.labels.iter().chain(&info.labels);
        let key_bytes: usize = key_bytes.map(|labels| labels.as_bytes().len() + 64).sum();
        held.grow(key_bytes.saturating_mul(names.len().max(1)), 0)?;
        let info_keys: Vec<Labels> = info
            .labels
            .iter()
            .map(|labels| key(labels.name(), labels))
            .collect();
        let base_keys: Vec<Vec<Labels>> = base
            .labels
            .iter()
            .map(|labels| names.iter().map(|name| key(name, labels)).collect())
            .collect();
        let mut joined = Merger::new(self.table(steps));
        for step in 0..steps.count {
            self.check()?;
            let newest = newest_info(&info, &info_keys, step)?;
            for row in 0..base.len() {
                let Some(cell) = base.get(row, step) else {
                    continue;
                };
                let labels = if ignored[row] {
                    Some(base.labels[row].clone())
                } else {
                    let found = base_keys[row].iter().filter_map(|key| newest.get(key));
                    let found = found.map(|(info_row, _)| &info.labels[*info_row]);
                    with_info(&base.labels[row], found, &wanted)?
                };
                if let Some(labels) = labels {
                    joined.set(labels, base.drop_name[row], step, cell.to_cell())?;
                }
            }
        }
        joined.finish()
    }

    /// Returns the times of the newest samples of the info series of these targets.
    fn info_series(
        &self,
        expr: &Expr,
        base: &Table,
        ignored: &[bool],
        wanted: &Wanted,
        steps: Steps,
    ) -> Result<Table, QueryError> {
        let mut matchers = Vec::new();
        for label in IDENTIFYING {
            let rows = (0..base.len()).filter(|row| !ignored[*row]);
            let values: HashSet<&str> = rows
                .map(|row| base.labels[row].get(label))
                .filter(|value| !value.is_empty())
                .collect();
            if (1..=VALUES_MAX).contains(&values.len()) {
                let mut values: Vec<String> = values.into_iter().map(regex::escape).collect();
                values.sort_unstable();
                matchers.push(Matcher::new(label, MatchOp::Regex, values.join("|")));
            } else if !values.is_empty() {
                matchers.push(Matcher::new(label, MatchOp::NotEqual, ""));
            }
        }
        if matchers.is_empty() {
            return Ok(self.table(steps));
        }
        let given = wanted.names.iter().chain(&wanted.data);
        matchers.extend(given.map(|matcher| matcher.source().clone()));
        if wanted.names.is_empty() {
            matchers.push(Matcher::equal(METRIC_NAME, TARGET_INFO));
        }
        let (at, offset) = self.first_selector(expr)?;
        let first = at.unwrap_or(steps.start).saturating_sub(offset);
        let last = at.unwrap_or_else(|| steps.last()).saturating_sub(offset);
        let hints = SelectHints {
            step_ms: self.times.step,
            range_ms: 0,
            function: "info".to_owned(),
        };
        let start = first.saturating_sub(self.lookback - 1);
        let set = self.select(&matchers, (start, last), &hints, steps)?;
        let reference = Reference {
            at: None,
            offset: 0,
            steps,
        };
        self.collected(Vector::Made(Box::new(Newest {
            evaluator: self,
            set,
            reference,
            want: Want::Timestamp,
            hints: Hints::Stored,
            distinct: Distinct::Labelled,
        })))
    }

    /// Returns the fixed time and offset of the first selector in an expression.
    fn first_selector(&self, expr: &Expr) -> Result<(Option<i64>, i64), QueryError> {
        let selector = match &expr.kind {
            ExprKind::Selector(selector) => selector,
            ExprKind::Matrix(matrix) => &matrix.selector,
            ExprKind::Paren(inner) => return self.first_selector(inner),
            ExprKind::Unary(unary) => return self.first_selector(&unary.expr),
            ExprKind::Binary(binary) => return self.first_selector(&binary.left),
            ExprKind::Aggregate(aggregate) => return self.first_selector(&aggregate.expr),
            ExprKind::Subquery(subquery) => return self.first_selector(&subquery.expr),
            ExprKind::Call(call) => {
                let selects = |arg: &&Expr| !matches!(arg.kind, ExprKind::Number(_));
                return match call.args.iter().find(selects) {
                    Some(arg) => self.first_selector(arg),
                    None => Ok((None, 0)),
                };
            }
            ExprKind::Number(_) | ExprKind::Text(_) => return Ok((None, 0)),
        };
        let offset = self.offset(selector.offset.as_ref())?;
        Ok((self.at(selector.at), offset))
    }
}

/// Returns for each metric and target the row with the newest sample, and its time.
fn newest_info<'a>(
    info: &Table,
    keys: &'a [Labels],
    step: usize,
) -> Result<HashMap<&'a Labels, (usize, f64)>, QueryError> {
    let mut newest: HashMap<&Labels, (usize, f64)> = HashMap::new();
    for (row, key) in keys.iter().enumerate() {
        let Some(CellRef::Float(time)) = info.get(row, step) else {
            continue;
        };
        match newest.get(key) {
            Some((_, known)) if *known > time => {}
            Some((other, known)) if *known == time => {
                let millis = (time * 1000.0).round() as i64;
                let (other, new) = (&info.labels[*other], &info.labels[row]);
                return Err(execution(format!(
                    "found duplicate series for info metric: existing {other} @ {millis}, new \
                     {new} @ {millis}"
                )));
            }
            _ => {
                newest.insert(key, (row, time));
            }
        }
    }
    Ok(newest)
}

/// Returns labels with those of info series added; nothing when a condition needs an info series
/// and there is none.
fn with_info<'a>(
    base: &Labels,
    found: impl Iterator<Item = &'a Labels>,
    wanted: &Wanted,
) -> Result<Option<Labels>, QueryError> {
    let mut added = LabelsBuilder::new();
    let mut any = false;
    for info in found {
        any = true;
        for (name, value) in info.iter() {
            if name == METRIC_NAME || !wanted.adds(name) {
                continue;
            }
            let known = added.get(name);
            if !known.is_empty() && known != value {
                return Err(execution(format!("conflicting label: {name}")));
            }
            if base.get(name).is_empty() {
                added.set(name, value);
            }
        }
    }
    if !any && wanted.needs_info() {
        return Ok(None);
    }
    let mut labels = LabelsBuilder::from(base);
    for (name, value) in added.build().iter() {
        labels.set(name, value);
    }
    Ok(Some(labels.build()))
}

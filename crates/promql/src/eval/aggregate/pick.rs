//! `topk` and `bottomk`: the series with the best values, as they are.

use std::cmp::Ordering;

use hashbrown::HashMap;

use crate::ast::{Aggregate, AggregateOp};
use crate::error::QueryError;
use crate::eval::rows::Rows;
use crate::eval::table::{Row, Table, is_absent};
use crate::eval::{Evaluator, Steps, execution};
use crate::histogram::format_general;

use super::fold::Fold;
use super::group::{Groups, Histograms};
use super::param;

/// A number and the row that it stands in.
type Candidate = (f64, usize);

/// How candidates are ordered: the best first.
type Compare = fn(&Candidate, &Candidate) -> Ordering;

/// What may be kept beyond what is wanted before the worst are dropped.
const SURPLUS: usize = 64;

/// The best numbers of a group at each step.
struct Best<'a> {
    wanted: &'a [usize],
    compare: Compare,
    steps: Vec<Kept>,
}

#[derive(Clone, Default)]
struct Kept {
    candidates: Vec<Candidate>,
    /// The worst of the candidates when there were as many as are wanted.
    worst: Option<Candidate>,
}

impl Kept {
    fn add(&mut self, candidate: Candidate, wanted: usize, compare: Compare) {
        if wanted == 0
            || self
                .worst
                .is_some_and(|it| compare(&candidate, &it).is_gt())
        {
            return;
        }
        self.candidates.push(candidate);
        if self.candidates.len() >= wanted.saturating_mul(2).saturating_add(SURPLUS) {
            self.prune(wanted, compare);
        }
    }

    fn prune(&mut self, wanted: usize, compare: Compare) {
        if wanted == 0 || wanted >= self.candidates.len() {
            return;
        }
        let (_, worst, _) = self.candidates.select_nth_unstable_by(wanted - 1, compare);
        self.worst = Some(*worst);
        self.candidates.truncate(wanted);
    }
}

impl Fold for Best<'_> {
    fn bytes(&self) -> usize {
        let candidates: usize = self.steps.iter().map(|kept| kept.candidates.len()).sum();
        size_of_val(self.steps.as_slice()) + candidates * size_of::<Candidate>()
    }

    fn add(&mut self, at: usize, row: &Row) -> usize {
        let mut grown = 0;
        let cells = row.values.iter().zip(&mut self.steps).zip(self.wanted);
        for ((value, kept), wanted) in cells.filter(|((value, _), _)| !is_absent(**value)) {
            let before = kept.candidates.len();
            kept.add((*value, at), *wanted, self.compare);
            grown += kept.candidates.len().saturating_sub(before);
        }
        grown * size_of::<Candidate>()
    }

    fn merge(&mut self, later: Best<'_>) {
        let steps = self.steps.iter_mut().zip(later.steps).zip(self.wanted);
        for ((kept, later), wanted) in steps {
            for candidate in later.candidates {
                kept.add(candidate, *wanted, self.compare);
            }
        }
    }

    fn finish(&self, _into: &mut Row) {}
}

/// The higher number first, NaN last.
fn descending(a: &Candidate, b: &Candidate) -> Ordering {
    ranked(a, b, |a, b| b.partial_cmp(&a))
}

/// The lower number first, NaN last.
fn ascending(a: &Candidate, b: &Candidate) -> Ordering {
    ranked(a, b, |a, b| a.partial_cmp(&b))
}

fn ranked(
    a: &Candidate,
    b: &Candidate,
    compare: impl Fn(f64, f64) -> Option<Ordering>,
) -> Ordering {
    let by_value = match (a.0.is_nan(), b.0.is_nan()) {
        (false, false) => compare(a.0, b.0).unwrap_or(Ordering::Equal),
        (a_is_nan, b_is_nan) => a_is_nan.cmp(&b_is_nan),
    };
    by_value.then(a.1.cmp(&b.1))
}

impl Evaluator<'_> {
    pub(super) fn eval_picks(
        &self,
        aggregate: &Aggregate,
        at: u32,
        steps: Steps,
    ) -> Result<Table, QueryError> {
        let wanted = counts(&self.eval_scalar(param(aggregate)?, steps)?)?;
        let compare: Compare = if aggregate.op == AggregateOp::Topk {
            descending
        } else {
            ascending
        };
        let vector = self.vector(&aggregate.expr, steps)?;
        let rows = vector.rows();
        let new = || Best {
            wanted: &wanted,
            compare,
            steps: vec![Kept::default(); steps.count],
        };
        let groups = self.groups(aggregate, rows, Histograms::Ignored(at), new)?;
        let groups = groups.ok_or_else(|| execution("histograms were met"))?;
        self.picked(rows, groups, steps)
    }

    /// Returns the rows of the best candidates, with their other cells empty.
    fn picked(
        &self,
        rows: &dyn Rows,
        groups: Groups<Best<'_>>,
        steps: Steps,
    ) -> Result<Table, QueryError> {
        let mut held = self.ledger.charge();
        let mut picked: HashMap<usize, Row> = HashMap::new();
        let mut order = Vec::new();
        for mut best in groups.folds {
            self.check()?;
            for (step, kept) in best.steps.iter_mut().enumerate() {
                kept.prune(best.wanted[step], best.compare);
                kept.candidates.sort_unstable_by(best.compare);
                for (value, at) in &kept.candidates {
                    if !picked.contains_key(at) {
                        held.hold::<f64>(steps.count + 8)?;
                        order.push(*at);
                    }
                    let row = picked.entry(*at).or_insert_with(|| Row::new(steps.count));
                    row.set_float(step, *value);
                }
            }
        }
        // At a single step the best come first.
        if steps.count > 1 {
            order.sort_unstable();
        }
        let mut result = self.table(steps);
        result.distinct = rows.distinct();
        for at in order {
            if let Some(mut row) = picked.remove(&at) {
                result.push(rows.labels(at), rows.drops_name(at), &mut row)?;
            }
        }
        Ok(result)
    }
}

/// Returns how many series are wanted at each step.
pub(super) fn counts(params: &[f64]) -> Result<Vec<usize>, QueryError> {
    const MAX: f64 = 9_223_372_036_854_774_784.0;
    if params.iter().any(|param| param.is_nan()) {
        return Err(execution("Parameter value is NaN"));
    }
    let highest = params.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let lowest = params.iter().copied().fold(f64::INFINITY, f64::min);
    if highest > MAX {
        let value = format_general(highest);
        return Err(execution(format!("Scalar value {value} overflows int64")));
    }
    if lowest <= i64::MIN as f64 {
        let value = format_general(lowest);
        return Err(execution(format!("Scalar value {value} underflows int64")));
    }
    Ok(params.iter().map(|param| param.max(0.0) as usize).collect())
}

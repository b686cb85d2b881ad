//! `limitk` and `limit_ratio`: some of the series, the same ones at each evaluation.

use xxhash_rust::xxh64::xxh64;

use weft_model::Labels;

use crate::ast::Aggregate;
use crate::error::QueryError;
use crate::eval::key::compare;
use crate::eval::table::{Row, Table};
use crate::eval::{Evaluator, Steps, execution};
use crate::histogram::format_general;

use super::group::rows_by_group;
use super::param;
use super::pick::counts;

impl Evaluator<'_> {
    /// Takes series by their labels.
    pub(super) fn eval_limitk(
        &self,
        aggregate: &Aggregate,
        steps: Steps,
    ) -> Result<Table, QueryError> {
        let wanted = counts(&self.eval_scalar(param(aggregate)?, steps)?)?;
        let table = self.eval_vector(&aggregate.expr, steps)?;
        let mut result = table.sibling(table.steps);
        result.distinct = table.distinct;
        let mut kept: Vec<(usize, Row)> = Vec::new();
        let mut held = self.ledger.charge();
        for (_, _, mut rows) in rows_by_group(aggregate, &table)? {
            self.check()?;
            rows.sort_by(|a, b| compare(&table.labels[*a], &table.labels[*b]));
            let mut left = wanted.clone();
            for at in rows {
                if left.iter().all(|left| *left == 0) {
                    break;
                }
                held.hold::<f64>(table.steps)?;
                let mut row = table.row(at);
                for (step, left) in left.iter_mut().enumerate() {
                    match row.get(step) {
                        Some(_) if *left > 0 => *left -= 1,
                        _ => row.unset(step),
                    }
                }
                kept.push((at, row));
            }
        }
        // At a single step the groups follow each other.
        if steps.count > 1 {
            kept.sort_unstable_by_key(|(at, _)| *at);
        }
        for (at, mut row) in kept {
            result.push(table.labels[at].clone(), table.drop_name[at], &mut row)?;
        }
        Ok(result)
    }

    /// Takes series by a hash of their labels.
    pub(super) fn eval_limit_ratio(
        &self,
        aggregate: &Aggregate,
        steps: Steps,
    ) -> Result<Table, QueryError> {
        let ratios = self.ratios(aggregate, steps)?;
        let table = self.eval_vector(&aggregate.expr, steps)?;
        let mut result = table.sibling(table.steps);
        result.distinct = table.distinct;
        for at in 0..table.len() {
            let place = place_of(&table.labels[at]);
            let picked = |ratio: f64| {
                if ratio >= 0.0 {
                    place < ratio
                } else {
                    place >= 1.0 + ratio
                }
            };
            let mut row = table.row(at);
            for (step, ratio) in ratios.iter().enumerate() {
                if !picked(*ratio) {
                    row.unset(step);
                }
            }
            result.push(table.labels[at].clone(), table.drop_name[at], &mut row)?;
        }
        Ok(result)
    }

    fn ratios(&self, aggregate: &Aggregate, steps: Steps) -> Result<Vec<f64>, QueryError> {
        let param = param(aggregate)?;
        let mut ratios = self.eval_scalar(param, steps)?;
        if ratios.iter().any(|ratio| ratio.is_nan()) {
            return Err(execution("Ratio value is NaN"));
        }
        for ratio in &mut ratios {
            let capped = ratio.clamp(-1.0, 1.0);
            if capped != *ratio {
                let (given, capped) = (format_general(*ratio), format_general(capped));
                let text = format!(
                    "ratio value should be between -1 and 1, got {given}, capping to {capped}"
                );
                self.notes.warn(param.span.start, text);
            }
            *ratio = capped;
        }
        Ok(ratios)
    }
}

/// Returns a number in `[0, 1]` that is always the same for these labels: a half of all series
/// lie below 0.5. It is the one that Prometheus takes.
fn place_of(labels: &Labels) -> f64 {
    xxh64(labels.as_bytes(), 0) as f64 / u64::MAX as f64
}

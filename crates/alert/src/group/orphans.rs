//! Series whose group is gone: ended after a while, unless another group has taken them over.

use std::collections::BTreeSet;

use weft_model::{Labels, METRIC_NAME, MatchOp, Matcher, Millis};

use super::{GroupState, marker, millis};
use crate::evaluate::{Evaluate, EvaluateError, Sample};

/// The series of groups that are gone.
#[derive(Debug, Default)]
pub struct Orphans(Vec<Orphaned>);

#[derive(Debug)]
struct Orphaned {
    /// When the group went.
    since: Millis,
    /// Until when another group may take the series over.
    due: Millis,
    series: Vec<Labels>,
}

impl Orphans {
    /// Takes the series of a group that is gone since `now`; two of its intervals are left for a
    /// group of another name to make the same series.
    pub fn add(&mut self, group: GroupState, now: Millis) {
        let wait = millis(group.group.interval).saturating_mul(2);
        let mut series: Vec<Labels> = group.abandoned;
        series.extend(group.rules.into_iter().flat_map(|rule| rule.series));
        if !series.is_empty() {
            self.0.push(Orphaned {
                since: now,
                due: now.plus(wait),
                series,
            });
        }
    }

    /// Returns when the next series are due.
    pub fn next(&self) -> Option<Millis> {
        self.0.iter().map(|orphaned| orphaned.due).min()
    }

    /// Ends the series that are due and that nobody has written since. Returns how many.
    pub fn end(&mut self, now: Millis, evaluate: &dyn Evaluate) -> Result<usize, EvaluateError> {
        let mut ended = 0;
        for orphaned in self.0.iter().filter(|orphaned| orphaned.due <= now) {
            let taken = orphaned.taken_over(now, evaluate)?;
            let left = orphaned.series.iter().filter(|it| !taken.contains(*it));
            let markers: Vec<Sample> = left.map(|it| marker(it, orphaned.since)).collect();
            if !markers.is_empty() {
                evaluate.store(&markers)?;
            }
            ended += markers.len();
        }
        self.0.retain(|orphaned| orphaned.due > now);
        Ok(ended)
    }
}

impl Orphaned {
    /// Returns the series that somebody has written since the group went.
    fn taken_over(
        &self,
        now: Millis,
        evaluate: &dyn Evaluate,
    ) -> Result<BTreeSet<Labels>, EvaluateError> {
        let names: BTreeSet<&str> = self.series.iter().map(Labels::name).collect();
        let mut taken = BTreeSet::new();
        for name in names {
            let matcher = Matcher {
                name: METRIC_NAME.to_owned(),
                op: MatchOp::Equal,
                value: name.to_owned(),
            };
            let newest = evaluate.newest(&[matcher], self.since.plus(1), now)?;
            taken.extend(newest.into_iter().map(|(labels, _, _)| labels));
        }
        Ok(taken)
    }
}

//! What a store under test keeps: for how long, and how much of it.
//!
//! Samples past the time of their series may be given until the next maintenance; what was given
//! up for space may be given while the head has it.

use std::collections::BTreeSet;

use weft_matcher::LabelMatcher;
use weft_model::{Labels, MatchOp};

use super::super::{matchers, small};
use super::run::{DAY, Run};
use super::truth::fits;
use crate::{Config, PartStatus, Retention};

/// How long the samples of which series are kept.
#[derive(Clone)]
pub(super) struct Keeping {
    rules: Vec<(Vec<LabelMatcher>, i64)>,
    otherwise: i64,
}

impl Keeping {
    pub(super) fn of(config: &Config) -> Keeping {
        let rule = |rule: &Retention| (rule.matchers.clone(), rule.retention_millis);
        Keeping {
            rules: config.retention_by.iter().map(rule).collect(),
            otherwise: config.retention_millis,
        }
    }

    pub(super) fn longest(&self) -> i64 {
        let rules = self.rules.iter().map(|(_, kept)| *kept);
        rules.fold(self.otherwise, i64::max)
    }

    /// Returns how long the samples of a series are kept: the first rule that it fulfils counts.
    pub(super) fn of_series(&self, labels: &Labels) -> i64 {
        let rule = self
            .rules
            .iter()
            .find(|(matchers, _)| fits(labels, matchers));
        rule.map_or(self.otherwise, |(_, kept)| *kept)
    }
}

/// Returns what a seed's store keeps: some by time only, some by selector, some by size.
pub(super) fn config(seed: u64) -> Config {
    let rule = |label: &str, op, value: &str, retention_millis| Retention {
        matchers: matchers(&[(label, op, value)]),
        retention_millis,
    };
    let rules = [
        rule("__name__", MatchOp::Equal, "m0", DAY),
        rule("instance", MatchOp::Regex, "i[23]", 5 * DAY),
    ];
    Config {
        retention_millis: 3 * DAY,
        retention_by: if seed % 3 == 1 { rules.into() } else { vec![] },
        retention_bytes: (seed % 4 == 2).then_some(24_000 + seed % 7 * 8_000),
        ..small()
    }
}

impl Run {
    /// Does something after which parts may have been given up for space, and notes which samples
    /// may be gone.
    pub(super) fn shedding<T>(&mut self, each: impl FnOnce(&mut Run) -> T) -> T {
        if self.config.retention_bytes.is_none() {
            return each(self);
        }
        let before = self.store.parts();
        let result = each(self);
        let after = self.store.parts();
        let is_left = |part: &PartStatus| {
            let has =
                |other: &PartStatus| other.file == part.file || other.replaces.contains(&part.file);
            after.iter().any(has)
        };
        let day = |part: &PartStatus| part.min_time.div_euclid(DAY);
        let left: BTreeSet<i64> = before
            .iter()
            .filter(|part| is_left(part))
            .map(day)
            .collect();
        let gone: BTreeSet<i64> = before
            .iter()
            .map(day)
            .filter(|day| !left.contains(day))
            .collect();
        let (keeping, told) = (&self.keeping, self.told);
        let kept_from = |labels: &Labels| told - keeping.of_series(labels);
        for day in gone {
            let stretch = day * DAY..(day + 1) * DAY;
            let fades = self.truth.fade(stretch, &self.journal.samples, kept_from);
            // A day of which all is deleted goes, too.
            let is_oldest = left.first().is_none_or(|stays| day < *stays);
            assert!(
                is_oldest || fades.is_empty(),
                "{day} went before {left:?}, and with it {fades:?}"
            );
        }
        result
    }

    /// Asserts that the parts are within their limit, or those of one day.
    pub(super) fn check_size(&self) {
        let Some(limit) = self.config.retention_bytes else {
            return;
        };
        let parts = self.store.parts();
        let bytes: u64 = parts.iter().map(|part| part.bytes).sum();
        let days: BTreeSet<i64> = parts
            .iter()
            .map(|part| part.min_time.div_euclid(DAY))
            .collect();
        assert!(
            bytes <= limit || days.len() <= 1,
            "{bytes} bytes in {days:?}"
        );
    }
}

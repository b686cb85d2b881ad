//! Retention by selector: which series of a part are kept for how long.
//!
//! In: the parts, the time, [`Config::retention_by`](crate::Config). Out: parts of which samples
//! past their retention are not given any more; a part all of whose samples are past that of some
//! series is written again without them. Bound: one number for each series of the parts that reach
//! beyond some retention, until they are written again.

use std::sync::Arc;

use hashbrown::HashSet;
use weft_matcher::LabelMatcher;
use weft_model::Labels;

use super::Inner;
use super::maintain::Maintenance;
use crate::config::{Config, RETENTION_RULES_MAX, Retention};
use crate::error::{PartError, WriteError};
use crate::head::index::Index;
use crate::matching::matching;
use crate::part::Part;
use crate::view::Cut;

/// The parts, by number, that have no series of a class which is past its retention in all of the
/// part: they need not be looked at again.
#[derive(Default)]
pub(super) struct Swept(HashSet<(u64, usize)>);

impl Inner {
    /// Notes which samples of the parts are past the retention of their series.
    pub(super) fn expire_by_selector(
        &self,
        maintenance: &mut Maintenance,
    ) -> Result<(), WriteError> {
        if self.config.retention_by.is_empty() {
            return Ok(());
        }
        let view = self.views.present();
        let present = |file: u64| view.parts.iter().any(|served| served.part.number() == file);
        maintenance.swept.0.retain(|(file, _)| present(*file));
        let mut changed = false;
        let mut parts = Vec::with_capacity(view.parts.len());
        for served in &view.parts {
            let expired = match self.expired_of(&served.part, &mut maintenance.swept) {
                // The part is noted as corrupt and set aside by the next call.
                Err(fault) if fault.is_corrupt() => served.expired.clone(),
                expired => expired?,
            };
            let same = expired == served.expired;
            changed |= !same;
            parts.push(if same {
                served.clone()
            } else {
                Arc::new(served.with_expired(expired))
            });
        }
        drop(view);
        if changed {
            self.publish(maintenance, parts);
        }
        Ok(())
    }

    /// Returns what is past its retention in a part.
    fn expired_of(&self, part: &Part, swept: &mut Swept) -> Result<Vec<Cut>, PartError> {
        let (sketch, file) = (&part.meta.sketch, part.number());
        let now = self.admission().now;
        let classes = rules(&self.config).len() + 1;
        let limit = |class: usize| now.saturating_sub(retention_of(&self.config, class));
        let is_due =
            |class: &usize| sketch.min_time < limit(*class) && !swept.0.contains(&(file, *class));
        let due: Vec<usize> = (0..classes).filter(is_due).collect();
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let class_of = classes_of(part, &self.config)?;
        let mut expired = Vec::new();
        for class in due {
            let is_in = |series: &u32| usize::from(class_of[*series as usize]) == class;
            let series: Vec<u32> = (0..part.meta.series).filter(is_in).collect();
            let whole = sketch.max_time < limit(class);
            if !series.is_empty() {
                expired.push(Cut {
                    series,
                    start: i64::MIN,
                    end: if whole { i64::MAX } else { limit(class) - 1 },
                });
            } else if whole {
                swept.0.insert((file, class));
            }
        }
        Ok(expired)
    }
}

/// Returns from when on samples of these series of the head are given, for each one, if that is
/// later than `start` for any.
pub(crate) fn earliest_of(
    index: &Index,
    slots: &[u32],
    config: &Config,
    now: i64,
    start: i64,
) -> Result<Vec<i64>, PartError> {
    let from = |class: usize| now.saturating_sub(retention_of(config, class));
    if (0..=rules(config).len()).all(|class| from(class) <= start) {
        return Ok(Vec::new());
    }
    let mut earliest = vec![from(rules(config).len()); slots.len()];
    for (class, rule) in rules(config).iter().enumerate().rev() {
        let fulfilling = matching(index, &rule.matchers)?;
        for (slot, earliest) in slots.iter().zip(&mut earliest) {
            if fulfilling.binary_search(slot).is_ok() {
                *earliest = from(class);
            }
        }
    }
    Ok(earliest)
}

/// Returns from when on anything of a series is given.
pub(super) fn earliest_of_labels(labels: &Labels, config: &Config, now: i64) -> i64 {
    let fits = |matcher: &LabelMatcher| matcher.matches(labels.get(matcher.name()));
    let mut all = rules(config).iter();
    let class = all.position(|rule| rule.matchers.iter().all(fits));
    now.saturating_sub(retention_of(config, class.unwrap_or(rules(config).len())))
}

/// Returns the rules that count.
fn rules(config: &Config) -> &[Retention] {
    &config.retention_by[..config.retention_by.len().min(RETENTION_RULES_MAX)]
}

/// Returns how long the series of a class are kept; the last class is that of all others.
fn retention_of(config: &Config, class: usize) -> i64 {
    let rule = rules(config).get(class);
    rule.map_or(config.retention_millis, |rule| rule.retention_millis)
}

/// Returns the class of each series of a part: the first rule that it fulfils.
fn classes_of(part: &Part, config: &Config) -> Result<Vec<u8>, PartError> {
    let rules = rules(config);
    let mut class_of = vec![rules.len() as u8; part.meta.series as usize];
    for (class, rule) in rules.iter().enumerate().rev() {
        for series in matching(part, &rule.matchers)? {
            class_of[series as usize] = class as u8;
        }
    }
    Ok(class_of)
}

//! The groups of an aggregation, filled by tasks and merged in order.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use weft_model::Labels;

use crate::ast::Aggregate;
use crate::error::QueryError;
use crate::eval::Evaluator;
use crate::eval::key::Keys;
use crate::eval::ledger::Charge;
use crate::eval::rows::Rows;
use crate::eval::table::Table;

use super::fold::Fold;
use super::is_kept;

/// What is done about native histograms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Histograms {
    /// They are values like others.
    Counted,
    /// They are left out, and that is noted at this place.
    Ignored(u32),
    /// The groups are given up.
    Refused,
}

/// Groups with their labels, in the order in which their first rows came.
pub(super) struct Groups<F> {
    pub(super) labels: Vec<Labels>,
    /// Whether a group's name is to be removed in the end.
    pub(super) drop_name: Vec<bool>,
    pub(super) folds: Vec<F>,
    keys: Keys,
    held: Charge,
}

impl<F: Fold> Groups<F> {
    fn new(held: Charge) -> Groups<F> {
        Groups {
            labels: Vec::new(),
            drop_name: Vec::new(),
            folds: Vec::new(),
            keys: Keys::default(),
            held,
        }
    }

    fn push(&mut self, labels: Labels, fold: F) -> Result<(), QueryError> {
        // The label set is held twice, its bytes once.
        let bytes = labels.as_bytes().len() + 4 * size_of::<Labels>() + fold.bytes();
        self.held.grow(bytes, 0)?;
        self.labels.push(labels);
        self.drop_name.push(false);
        self.folds.push(fold);
        Ok(())
    }

    /// Adds the groups of later rows.
    fn merge(&mut self, later: Groups<F>) -> Result<(), QueryError> {
        let Groups {
            labels,
            drop_name,
            folds,
            ..
        } = later;
        for ((labels, drop_name), fold) in labels.into_iter().zip(drop_name).zip(folds) {
            let (group, new) = self.keys.group(&labels, |_| true);
            if new.is_some() {
                self.push(labels, fold)?;
            } else {
                let before = self.folds[group].bytes();
                self.folds[group].merge(fold);
                let grown = self.folds[group].bytes().saturating_sub(before);
                self.held.grow(grown, 0)?;
            }
            self.drop_name[group] |= drop_name;
        }
        Ok(())
    }
}

impl Evaluator<'_> {
    /// Folds all rows into their groups; nothing if a histogram was met that is refused.
    pub(super) fn groups<F: Fold>(
        &self,
        aggregate: &Aggregate,
        rows: &dyn Rows,
        histograms: Histograms,
        new: impl Fn() -> F + Sync,
    ) -> Result<Option<Groups<F>>, QueryError> {
        let refused = AtomicBool::new(false);
        let single = !aggregate.without && aggregate.grouping.is_empty();
        let each = |range: Range<usize>| {
            let mut groups = Groups::new(self.ledger.charge());
            if refused.load(Ordering::Relaxed) {
                return Ok(groups);
            }
            self.make_each(rows, range, |at, scratch| {
                let row = &mut scratch.row;
                if row.has_histogram() {
                    match histograms {
                        Histograms::Counted => {}
                        Histograms::Ignored(place) => {
                            row.histograms = None;
                            self.note_ignored(aggregate.op, place);
                        }
                        Histograms::Refused => refused.store(true, Ordering::Relaxed),
                    }
                }
                if row.is_empty() || refused.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let group = if single {
                    if groups.folds.is_empty() {
                        groups.push(Labels::empty(), new())?;
                    }
                    0
                } else {
                    let keep = |name: &str| is_kept(aggregate, name);
                    let labels = |each: &mut dyn FnMut(&str, &str)| rows.each_label(at, each);
                    let (group, is_new) = groups.keys.group_of(labels, keep);
                    if is_new {
                        groups.push(rows.labels(at).filtered(keep), new())?;
                    }
                    groups.drop_name[group] |= rows.drops_name(at);
                    group
                };
                let fold = &mut groups.folds[group];
                let grown = fold.add(at, row);
                groups.held.grow(grown, 0)
            })?;
            Ok(groups)
        };
        let mut all = Groups::new(self.ledger.charge());
        self.in_order(rows.len(), rows.cost(), each, |part| all.merge(part))?;
        Ok((!refused.into_inner()).then_some(all))
    }
}

/// Puts the rows of a table into groups; returns the rows of each, with its labels and whether its
/// name is to be removed in the end.
pub(super) fn rows_by_group(
    aggregate: &Aggregate,
    table: &Table,
) -> Result<Vec<(Labels, bool, Vec<usize>)>, QueryError> {
    let mut held = table.charge();
    held.hold::<usize>(2 * table.len())?;
    let mut groups: Vec<(Labels, bool, Vec<usize>)> = Vec::new();
    let mut keys = Keys::default();
    for (row, labels) in table.labels.iter().enumerate() {
        let (group, new) = keys.group(labels, |name| is_kept(aggregate, name));
        if let Some(labels) = new {
            groups.push((labels, false, Vec::new()));
        }
        groups[group].1 |= table.drop_name[row];
        groups[group].2.push(row);
    }
    Ok(groups)
}

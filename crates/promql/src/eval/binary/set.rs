//! `and`, `or` and `unless`.

use std::ops::Range;

use crate::ast::{Binary, BinaryOp};
use crate::error::QueryError;
use crate::eval::Evaluator;
use crate::eval::merge::{Overlap, merge_equal};
use crate::eval::table::{Distinct, Table};

/// Whether any row of a group has a value, for each group and step.
struct Presence {
    steps: usize,
    there: Vec<bool>,
}

impl Presence {
    fn of(table: &Table, group_of: &[usize], groups: usize) -> Presence {
        let steps = table.steps;
        let mut there = vec![false; groups * steps];
        for (row, group) in group_of.iter().enumerate() {
            for step in 0..steps {
                there[group * steps + step] |= table.is_present(row, step);
            }
        }
        Presence { steps, there }
    }

    fn at(&self, group: usize, step: usize) -> bool {
        self.there[group * self.steps + step]
    }
}

impl Evaluator<'_> {
    pub(super) fn set_operation(
        &self,
        binary: &Binary,
        left: Table,
        right: &Table,
    ) -> Result<Table, QueryError> {
        let groups = self.match_groups(&binary.matching, &left, right)?;
        let mut held = left.charge();
        held.hold::<bool>(groups.count.saturating_mul(left.steps))?;
        let (of_left, of_right) = (&groups.left, &groups.right);
        match binary.op {
            BinaryOp::And => {
                let there = Presence::of(right, of_right, groups.count);
                self.filtered(&left, |row, step| there.at(of_left[row], step))
            }
            BinaryOp::Unless => {
                let there = Presence::of(right, of_right, groups.count);
                self.filtered(&left, |row, step| !there.at(of_left[row], step))
            }
            _ => {
                let there = Presence::of(&left, of_left, groups.count);
                let added = self.filtered(right, |row, step| !there.at(of_right[row], step))?;
                let mut union = left;
                union.append(added)?;
                union.distinct = Distinct::Unknown;
                // Without removal of names, equal labels may still differ in what is removed.
                if self.removes_names_at_once() {
                    merge_equal(union, Overlap::Allowed)
                } else {
                    Ok(union)
                }
            }
        }
    }

    /// Returns the cells of a table for which `keeps` holds.
    fn filtered(
        &self,
        table: &Table,
        keeps: impl Fn(usize, usize) -> bool + Sync,
    ) -> Result<Table, QueryError> {
        let each = |range: Range<usize>| {
            let mut part = table.sibling(table.steps);
            self.make_each(table, range, |at, scratch| {
                let row = &mut scratch.row;
                (0..table.steps)
                    .filter(|step| !keeps(at, *step))
                    .for_each(|step| row.unset(step));
                part.push(table.labels[at].clone(), table.drop_name[at], row)
            })?;
            Ok(part)
        };
        let mut kept = table.sibling(table.steps);
        kept.distinct = table.distinct;
        self.in_order(table.len(), table.steps, each, |part| kept.append(part))?;
        Ok(kept)
    }
}

//! `and`, `or` and `unless`.

use crate::ast::{Binary, BinaryOp};
use crate::error::QueryError;
use crate::eval::Evaluator;
use crate::eval::merge::{Overlap, merge_equal};
use crate::eval::table::{Distinct, Table};

use super::matching::Groups;

impl Evaluator<'_> {
    pub(super) fn set_operation(
        &self,
        binary: &Binary,
        left: Table,
        right: &Table,
    ) -> Result<Table, QueryError> {
        let groups = Groups::of(&binary.matching, &left, right);
        let steps = left.steps;
        match binary.op {
            BinaryOp::And => {
                let there = presence(right, &groups.right, groups.count, steps);
                filtered(&left, |row, step| there[groups.left[row] * steps + step])
            }
            BinaryOp::Unless => {
                let there = presence(right, &groups.right, groups.count, steps);
                filtered(&left, |row, step| !there[groups.left[row] * steps + step])
            }
            _ => {
                let there = presence(&left, &groups.left, groups.count, steps);
                let added = filtered(right, |row, step| !there[groups.right[row] * steps + step])?;
                let mut union = left;
                union.append(added)?;
                union.distinct = Distinct::Unknown;
                let overlap = Overlap::Allowed;
                // Without removal of names, equal labels may still differ in what is removed.
                if self.removes_names_at_once() {
                    merge_equal(union, overlap)
                } else {
                    Ok(union)
                }
            }
        }
    }
}

/// Returns for each group and step whether any of its rows has a value there.
fn presence(table: &Table, group_of: &[usize], groups: usize, steps: usize) -> Vec<bool> {
    let mut there = vec![false; groups * steps];
    for (row, group) in group_of.iter().enumerate() {
        for step in 0..steps {
            there[group * steps + step] |= table.is_present(row, step);
        }
    }
    there
}

fn filtered(table: &Table, keeps: impl Fn(usize, usize) -> bool) -> Result<Table, QueryError> {
    let mut kept = table.sibling(table.steps);
    kept.distinct = table.distinct;
    for at in 0..table.len() {
        let mut row = table.row(at);
        (0..table.steps)
            .filter(|step| !keeps(at, *step))
            .for_each(|step| row.unset(step));
        kept.push(table.labels[at].clone(), table.drop_name[at], &mut row)?;
    }
    Ok(kept)
}

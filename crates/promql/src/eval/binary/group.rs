//! Which series of two vectors belong together: those with the same labels, as far as these must
//! agree.

use std::ops::Range;

use crate::ast::VectorMatching;
use crate::error::QueryError;
use crate::eval::Evaluator;
use crate::eval::key::{Keys, append};
use crate::eval::ledger::Charge;
use crate::eval::table::Table;

use super::matching::must_agree;

/// About what the key of a row costs, in cells.
const KEY_COST: usize = 16;

/// Which group each row of either side belongs to.
pub(super) struct Groups {
    pub(super) left: Vec<usize>,
    pub(super) right: Vec<usize>,
    pub(super) count: usize,
    _held: Charge,
}

/// The keys of some rows, one after the other, and where each ends.
type Encoded = (Vec<u8>, Vec<usize>);

impl Evaluator<'_> {
    /// Finds the groups once for all steps.
    pub(super) fn match_groups(
        &self,
        matching: &VectorMatching,
        left: &Table,
        right: &Table,
    ) -> Result<Groups, QueryError> {
        let mut held = left.charge();
        let mut keys = Keys::default();
        let left = self.groups_of(matching, left, &mut keys, &mut held)?;
        let right = self.groups_of(matching, right, &mut keys, &mut held)?;
        Ok(Groups {
            left,
            right,
            count: keys.len(),
            _held: held,
        })
    }

    /// Returns the group of each row. Keys are made side by side, and numbered in order.
    fn groups_of(
        &self,
        matching: &VectorMatching,
        table: &Table,
        keys: &mut Keys,
        held: &mut Charge,
    ) -> Result<Vec<usize>, QueryError> {
        held.hold::<usize>(table.len())?;
        let mut groups = Vec::with_capacity(table.len());
        let each = |range: Range<usize>| -> Result<Encoded, QueryError> {
            let (mut bytes, mut ends) = (Vec::new(), Vec::with_capacity(range.len()));
            for labels in &table.labels[range] {
                append(labels, |name| must_agree(matching, name), &mut bytes);
                ends.push(bytes.len());
            }
            Ok((bytes, ends))
        };
        self.in_order(table.len(), KEY_COST, each, |(bytes, ends)| {
            let before = keys.bytes();
            let mut start = 0;
            for end in ends {
                groups.push(keys.of_key(&bytes[start..end]));
                start = end;
            }
            held.grow(keys.bytes() - before, 0)
        })?;
        Ok(groups)
    }
}

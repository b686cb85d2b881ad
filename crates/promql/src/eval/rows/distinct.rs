//! Whether rows stay apart when they lose their names.

use std::ops::Range;

use xxhash_rust::xxh64::xxh64;

use crate::error::QueryError;
use crate::eval::Evaluator;
use crate::eval::key::put;
use crate::eval::merge::{is_reserved, without_reserved};
use crate::eval::table::Distinct;

use super::Rows;

/// About what labels cost to read, in cells.
const LABELS_COST: usize = 16;

impl Evaluator<'_> {
    /// Tells whether no two rows have the same labels but for their names. Their labels are
    /// compared by hashes first, so that they need not be held.
    pub(super) fn is_distinct_unnamed(&self, rows: &dyn Rows) -> Result<bool, QueryError> {
        if rows.len() < 2 || rows.distinct() == Distinct::Unnamed {
            return Ok(true);
        }
        let mut held = self.ledger.charge();
        held.hold::<(u64, usize)>(rows.len())?;
        let mut hashes: Vec<(u64, usize)> = Vec::with_capacity(rows.len());
        let each = |range: Range<usize>| {
            let mut key = Vec::new();
            let hash = |at: usize| {
                key.clear();
                rows.each_label(at, &mut |name, value| {
                    if !is_reserved(name) {
                        put(&mut key, name);
                        put(&mut key, value);
                    }
                });
                (xxh64(&key, 0), at)
            };
            Ok(range.map(hash).collect::<Vec<_>>())
        };
        self.in_order(rows.len(), LABELS_COST, each, |part| {
            hashes.extend(part);
            Ok(())
        })?;
        hashes.sort_unstable();
        let labels = |at: usize| without_reserved(&rows.labels(at));
        let mut apart = true;
        for same in hashes
            .chunk_by(|a, b| a.0 == b.0)
            .filter(|same| same.len() > 1)
        {
            let mut all: Vec<_> = same.iter().map(|(_, at)| labels(*at)).collect();
            all.sort_unstable();
            apart &= all.windows(2).all(|pair| pair[0] != pair[1]);
        }
        Ok(apart)
    }
}

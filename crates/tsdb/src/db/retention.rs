//! Retention: whole parts go, the oldest day first. It needs no space, so that it works on a full
//! disk, and comes before merges. Where a limit of bytes is set, a flush that finds the disk full
//! gives up the oldest day as well; where none is set, it fails until there is space again.

use std::sync::Arc;

use super::Inner;
use super::maintain::Maintenance;
use crate::error::WriteError;
use crate::status::MaintainReport;
use crate::view::Served;

impl Inner {
    pub(super) fn enforce_retention(
        &self,
        maintenance: &mut Maintenance,
        report: &mut MaintainReport,
    ) -> Result<(), WriteError> {
        let earliest = self.admission().earliest;
        let parts = self.views.present().parts.clone();
        let (expired, mut kept): (Vec<_>, Vec<_>) = parts
            .into_iter()
            .partition(|served| served.part.meta.sketch.max_time < earliest);
        let over_size = match self.size_limit()? {
            Some(limit) => over_size(&mut kept, limit),
            None => Vec::new(),
        };
        report.parts_expired += expired.len();
        report.parts_over_size += over_size.len();
        let gone: Vec<Arc<Served>> = expired.into_iter().chain(over_size).collect();
        if gone.is_empty() {
            Ok(())
        } else {
            self.withdraw(maintenance, &gone)
        }
    }

    /// Returns the bytes that the parts may take: not more than the disk has beside the reserve.
    fn size_limit(&self) -> Result<Option<u64>, WriteError> {
        let Some(limit) = self.config.retention_bytes else {
            return Ok(None);
        };
        let space = self.disk.space(&self.dir);
        let space = space.map_err(|e| WriteError::io(&self.dir, e))?;
        let holds = space.total.saturating_sub(self.config.reserve_bytes);
        Ok(Some(limit.min(holds)))
    }

    /// Gives up the oldest day for a flush that found the disk full, if the configuration has a
    /// limit of bytes and there is another day. Returns how many parts went.
    pub(super) fn shed_oldest_day(
        &self,
        maintenance: &mut Maintenance,
    ) -> Result<usize, WriteError> {
        if self.config.retention_bytes.is_none() {
            return Ok(0);
        }
        let mut parts = self.views.present().parts.clone();
        let gone = take_oldest_day(&mut parts);
        if !gone.is_empty() {
            self.withdraw(maintenance, &gone)?;
        }
        Ok(gone.len())
    }
}

/// Takes the parts of the oldest days until the rest is within the limit.
fn over_size(parts: &mut Vec<Arc<Served>>, limit: u64) -> Vec<Arc<Served>> {
    let mut gone = Vec::new();
    while parts.iter().map(|served| served.part.bytes).sum::<u64>() > limit {
        let oldest = take_oldest_day(parts);
        if oldest.is_empty() {
            break;
        }
        gone.extend(oldest);
    }
    gone
}

/// Takes the parts of the oldest day. The newest day stays even if it is too large alone: a store
/// that forgets what it was just told is of no use.
fn take_oldest_day(parts: &mut Vec<Arc<Served>>) -> Vec<Arc<Served>> {
    let day = |served: &Arc<Served>| served.part.meta.identity.day;
    let days = parts.iter().map(day);
    let (oldest, newest) = (days.clone().min(), days.max());
    if oldest == newest {
        return Vec::new();
    }
    parts
        .extract_if(.., |served| Some(day(served)) == oldest)
        .collect()
}

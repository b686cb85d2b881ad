//! Retention: whole parts go, the oldest day first. It needs no space, so that it works on a full
//! disk, and comes before merges.

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
        let over_size = over_size(&mut kept, self.config.retention_bytes);
        report.parts_expired += expired.len();
        report.parts_over_size += over_size.len();
        let gone: Vec<Arc<Served>> = expired.into_iter().chain(over_size).collect();
        if gone.is_empty() {
            Ok(())
        } else {
            self.withdraw(maintenance, &gone)
        }
    }
}

/// Takes the parts of the oldest days until the rest is within the limit. The newest day stays
/// even if it is too large alone: a store that forgets what it was just told is of no use.
fn over_size(parts: &mut Vec<Arc<Served>>, limit: Option<u64>) -> Vec<Arc<Served>> {
    let Some(limit) = limit else {
        return Vec::new();
    };
    let day = |served: &Arc<Served>| served.part.meta.identity.day;
    let mut gone = Vec::new();
    loop {
        let bytes: u64 = parts.iter().map(|served| served.part.bytes).sum();
        let days = parts.iter().map(day);
        let (oldest, newest) = (days.clone().min(), days.max());
        if bytes <= limit || oldest == newest {
            return gone;
        }
        gone.extend(parts.extract_if(.., |served| Some(day(served)) == oldest));
    }
}

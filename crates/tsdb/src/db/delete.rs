//! Deletion: samples of some series in a range are no longer given, and go at the next merge.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use weft_matcher::LabelMatcher;
use weft_model::{Labels, Millis};

use super::{Inner, Tsdb};
use crate::deletion::Deletions;
use crate::error::WriteError;
use crate::head::Head;
use crate::matching::matching;
use crate::status::DeleteReport;
use crate::view::Served;

impl Tsdb {
    /// Deletes the samples from `start` to `end`, both included, of the series that fulfil all
    /// matchers. When this returns they are not given any more, also not after a crash; but a
    /// caller that replays what it journaled after the last [`Tsdb::flush`] brings back what of it
    /// was deleted: flush first. Samples appended while this runs may be kept.
    pub fn delete(
        &self,
        matchers: &[LabelMatcher],
        start: Millis,
        end: Millis,
    ) -> Result<DeleteReport, WriteError> {
        let mut maintenance = self.inner.maintenance();
        let maintenance = &mut *maintenance;
        let most = self.inner.config.deletions_max;
        if maintenance.deletions.len() >= most {
            return Err(WriteError::TooManyDeletions(most));
        }
        // A deletion speaks of parts and the head, not of the file that earlier versions wrote.
        if maintenance.has_old_exemplars {
            self.inner.flush(maintenance)?;
        }
        let mut report = DeleteReport::default();
        let flush = maintenance.next_flush - 1;
        maintenance
            .deletions
            .push(matchers.to_vec(), start.0, end.0, flush);
        let parts = self.inner.recut(&maintenance.deletions).and_then(|parts| {
            let stored = maintenance
                .deletions
                .store(&*self.inner.disk, &self.inner.dir);
            stored.map_err(|e| WriteError::io(&self.inner.dir, e))?;
            Ok(parts)
        });
        let parts = parts.inspect_err(|_| maintenance.deletions.pop())?;
        self.inner
            .deletions_pending
            .store(maintenance.deletions.len(), Ordering::Relaxed);
        let cuts = parts.iter().filter_map(|served| served.cuts.last());
        report.series += cuts.map(|cut| cut.series.len() as u64).sum::<u64>();
        self.inner.publish(maintenance, parts);
        let cut = self.inner.cut_head(matchers, start.0, end.0);
        // Also when it failed half way.
        self.inner.changes.note_range(start.0, end.0);
        report.series += cut?;
        Ok(report)
    }
}

impl Inner {
    /// Returns the parts with the cuts that all deletions ask for.
    fn recut(&self, deletions: &Deletions) -> Result<Vec<Arc<Served>>, WriteError> {
        let view = self.views.present();
        let recut = |served: &Arc<Served>| {
            let cuts = deletions.cuts_of(&served.part)?;
            Ok(Arc::new(served.with_cuts(cuts)))
        };
        view.parts.iter().map(recut).collect()
    }

    fn cut_head(&self, matchers: &[LabelMatcher], start: i64, end: i64) -> Result<u64, WriteError> {
        let slots = matching(&*self.head.index(), matchers)?;
        let now = self.admission().now;
        for slot in &slots {
            let (shard, local) = Head::place(*slot);
            self.head.shard(shard).cut(local, start, end, now);
        }
        let is_cut = |labels: &Labels| {
            let mut each = matchers.iter();
            each.all(|matcher| matcher.matches(labels.get(matcher.name())))
        };
        self.exemplars_kept().cut(is_cut, start, end);
        Ok(slots.len() as u64)
    }
}

//! What parts there are.

use super::Tsdb;
use crate::status::PartStatus;

impl Tsdb {
    /// Returns the parts that are served, in the order in which later ones count over earlier ones.
    pub fn parts(&self) -> Vec<PartStatus> {
        let view = self.inner.views.present();
        let parts = view.parts.iter().map(|served| {
            let meta = &served.part.meta;
            PartStatus {
                file: meta.identity.file,
                level: meta.identity.level,
                replaces: meta.identity.replaces.clone(),
                min_time: meta.sketch.min_time,
                max_time: meta.sketch.max_time,
                series: meta.series as u64,
                samples: meta.sketch.samples,
                bytes: served.part.bytes,
            }
        });
        parts.collect()
    }
}

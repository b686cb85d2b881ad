//! What the store tells about itself when it is asked.

use std::sync::atomic::Ordering;

use weft_model::METRIC_NAME;

use super::{Inner, Tsdb};
use crate::head::index::Index;
use crate::status::{Drop, HeadExtent, Status};

/// The length of the lists of those with most.
const TOP: usize = 20;

impl Tsdb {
    /// Returns the store's present state. It looks at all label pairs of the head.
    pub fn status(&self) -> Status {
        self.inner.status()
    }

    /// Returns what the head holds of its series. It looks at all of them.
    pub fn head_extent(&self) -> HeadExtent {
        self.inner.head.extent()
    }

    /// Returns what was refused since the store was opened, by reason and offender, most first.
    pub fn drops(&self) -> Vec<Drop> {
        self.inner.drops().list()
    }
}

impl Inner {
    fn status(&self) -> Status {
        let view = self.views.present();
        let counters = &self.counters;
        let parts = || view.parts.iter().map(|served| &served.part);
        let earliest = parts().map(|part| part.meta.sketch.min_time).min();
        let latest = parts().map(|part| part.meta.sketch.max_time).max();
        let mut status = Status {
            samples_appended: counters.appended.load(Ordering::Relaxed),
            samples_out_of_order: counters.out_of_order.load(Ordering::Relaxed),
            samples_repeated: counters.repeated.load(Ordering::Relaxed),
            samples_unflushed: self.head.samples_unflushed(),
            head_bytes: self.head.bytes(),
            parts: view.parts.len(),
            parts_bytes: parts().map(|part| part.bytes).sum(),
            parts_index_bytes: parts().map(|part| part.index_bytes()).sum(),
            parts_samples: parts().map(|part| part.meta.sketch.samples).sum(),
            parts_set_aside: counters.set_aside.load(Ordering::Relaxed),
            cache_bytes: self.cache.bytes(),
            parts_range: earliest.zip(latest),
            drops: self.drops().list(),
            ..Status::default()
        };
        let exemplars = parts().map(|part| part.exemplars_count()).sum::<u64>();
        let kept = self.exemplars_kept();
        status.exemplars = exemplars + kept.len() as u64;
        let dropped = counters.exemplars_dropped.load(Ordering::Relaxed);
        status.exemplars_dropped = dropped + kept.dropped();
        drop(kept);
        status.deletions_pending = self.deletions_pending.load(Ordering::Relaxed);
        count_labels(&self.head.index(), &mut status);
        status
    }
}

fn count_labels(index: &Index, status: &mut Status) {
    status.series = index.len();
    status.label_pairs = index.pairs.len();
    let (mut metrics, mut labels, mut pairs) = (Vec::new(), Vec::new(), Vec::new());
    let mut label_bytes = Vec::new();
    for (name, ids) in index.pairs.names() {
        labels.push((name.to_owned(), ids.len()));
        let mut of_name: Vec<(u32, usize)> = ids
            .iter()
            .map(|id| (*id, index.pairs.get(*id).postings.len()))
            .collect();
        let value_bytes = |(id, count): &(u32, usize)| index.pairs.get(*id).value.len() * count;
        label_bytes.push((name.to_owned(), of_name.iter().map(value_bytes).sum()));
        keep_top(&mut of_name);
        for (id, count) in of_name {
            let value = &index.pairs.get(id).value;
            if name == METRIC_NAME {
                metrics.push((value.to_string(), count));
            }
            pairs.push((format!("{name}={value}"), count));
        }
    }
    for list in [&mut metrics, &mut labels, &mut label_bytes, &mut pairs] {
        keep_top(list);
    }
    status.top_metrics = metrics;
    status.top_labels = labels;
    status.top_label_bytes = label_bytes;
    status.top_pairs = pairs;
}

/// Keeps those with most, most first.
fn keep_top<T: Ord>(list: &mut Vec<(T, usize)>) {
    list.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    list.truncate(TOP);
}

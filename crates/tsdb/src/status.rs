//! What a store tells about itself: reports of what was done, and its present state.

use std::path::PathBuf;

use crate::error::{PartError, Rejected};

/// What was found when a store was opened.
#[derive(Debug, Default)]
pub struct OpenReport {
    /// Parts that are served.
    pub parts: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Parts that were set aside, with the reason.
    pub set_aside: Vec<PartError>,
    /// Files removed that an interrupted write or merge had left.
    pub leftovers: usize,
}

/// What a flush did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlushReport {
    /// Series with samples to write.
    pub series: u64,
    /// Samples written, histograms included.
    pub samples: u64,
    /// Exemplars written.
    pub exemplars: u64,
    /// Parts written: one for each day that the samples lie in.
    pub parts: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Parts given up because the disk was full.
    pub parts_shed: usize,
}

/// What a maintenance did.
#[derive(Debug, Default)]
pub struct MaintainReport {
    /// Merges finished.
    pub merges: usize,
    /// Parts that went into them.
    pub parts_merged: usize,
    /// Bytes written by them.
    pub bytes_written: u64,
    /// Parts dropped because they are older than the retention.
    pub parts_expired: usize,
    /// Parts dropped because all parts together are too large.
    pub parts_over_size: usize,
    /// Parts set aside, with the reason.
    pub set_aside: Vec<PartError>,
    /// Merges not begun because the disk would be too full.
    pub merges_without_space: usize,
    /// Series that left the head because nothing was appended to them.
    pub series_dropped: usize,
    /// Whether more merges are due: the caller may call again at once.
    pub more: bool,
}

/// What a deletion did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeleteReport {
    /// Series that matched, counted once for the head and once for each part.
    pub series: u64,
}

/// A file that does not hold.
#[derive(Debug)]
pub struct CheckFault {
    /// The file, and why.
    pub error: PartError,
    /// Whether opening the store sees it; otherwise it is seen when what is damaged is read.
    pub is_seen_on_opening: bool,
}

/// What a check found.
#[derive(Debug, Default)]
pub struct CheckReport {
    /// Parts looked at.
    pub parts: usize,
    /// Their series, counted once for each part.
    pub series: u64,
    /// Their samples.
    pub samples: u64,
    /// Their exemplars.
    pub exemplars: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What does not hold.
    pub faults: Vec<CheckFault>,
    /// Files that an interrupted write or merge has left; an opening removes them.
    pub leftovers: Vec<PathBuf>,
    /// Files that were set aside before.
    pub set_aside: usize,
}

/// The present state of a store.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Series in the head.
    pub series: usize,
    /// Distinct label pairs in the head.
    pub label_pairs: usize,
    /// Samples taken since the store was opened.
    pub samples_appended: u64,
    /// Of these, the ones that came out of order.
    pub samples_out_of_order: u64,
    /// Of those taken, the ones that were there already.
    pub samples_repeated: u64,
    /// Samples in the head that are in no part yet.
    pub samples_unflushed: u64,
    /// Bytes of samples in the head.
    pub head_bytes: usize,
    /// Parts that are served.
    pub parts: usize,
    /// Their bytes.
    pub parts_bytes: u64,
    /// Of these bytes, the ones that say which series there are.
    pub parts_index_bytes: u64,
    /// Their samples.
    pub parts_samples: u64,
    /// Parts set aside since the store was opened.
    pub parts_set_aside: u64,
    /// Exemplars in parts and in the head; what is there twice is counted twice until it is merged.
    pub exemplars: u64,
    /// Exemplars given up since the store was opened because there were too many.
    pub exemplars_dropped: u64,
    /// Deletions that wait to be carried out.
    pub deletions_pending: usize,
    /// Bytes of parts kept decoded.
    pub cache_bytes: usize,
    /// The earliest and the latest time in the parts, milliseconds.
    pub parts_range: Option<(i64, i64)>,
    /// What was refused, by reason and offender, most first.
    pub drops: Vec<Drop>,
    /// The metrics with the most series.
    pub top_metrics: Vec<(String, usize)>,
    /// The labels with the most values.
    pub top_labels: Vec<(String, usize)>,
    /// The labels whose values have the most bytes, counted once for each series.
    pub top_label_bytes: Vec<(String, usize)>,
    /// The label pairs with the most series, as `name=value`.
    pub top_pairs: Vec<(String, usize)>,
}

/// What the head holds: samples that came in order, those of parts that are kept at hand included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeadExtent {
    /// Runs of samples; the open one of a series is one.
    pub chunks: u64,
    /// The earliest and the latest time, milliseconds.
    pub range: Option<(i64, i64)>,
}

/// A part that is served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartStatus {
    /// The number in its file's name.
    pub file: u64,
    /// 0 for what a flush has written; merges raise it.
    pub level: u32,
    /// The files that it was merged from.
    pub replaces: Vec<u64>,
    /// The earliest time, milliseconds.
    pub min_time: i64,
    /// The latest time.
    pub max_time: i64,
    /// Its series.
    pub series: u64,
    /// Its samples.
    pub samples: u64,
    /// Its bytes.
    pub bytes: u64,
}

/// How often something was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drop {
    /// Why.
    pub reason: Rejected,
    /// The metric or target over its budget; empty where nobody in particular is.
    pub offender: String,
    /// How many series or samples.
    pub count: u64,
}

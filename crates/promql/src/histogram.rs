//! What PromQL does with native histograms: sums, resets, quantiles, fractions, trimming.
//!
//! In: histograms as the store has them. Out: new ones, without empty buckets. Bound: work is
//! linear in the buckets that are present.

mod arithmetic;
mod bucket;
mod classic;
mod fraction;
mod quantile;
mod reset;
mod text;
mod trim;

pub use bucket::{Bucket, buckets};

pub use arithmetic::{Incompatible, Reconciled, difference, sum};

pub(crate) use arithmetic::{Sum, divide, scale};
pub(crate) use classic::{ClassicBucket, Repair, classic_fraction, classic_quantile};
pub(crate) use fraction::fraction;
pub(crate) use quantile::{NanNote, quantile};
pub(crate) use reset::{equal, is_reset};
pub(crate) use text::{format_general, to_text};
pub(crate) use trim::{Side, trim};

use weft_model::FloatHistogram;
use weft_model::histogram::CUSTOM_BUCKETS_SCHEMA;

/// Tells whether a histogram has custom bounds.
pub(crate) fn is_custom(histogram: &FloatHistogram) -> bool {
    histogram.schema == CUSTOM_BUCKETS_SCHEMA
}

/// Returns the bytes that a histogram takes.
pub(crate) fn bytes_of(histogram: &FloatHistogram) -> usize {
    let buckets = histogram.positive.len() + histogram.negative.len();
    let spans = histogram.positive_spans.len() + histogram.negative_spans.len();
    size_of::<FloatHistogram>() + 8 * (buckets + spans + histogram.custom_bounds.len())
}

/// Returns how many samples a histogram counts for, as Prometheus counts them: one for every 16
/// bytes of its own layout.
pub(crate) fn samples_of(histogram: &FloatHistogram) -> usize {
    const FIXED: usize = 168;
    let buckets = histogram.positive.len() + histogram.negative.len();
    let spans = histogram.positive_spans.len() + histogram.negative_spans.len();
    (FIXED + 8 * (buckets + spans + histogram.custom_bounds.len()) + 8) / 16
}

//! `prometheus.ReadResponse`: all samples of all queries in one message.

use weft_model::histogram::{CUSTOM_BUCKETS_SCHEMA, ResetHint};
use weft_model::{FloatHistogram, Labels, Span};

use crate::wire::Writer;

/// An answer that is being written.
#[derive(Clone, Debug, Default)]
pub struct Response {
    message: Writer,
    /// The result of the query that is being answered.
    result: Writer,
}

impl Response {
    /// Adds a series to the result of the present query; floats and histograms ascend by time.
    pub fn push(
        &mut self,
        labels: &Labels,
        times: &[i64],
        values: &[f64],
        histograms: &[(i64, FloatHistogram)],
    ) {
        self.result.message(1, |series| {
            put_labels(series, labels);
            for (time, value) in times.iter().zip(values) {
                series.message(2, |sample| {
                    sample.double(1, *value);
                    sample.number(2, *time as u64);
                });
            }
            for (time, histogram) in histograms {
                series.message(4, |message| put_histogram(message, *time, histogram));
            }
        });
    }

    /// Ends the result of the present query; what comes next belongs to the next one.
    pub fn end_query(&mut self) {
        let result = &self.result;
        self.message.bytes_always(1, result.as_slice());
        self.result.clear();
    }

    /// Returns how many bytes there are so far.
    pub fn len(&self) -> usize {
        self.message.len() + self.result.len()
    }

    /// Tells whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the message.
    pub fn into_bytes(self) -> Vec<u8> {
        self.message.into_bytes()
    }
}

/// Writes labels as the first field of a series.
pub(crate) fn put_labels(series: &mut Writer, labels: &Labels) {
    for (name, value) in labels.iter() {
        series.message(1, |label| {
            label.bytes(1, name.as_bytes());
            label.bytes(2, value.as_bytes());
        });
    }
}

/// Writes a histogram with float counts, as both versions of remote write have it too.
pub(crate) fn put_histogram(message: &mut Writer, time: i64, histogram: &FloatHistogram) {
    message.double_always(2, histogram.count);
    message.double(3, histogram.sum);
    message.zigzag(4, i64::from(histogram.schema));
    message.double(5, histogram.zero_threshold);
    message.double_always(7, histogram.zero_count);
    put_spans(message, 8, &histogram.negative_spans);
    message.packed_doubles(10, &histogram.negative);
    put_spans(message, 11, &histogram.positive_spans);
    message.packed_doubles(13, &histogram.positive);
    message.number(14, hint(histogram.reset_hint));
    message.number(15, time as u64);
    if histogram.schema == CUSTOM_BUCKETS_SCHEMA {
        message.packed_doubles(16, &histogram.custom_bounds);
    }
}

fn put_spans(message: &mut Writer, field: u32, spans: &[Span]) {
    for span in spans {
        message.message(field, |message| {
            message.zigzag(1, i64::from(span.offset));
            message.number(2, u64::from(span.len));
        });
    }
}

fn hint(hint: ResetHint) -> u64 {
    match hint {
        ResetHint::Unknown => 0,
        ResetHint::Reset => 1,
        ResetHint::NotReset => 2,
        ResetHint::Gauge => 3,
    }
}

//! Writing `prometheus.WriteRequest`: samples of this process on their way into its own store.

use weft_model::{FloatHistogram, Labels, Millis};

use crate::remote_read::{put_histogram, put_labels};
use crate::wire::Writer;

/// A request of version 1 that is being written.
#[derive(Clone, Debug, Default)]
pub struct Outgoing(Writer);

impl Outgoing {
    /// Adds a series with one sample.
    pub fn push(&mut self, labels: &Labels, time: Millis, value: f64) {
        self.0.message(1, |series| {
            put_labels(series, labels);
            series.message(2, |sample| {
                sample.double(1, value);
                sample.number(2, time.0 as u64);
            });
        });
    }

    /// Adds a series with one histogram.
    pub fn push_histogram(&mut self, labels: &Labels, time: Millis, histogram: &FloatHistogram) {
        self.0.message(1, |series| {
            put_labels(series, labels);
            series.message(4, |message| put_histogram(message, time.0, histogram));
        });
    }

    /// Returns the request, not compressed.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote_write::{Request, Version};

    #[test]
    fn what_is_written_reads_back() {
        let labels = Labels::from_pairs([("__name__", "x"), ("a", "b")]);
        let histogram = FloatHistogram {
            count: 3.0,
            sum: 4.5,
            zero_count: 3.0,
            zero_threshold: 0.001,
            ..FloatHistogram::default()
        };
        let mut outgoing = Outgoing::default();
        outgoing.push(&labels, Millis(-5), 0.0);
        outgoing.push_histogram(&labels, Millis(7), &histogram);
        let bytes = outgoing.into_bytes();
        let request = Request::parse(Version::One, &bytes).unwrap();
        let series: Vec<_> = request.series().collect();
        assert_eq!(series[0].labels().unwrap(), labels);
        let sample = series[0].samples().next().unwrap();
        assert_eq!((sample.time, sample.value), (Millis(-5), 0.0));
        let read = series[1].histograms().next().unwrap().decode().unwrap();
        assert_eq!(read, (Millis(7), histogram));
    }
}

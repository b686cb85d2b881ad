//! What a query cost, in Prometheus's terms.
//!
//! In: what the engine has counted, and how long the query waited and ran. Out: the `stats` of an
//! answer; with `stats=all` also the samples that each step has seen.

use weft_model::Millis;
use weft_promql::{Stats, TimeRange};

use crate::response::{json, number};

/// What a query cost.
pub(super) struct Cost {
    pub(super) stats: Stats,
    pub(super) times: Times,
    /// How long it waited, in nanoseconds.
    pub(super) queued: i64,
    /// How long it ran, in nanoseconds.
    pub(super) ran: i64,
}

/// The times that a query was evaluated at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    first: Millis,
    step_ms: i64,
}

impl Times {
    pub(super) fn once(time: Millis) -> Times {
        Times {
            first: time,
            step_ms: 0,
        }
    }

    pub(super) fn of(range: TimeRange) -> Times {
        Times {
            first: Millis(range.start_ms),
            step_ms: range.step_ms,
        }
    }

    /// Returns the times, without an end.
    fn all(self) -> impl Iterator<Item = Millis> {
        let step = self.step_ms;
        (0i64..).map(move |at| self.first.plus(step.saturating_mul(at)))
    }
}

impl Cost {
    /// Writes the field `stats` behind another one.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"stats\":{");
        self.write_timings(out);
        out.push(b',');
        self.write_samples(out);
        out.push(b'}');
    }

    fn write_timings(&self, out: &mut Vec<u8>) {
        let seconds = |nanos: i64| nanos.max(0) as f64 / 1e9;
        let part = |nanos: u64| nanos as f64 / 1e9;
        let timings = self.stats.timings;
        let (ran, queued) = (seconds(self.ran), seconds(self.queued));
        let all = seconds(self.ran.saturating_add(self.queued));
        let (prepare, inner) = (part(timings.prepare), part(timings.evaluate));
        let sort = part(timings.sort);
        number::print(
            out,
            format_args!(
                "\"timings\":{{\"evalTotalTime\":{ran},\"resultSortTime\":{sort},\
                 \"queryPreparationTime\":{prepare},\"innerEvalTime\":{inner},\
                 \"execQueueTime\":{queued},\"execTotalTime\":{all}}}"
            ),
        );
    }

    /// Writes counts; the peak in bytes and the series are what Prometheus does not tell.
    fn write_samples(&self, out: &mut Vec<u8>) {
        let Stats {
            series,
            samples_read,
            samples_queryable,
            samples_peak,
            bytes_peak,
            ref samples_queryable_by_step,
            ..
        } = self.stats;
        out.extend_from_slice(b"\"samples\":{");
        if !samples_queryable_by_step.is_empty() {
            out.extend_from_slice(b"\"totalQueryableSamplesPerStep\":");
            let steps = self.times.all().zip(samples_queryable_by_step);
            json::array(out, steps, |out, (time, samples)| {
                out.push(b'[');
                number::seconds(out, time);
                number::print(out, format_args!(",{samples}]"));
            });
            out.push(b',');
        }
        number::print(
            out,
            format_args!(
                "\"totalQueryableSamples\":{samples_queryable},\"peakSamples\":{samples_peak},\
                 \"samplesRead\":{samples_read},\"seriesRead\":{series},\
                 \"peakBytes\":{bytes_peak}}}"
            ),
        );
    }
}

//! The samples that both servers get: two hours at fifteen seconds, made from fixed seeds.
//!
//! Out: remote-write requests in order of time. What is in them: counters with resets, gauges,
//! sparse and jittery series, gaps with and without staleness markers, NaN and infinities, classic
//! and native histograms, names that need quotes, several targets.

mod counters;
mod gauges;
mod histograms;

use super::encode::{Point, Series, request};
use anyhow::Result;

/// The first tick: 2026-01-01T10:00:00Z.
pub(crate) const START_MS: i64 = 1_767_261_600_000;

/// The distance of two ticks.
const TICK_MS: i64 = 15_000;

/// How many ticks there are: two hours.
const TICKS: i64 = 481;

/// The value that ends a series.
const STALE: u64 = 0x7ff0_0000_0000_0002;

/// A series with all that is written of it.
struct Written {
    labels: Vec<(String, String)>,
    /// By tick; times may be off by less than a tick.
    points: Vec<(i64, i64, Point)>,
}

/// Returns the requests, one for each tick.
pub(super) fn requests() -> Result<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    counters::add(&mut all);
    gauges::add(&mut all);
    histograms::add(&mut all);
    let of_tick = |tick: i64| {
        let series = all.iter().filter_map(move |written| {
            let at = written.points.binary_search_by_key(&tick, |point| point.0);
            let (_, time, point) = &written.points[at.ok()?];
            Some(Series {
                labels: &written.labels,
                time: *time,
                point,
            })
        });
        request(series)
    };
    (0..TICKS).map(of_tick).collect()
}

impl Written {
    /// Returns a series with what `point` gives for each tick.
    fn new(
        name: &str,
        labels: &[(&str, &str)],
        mut point: impl FnMut(i64) -> Option<Point>,
    ) -> Written {
        let on_time = |tick: i64| (tick, START_MS + tick * TICK_MS);
        let points = (0..TICKS).filter_map(|tick| {
            let (tick, time) = on_time(tick);
            Some((tick, time, point(tick)?))
        });
        Written {
            points: points.collect(),
            labels: sorted(name, labels),
        }
    }

    /// Returns a series of numbers.
    fn floats(
        name: &str,
        labels: &[(&str, &str)],
        mut value: impl FnMut(i64) -> Option<f64>,
    ) -> Written {
        Written::new(name, labels, |tick| value(tick).map(Point::Float))
    }

    /// Moves each sample by up to this time.
    fn jittered(mut self, random: &mut Random, by_ms: i64) -> Written {
        for (_, time, _) in &mut self.points {
            *time += random.below(by_ms);
        }
        self
    }
}

fn sorted(name: &str, labels: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let mut labels: Vec<_> = labels.iter().copied().map(own).collect();
    labels.push(own(("__name__", name)));
    labels.sort();
    labels
}

fn stale() -> f64 {
    f64::from_bits(STALE)
}

/// Numbers that look random and are the same in each run (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Returns a number from 0 to `most`, without it.
    fn below(&mut self, most: i64) -> i64 {
        (self.next() % most.max(1) as u64) as i64
    }

    /// Returns a number from 0 to 1, without it.
    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

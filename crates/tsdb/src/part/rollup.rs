//! Roll-ups: what the floats of a series come to in stretches of five minutes and of an hour.
//!
//! In: the samples of a series, ascending; staleness markers are no samples here. Out: buckets,
//! and the columns in which a part keeps those of a series. A bucket is open at its start and
//! closed at its end, as PromQL's windows are. Bound: a day's buckets, 289 of five minutes.

use weft_codec::varint::{put_uvarint, take_byte, take_bytes, take_len};
use weft_codec::{float, int};
use weft_model::is_stale;

use super::decoded::{ends_of, slice_of};
use super::meta::SERIES_PER_FRAME;
use crate::cache::Weigh;
use crate::config::DAY_MILLIS;
use crate::error::Malformed;

/// The lengths of the buckets that parts have, in milliseconds.
pub const ROLLUP_RESOLUTIONS: [i64; 2] = [5 * 60_000, 60 * 60_000];

/// Whole numbers up to here are added without rounding, in any order.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// A series with fewer buckets on a day is as soon read as its roll-up.
const KEPT_MIN: usize = 12;

/// A series that falls more often in a day is no counter, and its falls are not kept.
const FALLS_MAX: u64 = 16;

/// The series has no roll-up: it has histograms, or too few buckets.
const ABSENT: u8 = 0;
/// The series has a roll-up. In the flags, with the following ones.
const PRESENT: u8 = 1;
/// The sums of all buckets are known: the values are whole numbers, and kept as such.
const SUMMED: u8 = 2;
/// The falls of all buckets are known.
const COUNTED: u8 = 4;
/// In each bucket the first value is the least and the last one the greatest.
const RISING: u8 = 8;
/// All values of all buckets are one.
const CONSTANT: u8 = 16;

const OUTSIDE: Malformed = Malformed("a roll-up lies outside of its day");

/// What the floats of a series come to after `end` minus the resolution, until `end` included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rollup {
    /// The end of the stretch, milliseconds; a multiple of the resolution.
    pub end: i64,
    /// How many samples there are: one at least.
    pub count: u64,
    /// The least of them; a NaN only if there is nothing else.
    pub min: f64,
    /// The greatest of them, likewise.
    pub max: f64,
    /// The first of them.
    pub first: f64,
    /// The last of them.
    pub last: f64,
    /// Their sum, if all are whole and so small that it is the same in any order, bit by bit.
    pub sum: Option<f64>,
    /// Where the series falls, if it seldom does.
    pub falls: Option<Falls>,
}

/// Where a counter was reset.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Falls {
    /// How often a value is less than the one before.
    pub count: u64,
    /// The values before those, summed.
    pub lost: f64,
}

impl Rollup {
    fn of(end: i64, value: f64) -> Rollup {
        Rollup {
            end,
            count: 1,
            min: value,
            max: value,
            first: value,
            last: value,
            sum: exact(value, 1, value.abs()),
            falls: Some(Falls::default()),
        }
    }

    /// Adds what comes later to this bucket.
    pub fn merge(&mut self, later: &Rollup) {
        if later.min < self.min || self.min.is_nan() {
            self.min = later.min;
        }
        if later.max > self.max || self.max.is_nan() {
            self.max = later.max;
        }
        self.count += later.count;
        let most = self.min.abs().max(self.max.abs());
        let sum = self.sum.zip(later.sum).map(|(a, b)| a + b);
        self.sum = sum.and_then(|sum| exact(sum, self.count, most));
        let fall = Falls {
            count: u64::from(later.first < self.last),
            lost: if later.first < self.last {
                self.last
            } else {
                0.0
            },
        };
        self.falls = self.falls.zip(later.falls).map(|(a, b)| Falls {
            count: a.count + fall.count + b.count,
            lost: a.lost + fall.lost + b.lost,
        });
        self.last = later.last;
    }

    /// Returns by how much a counter grew from the first to the last sample, resets considered.
    pub fn increase(&self) -> Option<f64> {
        Some(self.last - self.first + self.falls?.lost)
    }
}

/// Returns a sum of so many whole numbers, if no order of adding them rounds.
fn exact(sum: f64, count: u64, most: f64) -> Option<f64> {
    let fits = sum.fract() == 0.0 && count as f64 * most <= EXACT_MAX;
    fits.then_some(sum)
}

/// Gathers the buckets of one series.
#[derive(Clone, Debug, Default)]
pub(crate) struct RollupBuilder {
    buckets: Vec<Rollup>,
}

impl RollupBuilder {
    /// Adds samples that come later than those before.
    pub(crate) fn add(&mut self, resolution: i64, times: &[i64], values: &[f64]) {
        for (time, value) in times.iter().zip(values) {
            if is_stale(*value) {
                continue;
            }
            let end = time
                .saturating_add(resolution - 1)
                .div_euclid(resolution)
                .saturating_mul(resolution);
            self.push(Rollup::of(end, *value));
        }
    }

    /// Adds a bucket, or what comes later in the last one.
    pub(crate) fn push(&mut self, later: Rollup) {
        match self.buckets.last_mut() {
            Some(last) if last.end == later.end => last.merge(&later),
            _ => self.buckets.push(later),
        }
    }

    pub(crate) fn finish(self) -> Vec<Rollup> {
        self.buckets
    }
}

/// Appends the buckets of a series on a day, if they are worth it; none if it has histograms.
pub(crate) fn encode(buckets: Option<&[Rollup]>, resolution: i64, day: i64, out: &mut Vec<u8>) {
    let kept = buckets.filter(|buckets| buckets.len() >= KEPT_MIN);
    let Some((buckets, first)) = kept.and_then(|kept| Some((kept, kept.first()?))) else {
        return out.push(ABSENT);
    };
    let flags = flags_of(buckets);
    out.push(flags);
    put_uvarint(out, buckets.len() as u64);
    let number = |bucket: &Rollup| bucket.end.saturating_sub(day * DAY_MILLIS) / resolution;
    put_integers(buckets, number, out);
    put_integers(buckets, |bucket| bucket.count as i64, out);
    if flags & CONSTANT != 0 {
        return out.extend_from_slice(&first.first.to_le_bytes());
    }
    if flags & SUMMED != 0 {
        put_whole(buckets, flags, out);
    } else {
        put_floats(buckets, |bucket| bucket.first, out);
        put_floats(buckets, |bucket| bucket.last, out);
        if flags & RISING == 0 {
            put_floats(buckets, |bucket| bucket.min, out);
            put_floats(buckets, |bucket| bucket.max, out);
        }
    }
    if flags & COUNTED != 0 {
        let falls = |bucket: &Rollup| bucket.falls.unwrap_or_default();
        put_integers(buckets, |bucket| falls(bucket).count as i64, out);
        put_floats(buckets, |bucket| falls(bucket).lost, out);
    }
}

/// Appends whole numbers as their distances from the first one of their bucket, and the sum as
/// that from a straight line between first and last.
fn put_whole(buckets: &[Rollup], flags: u8, out: &mut Vec<u8>) {
    let above = |bucket: &Rollup, value: f64| value as i64 - bucket.first as i64;
    put_integers(buckets, |bucket| bucket.first as i64, out);
    put_integers(buckets, |bucket| above(bucket, bucket.last), out);
    if flags & RISING == 0 {
        put_integers(buckets, |bucket| above(bucket, bucket.min), out);
        put_integers(buckets, |bucket| above(bucket, bucket.max), out);
    }
    let bent = |bucket: &Rollup| {
        let sum = bucket.sum.unwrap_or_default() as i64;
        let line = line_of(bucket.first as i64, bucket.last as i64, bucket.count);
        sum.wrapping_mul(2).wrapping_sub(line)
    };
    put_integers(buckets, bent, out);
}

/// Returns twice the sum of so many numbers evenly spaced from the first to the last one.
fn line_of(first: i64, last: i64, count: u64) -> i64 {
    first.wrapping_add(last).wrapping_mul(count as i64)
}

fn flags_of(buckets: &[Rollup]) -> u8 {
    let same = |a: f64, b: f64| a.to_bits() == b.to_bits();
    let of = |flag: u8, holds: &dyn Fn(&Rollup) -> bool| {
        if buckets.iter().all(holds) { flag } else { 0 }
    };
    let falls = buckets.iter().map(|bucket| bucket.falls);
    let counted = falls
        .map(|falls| falls.map(|falls| falls.count))
        .sum::<Option<u64>>()
        .is_some_and(|falls| falls <= FALLS_MAX);
    let one = buckets.first().map_or(0.0, |bucket| bucket.first);
    let constant = |bucket: &Rollup| {
        let values = [bucket.first, bucket.last, bucket.min, bucket.max];
        values.into_iter().all(|value| same(value, one))
    };
    // Whole numbers have one zero.
    let is_whole = |bucket: &Rollup| {
        let values = [bucket.first, bucket.last, bucket.min, bucket.max];
        bucket.sum.is_some() && !values.into_iter().any(|value| same(value, -0.0))
    };
    PRESENT
        | of(SUMMED, &is_whole)
        | if counted { COUNTED } else { 0 }
        | of(RISING, &|bucket| {
            same(bucket.min, bucket.first) && same(bucket.max, bucket.last)
        })
        | of(CONSTANT, &constant)
}

fn put_integers(buckets: &[Rollup], of: impl Fn(&Rollup) -> i64, out: &mut Vec<u8>) {
    let column: Vec<i64> = buckets.iter().map(of).collect();
    int::encode(&column, out);
}

fn put_floats(buckets: &[Rollup], of: impl Fn(&Rollup) -> f64, out: &mut Vec<u8>) {
    let column: Vec<f64> = buckets.iter().map(of).collect();
    float::encode(&column, out);
}

/// Decodes the buckets of a series on a day.
pub(crate) fn decode(
    bytes: &mut &[u8],
    resolution: i64,
    day: i64,
) -> Result<Option<Vec<Rollup>>, Malformed> {
    let flags = take_byte(bytes)?;
    if flags & PRESENT == 0 {
        return Ok(None);
    }
    let most = DAY_MILLIS / resolution;
    let count = take_len(bytes, most as usize + 1)?;
    if count == 0 {
        return Ok(Some(Vec::new()));
    }
    let numbers = take_integers(bytes, count)?;
    let within = |number: &i64| (0..=most).contains(number);
    if !numbers.iter().all(within) || !numbers.is_sorted_by(|a, b| a < b) {
        return Err(OUTSIDE);
    }
    let counts = take_integers(bytes, count)?;
    if counts.iter().any(|count| *count < 1) {
        return Err(OUTSIDE);
    }
    let columns = Columns::take(bytes, flags, &counts)?;
    let start = day.saturating_mul(DAY_MILLIS);
    let bucket = |at: usize| {
        let end = start.saturating_add(numbers[at] * resolution);
        columns.bucket(at, end, counts[at] as u64)
    };
    Ok(Some((0..count).map(bucket).collect()))
}

/// The columns of values, those that are not stored left empty.
#[derive(Default)]
struct Columns {
    flags: u8,
    first: Vec<f64>,
    last: Vec<f64>,
    min: Vec<f64>,
    max: Vec<f64>,
    sum: Vec<i64>,
    falls: Vec<i64>,
    lost: Vec<f64>,
}

impl Columns {
    fn take(bytes: &mut &[u8], flags: u8, counts: &[i64]) -> Result<Columns, Malformed> {
        let count = counts.len();
        let mut columns = Columns {
            flags,
            ..Columns::default()
        };
        if flags & CONSTANT != 0 {
            let value = take_bytes(bytes, 8)?.try_into();
            let value = f64::from_le_bytes(value.expect("eight bytes were taken"));
            columns.first = vec![value; count];
            columns.last = vec![value; count];
            return Ok(columns);
        }
        if flags & SUMMED != 0 {
            columns.take_whole(bytes, counts)?;
        } else {
            columns.first = take_floats(bytes, count)?;
            columns.last = take_floats(bytes, count)?;
            if flags & RISING == 0 {
                columns.min = take_floats(bytes, count)?;
                columns.max = take_floats(bytes, count)?;
            }
        }
        if flags & COUNTED != 0 {
            columns.falls = take_integers(bytes, count)?;
            columns.lost = take_floats(bytes, count)?;
        }
        Ok(columns)
    }

    /// Undoes [`put_whole`].
    fn take_whole(&mut self, bytes: &mut &[u8], counts: &[i64]) -> Result<(), Malformed> {
        let firsts = take_integers(bytes, counts.len())?;
        let mut from_first = || -> Result<Vec<i64>, Malformed> {
            let distances = take_integers(bytes, counts.len())?;
            let numbers = firsts.iter().zip(distances);
            Ok(numbers.map(|(first, it)| first.wrapping_add(it)).collect())
        };
        let floats = |numbers: &[i64]| numbers.iter().map(|number| *number as f64).collect();
        let lasts = from_first()?;
        if self.flags & RISING == 0 {
            self.min = floats(&from_first()?);
            self.max = floats(&from_first()?);
        }
        let bent = take_integers(bytes, counts.len())?;
        let sum = |at: usize| {
            let line = line_of(firsts[at], lasts[at], counts[at] as u64);
            bent[at].wrapping_add(line) / 2
        };
        self.sum = (0..counts.len()).map(sum).collect();
        self.first = floats(&firsts);
        self.last = floats(&lasts);
        Ok(())
    }

    fn bucket(&self, at: usize, end: i64, count: u64) -> Rollup {
        let (first, last) = (self.first[at], self.last[at]);
        let of_constant = || (self.flags & CONSTANT != 0).then_some(first * count as f64);
        let sum = self.sum.get(at).map(|sum| *sum as f64).or_else(of_constant);
        let falls = Falls {
            count: self.falls.get(at).map_or(0, |falls| *falls as u64),
            lost: self.lost.get(at).copied().unwrap_or(0.0),
        };
        Rollup {
            end,
            count,
            min: self.min.get(at).copied().unwrap_or(first),
            max: self.max.get(at).copied().unwrap_or(last),
            first,
            last,
            sum: sum.filter(|_| self.flags & SUMMED != 0),
            falls: (self.flags & COUNTED != 0).then_some(falls),
        }
    }
}

fn take_integers(bytes: &mut &[u8], count: usize) -> Result<Vec<i64>, Malformed> {
    let mut column = Vec::new();
    int::decode(bytes, count, &mut column)?;
    Ok(column)
}

fn take_floats(bytes: &mut &[u8], count: usize) -> Result<Vec<f64>, Malformed> {
    let mut column = Vec::new();
    float::decode(bytes, count, &mut column)?;
    Ok(column)
}

/// The roll-ups of a run of series, each still packed.
pub(crate) struct RollupFrame {
    bounds: Vec<usize>,
    content: Vec<u8>,
}

impl RollupFrame {
    pub(crate) fn decode(content: Vec<u8>) -> Result<RollupFrame, Malformed> {
        let bytes = &mut content.as_slice();
        let series = take_len(bytes, SERIES_PER_FRAME)?;
        let lens = take_integers(bytes, series)?;
        let bounds = ends_of(&lens, content.len() - bytes.len(), content.len())?;
        Ok(RollupFrame { bounds, content })
    }

    /// Returns the buckets of the series at this place.
    pub(crate) fn get(
        &self,
        at: usize,
        resolution: i64,
        day: i64,
    ) -> Result<Option<Vec<Rollup>>, Malformed> {
        let mut bytes = slice_of(&self.content, &self.bounds, at).ok_or(OUTSIDE)?;
        decode(&mut bytes, resolution, day)
    }
}

impl Weigh for RollupFrame {
    fn weight(&self) -> usize {
        self.content.len() + 8 * self.bounds.len() + 64
    }
}

#[cfg(test)]
mod tests;

//! The columns in which a part keeps the roll-ups of a series, and frames of many series.
//!
//! In: the buckets of a series on a day. Out: bytes, and the same buckets from them. Bound: 512
//! series in a frame; where samples lie in their buckets is kept only if it takes few bytes.

use weft_codec::varint::{put_uvarint, take_byte, take_bytes, take_len};
use weft_codec::{float, int};

use super::super::decoded::{ends_of, slice_of};
use super::super::meta::SERIES_PER_FRAME;
use super::{Extent, Falls, Rollup};
use crate::cache::Weigh;
use crate::config::DAY_MILLIS;
use crate::error::Malformed;

/// A series with fewer buckets on a day is as soon read as its roll-up.
pub(super) const KEPT_MIN: usize = 12;

/// A series that falls more often in a day is no counter, and its falls are not kept.
pub(super) const FALLS_MAX: u64 = 16;

/// Where samples lie in their buckets is kept if it takes no more than so many bytes: it does not
/// where a series is scraped at regular times.
const EXTENTS_BYTES_MAX: usize = 64;

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
/// When the first and the last sample of each bucket were is known.
const TIMED: u8 = 32;

const OUTSIDE: Malformed = Malformed("a roll-up lies outside of its day");

/// Appends the buckets of a series on a day, if they are worth it; none if it has histograms.
pub(crate) fn encode(buckets: Option<&[Rollup]>, resolution: i64, day: i64, out: &mut Vec<u8>) {
    let kept = buckets.filter(|buckets| buckets.len() >= KEPT_MIN);
    let Some((buckets, first)) = kept.and_then(|kept| Some((kept, kept.first()?))) else {
        return out.push(ABSENT);
    };
    let extents = extents_of(buckets, resolution);
    let flags = flags_of(buckets) | if extents.is_some() { TIMED } else { 0 };
    out.push(flags);
    put_uvarint(out, buckets.len() as u64);
    let number = |bucket: &Rollup| bucket.end.saturating_sub(day * DAY_MILLIS) / resolution;
    put_integers(buckets, number, out);
    put_integers(buckets, |bucket| bucket.count as i64, out);
    out.extend(extents.into_iter().flatten());
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

/// Returns the columns of first and of last times, as distances from the bounds of their buckets,
/// if all are known and they are worth their bytes.
fn extents_of(buckets: &[Rollup], resolution: i64) -> Option<Vec<u8>> {
    let known = buckets
        .iter()
        .map(|bucket| Some((bucket.end, bucket.extent?)));
    let known: Vec<(i64, Extent)> = known.collect::<Option<_>>()?;
    let column = |of: &dyn Fn(&(i64, Extent)) -> i64| known.iter().map(of).collect::<Vec<_>>();
    let mut bytes = Vec::new();
    int::encode(
        &column(&|(end, it)| it.first - (end - resolution)),
        &mut bytes,
    );
    int::encode(&column(&|(end, it)| end - it.last), &mut bytes);
    (bytes.len() <= EXTENTS_BYTES_MAX).then_some(bytes)
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
    let start = day.saturating_mul(DAY_MILLIS);
    let ends = numbers
        .iter()
        .map(|number| start.saturating_add(number * resolution));
    let ends: Vec<i64> = ends.collect();
    let extents = if flags & TIMED != 0 {
        take_extents(bytes, &ends, resolution)?
    } else {
        Vec::new()
    };
    let columns = Columns::take(bytes, flags, &counts)?;
    let bucket = |at: usize| Rollup {
        extent: extents.get(at).copied(),
        ..columns.bucket(at, ends[at], counts[at] as u64)
    };
    Ok(Some((0..count).map(bucket).collect()))
}

/// Undoes [`extents_of`].
fn take_extents(
    bytes: &mut &[u8],
    ends: &[i64],
    resolution: i64,
) -> Result<Vec<Extent>, Malformed> {
    let firsts = take_integers(bytes, ends.len())?;
    let lasts = take_integers(bytes, ends.len())?;
    let mut extents = Vec::with_capacity(ends.len());
    for ((end, first), last) in ends.iter().zip(firsts).zip(lasts) {
        let within = (1..=resolution).contains(&first) && (0..=resolution - first).contains(&last);
        if !within {
            return Err(OUTSIDE);
        }
        extents.push(Extent {
            first: end.saturating_sub(resolution).saturating_add(first),
            last: end.saturating_sub(last),
        });
    }
    Ok(extents)
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
            extent: None,
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

//! Floats that are short decimals, as integers.
//!
//! A float `v` is decimal at the exponent `e` if there is an integer `m`, `|m| < 2^53`, for which
//! `m / 10^e` is `v` bit by bit. Division is rounded correctly and both sides are exact, so what
//! is decimal at one exponent is so at every greater one, as long as `m` stays in bounds.

/// The greatest exponent.
pub(super) const EXPONENT_MAX: usize = 15;

/// The powers of ten, all of them exact.
pub(super) const POWERS: [f64; EXPONENT_MAX + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

/// Integers below this, and their negations, are floats without rounding.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Of how many values one may need more digits than the column has.
const ONE_IN: usize = 16;

/// After how many values that are not decimal the search ends if no others were seen.
const PATIENCE: usize = 4;

/// The power of ten that a column is multiplied with.
#[derive(Clone, Copy)]
pub(super) struct Scale(usize);

impl Scale {
    /// Returns the scale at which nearly all values are integers, if there is one.
    pub(super) fn choose(values: &[f64]) -> Option<Scale> {
        let mut with_exponent = [0usize; EXPONENT_MAX + 1];
        let mut strangers = 0;
        let mut hint = 0;
        for &value in values {
            match exponent_of(value, hint) {
                Some(exponent) => {
                    with_exponent[exponent] += 1;
                    hint = exponent;
                }
                None => strangers += 1,
            }
            if strangers >= PATIENCE && strangers * 2 > values.len().min(32) {
                return None;
            }
        }
        if strangers * 4 > values.len() {
            return None;
        }
        let mut left_out = 0;
        for exponent in (1..=EXPONENT_MAX).rev() {
            left_out += with_exponent[exponent];
            if left_out * ONE_IN > values.len() {
                return Some(Scale(exponent));
            }
        }
        Some(Scale(0))
    }

    pub(super) fn exponent(self) -> u8 {
        self.0 as u8
    }

    /// Appends the integers; a value that has none is listed in `exceptions` and repeats the
    /// integer before it.
    pub(super) fn apply(self, values: &[f64], out: &mut Vec<i64>, exceptions: &mut Vec<usize>) {
        let mut last = None;
        for (at, &value) in values.iter().enumerate() {
            match integer_at(value, self.0) {
                Some(integer) => {
                    if last.is_none() {
                        out.fill(integer);
                    }
                    last = Some(integer);
                    out.push(integer);
                }
                None => {
                    exceptions.push(at);
                    out.push(last.unwrap_or(0));
                }
            }
        }
    }
}

/// Returns the least exponent at which `value` is decimal; one that is likely is tried first.
fn exponent_of(value: f64, hint: usize) -> Option<usize> {
    if hint > 0 && integer_at(value, hint - 1).is_none() && integer_at(value, hint).is_some() {
        return Some(hint);
    }
    for (exponent, power) in POWERS.iter().enumerate() {
        if integer_at(value, exponent).is_some() {
            return Some(exponent);
        }
        if (value * power).abs() >= EXACT {
            return None;
        }
    }
    None
}

/// Returns the integer that stands for `value` at this exponent.
#[inline]
fn integer_at(value: f64, exponent: usize) -> Option<i64> {
    let scaled = value * POWERS[exponent];
    if scaled.is_nan() || scaled.abs() >= EXACT {
        return None;
    }
    let integer = (scaled + 0.5f64.copysign(scaled)) as i64;
    let back = integer as f64 / POWERS[exponent];
    (back.to_bits() == value.to_bits() && integer.unsigned_abs() < 1 << 53).then_some(integer)
}

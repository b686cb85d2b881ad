//! Floats that are short decimals, as integers.
//!
//! A float `v` is decimal at the exponent `e` if there is an integer `m`, `|m| < 2^53`, for which
//! `m / 10^e` is `v` bit by bit. Division is rounded correctly and both sides are exact, so what
//! is decimal at one exponent is so at every greater one, as long as `m` stays in bounds.
//!
//! What programs measure in milliseconds they often multiply by 0.001, and microseconds they
//! divide by 1,000 twice, which rounds to other floats: these forms are tried where that one fails.

/// The greatest exponent.
pub(super) const EXPONENT_MAX: usize = 15;

/// The powers of ten, all of them exact.
pub(super) const POWERS: [f64; EXPONENT_MAX + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

/// The same powers' inverses, each the float next to it.
const INVERSES: [f64; EXPONENT_MAX + 1] = [
    1e0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14,
    1e-15,
];

/// The other forms that are tried; of equal ones the first, with the smaller integers, is taken.
const OTHERS: [Scale; 5] = [
    Scale(2, Form::Product),
    Scale(3, Form::Product),
    Scale(6, Form::TwoQuotients),
    Scale(6, Form::Product),
    Scale(9, Form::Product),
];

/// By what a float comes from its integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Division by `10^e`.
    Quotient,
    /// Multiplication by the float next to `10^-e`.
    Product,
    /// Division by 1,000, then by what is left of `10^e`.
    TwoQuotients,
}

/// Integers below this, and their negations, are floats without rounding.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Of how many values one may need more digits than the column has.
const ONE_IN: usize = 16;

/// After how many values that are not decimal the search ends if no others were seen.
const PATIENCE: usize = 4;

/// The power of ten that a column is multiplied with, and how its floats come back.
#[derive(Clone, Copy)]
pub(super) struct Scale(usize, Form);

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
                return Some(Scale(exponent, Form::Quotient));
            }
        }
        Some(Scale(0, Form::Quotient))
    }

    /// Returns the scale of another form at which fewest values are no integers, if these are fewer
    /// than `strangers`.
    pub(super) fn choose_other(values: &[f64], mut strangers: usize) -> Option<Scale> {
        let mut best = None;
        for scale in OTHERS {
            let strange = values
                .iter()
                .filter(|value| scale.integer(**value).is_none());
            let count = strange.take(strangers).count();
            if count < strangers {
                (best, strangers) = (Some(scale), count);
            }
        }
        best
    }

    /// Returns the integer that stands for a value.
    #[inline]
    fn integer(self, value: f64) -> Option<i64> {
        let Scale(exponent, form) = self;
        integer_of(value, exponent, |integer| form.float(integer, exponent))
    }

    pub(super) fn form(self) -> Form {
        self.1
    }

    pub(super) fn exponent(self) -> u8 {
        self.0 as u8
    }

    /// Appends the integers; a value that has none is listed in `exceptions` and repeats the
    /// integer before it.
    pub(super) fn apply(self, values: &[f64], out: &mut Vec<i64>, exceptions: &mut Vec<usize>) {
        let mut last = None;
        for (at, &value) in values.iter().enumerate() {
            match self.integer(value) {
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

impl Form {
    /// Returns the byte that stands for the form.
    pub(super) fn code(self) -> u8 {
        self as u8
    }

    pub(super) fn from_code(code: u8) -> Option<Form> {
        let all = [Form::Quotient, Form::Product, Form::TwoQuotients];
        all.into_iter().find(|form| form.code() == code)
    }

    /// Returns the float of an integer at an exponent, which is at most [`EXPONENT_MAX`].
    #[inline]
    pub(super) fn float(self, integer: i64, exponent: usize) -> f64 {
        match self {
            Form::Quotient => integer as f64 / POWERS[exponent],
            Form::Product => integer as f64 * INVERSES[exponent],
            Form::TwoQuotients => integer as f64 / 1e3 / POWERS[exponent.saturating_sub(3)],
        }
    }
}

/// Returns the integer that stands for `value` at this exponent.
#[inline]
fn integer_at(value: f64, exponent: usize) -> Option<i64> {
    integer_of(value, exponent, |integer| integer as f64 / POWERS[exponent])
}

/// Returns the integer next to `value` at this exponent, if `back` gives the value again.
#[inline]
fn integer_of(value: f64, exponent: usize, back: impl Fn(i64) -> f64) -> Option<i64> {
    let scaled = value * POWERS[exponent];
    if scaled.is_nan() || scaled.abs() >= EXACT {
        return None;
    }
    let integer = (scaled + 0.5f64.copysign(scaled)) as i64;
    let is_same = back(integer).to_bits() == value.to_bits();
    (is_same && integer.unsigned_abs() < 1 << 53).then_some(integer)
}

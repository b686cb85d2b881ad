//! A value as an integer in a domain, so that the next value is a small difference.
//!
//! In: any float. Out: an integer that gives back the same bits. The domains are decimals with 0
//! to 15 digits after the point, and for what is no decimal the bits of the float.

/// Powers of ten; all of them are exact floats.
const POWERS: [f64; Domain::DIGITS_MAX as usize + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

/// Integers below this are exact floats, and so are their differences.
const EXACT: f64 = (1u64 << 53) as f64;

/// How values become integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Domain(u8);

impl Domain {
    const DIGITS_MAX: u8 = 15;

    /// The bits of the float: every value is in this domain.
    pub(super) const BITS: Domain = Domain(Domain::DIGITS_MAX + 1);

    /// How many domains there are.
    pub(super) const COUNT: u8 = Domain::BITS.0 + 1;

    /// Returns the domain with this number.
    pub(super) fn from_number(number: u8) -> Option<Domain> {
        (number < Domain::COUNT).then_some(Domain(number))
    }

    /// Returns the number that the format gives it.
    pub(super) fn number(self) -> u8 {
        self.0
    }

    /// Returns the domain with the fewest digits that holds `value`.
    pub(super) fn of(value: f64) -> Domain {
        let holds = |domain: &Domain| domain.integer(value).is_some();
        let mut domains = (0..Domain::BITS.0).map(Domain);
        domains.find(holds).unwrap_or(Domain::BITS)
    }

    /// Returns the integer that stands for exactly this value, if there is one.
    #[inline]
    pub(super) fn integer(self, value: f64) -> Option<i64> {
        let Some(power) = POWERS.get(usize::from(self.0)) else {
            return Some(value.to_bits().cast_signed());
        };
        let scaled = (value * power).round();
        let integer = scaled as i64;
        let same = (integer as f64 / power).to_bits() == value.to_bits();
        (scaled.abs() < EXACT && same).then_some(integer)
    }

    /// Returns the value that `integer` stands for.
    #[inline]
    pub(super) fn value(self, integer: i64) -> f64 {
        match POWERS.get(usize::from(self.0)) {
            Some(power) => integer as f64 / power,
            None => f64::from_bits(integer.cast_unsigned()),
        }
    }
}

/// What the next value of a series is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// How the series' values become integers.
    pub(super) domain: Domain,
    /// The value before.
    pub(super) integer: i64,
}

impl Reference {
    /// Returns the reference for a series that has this value.
    pub(super) fn to(value: f64) -> Reference {
        let domain = Domain::of(value);
        let integer = domain.integer(value);
        Reference {
            domain,
            integer: integer.expect("a value is in its own domain"),
        }
    }

    /// Returns the value.
    #[inline]
    pub(super) fn value(self) -> f64 {
        self.domain.value(self.integer)
    }

    /// Returns the same value in another domain, or 0 if it is not in there.
    pub(super) fn within(self, domain: Domain) -> Reference {
        let integer = domain.integer(self.value()).unwrap_or(0);
        Reference { domain, integer }
    }
}

/// References as columns, nine bytes for each series.
#[derive(Clone, Debug, Default)]
pub(super) struct References {
    domains: Vec<Domain>,
    integers: Vec<i64>,
}

impl References {
    pub(super) fn len(&self) -> usize {
        self.integers.len()
    }

    pub(super) fn push(&mut self, reference: Reference) {
        self.domains.push(reference.domain);
        self.integers.push(reference.integer);
    }

    #[inline]
    pub(super) fn get(&self, at: usize) -> Option<Reference> {
        Some(Reference {
            domain: *self.domains.get(at)?,
            integer: *self.integers.get(at)?,
        })
    }

    /// Replaces the reference of a series that is there.
    #[inline]
    pub(super) fn set(&mut self, at: usize, reference: Reference) {
        self.domains[at] = reference.domain;
        self.integers[at] = reference.integer;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_decimal_takes_its_digits() {
        let cases = [
            (0.0, 0),
            (1234.56, 2),
            (-7.5, 1),
            (12_345.678_901_234, 9),
            (9_007_199_254_740_991.0, 0),
            (9_007_199_254_740_992.0, 16),
            (-0.0, 16),
            (f64::NAN, 16),
            (f64::INFINITY, 16),
            (0.1 + 0.2, 16),
        ];
        for (value, number) in cases {
            assert_eq!(Domain::of(value).number(), number, "{value}");
        }
    }

    proptest! {
        #[test]
        fn every_value_comes_back_bit_by_bit(bits: u64, cents in -1_000_000_000i64..1_000_000_000) {
            for value in [f64::from_bits(bits), cents as f64 / 100.0, cents as f64 / 1e9] {
                let there = Reference::to(value);
                prop_assert_eq!(there.value().to_bits(), value.to_bits());
            }
        }
    }
}

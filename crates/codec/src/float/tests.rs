//! Claims about float columns.

use super::*;
use proptest::prelude::*;

const STALE: u64 = 0x7ff0_0000_0000_0002;

fn check(values: &[f64], bytes_at_most: usize) {
    let mut out = Vec::new();
    encode(values, &mut out);
    assert!(
        out.len() <= bytes_at_most,
        "{} bytes for {values:?}",
        out.len()
    );
    out.push(0xaa);
    let mut bytes = out.as_slice();
    let mut back = vec![1.0];
    decode(&mut bytes, values.len(), &mut back).unwrap();
    assert_eq!(bytes, [0xaa], "exactly the column is taken");
    let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&back[1..]), bits(values));
}

fn nth(n: usize, f: impl Fn(i64) -> f64) -> Vec<f64> {
    (0..n as i64).map(f).collect()
}

#[test]
fn each_shape_takes_few_bytes() {
    check(&[], 0);
    check(&[0.0; 240], 3);
    check(&[1.5; 240], 5);
    check(&nth(240, |i| (i * 7 + 1_000_000) as f64), 10);
    check(&nth(240, |i| (100_000 + i * 3) as f64 / 100.0), 10);
    check(&nth(240, |i| ((i % 16) * 4096) as f64), 130);
    check(&nth(240, |i| (i as f64).sqrt()), 240 * 8);
}

#[test]
fn measured_times_are_integers_however_they_were_scaled() {
    let grows = |i: i64| 7_000_123 + i * 37 + i % 5;
    let milliseconds = nth(240, |i| grows(i) as f64 * 0.001);
    check(&milliseconds, 110);
    check(&nth(240, |i| grows(i) as f64 / 1e3 / 1e3), 110);
    check(&nth(240, |i| grows(i) as f64 * 1e-6), 110);
    check(&nth(240, |i| grows(i) as f64 * 1e-9), 110);
    check(&nth(240, |i| grows(i) as f64 * 0.01), 110);
    let mut with_a_gap = milliseconds;
    with_a_gap[100] = f64::from_bits(STALE);
    with_a_gap[0] = -0.0;
    check(&with_a_gap, 130);
}

#[test]
fn what_is_not_a_number_stands_beside_what_is() {
    let mut values = nth(240, |i| i as f64);
    values[0] = -0.0;
    values[17] = f64::INFINITY;
    values[99] = f64::from_bits(STALE);
    values[239] = f64::from_bits(0xfff8_dead_beef_0001);
    check(&values, 80);
}

#[test]
fn odd_floats_come_back_bit_by_bit() {
    check(&[-0.0], 12);
    check(&[f64::from_bits(STALE); 16], 14);
    check(
        &[f64::MIN_POSITIVE, f64::MAX, f64::MIN, f64::EPSILON, 5e-324],
        60,
    );
    check(
        &[
            9_007_199_254_740_991.0,
            9_007_199_254_740_992.0,
            9_007_199_254_740_993.0,
        ],
        40,
    );
    check(&[0.1 + 0.2, 0.3, 0.1], 40);
    check(&[1e15, 1e-15, 1e22, 123_456_789.123_456_79], 60);
}

fn columns() -> impl Strategy<Value = Vec<f64>> {
    let any_bits = any::<u64>().prop_map(f64::from_bits);
    let decimal = (-1_000_000i64..1_000_000, 0i32..6).prop_map(|(m, e)| m as f64 / 10f64.powi(e));
    let product = (-1_000_000i64..1_000_000).prop_map(|m| m as f64 * 0.001);
    let two_quotients = (-1_000_000i64..1_000_000).prop_map(|m| m as f64 / 1e3 / 1e3);
    let mixed = prop_oneof![20 => decimal.clone(), 1 => any_bits.clone(), 1 => Just(-0.0)];
    prop_oneof![
        prop::collection::vec(any_bits.clone(), 0..300),
        prop::collection::vec(decimal, 0..300),
        prop::collection::vec(prop_oneof![20 => product, 1 => any_bits.clone()], 0..300),
        prop::collection::vec(two_quotients, 0..300),
        prop::collection::vec(mixed, 0..300),
    ]
}

/// Floats at the edges of what there is: signed zeros, infinities, NaN of every kind, subnormals,
/// the largest integers that are exact.
fn edge() -> impl Strategy<Value = f64> {
    let nan = (any::<bool>(), 1u64..1 << 52).prop_map(|(negative, payload)| {
        f64::from_bits(u64::from(negative) << 63 | 0x7ff << 52 | payload)
    });
    let subnormal = (any::<bool>(), 0u64..1 << 52)
        .prop_map(|(negative, bits)| f64::from_bits(u64::from(negative) << 63 | bits));
    let large = (-8i64..8, 50u32..64).prop_map(|(by, power)| (2f64.powi(power as i32)) + by as f64);
    prop_oneof![
        Just(-0.0),
        Just(0.0),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(f64::from_bits(STALE)),
        Just(f64::MAX),
        Just(f64::MIN_POSITIVE),
        nan,
        subnormal,
        large,
    ]
}

/// A counter in steps of a decimal, with resets.
fn counters() -> impl Strategy<Value = Vec<f64>> {
    let steps = prop::collection::vec((0i64..5000, 0u8..40), 1..300);
    (steps, 0i32..9).prop_map(|(steps, exponent)| {
        let mut sum = 0;
        let climb = |(step, reset): &(i64, u8)| {
            sum = if *reset == 0 { *step } else { sum + step };
            sum as f64 / 10f64.powi(exponent)
        };
        steps.iter().map(climb).collect()
    })
}

/// A column of one shape in which a few values are replaced by edges.
fn studded() -> impl Strategy<Value = Vec<f64>> {
    let places = prop::collection::vec((any::<prop::sample::Index>(), edge()), 0..6);
    (counters(), places).prop_map(|(mut values, places)| {
        for (at, edge) in places {
            let at = at.index(values.len());
            values[at] = edge;
        }
        values
    })
}

proptest! {
    #[test]
    fn edges_come_back_bit_by_bit(
        alone in edge(), count in 1usize..40, many in prop::collection::vec(edge(), 0..300),
        among in studded(),
    ) {
        for values in [vec![alone; count], many, among] {
            check(&values, values.len() * 9 + 34);
        }
    }

    #[test]
    fn every_column_comes_back(values in columns()) {
        check(&values, values.len() * 9 + 34);
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0usize..400) {
        let mut out = Vec::new();
        let read = decode(&mut bytes.as_slice(), count, &mut out);
        prop_assert_eq!(out.len(), if read.is_ok() { count } else { 0 });
    }
}

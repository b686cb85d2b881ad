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
    let mixed = prop_oneof![20 => decimal.clone(), 1 => any_bits.clone(), 1 => Just(-0.0)];
    prop_oneof![
        prop::collection::vec(any_bits, 0..300),
        prop::collection::vec(decimal, 0..300),
        prop::collection::vec(mixed, 0..300),
    ]
}

proptest! {
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

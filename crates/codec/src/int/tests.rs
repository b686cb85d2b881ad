//! Claims about integer columns.

use super::*;
use proptest::prelude::*;

fn check(values: &[i64], bytes_at_most: usize) {
    let mut out = Vec::new();
    encode(values, &mut out);
    assert!(
        out.len() <= bytes_at_most,
        "{} bytes for {values:?}",
        out.len()
    );
    out.push(0xaa);
    let mut bytes = out.as_slice();
    let mut back = vec![1, 2];
    decode(&mut bytes, values.len(), &mut back).unwrap();
    assert_eq!(&back[2..], values);
    assert_eq!(bytes, [0xaa], "exactly the column is taken");
}

fn nth(n: usize, f: impl Fn(i64) -> i64) -> Vec<i64> {
    (0..n as i64).map(f).collect()
}

#[test]
fn each_shape_takes_few_bytes() {
    check(&[], 0);
    check(&[5; 240], 2);
    check(&nth(240, |i| 1_700_000_000_000 + 15_000 * i), 11);
    check(&nth(240, |i| i / 60), 14);
    check(&nth(240, |i| 1_000_000 + i * 7 + i % 2), 70);
    check(
        &nth(240, |i| [17, 3, 11, 8][i as usize % 4] + 1_000_000),
        130,
    );
    check(&nth(240, |i| if i == 100 { 1 << 40 } else { i % 5 }), 110);
}

#[test]
fn a_counter_reset_is_one_exception() {
    check(&nth(240, |i| (i % 150) * 1000 + i % 7), 250);
}

#[test]
fn extremes_come_back() {
    check(&[i64::MIN, i64::MAX, 0, -1, i64::MIN, i64::MAX, 5], 70);
    check(&[i64::MAX, i64::MIN], 24);
}

#[test]
fn a_sparse_column_within_a_sparse_one_is_refused() {
    let nested = [SPARSE, 1, 0, SPARSE, 1, 0, 0, 0];
    let refused = decode(&mut nested.as_slice(), 5, &mut Vec::new());
    assert_eq!(refused, Err(CodecError::UnknownTag(SPARSE)));
}

#[test]
fn more_values_than_allowed_are_refused() {
    let refused = decode(
        &mut [CONSTANT, 0].as_slice(),
        COUNT_MAX + 1,
        &mut Vec::new(),
    );
    assert_eq!(refused, Err(CodecError::TooMany(COUNT_MAX + 1)));
}

fn columns() -> impl Strategy<Value = Vec<i64>> {
    prop_oneof![
        prop::collection::vec(any::<i64>(), 0..300),
        prop::collection::vec(-20i64..20, 0..300),
        prop::collection::vec(prop_oneof![9 => Just(4i64), 1 => any::<i64>()], 0..300),
        prop::collection::vec(-3i64..9, 0..300).prop_map(|steps| {
            let mut sum = 1 << 50;
            let climb = |step: &i64| {
                sum += step * 1000;
                sum
            };
            steps.iter().map(climb).collect()
        }),
    ]
}

proptest! {
    #[test]
    fn every_column_comes_back(values in columns()) {
        check(&values, values.len() * 9 + 24);
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), count in 0usize..400) {
        let mut out = Vec::new();
        let read = decode(&mut bytes.as_slice(), count, &mut out);
        prop_assert_eq!(out.len(), if read.is_ok() { count } else { 0 });
    }
}

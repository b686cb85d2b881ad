//! Columns of numbers.

use weft_codec::{float, int};

use crate::take;

/// Values of a column of at most this many are looked at; more only take longer.
const COUNT_MAX: u16 = 4096;

/// What is decoded encodes to something that decodes to the same values.
pub fn int_column(bytes: &[u8]) {
    let (mut rest, count) = counted(bytes);
    let mut values = Vec::new();
    if int::decode(&mut rest, count, &mut values).is_err() {
        assert!(values.is_empty(), "a failure leaves nothing behind");
        return;
    }
    assert_eq!(values.len(), count);
    let mut encoded = Vec::new();
    int::encode(&values, &mut encoded);
    let mut again = Vec::new();
    let mut rest = encoded.as_slice();
    int::decode(&mut rest, count, &mut again).expect("what was encoded can be decoded");
    assert!(rest.is_empty());
    assert_eq!(again, values);
}

/// What is decoded encodes to something that decodes to the same bits; NaN is no exception.
pub fn float_column(bytes: &[u8]) {
    let (mut rest, count) = counted(bytes);
    let mut values = Vec::new();
    if float::decode(&mut rest, count, &mut values).is_err() {
        assert!(values.is_empty(), "a failure leaves nothing behind");
        return;
    }
    assert_eq!(values.len(), count);
    let mut encoded = Vec::new();
    float::encode(&values, &mut encoded);
    let mut again = Vec::new();
    let mut rest = encoded.as_slice();
    float::decode(&mut rest, count, &mut again).expect("what was encoded can be decoded");
    assert!(rest.is_empty());
    let bits = |values: &[f64]| {
        values
            .iter()
            .map(|value| value.to_bits())
            .collect::<Vec<_>>()
    };
    assert_eq!(bits(&again), bits(&values));
}

/// Takes the count of a column from the front.
fn counted(bytes: &[u8]) -> (&[u8], usize) {
    let mut rest = bytes;
    let mut count = [0; 2];
    let given = take(&mut rest, 2);
    count[..given.len()].copy_from_slice(given);
    (rest, usize::from(u16::from_le_bytes(count) % COUNT_MAX))
}

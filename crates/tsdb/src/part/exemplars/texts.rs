//! Columns of texts: values of one label of exemplars, mostly identifiers.
//!
//! In: texts. Out: a tag and what its layout needs. A layout is taken only where all texts of the
//! column come back as they were: whole numbers as integers, hexadecimal digits and UUIDs as the
//! bytes they stand for, few different texts by number, all others one behind the other.
//! Bound: [`EXEMPLARS_PER_PAGE`](super::EXEMPLARS_PER_PAGE) texts, what the page's bytes hold.

use hashbrown::HashMap;
use weft_codec::int;
use weft_codec::varint::{put_run, put_uvarint, take_byte, take_bytes, take_len, take_run};

use crate::error::Malformed;
use crate::part::decoded::{ends_of, slice_of};

const PLAIN: u8 = 0;
const FEW: u8 = 1;
const NUMBERS: u8 = 2;
const HEX: u8 = 3;
const UUIDS: u8 = 4;

/// One in so many texts may be a new one where they are numbered.
const ONE_NEW_IN: usize = 4;

/// Where a UUID has its hyphens.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

const UUID_CHARS: usize = 36;

const OUTSIDE: Malformed = Malformed("a text lies outside");

/// Appends a column; the count is the caller's to keep.
pub(super) fn encode(texts: &[&str], out: &mut Vec<u8>) {
    if let Some(numbers) = all(texts, whole_number) {
        out.push(NUMBERS);
        return int::encode(&numbers, out);
    }
    if let Some((few, numbers)) = numbered(texts) {
        out.push(FEW);
        put_uvarint(out, few.len() as u64);
        few.iter().for_each(|text| put_run(out, text.as_bytes()));
        return int::encode(&numbers, out);
    }
    if let Some(bytes) = all(texts, uuid_bytes) {
        out.push(UUIDS);
        return bytes.iter().for_each(|bytes| out.extend_from_slice(bytes));
    }
    if let Some(bytes) = all(texts, |text| hex_bytes(text.bytes())) {
        out.push(HEX);
        return put_runs(bytes.iter().map(Vec::as_slice), out);
    }
    out.push(PLAIN);
    put_runs(texts.iter().map(|text| text.as_bytes()), out);
}

/// Takes a column of `count` texts from the front of `bytes`.
pub(super) fn decode(bytes: &mut &[u8], count: usize) -> Result<Vec<String>, Malformed> {
    match take_byte(bytes)? {
        NUMBERS => {
            let mut numbers = Vec::new();
            int::decode(bytes, count, &mut numbers)?;
            Ok(numbers.iter().map(i64::to_string).collect())
        }
        FEW => {
            let few = (0..take_len(bytes, count)?)
                .map(|_| text(take_run(bytes)?))
                .collect::<Result<Vec<String>, Malformed>>()?;
            let mut numbers = Vec::new();
            int::decode(bytes, count, &mut numbers)?;
            let get = |number: &i64| few.get(usize::try_from(*number).ok()?).cloned();
            numbers.iter().map(|n| get(n).ok_or(OUTSIDE)).collect()
        }
        UUIDS => (0..count)
            .map(|_| Ok(uuid_text(take_bytes(bytes, 16)?)))
            .collect(),
        HEX => take_runs(bytes, count, |run| Ok(hex_text(run))),
        PLAIN => take_runs(bytes, count, text),
        _ => Err(Malformed("a column of texts is of an unknown kind")),
    }
}

fn all<T>(texts: &[&str], convert: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    texts.iter().map(|text| convert(text)).collect()
}

/// Returns the number that a text is the only way to write.
fn whole_number(text: &str) -> Option<i64> {
    let number: i64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// Returns the different texts and the number of each text among them, if there are few.
fn numbered<'a>(texts: &[&'a str]) -> Option<(Vec<&'a str>, Vec<i64>)> {
    let mut known: HashMap<&str, i64> = HashMap::new();
    let mut few = Vec::new();
    let mut numbers = Vec::with_capacity(texts.len());
    for text in texts {
        let number = *known.entry(text).or_insert_with(|| {
            few.push(*text);
            few.len() as i64 - 1
        });
        if few.len() * ONE_NEW_IN > texts.len() {
            return None;
        }
        numbers.push(number);
    }
    Some((few, numbers))
}

/// Returns the bytes that lower-case hexadecimal digits stand for.
fn hex_bytes(digits: impl Iterator<Item = u8>) -> Option<Vec<u8>> {
    let mut nibbles = digits.map(|digit| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    });
    let mut bytes = Vec::new();
    while let Some(high) = nibbles.next() {
        bytes.push(high? << 4 | nibbles.next()??);
    }
    Some(bytes)
}

fn hex_text(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    let both = |byte: &u8| [digit(byte >> 4), digit(byte & 15)];
    bytes.iter().flat_map(both).collect()
}

fn uuid_bytes(text: &str) -> Option<Vec<u8>> {
    let is_hyphen = |at: usize, byte: u8| HYPHENS.contains(&at) == (byte == b'-');
    let has_form =
        text.len() == UUID_CHARS && text.bytes().enumerate().all(|(i, b)| is_hyphen(i, b));
    has_form.then(|| hex_bytes(text.bytes().filter(|byte| *byte != b'-')))?
}

fn uuid_text(bytes: &[u8]) -> String {
    let mut text = hex_text(bytes);
    HYPHENS.into_iter().for_each(|at| text.insert(at, '-'));
    text
}

/// Writes how long each run is, then the runs.
fn put_runs<'a>(runs: impl Iterator<Item = &'a [u8]> + Clone, out: &mut Vec<u8>) {
    let lens: Vec<i64> = runs.clone().map(|run| run.len() as i64).collect();
    int::encode(&lens, out);
    runs.for_each(|run| out.extend_from_slice(run));
}

fn take_runs(
    bytes: &mut &[u8],
    count: usize,
    convert: impl Fn(&[u8]) -> Result<String, Malformed>,
) -> Result<Vec<String>, Malformed> {
    let mut lens = Vec::new();
    int::decode(bytes, count, &mut lens)?;
    let ends = ends_of(&lens, 0, bytes.len())?;
    let content = take_bytes(bytes, ends.last().copied().unwrap_or_default())?;
    let run = |at| convert(slice_of(content, &ends, at).ok_or(OUTSIDE)?);
    (0..count).map(run).collect()
}

fn text(bytes: &[u8]) -> Result<String, Malformed> {
    let text = std::str::from_utf8(bytes);
    Ok(text
        .map_err(|_| Malformed("a text is not UTF-8"))?
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(texts: &[&str], kind: u8) {
        let mut out = Vec::new();
        encode(texts, &mut out);
        assert_eq!(out[0], kind, "{texts:?}");
        let bytes = &mut out.as_slice();
        assert_eq!(decode(bytes, texts.len()).unwrap(), texts);
        assert!(bytes.is_empty());
    }

    #[test]
    fn each_kind_of_text_has_its_layout() {
        check(&["0", "-7", "9223372036854775807"], NUMBERS);
        check(&["07", "12"], HEX);
        check(&["9223372036854775808", "12"], PLAIN);
        check(&["00ff", "0af1b2"], HEX);
        check(&["00FF", "0af1"], PLAIN);
        check(&["f", "0af1"], PLAIN);
        check(&["east"; 8], FEW);
        let uuid = "01234567-89ab-cdef-0123-456789abcdef";
        check(&[uuid], UUIDS);
        check(&[uuid, "01234567x89ab-cdef-0123-456789abcdef"], PLAIN);
        check(&["Süd", "nord"], PLAIN);
    }

    proptest! {
        #[test]
        fn texts_come_back(texts in prop::collection::vec("[0-9a-f]{0,6}|.{0,5}|-?[0-9]{1,3}", 0..40)) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let mut out = Vec::new();
            encode(&texts, &mut out);
            prop_assert_eq!(decode(&mut out.as_slice(), texts.len()).unwrap(), texts);
        }

        #[test]
        fn hostile_bytes_do_not_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..60), count in 0usize..50,
        ) {
            let _ = decode(&mut bytes.as_slice(), count);
        }
    }
}

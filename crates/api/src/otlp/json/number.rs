//! Numbers and bytes as protobuf's JSON writes them.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, de};

/// Reads two digits for each byte; what are none is no id.
pub(super) fn of_hex(text: &str) -> Vec<u8> {
    let byte = |two: &[u8]| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
    bytes.unwrap_or_default()
}

/// A number or text, as JSON has it.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Word<'a> {
    Number(serde_json::Number),
    #[serde(borrow)]
    Text(Cow<'a, str>),
}

impl Word<'_> {
    pub(super) fn as_text(&self) -> Cow<'_, str> {
        match self {
            Word::Number(number) => number.to_string().into(),
            Word::Text(text) => Cow::Borrowed(text),
        }
    }
}

/// A whole number of 64 bits, whether signed or not.
#[derive(Default)]
pub(super) struct Whole(pub(super) i64);

impl Whole {
    pub(super) fn unsigned(&self) -> u64 {
        self.0 as u64
    }
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = Word::deserialize(deserializer)?;
        let text = word.as_text();
        let signed = text.parse::<i64>().ok();
        let value = signed.or_else(|| text.parse::<u64>().ok().map(|value| value as i64));
        let fault = || de::Error::custom(format!("{text:?} is not a whole number"));
        value.map(Whole).ok_or_else(fault)
    }
}

/// A number, or one of the words for those that JSON cannot write.
#[derive(Default)]
pub(super) struct Float(pub(super) f64);

impl<'de> Deserialize<'de> for Float {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = Word::deserialize(deserializer)?;
        let text = word.as_text();
        // Rust reads NaN, Infinity and -Infinity too.
        let fault = |_| de::Error::custom(format!("{text:?} is not a number"));
        text.parse().map(Float).map_err(fault)
    }
}

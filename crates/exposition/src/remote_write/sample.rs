//! What a series holds: float samples, histograms and exemplars, decoded as they are asked for.

use weft_model::{Exemplar, FloatHistogram, Labels, Millis};

use super::labels::LabelPairs;
use super::series::Part;
use super::{Symbols, Version, histogram};
use crate::fault::Problem;
use crate::wire::{Cursor, Malformed, Value};

/// A value at a time.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// When it was measured.
    pub time: Millis,
    /// When what it counts began; 0 if the sender does not tell.
    pub start: Millis,
    /// What was measured.
    pub value: f64,
}

/// Reads a sample; what is absent is zero, as protobuf says.
#[inline]
pub(super) fn read(sample: Cursor<'_>) -> Result<Sample, Malformed> {
    match read_usual(sample.rest()) {
        Some(sample) => Ok(sample),
        None => read_any(sample),
    }
}

/// Reads what every known sender writes: a value, then a time, and nothing else.
#[inline]
fn read_usual(sample: &[u8]) -> Option<Sample> {
    let (value, rest) = sample.strip_prefix(&[0x09])?.split_first_chunk::<8>()?;
    let (&last, others) = rest.strip_prefix(&[0x10])?.split_last()?;
    if others.len() > 8 || last >= 0x80 {
        return None;
    }
    let mut time = u64::from(last) << (7 * others.len());
    for (i, byte) in others.iter().enumerate() {
        if *byte < 0x80 {
            return None;
        }
        time |= u64::from(byte & 0x7f) << (7 * i);
    }
    Some(Sample {
        time: Millis(time as i64),
        start: Millis(0),
        value: f64::from_le_bytes(*value),
    })
}

fn read_any(mut sample: Cursor<'_>) -> Result<Sample, Malformed> {
    let mut read = Sample {
        time: Millis(0),
        start: Millis(0),
        value: 0.0,
    };
    while let Some((number, value)) = sample.field()? {
        match number {
            1 => read.value = value.double(&sample)?,
            2 => read.time = Millis(value.number(&sample)? as i64),
            3 => read.start = Millis(value.number(&sample)? as i64),
            _ => {}
        }
    }
    Ok(read)
}

/// The float samples of a series.
#[derive(Clone)]
pub struct Samples<'a> {
    rest: Cursor<'a>,
}

impl<'a> Samples<'a> {
    pub(super) fn new(rest: Cursor<'a>) -> Samples<'a> {
        Samples { rest }
    }
}

impl Iterator for Samples<'_> {
    type Item = Sample;

    #[inline]
    fn next(&mut self) -> Option<Sample> {
        while let Ok(Some((number, value))) = self.rest.field() {
            if let (2, Value::Bytes(sample)) = (number, value) {
                return read(sample).ok();
            }
        }
        None
    }
}

/// Finds the next field of a kind.
fn next_part<'a>(version: Version, rest: &mut Cursor<'a>, part: Part) -> Option<Cursor<'a>> {
    while let Ok(Some((number, value))) = rest.field() {
        if let (true, Value::Bytes(message)) = (Part::of(version, number) == part, value) {
            return Some(message);
        }
    }
    None
}

/// The native histograms of a series.
#[derive(Clone)]
pub struct Histograms<'a> {
    version: Version,
    rest: Cursor<'a>,
}

impl<'a> Histograms<'a> {
    pub(super) fn new(version: Version, rest: Cursor<'a>) -> Histograms<'a> {
        Histograms { version, rest }
    }
}

impl<'a> Iterator for Histograms<'a> {
    type Item = HistogramView<'a>;

    fn next(&mut self) -> Option<HistogramView<'a>> {
        let message = next_part(self.version, &mut self.rest, Part::Histogram)?;
        Some(HistogramView { message })
    }
}

/// A native histogram, not yet decoded.
#[derive(Clone, Copy)]
pub struct HistogramView<'a> {
    message: Cursor<'a>,
}

impl HistogramView<'_> {
    /// Decodes the histogram, with integer buckets as absolute counts.
    pub fn decode(&self) -> Result<(Millis, FloatHistogram), Problem> {
        histogram::decode(self.message)
    }

    /// Returns when what the histogram counts began; 0 if the sender does not tell.
    pub fn start(&self) -> Millis {
        histogram::start(self.message)
    }
}

/// Checks the structure of an exemplar.
pub(super) fn check_exemplar(version: Version, exemplar: Cursor<'_>) -> Result<(), Malformed> {
    let mut rest = exemplar;
    while let Some((number, value)) = rest.field()? {
        match (version, number, value) {
            (Version::Two, 1, Value::Varint(_)) => {}
            (_, 1, _) => {
                value.bytes(&rest)?;
            }
            (_, 2, _) => {
                value.double(&rest)?;
            }
            (_, 3, _) => {
                value.number(&rest)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The exemplars of a series.
#[derive(Clone)]
pub struct Exemplars<'r, 'a> {
    version: Version,
    rest: Cursor<'a>,
    symbols: &'r Symbols<'a>,
}

impl<'r, 'a> Exemplars<'r, 'a> {
    pub(super) fn new(
        version: Version,
        rest: Cursor<'a>,
        symbols: &'r Symbols<'a>,
    ) -> Exemplars<'r, 'a> {
        Exemplars {
            version,
            rest,
            symbols,
        }
    }
}

impl<'r, 'a> Iterator for Exemplars<'r, 'a> {
    type Item = ExemplarView<'r, 'a>;

    fn next(&mut self) -> Option<ExemplarView<'r, 'a>> {
        let message = next_part(self.version, &mut self.rest, Part::Exemplar)?;
        Some(ExemplarView {
            version: self.version,
            message,
            symbols: self.symbols,
        })
    }
}

/// An exemplar whose labels have not been looked at.
#[derive(Clone, Copy)]
pub struct ExemplarView<'r, 'a> {
    version: Version,
    message: Cursor<'a>,
    symbols: &'r Symbols<'a>,
}

impl ExemplarView<'_, '_> {
    /// Decodes the exemplar, with its labels checked.
    pub fn decode(&self) -> Result<Exemplar, Problem> {
        let mut exemplar = Exemplar {
            labels: Labels::empty(),
            value: 0.0,
            time: Millis(0),
        };
        let mut rest = self.message;
        while let Ok(Some((number, value))) = rest.field() {
            match (number, value) {
                (2, Value::Fixed64(bits)) => exemplar.value = f64::from_bits(bits),
                (3, Value::Varint(time)) => exemplar.time = Millis(time as i64),
                _ => {}
            }
        }
        let pairs = LabelPairs::new(self.version, self.message, self.symbols);
        exemplar.labels = crate::labels::admit(pairs)?;
        Ok(exemplar)
    }
}

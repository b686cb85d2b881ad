//! One time series of a request: its key, labels, samples, histograms and exemplars.
//!
//! In: a series' message. Out: views; the structure was checked when the request was parsed, so
//! that walking through it again cannot fail.

use weft_model::{Labels, METRIC_NAME};

use super::labels::{self, LabelPairs};
use super::sample::{self, Exemplars, Histograms, Samples};
use super::{Counts, Placement, Request, Symbols, Version, metadata};
use crate::fault::Problem;
use crate::wire::{Cursor, Malformed, Value};

/// The tag of field 1 with bytes: a label in version 1, packed references in version 2.
const LABELS_TAG: u8 = 0x0a;

/// What a field of a series holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Labels,
    Sample,
    Histogram,
    Exemplar,
    Metadata,
    Other,
}

impl Part {
    #[inline]
    pub(super) fn of(version: Version, number: u32) -> Part {
        match (version, number) {
            (_, 1) => Part::Labels,
            (_, 2) => Part::Sample,
            (Version::One, 4) | (Version::Two, 3) => Part::Histogram,
            (Version::One, 3) | (Version::Two, 4) => Part::Exemplar,
            (Version::Two, 5) => Part::Metadata,
            _ => Part::Other,
        }
    }
}

/// Where the labels of a series stand, and how many bytes of them in front.
pub(super) struct Layout {
    pub(super) placement: Placement,
    pub(super) label_bytes: usize,
}

/// Checks the structure of a series, counts what it holds and tells where its labels stand.
pub(super) fn check(
    version: Version,
    mut series: Cursor<'_>,
    counts: &mut Counts,
) -> Result<Layout, Malformed> {
    counts.series += 1;
    let mut placement = Placement::InFront;
    let label_bytes = series.run_of(LABELS_TAG)?.len();
    while let Some((number, value)) = series.field()? {
        match Part::of(version, number) {
            Part::Sample => {
                sample::read(value.bytes(&series)?)?;
                counts.samples += 1;
            }
            Part::Histogram => {
                value.bytes(&series)?;
                counts.histograms += 1;
            }
            Part::Exemplar => {
                sample::check_exemplar(version, value.bytes(&series)?)?;
                counts.exemplars += 1;
            }
            Part::Labels => {
                check_labels(version, value, &series)?;
                placement = Placement::Scattered;
            }
            Part::Metadata => {
                metadata::check(value.bytes(&series)?)?;
                counts.metadata += 1;
            }
            Part::Other => {}
        }
    }
    Ok(Layout {
        placement,
        label_bytes,
    })
}

/// References need not be packed; the labels of version 1 are messages.
fn check_labels(version: Version, value: Value<'_>, at: &Cursor<'_>) -> Result<(), Malformed> {
    match (version, value) {
        (Version::Two, Value::Varint(_)) => Ok(()),
        _ => value.bytes(at).map(|_| ()),
    }
}

/// One time series.
#[derive(Clone, Copy)]
pub struct Series<'r, 'a> {
    version: Version,
    placement: Placement,
    message: Cursor<'a>,
    label_bytes: usize,
    symbols: &'r Symbols<'a>,
}

impl<'r, 'a> Series<'r, 'a> {
    /// Returns bytes that are equal only if the labels are: the labels as version 1 encodes them.
    ///
    /// For version 1 this is a part of the request; `scratch` is used where it cannot be. Equal
    /// series may come under several keys, as when a sender does not sort its labels.
    pub fn key<'k>(&self, scratch: &'k mut Vec<u8>) -> Result<&'k [u8], Problem>
    where
        'a: 'k,
    {
        if self.version == Version::One && self.placement == Placement::InFront {
            return Ok(self
                .message
                .rest()
                .get(..self.label_bytes)
                .unwrap_or_default());
        }
        scratch.clear();
        for pair in self.label_pairs() {
            let (name, value) = pair?;
            labels::put(scratch, name, value);
        }
        Ok(scratch)
    }

    /// Returns the labels as they were sent, unchecked and in any order.
    pub fn label_pairs(&self) -> LabelPairs<'r, 'a> {
        LabelPairs::new(self.version, self.message, self.symbols)
    }

    /// Returns the labels as a set, or what is wrong with them.
    pub fn labels(&self) -> Result<Labels, Problem> {
        let labels = crate::labels::admit(self.label_pairs())?;
        if labels.get(METRIC_NAME).is_empty() {
            return Err(Problem::NoMetricName);
        }
        Ok(labels)
    }

    /// Returns the float samples in the order of the request.
    pub fn samples(&self) -> Samples<'a> {
        Samples::new(self.after_labels())
    }

    /// Returns the native histograms in the order of the request.
    pub fn histograms(&self) -> Histograms<'a> {
        Histograms::new(self.version, self.after_labels())
    }

    /// Returns the exemplars in the order of the request.
    pub fn exemplars(&self) -> Exemplars<'r, 'a> {
        Exemplars::new(self.version, self.after_labels(), self.symbols)
    }

    fn after_labels(&self) -> Cursor<'a> {
        self.message.after(self.label_bytes)
    }

    pub(super) fn message(&self) -> Cursor<'a> {
        self.message
    }

    pub(super) fn symbols(&self) -> &'r Symbols<'a> {
        self.symbols
    }
}

/// The series of a request.
pub struct SeriesIter<'r, 'a> {
    request: &'r Request<'a>,
    rest: Cursor<'a>,
    label_bytes: std::slice::Iter<'r, u32>,
}

impl<'r, 'a> SeriesIter<'r, 'a> {
    pub(super) fn new(request: &'r Request<'a>) -> Self {
        SeriesIter {
            request,
            rest: request.message,
            label_bytes: request.label_bytes.iter(),
        }
    }
}

impl<'r, 'a> Iterator for SeriesIter<'r, 'a> {
    type Item = Series<'r, 'a>;

    #[inline]
    fn next(&mut self) -> Option<Series<'r, 'a>> {
        let wanted = match self.request.version {
            Version::One => 1,
            Version::Two => 5,
        };
        while let Ok(Some((number, value))) = self.rest.field() {
            if let (true, Value::Bytes(message)) = (number == wanted, value) {
                return Some(Series {
                    version: self.request.version,
                    placement: self.request.placement,
                    message,
                    label_bytes: *self.label_bytes.next()? as usize,
                    symbols: &self.request.symbols,
                });
            }
        }
        None
    }
}

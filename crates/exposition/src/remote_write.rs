//! Prometheus remote write, versions 1.0 (`prometheus.WriteRequest`) and 2.0
//! (`io.prometheus.write.v2.Request`).
//!
//! In: a request's bytes, decompressed. Out: [`Request`], whose structure has been checked to the
//! end, and from it series as views over those bytes. A series has a [`Series::key`], so that a
//! receiver that has met it before never looks at its labels.
//! Bound: nothing is allocated but four bytes for each series, and version 2's symbol table of at
//! most [`SYMBOLS_MAX`] entries.

mod histogram;
mod labels;
mod metadata;
mod outgoing;
mod sample;
mod series;

use crate::wire::{Cursor, Flaw, Malformed};

pub use labels::LabelPairs;
pub use metadata::Metadata;
pub use outgoing::Outgoing;
pub use sample::{ExemplarView, Exemplars, HistogramView, Histograms, Sample, Samples};
pub use series::{Series, SeriesIter};

/// The most symbols that a request of version 2 may define.
pub const SYMBOLS_MAX: usize = 1 << 21;

/// What a series with one sample takes in a request mostly.
const SERIES_BYTES: usize = 160;

/// Which message a request holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// `prometheus.WriteRequest`.
    One,
    /// `io.prometheus.write.v2.Request`.
    Two,
}

/// How much a request holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Time series.
    pub series: usize,
    /// Float samples.
    pub samples: usize,
    /// Native histograms.
    pub histograms: usize,
    /// Exemplars.
    pub exemplars: usize,
    /// Descriptions of metrics.
    pub metadata: usize,
}

/// A request whose structure is sound; labels and histograms are checked when they are asked for.
pub struct Request<'a> {
    version: Version,
    message: Cursor<'a>,
    symbols: Symbols<'a>,
    counts: Counts,
    placement: Placement,
    /// For each series, how many bytes of labels stand in front.
    label_bytes: Vec<u32>,
}

/// Where the labels of a series stand in its message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Placement {
    /// Before everything else, as every known sender writes them.
    InFront,
    /// Somewhere else in at least one series.
    Scattered,
}

impl<'a> Request<'a> {
    /// Walks through a whole request once.
    pub fn parse(version: Version, bytes: &'a [u8]) -> Result<Request<'a>, Malformed> {
        let message = Cursor::new(bytes);
        if u32::try_from(bytes.len()).is_err() {
            return Err(message.flawed(Flaw::TooLong));
        }
        let mut request = Request {
            version,
            message,
            symbols: Symbols::default(),
            counts: Counts::default(),
            placement: Placement::InFront,
            label_bytes: Vec::with_capacity(bytes.len() / SERIES_BYTES),
        };
        let mut rest = message;
        while let Some((number, value)) = rest.field()? {
            match (version, number) {
                (Version::One, 1) | (Version::Two, 5) => {
                    let series = value.bytes(&rest)?;
                    request.admit(series)?;
                }
                (Version::One, 3) => {
                    metadata::check(value.bytes(&rest)?)?;
                    request.counts.metadata += 1;
                }
                (Version::Two, 4) => {
                    let symbol = value.bytes(&rest)?;
                    request
                        .symbols
                        .push(symbol)
                        .map_err(|flaw| rest.flawed(flaw))?;
                }
                _ => {}
            }
        }
        Ok(request)
    }

    fn admit(&mut self, series: Cursor<'a>) -> Result<(), Malformed> {
        let layout = series::check(self.version, series, &mut self.counts)?;
        if layout.placement == Placement::Scattered {
            self.placement = Placement::Scattered;
        }
        self.label_bytes.push(layout.label_bytes as u32);
        Ok(())
    }

    /// Returns the version that the request was read as.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Returns how much there is.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Returns the series, in the order of the request.
    pub fn series(&self) -> SeriesIter<'_, 'a> {
        SeriesIter::new(self)
    }

    /// Calls `take` for what the request tells about metrics: version 1 lists it by name, version
    /// 2 has it in each series, and there an entry that says nothing is left out.
    pub fn for_each_metadata(&self, take: impl FnMut(Metadata<'_>)) {
        match self.version {
            Version::One => metadata::for_each_listed(self.message, take),
            Version::Two => self
                .series()
                .filter_map(|series| metadata::of_series(&series))
                .for_each(take),
        }
    }
}

/// Version 2's table of strings, as places in the request.
#[derive(Default)]
struct Symbols<'a>(Vec<&'a [u8]>);

impl<'a> Symbols<'a> {
    fn push(&mut self, symbol: Cursor<'a>) -> Result<(), Flaw> {
        if self.0.len() == SYMBOLS_MAX {
            return Err(Flaw::TooMany);
        }
        self.0.push(symbol.rest());
        Ok(())
    }

    fn get(&self, reference: u64) -> Option<&'a [u8]> {
        self.0.get(usize::try_from(reference).ok()?).copied()
    }
}

#[cfg(test)]
mod tests;

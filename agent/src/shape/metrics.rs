//! Ticks into batches, by way of the dictionary of the session.
//!
//! In: frames of one target. Out: payloads to send in this order: new definitions, then samples.
//! Bound: the number of live series of the recorder; ended ones are left behind by a new dictionary
//! once they are the greater part.

use weft_model::{Labels, MetricMetadata, is_stale};
use weft_proto::batch::Encoded;
use weft_proto::payload::MetricsEncoder;

use crate::intake::host::{Frame, SeriesInfo};

/// zstd's level for samples.
const LEVEL: i32 = 3;

/// Ended series below this number are not worth a new dictionary.
const ENDED_MIN: usize = 1000;

/// Shapes the ticks of one target.
#[derive(Debug)]
pub(crate) struct MetricsShaper {
    encoder: MetricsEncoder,
    target: u32,
    labels: Labels,
    /// The number of each local series in the dictionary.
    places: Vec<Option<Place>>,
    ended: usize,
    /// Samples that could not be defined or encoded.
    refused: u64,
    pairs: Vec<(u32, f64)>,
    series: Vec<u32>,
    values: Vec<f64>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    generation: u32,
    number: u32,
}

impl MetricsShaper {
    /// Returns a shaper for the target with these labels, in a session whose dictionaries before
    /// `epoch` belong to earlier processes.
    pub(crate) fn new(labels: Labels, epoch: u32) -> MetricsShaper {
        let mut encoder = MetricsEncoder::new(epoch, LEVEL);
        MetricsShaper {
            target: encoder.add_target(labels.clone()),
            labels,
            encoder,
            places: Vec::new(),
            ended: 0,
            refused: 0,
            pairs: Vec::new(),
            series: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Shapes one tick.
    pub(crate) fn shape(&mut self, frame: &Frame<'_>) -> Vec<Encoded> {
        self.pairs.clear();
        let mut gone = Vec::new();
        for reading in frame.readings() {
            let Some(number) = self.number(
                reading.slot,
                reading.generation,
                reading.info,
                reading.value,
            ) else {
                continue;
            };
            if is_stale(reading.value) {
                gone.push(reading.slot);
            }
            self.pairs.push((number, reading.value));
        }
        self.pairs.sort_unstable_by_key(|(number, _)| *number);
        self.series.clear();
        self.values.clear();
        self.series
            .extend(self.pairs.iter().map(|(number, _)| *number));
        self.values
            .extend(self.pairs.iter().map(|(_, value)| *value));
        if let Err(error) = self
            .encoder
            .push(frame.time, self.target, &self.series, &self.values)
        {
            tracing::warn!(%error, "tick is dropped");
            self.refused += self.series.len() as u64;
        }
        let payloads = self.encoder.finish();
        for slot in gone {
            self.places[slot as usize] = None;
            self.ended += 1;
        }
        self.leave_ended_behind(payloads)
    }

    /// Sends all definitions again, because a receiver asked for those of `epoch` or because a
    /// payload was lost. Returns what is to be sent now; nothing when that epoch is past.
    pub(crate) fn restate(&mut self, epoch: u32) -> Vec<Encoded> {
        if self.encoder.restate(epoch) {
            self.encoder.finish()
        } else {
            Vec::new()
        }
    }

    /// Makes the next tick send all definitions again.
    pub(crate) fn restate_with_next(&mut self) {
        self.encoder.restate(self.encoder.epoch());
    }

    /// Takes how many samples could not be encoded since the last call.
    pub(crate) fn take_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }

    fn number(&mut self, slot: u32, generation: u32, info: &SeriesInfo, value: f64) -> Option<u32> {
        let at = slot as usize;
        if self.places.len() <= at {
            self.places.resize(at + 1, None);
        }
        if let Some(place) = self.places[at].filter(|place| place.generation == generation) {
            return Some(place.number);
        }
        // What ended before it was ever told needs no definition.
        if is_stale(value) {
            return None;
        }
        let shared = &self.labels;
        let own = info
            .labels
            .filtered(|name| shared.get(name) != info.labels.get(name));
        let metadata = MetricMetadata {
            kind: info.kind,
            help: info.help.clone(),
            unit: String::new(),
        };
        match self.encoder.define(self.target, own, &metadata, value) {
            Ok(number) => {
                self.places[at] = Some(Place { generation, number });
                Some(number)
            }
            Err(error) => {
                tracing::debug!(%error, labels = %info.labels, "series is dropped");
                self.refused += 1;
                None
            }
        }
    }

    fn leave_ended_behind(&mut self, mut payloads: Vec<Encoded>) -> Vec<Encoded> {
        let defined = self.encoder.series_count() as usize;
        if self.ended < ENDED_MIN || self.ended * 2 < defined {
            return payloads;
        }
        let mut live = vec![false; defined];
        for place in self.places.iter().flatten() {
            live[place.number as usize] = true;
        }
        let (before, numbers) = self.encoder.renumber(|number| live[number as usize]);
        payloads.extend(before);
        for place in self.places.iter_mut().flatten() {
            place.number = numbers[place.number as usize].expect("live series were kept");
        }
        self.ended = 0;
        payloads
    }
}

//! The series of a target and their values in the present tick.
//!
//! In: samplers define a series once and set its value in each tick. Out: a [`Frame`] per tick, in
//! which a series that was there before and is not now carries the staleness marker once.
//! Bound: a number of live series; values of those beyond it are dropped and counted. A tick that
//! defines nothing allocates nothing.

use weft_model::{Labels, LabelsBuilder, METRIC_NAME, MetricKind, Millis, stale_nan};

/// A series of the recorder that made it. It is given back with [`Recorder::retire`].
#[derive(Debug)]
pub(super) struct Series(u32);

/// Stands for every series beyond the bound.
const REFUSED: u32 = u32::MAX;

/// What is known of a series beside its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SeriesInfo {
    /// Its labels, with its name.
    pub labels: Labels,
    /// What it is.
    pub kind: MetricKind,
    /// One sentence for people.
    pub help: String,
}

/// One tick of one target.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    /// When it was taken.
    pub time: Millis,
    /// What it holds.
    slots: &'a [Slot],
}

/// A value in a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading<'a> {
    /// The local number of the series; it may be used again for another one later.
    pub slot: u32,
    /// Grows when the local number gets another series.
    pub generation: u32,
    /// The series.
    pub info: &'a SeriesInfo,
    /// Its value, the staleness marker when it ended.
    pub value: f64,
}

#[derive(Debug)]
struct Slot {
    info: Option<SeriesInfo>,
    generation: u32,
    value: f64,
    state: SlotState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SlotState {
    /// Has no value in this tick and had none in the last one.
    Quiet,
    /// Had a value in the last tick.
    Before,
    /// Has a value in this tick.
    Now,
    /// Had a value in the last tick and has none in this one.
    Ended,
}

/// Collects the values of one target.
#[derive(Debug)]
pub(super) struct Recorder {
    common: LabelsBuilder,
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Given back in this tick; free after its frame.
    retired: Vec<u32>,
    series_max: usize,
    defined: u64,
    refused: u64,
}

impl Recorder {
    /// Returns a recorder whose every series carries the labels `common`.
    pub(super) fn new(common: LabelsBuilder, series_max: usize) -> Recorder {
        Recorder {
            common,
            slots: Vec::new(),
            free: Vec::new(),
            retired: Vec::new(),
            series_max: series_max.min(REFUSED as usize),
            defined: 0,
            refused: 0,
        }
    }

    /// Begins a tick.
    pub(super) fn begin(&mut self) {
        for slot in &mut self.slots {
            slot.state = match slot.state {
                SlotState::Now => SlotState::Before,
                SlotState::Before | SlotState::Ended | SlotState::Quiet => SlotState::Quiet,
            };
        }
        for slot in self.retired.drain(..) {
            self.slots[slot as usize].info = None;
            self.free.push(slot);
        }
        self.defined = 0;
    }

    /// Adds a series; labels with an empty value are left out.
    pub(super) fn define(
        &mut self,
        name: &str,
        kind: MetricKind,
        help: &str,
        labels: &[(&str, &str)],
    ) -> Series {
        if self.slots.len() - self.free.len() >= self.series_max {
            return Series(REFUSED);
        }
        let mut all = self.common.clone();
        all.set(METRIC_NAME, name);
        for (label, value) in labels {
            all.set(label, value);
        }
        let info = SeriesInfo {
            labels: all.build(),
            kind,
            help: help.to_owned(),
        };
        self.defined += 1;
        self.place(info)
    }

    /// Sets the value of a series in this tick.
    pub(super) fn set(&mut self, series: &Series, value: f64) {
        match self.slots.get_mut(series.0 as usize) {
            Some(slot) => {
                slot.value = value;
                slot.state = SlotState::Now;
            }
            None => self.refused += 1,
        }
    }

    /// Gives a series back; it ends with this tick, if it had a value in the last one.
    pub(super) fn retire(&mut self, series: Series) {
        if let Some(slot) = self.slots.get_mut(series.0 as usize) {
            if slot.state == SlotState::Now {
                slot.state = SlotState::Before;
            }
            self.retired.push(series.0);
        }
    }

    /// Returns how many series have a value in this tick.
    pub(super) fn values(&self) -> usize {
        let set = |slot: &&Slot| slot.state == SlotState::Now;
        self.slots.iter().filter(set).count()
    }

    /// Returns how many series were added in this tick.
    pub(super) fn defined(&self) -> u64 {
        self.defined
    }

    /// Returns how many values were dropped so far because there were too many series.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// Ends the tick.
    pub(super) fn finish(&mut self, time: Millis) -> Frame<'_> {
        for slot in &mut self.slots {
            if slot.state == SlotState::Before {
                slot.state = SlotState::Ended;
                slot.value = stale_nan();
            }
        }
        Frame {
            time,
            slots: &self.slots,
        }
    }

    /// Ends every series that had a value, for when the target itself goes away.
    pub(super) fn end_all(&mut self, time: Millis) -> Frame<'_> {
        self.begin();
        self.finish(time)
    }

    fn place(&mut self, info: SeriesInfo) -> Series {
        if let Some(at) = self.free.pop() {
            let slot = &mut self.slots[at as usize];
            slot.info = Some(info);
            slot.generation = slot.generation.wrapping_add(1);
            slot.state = SlotState::Quiet;
            return Series(at);
        }
        let at = self.slots.len() as u32;
        self.slots.push(Slot {
            info: Some(info),
            generation: 0,
            value: 0.0,
            state: SlotState::Quiet,
        });
        Series(at)
    }
}

impl<'a> Frame<'a> {
    /// Returns what has a value or ended, in order of local numbers.
    pub(crate) fn readings(&self) -> impl Iterator<Item = Reading<'a>> + use<'a> {
        self.slots.iter().enumerate().filter_map(|(at, slot)| {
            let told = matches!(slot.state, SlotState::Now | SlotState::Ended);
            let info = slot.info.as_ref().filter(|_| told)?;
            Some(Reading {
                slot: at as u32,
                generation: slot.generation,
                info,
                value: slot.value,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use weft_model::is_stale;

    use super::*;

    fn recorder(series_max: usize) -> Recorder {
        let mut common = LabelsBuilder::new();
        common.set("job", "test");
        Recorder::new(common, series_max)
    }

    fn told(frame: &Frame<'_>) -> Vec<(String, Option<f64>)> {
        let value = |reading: &Reading<'_>| (!is_stale(reading.value)).then_some(reading.value);
        frame
            .readings()
            .map(|reading| (reading.info.labels.name().to_owned(), value(&reading)))
            .collect()
    }

    #[test]
    fn a_series_that_is_not_set_ends_once() {
        let mut recorder = recorder(10);
        recorder.begin();
        let a = recorder.define("a", MetricKind::Gauge, "", &[]);
        recorder.set(&a, 1.0);
        assert_eq!(
            told(&recorder.finish(Millis(0))),
            [("a".to_owned(), Some(1.0))]
        );
        recorder.begin();
        assert_eq!(told(&recorder.finish(Millis(1))), [("a".to_owned(), None)]);
        recorder.begin();
        assert_eq!(told(&recorder.finish(Millis(2))), []);
        recorder.begin();
        recorder.set(&a, 2.0);
        assert_eq!(
            told(&recorder.finish(Millis(3))),
            [("a".to_owned(), Some(2.0))]
        );
        assert_eq!(told(&recorder.end_all(Millis(4))), [("a".to_owned(), None)]);
    }

    #[test]
    fn a_retired_series_ends_before_its_number_is_used_again() {
        let mut recorder = recorder(1);
        recorder.begin();
        let a = recorder.define("a", MetricKind::Gauge, "", &[]);
        recorder.set(&a, 1.0);
        recorder.finish(Millis(0));
        recorder.begin();
        recorder.retire(a);
        let refused = recorder.define("b", MetricKind::Gauge, "", &[]);
        recorder.set(&refused, 2.0);
        assert_eq!(told(&recorder.finish(Millis(1))), [("a".to_owned(), None)]);
        assert_eq!(recorder.refused(), 1);
        recorder.begin();
        let b = recorder.define("b", MetricKind::Gauge, "", &[("job", "own"), ("empty", "")]);
        recorder.set(&b, 2.0);
        let frame = recorder.finish(Millis(2));
        let reading = frame.readings().next().unwrap();
        assert_eq!(reading.info.labels.to_string(), r#"b{job="own"}"#);
        assert_eq!((reading.slot, reading.generation), (0, 1));
    }
}

//! Encodes the ticks of one session, and the dictionary they need.
//!
//! In: targets and series, defined once; then ticks. Out: the payloads to send, in order.
//! Bound: [`SAMPLES_MAX`] samples between two calls of [`MetricsEncoder::finish`]; some thirty
//! bytes and its labels for each series.

use bytes::Bytes;
use weft_codec::varint::{put_run, put_uvarint, put_varint};
use weft_model::{Labels, MetricMetadata, Millis};

use super::super::SAMPLES_MAX;
use super::super::code::CodeWriter;
use super::super::dictionary::{write_rebase, write_series};
use super::super::frame::{Squeezer, VERSION};
use super::super::reference::{Reference, References};
use super::DefineError;
use super::catalogue::Catalogue;
use super::drift::Drift;
use crate::batch::Encoded;
use crate::v1::Encoding;

/// After so many bytes of samples all definitions are sent once more...
const RESTATE_BYTES: usize = 4 << 20;

/// ...but only when they are less than this part of what is sent.
const RESTATE_SHARE: usize = 32;

/// Why a tick is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// The payload is full: finish it, then push the tick again.
    #[error("push tick into a full payload")]
    Full,
    /// The numbers of the series are not ascending, or not all of this target; or there is not
    /// one value for each.
    #[error("push tick with series that are not the target's, in order")]
    Series,
}

/// The samples of one session on their way out.
#[derive(Debug)]
pub struct MetricsEncoder {
    squeezer: Squeezer,
    catalogue: Catalogue,
    epoch: u32,
    numbering: u32,
    /// How many series the payloads so far have defined.
    announced: u32,
    /// What receivers compare the first value of a payload with.
    bases: References,
    /// The last value of each series in the open payload, else its base.
    latest: References,
    drift: Drift,
    statement: Statement,
    /// A rebase that was decided on and is to be sent before anything else.
    rebase: Option<Encoded>,
    open: Open,
}

/// How long ago the whole dictionary was sent. A spool on the way may drop its oldest segments and
/// the definitions with them; what it keeps can be decoded from the next statement on.
#[derive(Debug, Default)]
struct Statement {
    /// Bytes of the definitions since the last statement began: what one costs.
    dict_bytes: usize,
    /// Bytes of samples since then.
    sample_bytes: usize,
}

/// The payload that is being filled.
#[derive(Debug, Default)]
struct Open {
    entries: Vec<Entry>,
    columns: CodeWriter,
    samples: u32,
    ticks: usize,
    times: Option<(Millis, Millis)>,
}

/// One target at one time.
#[derive(Debug)]
struct Entry {
    target: u32,
    time: Millis,
    /// How many series the target had, each with a code.
    codes: usize,
}

impl MetricsEncoder {
    /// Returns an encoder for dictionaries from `epoch` on, which must be greater than any that
    /// the session has used before. `level` is zstd's, 1 to 3.
    pub fn new(epoch: u32, level: i32) -> MetricsEncoder {
        MetricsEncoder {
            squeezer: Squeezer::new(level),
            catalogue: Catalogue::default(),
            epoch,
            numbering: epoch,
            announced: 0,
            bases: References::default(),
            latest: References::default(),
            drift: Drift::default(),
            statement: Statement::default(),
            rebase: None,
            open: Open::default(),
        }
    }

    /// Returns the present dictionary epoch.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Returns how many series are defined.
    pub fn series_count(&self) -> u32 {
        self.catalogue.len()
    }

    /// Adds a target with the labels that all its series share and returns its number.
    pub fn add_target(&mut self, labels: Labels) -> u32 {
        self.catalogue.add_target(labels)
    }

    /// Defines a series by its own labels, without those of its target, and returns its number.
    /// `base` is its value now: what later values are compared with.
    pub fn define(
        &mut self,
        target: u32,
        labels: Labels,
        metadata: &MetricMetadata,
        base: f64,
    ) -> Result<u32, DefineError> {
        let number = self.catalogue.define(target, labels, metadata)?;
        let base = Reference::to(if weft_model::is_stale(base) {
            0.0
        } else {
            base
        });
        self.bases.push(base);
        self.latest.push(base);
        Ok(number)
    }

    /// Adds the values of some series of one target at one time. The series are ascending; one
    /// that is left out has no value at this time.
    pub fn push(
        &mut self,
        time: Millis,
        target: u32,
        series: &[u32],
        values: &[f64],
    ) -> Result<(), PushError> {
        let all = self.catalogue.series_of(target);
        if series.len() != values.len() || !is_subsequence(series, all) {
            return Err(PushError::Series);
        }
        if self.open.columns.codes.len() + all.len() > SAMPLES_MAX {
            return Err(PushError::Full);
        }
        let mut given = series.iter().zip(values).peekable();
        for number in all {
            match given.next_if(|(next, _)| *next == number) {
                None => self.open.columns.absent(),
                Some((_, value)) => {
                    let at = *number as usize;
                    let mut latest = self.latest.get(at).expect("every series has a reference");
                    self.open.columns.value(*value, &mut latest);
                    self.latest.set(at, latest);
                }
            }
        }
        let codes = all.len();
        self.open.note(
            Entry {
                target,
                time,
                codes,
            },
            series.len(),
        );
        Ok(())
    }

    /// Returns how many samples were pushed since the last [`MetricsEncoder::finish`].
    pub fn pending_samples(&self) -> usize {
        self.open.samples as usize
    }

    /// Closes the payload and returns what must be sent, in this order: new bases if it is time
    /// for them, definitions of the series that are new, then the samples.
    pub fn finish(&mut self) -> Vec<Encoded> {
        let mut payloads: Vec<_> = self.rebase.take().into_iter().collect();
        let now = self.open.times.map_or(Millis(0), |(_, last)| last);
        let first_new = self.announced;
        payloads.extend(self.announce(now));
        // Where many bases are new the size says nothing about the old ones.
        let new = (self.announced - first_new.min(self.announced)) as usize;
        let mostly_old = new * 8 < self.open.samples as usize;
        let open = std::mem::take(&mut self.open);
        if open.samples == 0 {
            return payloads;
        }
        let (samples, ticks, times) = (open.samples, open.ticks, open.times);
        let payload = self.seal(open);
        self.statement.sample_bytes += payload.len();
        let (first, last) = times.expect("a payload with samples has times");
        let drifted = mostly_old && self.drift.note(payload.len(), samples as usize, ticks);
        if drifted && self.bases.len() <= SAMPLES_MAX {
            self.rebase = Some(self.rebase_to_latest(last));
        } else {
            self.latest.clone_from(&self.bases);
        }
        payloads.push(Encoded {
            encoding: Encoding::MetricsV1,
            items: samples,
            first,
            last,
            payload,
        });
        payloads
    }

    /// Sends all definitions of the present epoch once more with the next payload, because a
    /// receiver asked for them. Now and then this happens without being asked for. Returns false for an epoch that is past; its batches cannot be decoded any longer.
    pub fn restate(&mut self, epoch: u32) -> bool {
        self.announced = 0;
        epoch == self.epoch
    }

    /// Closes the payload, then starts a new dictionary with the series for which `keep` holds:
    /// for when many have ended. Returns what must be sent first, and the new number of each old
    /// series. Targets keep their numbers.
    pub fn renumber(
        &mut self,
        mut keep: impl FnMut(u32) -> bool,
    ) -> (Vec<Encoded>, Vec<Option<u32>>) {
        let payloads = self.finish();
        let old = std::mem::take(&mut self.bases);
        let numbers = self.catalogue.renumber(&mut keep);
        for (at, _) in numbers.iter().enumerate().filter(|(_, new)| new.is_some()) {
            self.bases
                .push(old.get(at).expect("every series has a base"));
        }
        self.latest.clone_from(&self.bases);
        self.epoch += 1;
        self.numbering = self.epoch;
        self.announced = 0;
        self.rebase = None;
        self.drift.reset();
        (payloads, numbers)
    }

    /// Returns the definitions that receivers have not been sent yet.
    fn announce(&mut self, now: Millis) -> Vec<Encoded> {
        if self.statement.is_old() {
            self.announced = 0;
        }
        if self.announced == 0 {
            self.statement = Statement::default();
        }
        let mut payloads = Vec::new();
        while self.announced < self.catalogue.len() {
            let part = self.catalogue.part(self.announced, &self.bases);
            let epochs = (self.epoch, self.numbering);
            let payload = write_series(&mut self.squeezer, epochs, self.announced, &part);
            self.announced += part.len() as u32;
            self.statement.dict_bytes += payload.len();
            payloads.push(dict_payload(payload, part.len(), now));
        }
        payloads
    }

    /// Makes the latest values the bases of a new epoch.
    fn rebase_to_latest(&mut self, now: Millis) -> Encoded {
        let mut columns = CodeWriter::default();
        for at in 0..self.bases.len() {
            let mut base = self.bases.get(at).expect("within the bases");
            let latest = self.latest.get(at).expect("every series has a reference");
            columns.value(latest.value(), &mut base);
            self.bases.set(at, base);
        }
        self.latest.clone_from(&self.bases);
        let parent = self.epoch;
        self.epoch += 1;
        self.drift.reset();
        let payload = write_rebase(&mut self.squeezer, self.epoch, parent, columns);
        dict_payload(payload, self.bases.len(), now)
    }

    fn seal(&mut self, open: Open) -> Bytes {
        let mut columns = Vec::new();
        put_uvarint(&mut columns, open.entries.len() as u64);
        let mut before = 0;
        for entry in &open.entries {
            let all = self.catalogue.series_of(entry.target).len();
            put_uvarint(&mut columns, entry.target.into());
            put_varint(&mut columns, entry.time.0.wrapping_sub(before));
            put_uvarint(&mut columns, (all - entry.codes) as u64);
            before = entry.time.0;
        }
        put_run(&mut columns, &open.columns.extras);
        columns.extend_from_slice(&open.columns.codes);
        let mut payload = vec![VERSION];
        put_uvarint(&mut payload, self.epoch.into());
        put_uvarint(&mut payload, self.catalogue.len().into());
        put_run(&mut payload, &self.squeezer.squeeze(&columns));
        payload.extend_from_slice(&open.columns.bits.finish());
        Bytes::from(payload)
    }
}

impl Statement {
    fn is_old(&self) -> bool {
        self.sample_bytes > RESTATE_BYTES.max(self.dict_bytes.saturating_mul(RESTATE_SHARE))
    }
}

impl Open {
    fn note(&mut self, entry: Entry, samples: usize) {
        let time = entry.time;
        let same_tick = self.entries.last().is_some_and(|last| last.time == time);
        self.ticks += usize::from(!same_tick);
        self.samples += samples as u32;
        self.times = Some(match self.times {
            Some((first, last)) => (first.min(time), last.max(time)),
            None => (time, time),
        });
        self.entries.push(entry);
    }
}

fn dict_payload(payload: Vec<u8>, series: usize, now: Millis) -> Encoded {
    Encoded {
        encoding: Encoding::DictV1,
        items: series as u32,
        first: now,
        last: now,
        payload: Bytes::from(payload),
    }
}

fn is_subsequence(some: &[u32], all: &[u32]) -> bool {
    let mut rest = all.iter();
    some.iter().all(|number| rest.any(|known| known == number))
}

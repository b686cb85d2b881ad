//! What a part says about itself, and where its frames lie: the one frame that is read on opening.
//!
//! In: the tables that a writer has gathered. Out: the same, checked for order and bounds, so that
//! a reader may index with what it finds. The layout is in `docs/format/part.md`.

use weft_codec::varint::{put_run, put_uvarint, put_varint, take_run, take_uvarint, take_varint};

use super::frame::FrameRef;
use super::output::{VERSION_ONE, VERSION_TWO};
use crate::error::Malformed;

/// How many series share a frame of label sets.
pub(crate) const SERIES_PER_FRAME: usize = 512;

/// The shortest bucket that a roll-up may have.
const RESOLUTION_MIN: i64 = 60_000;

/// A part's identity and place in the order of writing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Identity {
    /// The number in the file's name, unique in the store.
    pub(crate) file: u64,
    /// The day that all samples lie in, counted from the epoch.
    pub(crate) day: i64,
    /// 0 for a flush; merges raise it.
    pub(crate) level: u32,
    /// The flushes whose samples are in it, first and last.
    pub(crate) flushes: (u64, u64),
    /// Deletions up to this number are carried out in it.
    pub(crate) deletions: u64,
    /// The files that it was merged from: where it is, they are not to be.
    pub(crate) replaces: Vec<u64>,
}

/// The values in a page, at a glance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sketch {
    pub(crate) samples: u64,
    pub(crate) min_time: i64,
    pub(crate) max_time: i64,
    /// Of the finite values; the bounds are crossed if there are none.
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) sum: f64,
}

impl Default for Sketch {
    fn default() -> Sketch {
        Sketch {
            samples: 0,
            min_time: i64::MAX,
            max_time: i64::MIN,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            sum: 0.0,
        }
    }
}

impl Sketch {
    pub(crate) fn add_times(&mut self, times: &[i64]) {
        self.samples += times.len() as u64;
        if let (Some(first), Some(last)) = (times.first(), times.last()) {
            self.min_time = self.min_time.min(*first);
            self.max_time = self.max_time.max(*last);
        }
    }

    pub(crate) fn add_values(&mut self, values: &[f64]) {
        for value in values.iter().filter(|value| value.is_finite()) {
            self.min = self.min.min(*value);
            self.max = self.max.max(*value);
            self.sum += value;
        }
    }

    pub(crate) fn add(&mut self, other: &Sketch) {
        self.samples += other.samples;
        self.min_time = self.min_time.min(other.min_time);
        self.max_time = self.max_time.max(other.max_time);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
    }
}

/// A page of values.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PageEntry {
    /// The series that it has a place for, first and last. Neighbours with the same series are of
    /// different windows; of others the last series may go on in the next.
    pub(crate) series: (u32, u32),
    pub(crate) sketch: Sketch,
    pub(crate) frame: FrameRef,
}

/// A label name, or a run of the values of one that has very many.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct NameEntry {
    pub(crate) name: String,
    /// The first pair of this entry; they are numbered by value.
    pub(crate) first_pair: u32,
    pub(crate) pairs: u32,
    /// An fst from values to their distance from `first_pair`.
    pub(crate) values: FrameRef,
}

/// A run of label pairs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct GroupEntry {
    pub(crate) first_pair: u32,
    /// Their values.
    pub(crate) values: FrameRef,
    /// The series that have them.
    pub(crate) postings: FrameRef,
}

/// A run of time columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TimesEntry {
    pub(crate) first_column: u32,
    pub(crate) frame: FrameRef,
}

/// The roll-ups of one resolution.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RollupEntry {
    /// The length of a bucket, milliseconds.
    pub(crate) resolution: i64,
    /// Frames of [`SERIES_PER_FRAME`] series each.
    pub(crate) frames: Vec<FrameRef>,
}

/// A page of exemplars.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ExemplarEntry {
    /// The series of the first and the last one; the last may go on in the next page.
    pub(crate) series: (u32, u32),
    pub(crate) count: u32,
    pub(crate) min_time: i64,
    pub(crate) max_time: i64,
    pub(crate) frame: FrameRef,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Meta {
    pub(crate) identity: Identity,
    pub(crate) series: u32,
    pub(crate) pairs: u32,
    pub(crate) columns: u32,
    pub(crate) histograms: u64,
    pub(crate) names: Vec<NameEntry>,
    pub(crate) groups: Vec<GroupEntry>,
    pub(crate) labels: Vec<FrameRef>,
    pub(crate) times: Vec<TimesEntry>,
    pub(crate) pages: Vec<PageEntry>,
    /// None in most parts; those of a whole day have them.
    pub(crate) rollups: Vec<RollupEntry>,
    pub(crate) exemplars: Vec<ExemplarEntry>,
    /// Of all pages together, its times of exemplars as well; not stored.
    pub(crate) sketch: Sketch,
}

impl Meta {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_identity(&self.identity, &mut out);
        for count in [self.series, self.pairs, self.columns] {
            put_uvarint(&mut out, u64::from(count));
        }
        put_uvarint(&mut out, self.histograms);
        put_list(&self.names, &mut out, |entry, out| {
            put_run(out, entry.name.as_bytes());
            put_uvarint(out, u64::from(entry.pairs));
            put_ref(entry.values, out);
        });
        put_list(&self.groups, &mut out, |entry, out| {
            put_uvarint(out, u64::from(entry.first_pair));
            put_ref(entry.values, out);
            put_ref(entry.postings, out);
        });
        put_list(&self.labels, &mut out, |frame, out| put_ref(*frame, out));
        put_list(&self.times, &mut out, |entry, out| {
            put_uvarint(out, u64::from(entry.first_column));
            put_ref(entry.frame, out);
        });
        put_list(&self.pages, &mut out, put_page);
        put_list(&self.rollups, &mut out, |entry, out| {
            put_varint(out, entry.resolution);
            put_list(&entry.frames, out, |frame, out| put_ref(*frame, out));
        });
        put_list(&self.exemplars, &mut out, put_exemplars);
        out
    }

    /// Decodes the tables of a part of a version that is known.
    pub(crate) fn decode(bytes: &[u8], version: u32) -> Result<Meta, Malformed> {
        let bytes = &mut &*bytes;
        let mut meta = Meta {
            identity: take_identity(bytes)?,
            ..Meta::default()
        };
        meta.series = take_u32(bytes)?;
        meta.pairs = take_u32(bytes)?;
        meta.columns = take_u32(bytes)?;
        meta.histograms = take_uvarint(bytes)?;
        let mut first_pair = 0u32;
        meta.names = take_list(bytes, |bytes| {
            let name = std::str::from_utf8(take_run(bytes)?)
                .map_err(|_| Malformed("a name is not UTF-8"))?;
            let pairs = take_u32(bytes)?;
            let entry = NameEntry {
                name: name.to_owned(),
                first_pair,
                pairs,
                values: take_ref(bytes)?,
            };
            first_pair = first_pair
                .checked_add(pairs)
                .ok_or(Malformed("too many pairs"))?;
            Ok(entry)
        })?;
        meta.groups = take_list(bytes, |bytes| {
            Ok(GroupEntry {
                first_pair: take_u32(bytes)?,
                values: take_ref(bytes)?,
                postings: take_ref(bytes)?,
            })
        })?;
        meta.labels = take_list(bytes, take_ref)?;
        if version == VERSION_ONE {
            take_list(bytes, take_ref)?;
        }
        meta.times = take_list(bytes, |bytes| {
            Ok(TimesEntry {
                first_column: take_u32(bytes)?,
                frame: take_ref(bytes)?,
            })
        })?;
        meta.pages = take_list(bytes, take_page)?;
        if !bytes.is_empty() {
            meta.rollups = take_list(bytes, |bytes| {
                Ok(RollupEntry {
                    resolution: take_varint(bytes)?,
                    frames: take_list(bytes, take_ref)?,
                })
            })?;
        }
        if ![VERSION_ONE, VERSION_TWO].contains(&version) {
            meta.exemplars = take_list(bytes, take_exemplars)?;
        }
        meta.sum_up();
        meta.check(first_pair)?;
        Ok(meta)
    }

    /// Sets the sketch of the whole part.
    pub(crate) fn sum_up(&mut self) {
        let mut sketch = Sketch::default();
        self.pages.iter().for_each(|page| sketch.add(&page.sketch));
        for entry in &self.exemplars {
            sketch.min_time = sketch.min_time.min(entry.min_time);
            sketch.max_time = sketch.max_time.max(entry.max_time);
        }
        self.sketch = sketch;
    }

    /// Checks what readers rely on.
    fn check(&self, pairs_of_names: u32) -> Result<(), Malformed> {
        let series = self.series as usize;
        let ascending = |mut numbers: Box<dyn Iterator<Item = u32> + '_>| {
            let mut last = numbers.next();
            last.is_none_or(|first| first == 0)
                && numbers.all(|number| last.replace(number).is_some_and(|last| last < number))
        };
        let holds = [
            pairs_of_names == self.pairs,
            self.names.is_sorted_by(|a, b| a.name <= b.name),
            ascending(Box::new(self.groups.iter().map(|group| group.first_pair))),
            self.groups.is_empty() == (self.pairs == 0),
            ascending(Box::new(self.times.iter().map(|times| times.first_column))),
            self.labels.len() == series.div_ceil(SERIES_PER_FRAME),
            self.rollups.iter().all(|entry| {
                entry.frames.len() == self.labels.len() && entry.resolution >= RESOLUTION_MIN
            }),
            self.pages.iter().all(|page| page.series.0 <= page.series.1),
            self.pages
                .is_sorted_by(|a, b| a.series == b.series || a.series.1 <= b.series.0),
            self.pages
                .last()
                .is_none_or(|page| page.series.1 < self.series),
            self.exemplars.iter().all(|entry| {
                entry.series.0 <= entry.series.1 && entry.count > 0 && entry.series.1 < self.series
            }),
            self.exemplars.is_sorted_by(|a, b| a.series.1 <= b.series.0),
        ];
        if holds.iter().all(|holds| *holds) {
            Ok(())
        } else {
            Err(Malformed("the tables contradict each other"))
        }
    }
}

fn put_identity(identity: &Identity, out: &mut Vec<u8>) {
    put_uvarint(out, identity.file);
    put_varint(out, identity.day);
    put_uvarint(out, u64::from(identity.level));
    put_uvarint(out, identity.flushes.0);
    put_uvarint(out, identity.flushes.1);
    put_uvarint(out, identity.deletions);
    put_list(&identity.replaces, out, |file, out| put_uvarint(out, *file));
}

fn take_identity(bytes: &mut &[u8]) -> Result<Identity, Malformed> {
    Ok(Identity {
        file: take_uvarint(bytes)?,
        day: take_varint(bytes)?,
        level: take_u32(bytes)?,
        flushes: (take_uvarint(bytes)?, take_uvarint(bytes)?),
        deletions: take_uvarint(bytes)?,
        replaces: take_list(bytes, |bytes| Ok(take_uvarint(bytes)?))?,
    })
}

fn put_page(page: &PageEntry, out: &mut Vec<u8>) {
    put_uvarint(out, u64::from(page.series.0));
    put_uvarint(out, u64::from(page.series.1));
    put_uvarint(out, page.sketch.samples);
    put_varint(out, page.sketch.min_time);
    put_varint(out, page.sketch.max_time);
    for value in [page.sketch.min, page.sketch.max, page.sketch.sum] {
        out.extend_from_slice(&value.to_le_bytes());
    }
    put_ref(page.frame, out);
}

fn take_page(bytes: &mut &[u8]) -> Result<PageEntry, Malformed> {
    let series = (take_u32(bytes)?, take_u32(bytes)?);
    let (samples, min_time, max_time) = (
        take_uvarint(bytes)?,
        take_varint(bytes)?,
        take_varint(bytes)?,
    );
    let mut float = || -> Result<f64, Malformed> {
        let taken = weft_codec::varint::take_bytes(bytes, 8)?;
        Ok(f64::from_le_bytes(
            taken.try_into().expect("eight bytes were taken"),
        ))
    };
    let (min, max, sum) = (float()?, float()?, float()?);
    let sketch = Sketch {
        samples,
        min_time,
        max_time,
        min,
        max,
        sum,
    };
    Ok(PageEntry {
        series,
        sketch,
        frame: take_ref(bytes)?,
    })
}

fn put_exemplars(entry: &ExemplarEntry, out: &mut Vec<u8>) {
    put_uvarint(out, u64::from(entry.series.0));
    put_uvarint(out, u64::from(entry.series.1));
    put_uvarint(out, u64::from(entry.count));
    put_varint(out, entry.min_time);
    put_varint(out, entry.max_time);
    put_ref(entry.frame, out);
}

fn take_exemplars(bytes: &mut &[u8]) -> Result<ExemplarEntry, Malformed> {
    Ok(ExemplarEntry {
        series: (take_u32(bytes)?, take_u32(bytes)?),
        count: take_u32(bytes)?,
        min_time: take_varint(bytes)?,
        max_time: take_varint(bytes)?,
        frame: take_ref(bytes)?,
    })
}

fn put_ref(frame: FrameRef, out: &mut Vec<u8>) {
    put_uvarint(out, frame.offset);
    put_uvarint(out, u64::from(frame.len));
}

fn take_ref(bytes: &mut &[u8]) -> Result<FrameRef, Malformed> {
    Ok(FrameRef {
        offset: take_uvarint(bytes)?,
        len: take_u32(bytes)?,
    })
}

fn put_list<T>(list: &[T], out: &mut Vec<u8>, put: impl Fn(&T, &mut Vec<u8>)) {
    put_uvarint(out, list.len() as u64);
    list.iter().for_each(|item| put(item, out));
}

fn take_list<T>(
    bytes: &mut &[u8],
    mut take: impl FnMut(&mut &[u8]) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let len = take_uvarint(bytes)?;
    // Every item takes a byte at least, so hostile lengths end at the bytes' end.
    let mut list = Vec::new();
    for _ in 0..len {
        list.push(take(bytes)?);
    }
    Ok(list)
}

fn take_u32(bytes: &mut &[u8]) -> Result<u32, Malformed> {
    u32::try_from(take_uvarint(bytes)?).map_err(|_| Malformed("a number is too large"))
}

//! Reads a part: opens it by its footer, then fetches the frames that a question needs.
//!
//! In: ordinals of series, times. Out: samples, label sets, postings. Frames are decoded once and
//! kept in the shared cache. Bytes that do not hold become a [`PartError`], and the part is noted
//! as corrupt, so that maintenance sets it aside.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use weft_codec::varint::put_run;
use weft_disk::{Disk, File};
use weft_model::Labels;

use super::decoded::{Block, Hashes, LabelSets, Page, Postings, Times, Values, ValuesOfName};
use super::frame::{FrameRef, PLAIN_BYTES_MAX, open_frame};
use super::meta::{GroupEntry, HASHES_PER_FRAME, Meta, NameEntry, SERIES_PER_FRAME};
use super::output::{FOOTER_BYTES, HEADER_BYTES, MAGIC, VERSION};
use super::writer::{HISTOGRAM_BLOCK, WINDOW_MILLIS};
use crate::cache::{Cache, Weigh};
use crate::config::DAY_MILLIS;
use crate::error::{Malformed, PartError};
use crate::head::index::SeriesHash;
use crate::run::SeriesRun;

/// The frames that a reader used last: one that goes through a part in order finds the next series
/// in them mostly.
#[derive(Default)]
pub(crate) struct Recent {
    page: Option<(u64, Arc<Page>)>,
    times: Option<(u64, Arc<Times>)>,
    sets: Option<(u64, Arc<LabelSets>)>,
    /// By the place of the label in its set.
    values: Vec<Option<(u64, Arc<Values>)>>,
    pairs: Vec<u32>,
    bytes: Vec<u8>,
}

/// Returns the frame at an offset from where it was kept, or gets it and keeps it.
fn recent<T>(
    kept: &mut Option<(u64, Arc<T>)>,
    offset: u64,
    get: impl FnOnce() -> Result<Arc<T>, PartError>,
) -> Result<&T, PartError> {
    let fresh = match kept.take() {
        Some((known, frame)) if known == offset => frame,
        _ => get()?,
    };
    Ok(&kept.insert((offset, fresh)).1)
}

/// A part that is served.
pub(crate) struct Part {
    file: Box<dyn File>,
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) meta: Meta,
    cache: Arc<Cache>,
    corrupt: AtomicBool,
}

impl Part {
    pub(crate) fn open(disk: &dyn Disk, path: &Path, cache: Arc<Cache>) -> Result<Part, PartError> {
        let io = |source| PartError::Io {
            path: path.to_owned(),
            source,
        };
        let corrupt = |Malformed(reason)| PartError::Corrupt {
            path: path.to_owned(),
            reason,
        };
        let file = disk.open(path).map_err(io)?;
        let bytes = file.len().map_err(io)?;
        if bytes < HEADER_BYTES + FOOTER_BYTES {
            return Err(corrupt(Malformed("the file is too short")));
        }
        let mut header = [0; HEADER_BYTES as usize];
        read_exact(&*file, 0, &mut header).map_err(io)?;
        let mut footer = [0; FOOTER_BYTES as usize];
        read_exact(&*file, bytes - FOOTER_BYTES, &mut footer).map_err(io)?;
        let (frame, version) = parse_ends(&header, &footer).map_err(corrupt)?;
        if version != VERSION {
            return Err(PartError::Version {
                path: path.to_owned(),
                version,
            });
        }
        let stored = fetch(&*file, bytes, frame).map_err(io)?.map_err(corrupt)?;
        let meta = open_frame(&stored)
            .and_then(|meta| Meta::decode(&meta))
            .map_err(corrupt)?;
        Ok(Part {
            file,
            path: path.to_owned(),
            bytes,
            meta,
            cache,
            corrupt: AtomicBool::new(false),
        })
    }

    pub(crate) fn number(&self) -> u64 {
        self.meta.identity.file
    }

    /// Tells whether reading found bytes at fault.
    pub(crate) fn is_corrupt(&self) -> bool {
        self.corrupt.load(Ordering::Relaxed)
    }

    /// Tells whether the part may have samples from `start` to `end`.
    pub(crate) fn overlaps(&self, start: i64, end: i64) -> bool {
        self.meta.sketch.min_time <= end && start <= self.meta.sketch.max_time
    }

    /// Returns a frame, decoded.
    fn frame<T: Weigh + Send + Sync + 'static>(
        &self,
        frame: FrameRef,
        decode: impl FnOnce(Vec<u8>) -> Result<T, Malformed>,
    ) -> Result<Arc<T>, PartError> {
        self.cache
            .get((self.number(), frame.offset), || self.load(frame, decode))
    }

    /// Reads a frame past the cache.
    fn load<T>(
        &self,
        frame: FrameRef,
        decode: impl FnOnce(Vec<u8>) -> Result<T, Malformed>,
    ) -> Result<T, PartError> {
        let io = |source| PartError::Io {
            path: self.path.clone(),
            source,
        };
        let stored = fetch(&*self.file, self.bytes, frame).map_err(io)?;
        stored
            .and_then(|stored| open_frame(&stored))
            .and_then(decode)
            .map_err(|e| self.fault(e))
    }

    /// Notes that the part is corrupt and says why.
    pub(crate) fn fault(&self, Malformed(reason): Malformed) -> PartError {
        self.corrupt.store(true, Ordering::Relaxed);
        PartError::Corrupt {
            path: self.path.clone(),
            reason,
        }
    }

    /// Returns the entries of a name: one, or several where it has very many values.
    pub(crate) fn name(&self, name: &str) -> &[NameEntry] {
        let names = &self.meta.names;
        let from = names.partition_point(|entry| entry.name.as_str() < name);
        let to = names.partition_point(|entry| entry.name.as_str() <= name);
        &names[from..to]
    }

    /// Returns the values of an entry, as a map to their places among them.
    pub(crate) fn values_of(&self, name: &NameEntry) -> Result<Arc<ValuesOfName>, PartError> {
        self.frame(name.values, ValuesOfName::decode)
    }

    fn group_of(&self, pair: u32) -> Result<&GroupEntry, PartError> {
        let after = self
            .meta
            .groups
            .partition_point(|group| group.first_pair <= pair);
        after
            .checked_sub(1)
            .map(|at| &self.meta.groups[at])
            .ok_or_else(|| self.fault(Malformed("a pair lies outside of the dictionary")))
    }

    /// Appends the series that have a pair, ascending.
    pub(crate) fn postings(&self, pair: u32, out: &mut Vec<u32>) -> Result<(), PartError> {
        let group = self.group_of(pair)?;
        let postings = self.frame(group.postings, Postings::decode)?;
        let series = self.meta.series;
        let found = postings.get((pair - group.first_pair) as usize, series, out);
        found.map_err(|e| self.fault(e))
    }

    /// Returns the name and the value of a pair.
    fn text_of<'a>(
        &'a self,
        pair: u32,
        used: &'a mut Option<(u64, Arc<Values>)>,
    ) -> Result<(&'a str, &'a str), PartError> {
        let after = self
            .meta
            .names
            .partition_point(|name| name.first_pair <= pair);
        let name = after.checked_sub(1).map(|at| &self.meta.names[at]);
        let group = self.group_of(pair)?;
        let get = || self.frame(group.values, Values::decode);
        let values = recent(used, group.values.offset, get)?;
        match (name, values.get((pair - group.first_pair) as usize)) {
            (Some(name), Some(value)) => Ok((&name.name, value)),
            _ => Err(self.fault(Malformed("a pair lies outside of the dictionary"))),
        }
    }

    /// Calls `each` with the name and the value of every label of a series.
    pub(crate) fn each_label(
        &self,
        series: u32,
        used: &mut Recent,
        mut each: impl FnMut(&str, &str),
    ) -> Result<(), PartError> {
        let mut pairs = std::mem::take(&mut used.pairs);
        self.pairs_of(series, &mut pairs, used)?;
        if used.values.len() < pairs.len() {
            used.values.resize_with(pairs.len(), || None);
        }
        for (pair, used) in pairs.iter().zip(&mut used.values) {
            let (name, value) = self.text_of(*pair, used)?;
            each(name, value);
        }
        used.pairs = pairs;
        Ok(())
    }

    /// Returns the pairs of a series, in order of their names.
    pub(crate) fn pairs_of(
        &self,
        series: u32,
        out: &mut Vec<u32>,
        used: &mut Recent,
    ) -> Result<(), PartError> {
        let at = series as usize;
        let frame = self.meta.labels.get(at / SERIES_PER_FRAME).copied();
        let frame = frame.ok_or_else(|| self.fault(Malformed("a series lies outside")))?;
        let decode = |content: Vec<u8>| LabelSets::decode(&content, self.meta.pairs);
        let sets = recent(&mut used.sets, frame.offset, || self.frame(frame, decode))?;
        let pairs = sets.get(at % SERIES_PER_FRAME);
        out.clear();
        out.extend_from_slice(
            pairs.ok_or_else(|| self.fault(Malformed("a series has no labels")))?,
        );
        Ok(())
    }

    /// Hands out all pairs, ascending by name, then value.
    pub(crate) fn each_pair_of_all(
        &self,
        mut each: impl FnMut(u32, &str, &str),
    ) -> Result<(), PartError> {
        let mut used = None;
        for name in &self.meta.names {
            for pair in name.first_pair..name.first_pair + name.pairs {
                let (name, value) = self.text_of(pair, &mut used)?;
                each(pair, name, value);
            }
        }
        Ok(())
    }

    /// Returns in how many pages a series has samples.
    pub(crate) fn pages_of(&self, series: u32) -> usize {
        let first = self
            .meta
            .pages
            .partition_point(|page| page.series.1 < series);
        self.meta.pages[first..]
            .iter()
            .take_while(|page| page.series.0 <= series)
            .count()
    }

    pub(crate) fn labels(&self, series: u32, used: &mut Recent) -> Result<Labels, PartError> {
        let mut bytes = std::mem::take(&mut used.bytes);
        bytes.clear();
        self.each_label(series, used, |name, value| {
            put_run(&mut bytes, name.as_bytes());
            put_run(&mut bytes, value.as_bytes());
        })?;
        let labels = Labels::from_bytes(&bytes);
        used.bytes = bytes;
        labels.ok_or_else(|| self.fault(Malformed("a label set is not canonical")))
    }

    pub(crate) fn hash(&self, series: u32) -> Result<SeriesHash, PartError> {
        let at = series as usize;
        let frame = self.meta.hashes.get(at / HASHES_PER_FRAME).copied();
        let frame = frame.ok_or_else(|| self.fault(Malformed("a series lies outside")))?;
        let hashes = self.frame(frame, |content| Ok(Hashes::decode(&content)))?;
        let hash = hashes.get(at % HASHES_PER_FRAME);
        hash.ok_or_else(|| self.fault(Malformed("a series has no hash")))
    }

    /// Appends what a series has from `start` to `end`; what `out` has lies before.
    pub(crate) fn read(
        &self,
        series: u32,
        start: i64,
        end: i64,
        out: &mut SeriesRun,
        used: &mut Recent,
    ) -> Result<(), PartError> {
        let first = self
            .meta
            .pages
            .partition_point(|page| page.series.1 < series);
        for entry in &self.meta.pages[first..] {
            if entry.series.0 > series {
                break;
            }
            if entry.sketch.min_time > end || entry.sketch.max_time < start {
                continue;
            }
            let get = || self.frame(entry.frame, Page::decode);
            let page = recent(&mut used.page, entry.frame.offset, get)?;
            let Some(blocks) = page.get((series - entry.series.0) as usize) else {
                return Err(self.fault(Malformed("a series is not in its page")));
            };
            self.read_blocks(blocks, (start, end), out, &mut used.times)?;
        }
        Ok(())
    }

    fn read_blocks(
        &self,
        mut blocks: &[u8],
        (start, end): (i64, i64),
        out: &mut SeriesRun,
        used: &mut Option<(u64, Arc<Times>)>,
    ) -> Result<(), PartError> {
        let day = self.meta.identity.day.saturating_mul(DAY_MILLIS);
        while !blocks.is_empty() {
            let block = Block::take(&mut blocks).map_err(|e| self.fault(e))?;
            let from = day.saturating_add(i64::from(block.head & 0x0f) * WINDOW_MILLIS);
            if from > end || from.saturating_add(WINDOW_MILLIS) <= start {
                continue;
            }
            let times = self.times(block.column, used)?;
            let before = out.floats.times.last();
            let fits = times
                .first()
                .zip(before)
                .is_none_or(|(first, last)| last < first);
            let read = if block.head & HISTOGRAM_BLOCK != 0 {
                block.histograms(times, start, end, out)
            } else if fits {
                block.floats(times, start, end, out)
            } else {
                Err(Malformed("times do not ascend"))
            };
            read.map_err(|e| self.fault(e))?;
        }
        Ok(())
    }

    /// Returns a time column.
    fn times<'a>(
        &self,
        column: u32,
        used: &'a mut Option<(u64, Arc<Times>)>,
    ) -> Result<&'a [i64], PartError> {
        let after = self
            .meta
            .times
            .partition_point(|times| times.first_column <= column);
        let outside = || self.fault(Malformed("a time column lies outside"));
        let entry = self
            .meta
            .times
            .get(after.wrapping_sub(1))
            .ok_or_else(outside)?;
        let get = || self.frame(entry.frame, |content| Times::decode(&content));
        let times = recent(used, entry.frame.offset, get)?;
        times
            .get((column - entry.first_column) as usize)
            .ok_or_else(outside)
    }
}

fn parse_ends(
    header: &[u8; HEADER_BYTES as usize],
    footer: &[u8; FOOTER_BYTES as usize],
) -> Result<(FrameRef, u32), Malformed> {
    let (magic, version) = header.split_at(8);
    let (body, rest) = footer.split_at(16);
    let (crc, end_magic) = rest.split_at(4);
    if magic != MAGIC || end_magic != MAGIC {
        return Err(Malformed("the file is not a whole part"));
    }
    let word = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes"));
    if word(crc) != crc32c::crc32c(body) || word(&body[12..]) != word(version) {
        return Err(Malformed("the footer's checksum does not hold"));
    }
    let offset = u64::from_le_bytes(body[..8].try_into().expect("eight bytes"));
    Ok((
        FrameRef {
            offset,
            len: word(&body[8..12]),
        },
        word(version),
    ))
}

/// Reads the stored bytes of a frame, which must lie within the file.
fn fetch(
    file: &dyn File,
    bytes: u64,
    frame: FrameRef,
) -> std::io::Result<Result<Vec<u8>, Malformed>> {
    let end = frame.offset.checked_add(u64::from(frame.len));
    if end.is_none_or(|end| end > bytes) || frame.len as usize > PLAIN_BYTES_MAX + 64 {
        return Ok(Err(Malformed("a frame lies outside of the file")));
    }
    let mut stored = vec![0; frame.len as usize];
    read_exact(file, frame.offset, &mut stored)?;
    Ok(Ok(stored))
}

fn read_exact(file: &dyn File, mut offset: u64, mut into: &mut [u8]) -> std::io::Result<()> {
    while !into.is_empty() {
        match file.read_at(offset, into)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            n => {
                offset += n as u64;
                into = &mut into[n..];
            }
        }
    }
    Ok(())
}

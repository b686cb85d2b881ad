//! Reads a part: opens it by its footer, then fetches the frames that a question needs.
//!
//! In: references to frames. Out: the frames, decoded. Frames are decoded once and kept in the
//! shared cache. Bytes that do not hold become a [`PartError`], and the part is noted as corrupt,
//! so that maintenance sets it aside. What is asked of the frames is in [`super::labels`],
//! [`super::samples`] and [`super::matching`].

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use weft_disk::{Disk, File};

use super::frame::{FrameRef, PLAIN_BYTES_MAX, open_frame};
use super::label_sets::LabelSets;
use super::labels::Place;
use super::meta::Meta;
use super::output::{FOOTER_BYTES, HEADER_BYTES, MAGIC, VERSION, VERSION_ONE, VERSION_TWO};
use super::samples::RecentSamples;
use crate::cache::{Cache, Weigh};
use crate::error::{Malformed, PartError};

/// The frames that a reader used last: one that goes through a part in order finds the next series
/// in them mostly.
#[derive(Default)]
pub(crate) struct Recent {
    pub(super) sets: Option<(u64, Arc<LabelSets>)>,
    /// By the place of the label in its set.
    pub(super) places: Vec<Place>,
    pub(super) pairs: Vec<u32>,
    pub(super) bytes: Vec<u8>,
    pub(super) samples: RecentSamples,
}

/// Returns the frame at an offset from where it was kept, or gets it and keeps it.
pub(super) fn recent<T>(
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
    version: u32,
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
        if ![VERSION_ONE, VERSION_TWO, VERSION].contains(&version) {
            return Err(PartError::Version {
                path: path.to_owned(),
                version,
            });
        }
        let stored = fetch(&*file, bytes, frame).map_err(io)?.map_err(corrupt)?;
        let meta = open_frame(&stored)
            .and_then(|meta| Meta::decode(&meta, version))
            .map_err(corrupt)?;
        Ok(Part {
            file,
            path: path.to_owned(),
            bytes,
            version,
            meta,
            cache,
            corrupt: AtomicBool::new(false),
        })
    }

    pub(crate) fn number(&self) -> u64 {
        self.meta.identity.file
    }

    /// Tells whether the part is of the first layout.
    pub(super) fn is_version_one(&self) -> bool {
        self.version == VERSION_ONE
    }

    /// Tells whether reading found bytes at fault.
    pub(crate) fn is_corrupt(&self) -> bool {
        self.corrupt.load(Ordering::Relaxed)
    }

    /// Tells whether the part may have samples from `start` to `end`.
    pub(crate) fn overlaps(&self, start: i64, end: i64) -> bool {
        self.meta.sketch.min_time <= end && start <= self.meta.sketch.max_time
    }

    /// Returns the bytes that say which series there are: all but samples and their times.
    pub(crate) fn index_bytes(&self) -> u64 {
        let first = self.meta.names.first().map(|name| name.values.offset);
        self.bytes - first.unwrap_or(self.bytes).min(self.bytes)
    }

    /// Returns a frame, decoded.
    pub(super) fn frame<T: Weigh + Send + Sync + 'static>(
        &self,
        frame: FrameRef,
        decode: impl FnOnce(Vec<u8>) -> Result<T, Malformed>,
    ) -> Result<Arc<T>, PartError> {
        self.derived(frame.offset, || self.load(frame, decode))
    }

    /// Returns what is kept under an offset, or what `load` gives; no frame begins within the
    /// header, so that offsets there may name what is derived from several frames.
    pub(super) fn derived<T: Weigh + Send + Sync + 'static>(
        &self,
        offset: u64,
        load: impl FnOnce() -> Result<T, PartError>,
    ) -> Result<Arc<T>, PartError> {
        self.cache.get((self.number(), offset), load)
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

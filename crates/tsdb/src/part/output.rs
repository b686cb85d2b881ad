//! A part's file while it is written: frames one after the other, through a buffer.
//!
//! In: content of frames. Out: where each one lies. Nothing has the part's name until
//! [`Output::finish`] has made every byte durable. Bound: one buffer.

use std::path::{Path, PathBuf};

use weft_disk::{Disk, File};

use super::frame::{FrameRef, Packing, put_frame};
use crate::error::WriteError;

/// The first bytes of a part.
pub(crate) const MAGIC: [u8; 8] = *b"weftpart";

/// The layout that this build writes.
pub(crate) const VERSION: u32 = 3;

/// The layouts before it, which this build reads.
pub(crate) const VERSION_TWO: u32 = 2;
pub(crate) const VERSION_ONE: u32 = 1;

/// Magic and version.
pub(crate) const HEADER_BYTES: u64 = 12;

/// Offset and length of the meta frame, the version, the CRC32C of these, magic.
pub(crate) const FOOTER_BYTES: u64 = 8 + 4 + 4 + 4 + 8;

/// How much is gathered before it is written.
const BUFFER_BYTES: usize = 1 << 20;

/// The ending of the name of a part that is being written.
pub(crate) const UNFINISHED: &str = "tmp";

/// A file being written.
pub(crate) struct Output<'a> {
    disk: &'a dyn Disk,
    file: Box<dyn File>,
    path: PathBuf,
    buffer: Vec<u8>,
    written: u64,
}

impl<'a> Output<'a> {
    /// Begins a file that will be called `path`.
    pub(crate) fn create(disk: &'a dyn Disk, path: &Path) -> Result<Output<'a>, WriteError> {
        let unfinished = path.with_extension(UNFINISHED);
        let file = disk
            .create(&unfinished)
            .map_err(|e| WriteError::io(&unfinished, e))?;
        let mut buffer = Vec::with_capacity(BUFFER_BYTES + BUFFER_BYTES / 4);
        buffer.extend_from_slice(&MAGIC);
        buffer.extend_from_slice(&VERSION.to_le_bytes());
        Ok(Output {
            disk,
            file,
            path: path.to_owned(),
            buffer,
            written: 0,
        })
    }

    /// Writes a frame.
    pub(crate) fn frame(
        &mut self,
        content: &[u8],
        packing: Packing,
    ) -> Result<FrameRef, WriteError> {
        let from = self.buffer.len();
        put_frame(content, packing, &mut self.buffer);
        let len = (self.buffer.len() - from) as u32;
        let offset = self.written + from as u64;
        if self.buffer.len() >= BUFFER_BYTES {
            self.write()?;
        }
        Ok(FrameRef { offset, len })
    }

    fn write(&mut self) -> Result<(), WriteError> {
        let written = self.file.write_at(self.written, &self.buffer);
        written.map_err(|e| self.failed(e))?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn failed(&self, source: std::io::Error) -> WriteError {
        WriteError::io(self.path.with_extension(UNFINISHED), source)
    }

    /// Writes the meta frame and the footer and makes the content durable. Returns the size; the
    /// file still has its unfinished name. On an error the file is given up.
    pub(crate) fn finish(mut self, meta: &[u8]) -> Result<u64, WriteError> {
        match self.write_end(meta) {
            Ok(()) => Ok(self.written),
            Err(e) => {
                self.discard();
                Err(e)
            }
        }
    }

    fn write_end(&mut self, meta: &[u8]) -> Result<(), WriteError> {
        let meta = self.frame(meta, Packing::Dense)?;
        let mut footer = Vec::with_capacity(FOOTER_BYTES as usize);
        footer.extend_from_slice(&meta.offset.to_le_bytes());
        footer.extend_from_slice(&meta.len.to_le_bytes());
        footer.extend_from_slice(&VERSION.to_le_bytes());
        footer.extend_from_slice(&crc32c::crc32c(&footer).to_le_bytes());
        footer.extend_from_slice(&MAGIC);
        self.buffer.extend_from_slice(&footer);
        self.write()?;
        self.file.sync().map_err(|e| self.failed(e))
    }

    /// Gives the file up.
    pub(crate) fn discard(self) {
        // What cannot be removed now is removed when the store is opened.
        let _ = self.disk.remove(&self.path.with_extension(UNFINISHED));
    }
}

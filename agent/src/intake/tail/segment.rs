//! One file of a stream, plain or compressed, read from front to back.
//!
//! In: a path that is opened once. Out: bytes at a moving offset; a plain file is read anew where
//! its bytes were not used, a compressed one keeps them. The open descriptor outlives a rename, a
//! compression and the removal of the file. Bound: [`READ_BYTES`] at once.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::stream::PREFIX_BYTES;

/// Bytes that are read at once.
pub(super) const READ_BYTES: usize = 256 * 1024;

/// Names a file on this machine while it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FileId {
    /// The device.
    pub(super) device: u64,
    /// The inode; used again for another file once this one is closed and gone.
    pub(super) inode: u64,
}

impl FileId {
    /// No file: nothing on disk holds the segment any more.
    pub(super) const NONE: FileId = FileId {
        device: 0,
        inode: 0,
    };

    /// Returns the id of the file that `metadata` is of.
    pub(super) fn of(metadata: &Metadata) -> FileId {
        FileId {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

/// An open file of a stream.
#[derive(Debug)]
pub(super) struct SegmentFile {
    content: Content,
    id: FileId,
    offset: u64,
}

#[derive(Debug)]
enum Content {
    Plain(File),
    Gzip {
        decoder: Box<MultiGzDecoder<File>>,
        /// Inflated, not used yet.
        pending: Vec<u8>,
    },
}

/// How a plain file fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    /// Its size in bytes.
    pub(super) size: u64,
    /// Whether it has no name any more.
    pub(super) unlinked: bool,
}

impl SegmentFile {
    /// Opens a file at its beginning.
    pub(super) fn open(path: &Path) -> io::Result<SegmentFile> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(ErrorKind::InvalidInput.into());
        }
        let content = if is_compressed(path) {
            let decoder = Box::new(MultiGzDecoder::new(file));
            Content::Gzip {
                decoder,
                pending: Vec::new(),
            }
        } else {
            Content::Plain(file)
        };
        Ok(SegmentFile {
            content,
            id: FileId::of(&metadata),
            offset: 0,
        })
    }

    /// Returns which file it is.
    pub(super) fn id(&self) -> FileId {
        self.id
    }

    /// Returns the offset of the next byte, in a compressed file that of its content.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Tells whether it is compressed.
    pub(super) fn is_compressed(&self) -> bool {
        matches!(self.content, Content::Gzip { .. })
    }

    /// Returns the first bytes of the file, for its fingerprint; may be called only before the
    /// first read.
    pub(super) fn prefix(&mut self) -> io::Result<Vec<u8>> {
        debug_assert_eq!(self.offset, 0, "a prefix is read first");
        let mut prefix = vec![0; PREFIX_BYTES];
        let len = self.fill(&mut prefix)?;
        prefix.truncate(len);
        Ok(prefix)
    }

    /// Tells whether a plain file still begins with `prefix`.
    pub(super) fn begins_with(&self, prefix: &[u8]) -> io::Result<bool> {
        let Content::Plain(file) = &self.content else {
            return Ok(true);
        };
        let mut now = [0; PREFIX_BYTES];
        let now = &mut now[..prefix.len().min(PREFIX_BYTES)];
        let len = read_at(file, now, 0)?;
        Ok(now[..len] == *prefix)
    }

    /// Goes to an offset; in a compressed file only forward, by inflating what lies before.
    pub(super) fn seek(&mut self, offset: u64) -> io::Result<()> {
        if self.is_compressed() {
            let mut scratch = vec![0; 64 * 1024];
            while self.offset < offset {
                let want = usize::try_from(offset - self.offset).unwrap_or(usize::MAX);
                let room = scratch.len().min(want);
                match self.fill(&mut scratch[..room])? {
                    0 => return Err(ErrorKind::UnexpectedEof.into()),
                    len => self.advance(len),
                }
            }
        }
        self.offset = offset;
        Ok(())
    }

    /// Reads bytes at the offset, as many as there are and `buffer` holds, without moving on.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.content {
            Content::Plain(file) => read_at(file, buffer, self.offset),
            Content::Gzip { decoder, pending } => {
                inflate(decoder, pending, buffer.len())?;
                let len = pending.len().min(buffer.len());
                buffer[..len].copy_from_slice(&pending[..len]);
                Ok(len)
            }
        }
    }

    /// Moves on by bytes that were filled before.
    pub(super) fn advance(&mut self, bytes: usize) {
        self.offset += bytes as u64;
        if let Content::Gzip { pending, .. } = &mut self.content {
            pending.drain(..bytes);
        }
    }

    /// Returns how a plain file fares; nothing for a compressed one, which does not change.
    pub(super) fn condition(&self) -> io::Result<Option<Condition>> {
        let Content::Plain(file) = &self.content else {
            return Ok(None);
        };
        let metadata = file.metadata()?;
        Ok(Some(Condition {
            size: metadata.len(),
            unlinked: metadata.nlink() == 0,
        }))
    }
}

/// Tells from its name whether a file is compressed.
pub(super) fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz")
}

fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.read_at(buffer, offset) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Inflates until `want` bytes are pending or the file ends.
fn inflate(
    decoder: &mut MultiGzDecoder<File>,
    pending: &mut Vec<u8>,
    want: usize,
) -> io::Result<()> {
    let missing = want.saturating_sub(pending.len()) as u64;
    decoder.take(missing).read_to_end(pending).map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_compressed_file_reads_as_the_plain_one() {
        let dir = std::env::temp_dir().join(format!("weft-segment-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let content: Vec<u8> = (0..300_000u32).map(|n| (n / 7) as u8).collect();
        std::fs::write(dir.join("0.log"), &content).unwrap();
        std::fs::write(dir.join("0.log.gz"), gzip(&content)).unwrap();
        for name in ["0.log", "0.log.gz"] {
            let mut file = SegmentFile::open(&dir.join(name)).unwrap();
            assert_eq!(file.prefix().unwrap(), content[..PREFIX_BYTES]);
            file.seek(1000).unwrap();
            let mut buffer = vec![0; 70_000];
            let mut read = Vec::new();
            loop {
                let len = file.fill(&mut buffer).unwrap();
                if len == 0 {
                    break;
                }
                // Half of it is left and must come again.
                let used = len.div_ceil(2);
                read.extend_from_slice(&buffer[..used]);
                file.advance(used);
            }
            assert_eq!(read, content[1000..], "{name}");
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }
}

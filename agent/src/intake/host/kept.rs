//! Files of the kernel that stay open: each read is a `pread` at 0.
//!
//! In: a path. Out: its whole content in a buffer that the caller lends.
//! Bound: [`FILE_BYTES_MAX`]; what is longer is an error.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The longest file that is read, in bytes.
pub(super) const FILE_BYTES_MAX: usize = 8 * 1024 * 1024;

const FIRST_BYTES: usize = 16 * 1024;

/// A file that is opened at the first read and kept until a read fails.
#[derive(Debug)]
pub(super) struct KeptFile {
    path: PathBuf,
    file: Option<File>,
}

impl KeptFile {
    /// Returns the file at `path`, not opened yet.
    pub(super) fn new(path: PathBuf) -> KeptFile {
        KeptFile { path, file: None }
    }

    /// Returns where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the whole file into `buffer` and returns what was read.
    pub(super) fn read<'b>(&mut self, buffer: &'b mut Vec<u8>) -> io::Result<&'b [u8]> {
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(File::open(&self.path)?),
        };
        match read_from_start(file, buffer) {
            Ok(len) => Ok(&buffer[..len]),
            Err(error) => {
                self.file = None;
                Err(error)
            }
        }
    }
}

fn read_from_start(file: &File, buffer: &mut Vec<u8>) -> io::Result<usize> {
    if buffer.len() < FIRST_BYTES {
        buffer.resize(FIRST_BYTES, 0);
    }
    let mut len = 0;
    loop {
        if len == buffer.len() {
            if len >= FILE_BYTES_MAX {
                return Err(ErrorKind::FileTooLarge.into());
            }
            buffer.resize(len * 2, 0);
        }
        match file.read_at(&mut buffer[len..], len as u64) {
            Ok(0) => return Ok(len),
            Ok(n) => len += n,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_longer_than_the_buffer_is_read_whole() {
        let path = std::env::temp_dir().join(format!("weft-kept-{}", std::process::id()));
        let content = vec![b'x'; FIRST_BYTES * 3 + 7];
        std::fs::write(&path, &content).unwrap();
        let mut kept = KeptFile::new(path.clone());
        let mut buffer = Vec::new();
        assert_eq!(kept.read(&mut buffer).unwrap(), content);
        std::fs::write(&path, b"short").unwrap();
        assert_eq!(kept.read(&mut buffer).unwrap(), b"short");
        std::fs::remove_file(&path).unwrap();
    }
}

//! How far long work has come, on stderr, when that is a terminal.

use std::io::{IsTerminal, Write};
use std::path::Path;

use weft_stdx::text;

/// How many bytes lie between two reports.
const REPORT_BYTES: u64 = 64 << 20;

/// A line that is written over.
pub(crate) struct Progress {
    what: &'static str,
    is_shown: bool,
    files: u64,
    bytes: u64,
    reported: u64,
}

impl Progress {
    pub(crate) fn new(what: &'static str) -> Progress {
        Progress {
            what,
            is_shown: std::io::stderr().is_terminal(),
            files: 0,
            bytes: 0,
            reported: 0,
        }
    }

    /// Notes that a file is looked at next.
    pub(crate) fn next(&mut self, path: &Path, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
        if self.is_shown && (self.files == 1 || self.bytes - self.reported >= REPORT_BYTES) {
            self.reported = self.bytes;
            let (files, bytes) = (self.files, text::bytes(self.bytes));
            let line = format!(
                "\r\x1b[K{} {files} files, {bytes}: {}",
                self.what,
                path.display()
            );
            write(&line);
        }
    }

    /// Takes the line away.
    pub(crate) fn end(&self) {
        if self.is_shown {
            write("\r\x1b[K");
        }
    }
}

/// What cannot be written to a terminal is of no use elsewhere.
fn write(text: &str) {
    let mut out = std::io::stderr().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

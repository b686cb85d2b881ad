//! How results look on a terminal.

pub(crate) mod chart;
pub(crate) mod live;
pub(crate) mod number;
pub(crate) mod progress;
pub(crate) mod size;
pub(crate) mod table;

use std::io::Write;

/// Writes a line to stdout; a reader that went away (as `head` does) ends the process quietly.
pub(crate) fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

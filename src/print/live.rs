//! A few lines that are drawn anew every second; without a terminal they are printed once.

use std::io::{IsTerminal, Write};

/// A block of lines at the bottom of the terminal.
#[derive(Debug)]
pub(crate) struct Live {
    is_terminal: bool,
    drawn: usize,
}

impl Live {
    /// Returns a block that has not been drawn yet.
    pub(crate) fn new() -> Live {
        Live {
            is_terminal: std::io::stdout().is_terminal(),
            drawn: 0,
        }
    }

    /// Tells whether the block is drawn anew, or printed just once.
    pub(crate) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Draws the lines over those drawn before. A terminal that is gone is no reason to stop.
    pub(crate) fn draw(&mut self, lines: &[String]) {
        if !self.is_terminal && self.drawn > 0 {
            return;
        }
        let text = rendered(lines, self.drawn);
        self.drawn = lines.len();
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}

/// Returns what to write: up over the old lines, then each new line with the rest of it cleared.
fn rendered(lines: &[String], drawn: usize) -> String {
    let mut text = String::new();
    if drawn > 0 {
        text.push_str(&format!("\x1b[{drawn}A"));
    }
    for line in lines {
        text.push_str(line);
        text.push_str(if drawn > 0 { "\x1b[K\n" } else { "\n" });
    }
    if drawn > lines.len() {
        text.push_str("\x1b[J");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_lines_cover_earlier_ones() {
        let lines = ["a".to_owned(), "b".to_owned()];
        assert_eq!(rendered(&lines, 0), "a\nb\n");
        assert_eq!(rendered(&lines, 2), "\x1b[2Aa\x1b[K\nb\x1b[K\n");
        assert_eq!(rendered(&lines[..1], 2), "\x1b[2Aa\x1b[K\n\x1b[J");
    }
}

//! Lines from pieces, for the two outputs of a container separately.
//!
//! In: pieces in the order of the file. Out: lines in the order of their completion. An open
//! fragment survives the change to the next segment.
//! Bound: [`FRAGMENT_BYTES_MAX`] per output; a longer line is handed on in chunks that say that
//! they continue, so nothing is dropped.

use weft_model::Nanos;
use weft_model::limits::LINE_BYTES_MAX;
use weft_proto::payload::LineFlags;

use super::record::{Inside, OUTPUTS, Output, Piece};
use super::segment::READ_BYTES;

/// Bytes of an open line beyond which it is handed on as a chunk. What a further piece can add
/// keeps a line below its limit.
pub(super) const FRAGMENT_BYTES_MAX: usize = LINE_BYTES_MAX - READ_BYTES;

/// A line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// When its first piece was written.
    pub(super) time: Nanos,
    /// The offset just past the piece that completes it.
    pub(super) end: u64,
    /// What else is known of it.
    pub(super) flags: LineFlags,
    /// The text.
    pub(super) body: &'a [u8],
}

/// Where an open line begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Beginning {
    /// The segment.
    pub(super) segment: u64,
    /// The offset in it.
    pub(super) start: u64,
    /// Set when that is within a record.
    pub(super) inside: Option<Inside>,
}

/// The open lines of a stream.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    open: [Option<Open>; OUTPUTS],
}

#[derive(Debug)]
struct Open {
    beginning: Beginning,
    time: Nanos,
    body: Vec<u8>,
}

impl Assembler {
    /// Adds the next piece, which lies in `segment`; hands on the line that it completes.
    pub(super) fn push(&mut self, segment: u64, piece: &Piece<'_>, emit: impl FnOnce(Line<'_>)) {
        let slot = &mut self.open[piece.output as usize];
        let flags = flags_of(piece.output);
        let (end, time) = (piece.end, piece.time);
        let Some(open) = slot else {
            if piece.partial {
                let beginning = Beginning {
                    segment,
                    start: piece.start,
                    inside: piece.inside,
                };
                *slot = Some(Open {
                    beginning,
                    time,
                    body: piece.body.to_vec(),
                });
            } else {
                emit(Line {
                    time,
                    end,
                    flags,
                    body: piece.body,
                });
            }
            return;
        };
        open.body.extend_from_slice(piece.body);
        let too_long = open.body.len() >= FRAGMENT_BYTES_MAX;
        if piece.partial && !too_long {
            return;
        }
        let flags = if piece.partial {
            flags.with(LineFlags::CONTINUES)
        } else {
            flags
        };
        emit(Line {
            time: open.time,
            end,
            flags,
            body: &open.body,
        });
        *slot = None;
    }

    /// Hands on all open lines as they are, as if they were completed at `end`.
    pub(super) fn flush(&mut self, end: u64, why: LineFlags, mut emit: impl FnMut(Line<'_>)) {
        for (slot, output) in self.open.iter_mut().zip([Output::Stdout, Output::Stderr]) {
            if let Some(open) = slot.take() {
                let flags = flags_of(output).with(why);
                emit(Line {
                    time: open.time,
                    end,
                    flags,
                    body: &open.body,
                });
            }
        }
    }

    /// Returns where the open line of each output begins.
    pub(super) fn beginnings(&self) -> [Option<Beginning>; OUTPUTS] {
        self.open
            .each_ref()
            .map(|open| open.as_ref().map(|open| open.beginning))
    }

    /// Tells whether a line is open.
    pub(super) fn is_open(&self) -> bool {
        self.open.iter().any(Option::is_some)
    }
}

fn flags_of(output: Output) -> LineFlags {
    match output {
        Output::Stdout => LineFlags::default(),
        Output::Stderr => LineFlags::STDERR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(start: u64, output: Output, partial: bool, body: &[u8]) -> Piece<'_> {
        let (end, time) = (start + 10, Nanos(start as i64));
        Piece {
            start,
            end,
            output,
            time,
            partial,
            inside: None,
            malformed: false,
            body,
        }
    }

    #[test]
    fn the_two_outputs_do_not_mix() {
        let mut assembler = Assembler::default();
        let mut lines = Vec::new();
        let mut push = |segment, piece: Piece<'_>| {
            assembler.push(segment, &piece, |line| {
                lines.push((line.time.0, line.end, line.flags, line.body.to_vec()));
            });
        };
        push(1, piece(0, Output::Stdout, true, b"a"));
        push(1, piece(10, Output::Stderr, false, b"x"));
        push(2, piece(0, Output::Stderr, true, b"y"));
        push(2, piece(10, Output::Stdout, false, b"b"));
        push(2, piece(20, Output::Stderr, false, b"z"));
        assert_eq!(
            lines,
            [
                (10, 20, LineFlags::STDERR, b"x".to_vec()),
                (0, 20, LineFlags::default(), b"ab".to_vec()),
                (0, 30, LineFlags::STDERR, b"yz".to_vec()),
            ]
        );
        assert!(!assembler.is_open());
    }

    #[test]
    fn a_line_without_end_comes_in_chunks_and_nothing_is_lost() {
        let mut assembler = Assembler::default();
        let body = vec![b'x'; READ_BYTES];
        let mut bytes = 0;
        let mut flags = Vec::new();
        for n in 0..9 {
            assembler.push(1, &piece(n * 10, Output::Stdout, n < 8, &body), |line| {
                assert!(line.body.len() <= LINE_BYTES_MAX);
                bytes += line.body.len();
                flags.push(line.flags);
            });
        }
        assert_eq!(bytes, 9 * READ_BYTES);
        assert_eq!(
            flags,
            [
                LineFlags::CONTINUES,
                LineFlags::CONTINUES,
                LineFlags::default()
            ]
        );
    }

    #[test]
    fn a_flush_hands_on_what_is_open() {
        let mut assembler = Assembler::default();
        assembler.push(
            1,
            &piece(5, Output::Stderr, true, b"rest"),
            |_| unreachable!(),
        );
        assert_eq!(
            assembler.beginnings()[1].map(|b| (b.segment, b.start)),
            Some((1, 5))
        );
        let mut told = None;
        assembler.flush(99, LineFlags::TRUNCATED, |line| {
            told = Some((line.end, line.flags))
        });
        assert_eq!(
            told,
            Some((99, LineFlags::STDERR.with(LineFlags::TRUNCATED)))
        );
    }
}

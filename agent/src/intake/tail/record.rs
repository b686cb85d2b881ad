//! Bytes of a log file as records.
//!
//! In: bytes read at an offset. Out: pieces, each a record or, when the runtime or the read buffer
//! cut it, a part of one. Bound: a record that is longer than the bytes given at once is handed on
//! in parts; a rest without a newline is left for the next time.

use weft_model::Nanos;
use weft_model::time::parse_rfc3339;

use super::stream::Format;

/// Which output of a container a record was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// Standard output; also every line of a plain file.
    Stdout = 0,
    /// Standard error.
    Stderr = 1,
}

/// The outputs in order of their numbers.
pub(super) const OUTPUTS: usize = 2;

/// A record or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// Where it begins in the file.
    pub(super) start: u64,
    /// The offset just past it.
    pub(super) end: u64,
    /// Which output it belongs to.
    pub(super) output: Output,
    /// When it was written; for plain files, read.
    pub(super) time: Nanos,
    /// Whether the line goes on in the next piece of the same output.
    pub(super) partial: bool,
    /// Set when it begins within a record.
    pub(super) inside: Option<Inside>,
    /// Whether it is not in the format of its file and is handed on as it is.
    pub(super) malformed: bool,
    /// The text.
    pub(super) body: &'a [u8],
}

/// A record whose beginning was handed on already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Inside {
    /// Its output.
    pub(super) output: Output,
    /// Its time.
    pub(super) time: Nanos,
    /// Whether the line goes on past the record.
    pub(super) partial: bool,
}

/// Splits the bytes of one file.
#[derive(Debug)]
pub(super) struct Splitter {
    format: Format,
    inside: Option<Inside>,
    times: TimeReader,
}

impl Splitter {
    /// Returns a splitter for a file that is read from a record's beginning, or from within one.
    pub(super) fn new(format: Format, inside: Option<Inside>) -> Splitter {
        Splitter {
            format,
            inside,
            times: TimeReader::default(),
        }
    }

    /// Hands on the pieces in `bytes`, read at `offset` at the time `now`, and returns how many
    /// bytes were used. When no record is complete and the buffer is `full`, part of one is.
    pub(super) fn split<'a>(
        &mut self,
        bytes: &'a [u8],
        (offset, now): (u64, Nanos),
        full: bool,
        mut take: impl FnMut(Piece<'a>),
    ) -> usize {
        let mut used = 0;
        for end in memchr::memchr_iter(b'\n', bytes) {
            let head = self.head(&bytes[used..end], now);
            take(head.piece(offset + used as u64, offset + end as u64 + 1, head.partial));
            used = end + 1;
        }
        if used == 0 && full && !bytes.is_empty() {
            let head = self.head(bytes, now);
            used = bytes.len();
            take(head.piece(offset, offset + used as u64, true));
            let Head {
                output,
                time,
                partial,
                ..
            } = head;
            self.inside = Some(Inside {
                output,
                time,
                partial,
            });
        }
        used
    }

    /// Hands on the rest of a file that nobody will complete.
    pub(super) fn finish<'a>(
        &mut self,
        bytes: &'a [u8],
        (offset, now): (u64, Nanos),
        take: impl FnOnce(Piece<'a>),
    ) {
        let head = self.head(bytes, now);
        take(head.piece(offset, offset + bytes.len() as u64, false));
    }

    fn head<'a>(&mut self, record: &'a [u8], now: Nanos) -> Head<'a> {
        if let Some(inside) = self.inside.take() {
            let Inside {
                output,
                time,
                partial,
            } = inside;
            let inside = Some(inside);
            return Head {
                output,
                time,
                partial,
                inside,
                malformed: false,
                body: record,
            };
        }
        let plain = Head {
            output: Output::Stdout,
            time: now,
            partial: false,
            inside: None,
            malformed: self.format == Format::Cri,
            body: record.strip_suffix(b"\r").unwrap_or(record),
        };
        match self.format {
            Format::Plain => plain,
            Format::Cri => cri(record, &mut self.times).unwrap_or(plain),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Head<'a> {
    output: Output,
    time: Nanos,
    partial: bool,
    inside: Option<Inside>,
    malformed: bool,
    body: &'a [u8],
}

impl<'a> Head<'a> {
    fn piece(self, start: u64, end: u64, partial: bool) -> Piece<'a> {
        let Head {
            output,
            time,
            inside,
            malformed,
            body,
            ..
        } = self;
        Piece {
            start,
            end,
            output,
            time,
            partial,
            inside,
            malformed,
            body,
        }
    }
}

fn cri<'a>(record: &'a [u8], times: &mut TimeReader) -> Option<Head<'a>> {
    let (time, rest) = cut(record)?;
    let time = times.read(time)?;
    let (output, rest) = cut(rest)?;
    let output = match output {
        b"stdout" => Output::Stdout,
        b"stderr" => Output::Stderr,
        _ => return None,
    };
    // An empty body may come without the blank before it.
    let (tags, body) = cut(rest).unwrap_or((rest, b""));
    let partial = match tags.split(|byte| *byte == b':').next()? {
        b"P" => true,
        b"F" => false,
        _ => return None,
    };
    Some(Head {
        output,
        time,
        partial,
        inside: None,
        malformed: false,
        body,
    })
}

fn cut(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let blank = memchr::memchr(b' ', text)?;
    Some((&text[..blank], &text[blank + 1..]))
}

/// Bytes of a time up to and with its seconds.
const SECONDS_BYTES: usize = 19;

/// Reads times that mostly differ in their fraction alone.
#[derive(Debug, Default)]
struct TimeReader {
    last: [u8; SECONDS_BYTES],
    last_nanos: i64,
}

impl TimeReader {
    fn read(&mut self, text: &[u8]) -> Option<Nanos> {
        let seconds = text.get(..SECONDS_BYTES)?;
        if seconds == self.last
            && let Some(fraction) = utc_fraction(&text[SECONDS_BYTES..])
        {
            return self.last_nanos.checked_add(fraction).map(Nanos);
        }
        let time = parse_rfc3339(text)?;
        if let Some(fraction) = utc_fraction(&text[SECONDS_BYTES..]) {
            self.last.copy_from_slice(seconds);
            self.last_nanos = time.0 - fraction;
        }
        Some(time)
    }
}

/// Reads `.123Z` as nanoseconds; nothing when it has another form.
fn utc_fraction(text: &[u8]) -> Option<i64> {
    let digits = text.strip_suffix(b"Z")?;
    if digits.is_empty() {
        return Some(0);
    }
    let digits = digits
        .strip_prefix(b".")
        .filter(|d| matches!(d.len(), 1..=9))?;
    let mut nanos = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        nanos = nanos * 10 + i64::from(digit);
    }
    Some(nanos * 10_i64.pow(9 - digits.len() as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Nanos = Nanos(77);

    fn pieces(format: Format, text: &str, full: bool) -> (Vec<(u64, u64, bool, String)>, usize) {
        let mut all = Vec::new();
        let used = Splitter::new(format, None).split(text.as_bytes(), (100, NOW), full, |piece| {
            let body = String::from_utf8_lossy(piece.body).into_owned();
            all.push((piece.start, piece.end, piece.partial, body));
        });
        (all, used)
    }

    fn check(record: &str, nanos: i64, output: Output, partial: bool, body: &str) {
        let mut told = None;
        let text = format!("{record}\n");
        Splitter::new(Format::Cri, None).split(text.as_bytes(), (0, NOW), false, |piece| {
            assert!(!piece.malformed, "{record}");
            told = Some((
                piece.time.0,
                piece.output,
                piece.partial,
                piece.body.to_vec(),
            ));
        });
        assert_eq!(
            told,
            Some((nanos, output, partial, body.into())),
            "{record}"
        );
    }

    #[test]
    fn records_of_container_runtimes_are_read() {
        use Output::{Stderr, Stdout};
        check(
            "1970-01-01T00:00:01.5Z stdout F hello world",
            1_500_000_000,
            Stdout,
            false,
            "hello world",
        );
        check(
            "1970-01-01T00:00:01Z stderr P:x part",
            1_000_000_000,
            Stderr,
            true,
            "part",
        );
        check(
            "1970-01-01T01:00:00.000000001+01:00 stdout F ",
            1,
            Stdout,
            false,
            "",
        );
        check(
            "1970-01-01T00:00:00.1Z stdout F",
            100_000_000,
            Stdout,
            false,
            "",
        );
    }

    #[test]
    fn what_is_no_record_is_handed_on_as_it_is() {
        for record in [
            "",
            "hello",
            "1970-01-01T00:00:01Z stdin F x",
            "nonsense stdout F x",
        ] {
            let mut told = None;
            let text = format!("{record}\n");
            Splitter::new(Format::Cri, None).split(text.as_bytes(), (0, NOW), false, |piece| {
                told = Some((piece.malformed, piece.time, piece.body.to_vec()));
            });
            assert_eq!(told, Some((true, NOW, record.into())), "{record}");
        }
    }

    #[test]
    fn an_incomplete_line_waits() {
        let (all, used) = pieces(Format::Plain, "one\r\n\ntwo", false);
        assert_eq!(
            all,
            [
                (100, 105, false, "one".into()),
                (105, 106, false, String::new())
            ]
        );
        assert_eq!(used, 6);
    }

    #[test]
    fn a_record_longer_than_the_buffer_comes_in_parts() {
        let mut splitter = Splitter::new(Format::Cri, None);
        let mut all = Vec::new();
        let mut take = |piece: Piece<'_>| {
            let body = String::from_utf8_lossy(piece.body).into_owned();
            all.push((piece.time.0, piece.partial, piece.inside.is_some(), body));
        };
        for (bytes, offset) in [
            ("1970-01-01T00:00:01Z stderr F abc", 0),
            ("def", 33),
            ("gh\nx", 36),
        ] {
            let used = splitter.split(bytes.as_bytes(), (offset, NOW), true, &mut take);
            assert_eq!(used, bytes.len() - bytes.matches('x').count());
        }
        let second = 1_000_000_000;
        assert_eq!(
            all,
            [
                (second, true, false, "abc".to_owned()),
                (second, true, true, "def".to_owned()),
                (second, false, true, "gh".to_owned()),
            ]
        );
    }

    #[test]
    fn times_read_through_the_cache_as_without_it() {
        let mut times = TimeReader::default();
        for text in [
            "2024-02-29T23:59:59.123456789Z",
            "2024-02-29T23:59:59.5Z",
            "2024-02-29T23:59:59Z",
            "2024-02-29T23:59:59+02:00",
            "2024-02-29T23:59:59.000000001Z",
            "2024-02-29T23:59:59.1234567891Z",
            "2024-02-29T23:59:59.Z",
            "2024-02-29T23:59:5",
        ] {
            let expected = parse_rfc3339(text.as_bytes());
            assert_eq!(times.read(text.as_bytes()), expected, "{text}");
        }
    }
}

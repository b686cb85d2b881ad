//! JSON text, appended to a buffer.
//!
//! In: strings, labels, lists. Out: JSON without spaces. [`Pieces`] writes a long list lazily, a
//! piece at a time, so that an answer is never in memory twice.

use weft_model::Labels;

/// How large a piece of a long answer is, in bytes, before the next one begins.
const PIECE_BYTES: usize = 64 * 1024;

/// Appends a string with its quotes.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest
        .iter()
        .position(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\'))
    {
        out.extend_from_slice(&rest[..at]);
        escape(out, rest[at]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

fn escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => return super::number::print(out, format_args!("\\u{byte:04x}")),
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Appends a label set as an object.
pub(crate) fn labels(out: &mut Vec<u8>, labels: &Labels) {
    list(out, [b'{', b'}'], labels.iter(), |out, (name, value)| {
        string(out, name);
        out.push(b':');
        string(out, value);
    });
}

/// Appends items between brackets, with commas.
pub(crate) fn list<T>(
    out: &mut Vec<u8>,
    brackets: [u8; 2],
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(brackets[0]);
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(brackets[1]);
}

/// Appends an array.
pub(crate) fn array<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    write: impl FnMut(&mut Vec<u8>, T),
) {
    list(out, [b'[', b']'], items, write);
}

/// Appends an array of strings.
pub(crate) fn strings<S: AsRef<str>>(out: &mut Vec<u8>, items: impl IntoIterator<Item = S>) {
    array(out, items, |out, item| string(out, item.as_ref()));
}

/// Appends something small that knows its own shape.
pub(crate) fn object(out: &mut Vec<u8>, value: &impl serde::Serialize) {
    serde_json::to_writer(out, value).expect("plain structs have string keys");
}

/// A long list between a head and a tail, written a piece at a time.
pub(crate) struct Pieces<I, W> {
    next: Vec<u8>,
    items: I,
    write: W,
    tail: Option<Vec<u8>>,
    written: usize,
}

impl<I, W> Pieces<I, W>
where
    I: Iterator,
    W: FnMut(&mut Vec<u8>, I::Item),
{
    /// Returns the pieces of `head`, the items with commas between them, and `tail`.
    pub(crate) fn new(head: Vec<u8>, items: I, write: W, tail: Vec<u8>) -> Pieces<I, W> {
        Pieces {
            next: head,
            items,
            write,
            tail: Some(tail),
            written: 0,
        }
    }
}

impl<I, W> Iterator for Pieces<I, W>
where
    I: Iterator,
    W: FnMut(&mut Vec<u8>, I::Item),
{
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        self.tail.as_ref()?;
        let mut piece = std::mem::take(&mut self.next);
        while piece.len() < PIECE_BYTES {
            let Some(item) = self.items.next() else {
                piece.extend_from_slice(&self.tail.take()?);
                break;
            };
            if self.written > 0 {
                piece.push(b',');
            }
            self.written += 1;
            (self.write)(&mut piece, item);
        }
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_read_back() {
        for text in [
            "",
            "plain",
            "a\"b\\c",
            "\n\r\t\u{1}\u{1f}",
            "é\u{2028}\u{10ffff}",
        ] {
            let mut out = Vec::new();
            string(&mut out, text);
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }

    #[test]
    fn pieces_make_up_the_whole() {
        for count in [0, 1, 2, 40_000] {
            let write = |out: &mut Vec<u8>, item: u32| out.extend(item.to_string().bytes());
            let pieces: Vec<_> =
                Pieces::new(b"[".to_vec(), 0..count, write, b"]".to_vec()).collect();
            assert!(pieces.len() < 10 && pieces.iter().all(|piece| piece.len() < 2 * PIECE_BYTES));
            let read: Vec<u32> = serde_json::from_slice(&pieces.concat()).unwrap();
            assert_eq!(read, (0..count).collect::<Vec<_>>());
        }
    }
}

//! One record of the file of positions: all that is known of one stream.

use weft_model::Nanos;

use crate::intake::tail::position::{OpenLine, SegmentState};
use crate::intake::tail::record::{Inside, OUTPUTS, Output};
use crate::intake::tail::segment::FileId;

/// Length and checksum.
const HEAD_BYTES: usize = 8;

/// Bits of a segment's flags; those of the second output lie one higher.
const DONE: u8 = 1;
const OPEN: u8 = 2;
const INSIDE: u8 = 8;
const PARTIAL: u8 = 32;

/// Appends the record of a stream; one without segments says that the stream is gone.
pub(super) fn append(out: &mut Vec<u8>, identity: &str, segments: &[SegmentState]) {
    let mut body = Vec::new();
    body.extend_from_slice(&(identity.len() as u32).to_le_bytes());
    body.extend_from_slice(identity.as_bytes());
    body.extend_from_slice(&(segments.len() as u32).to_le_bytes());
    segments
        .iter()
        .for_each(|segment| append_segment(&mut body, segment));
    out.extend_from_slice(&(body.len() as u32).to_le_bytes());
    out.extend_from_slice(&crc32c::crc32c(&body).to_le_bytes());
    out.extend_from_slice(&body);
}

/// Reads all records up to the first that is torn or damaged; returns where that is.
pub(super) fn read_all(bytes: &[u8], mut take: impl FnMut(String, Vec<SegmentState>)) -> usize {
    let mut rest = bytes;
    while let Some((identity, segments, tail)) = read(rest) {
        take(identity, segments);
        rest = tail;
    }
    bytes.len() - rest.len()
}

fn append_segment(body: &mut Vec<u8>, segment: &SegmentState) {
    let SegmentState {
        id,
        fingerprint,
        file,
        end,
        read_to,
        ..
    } = segment;
    for number in [*id, *fingerprint, file.device, file.inode, *end, *read_to] {
        body.extend_from_slice(&number.to_le_bytes());
    }
    body.extend_from_slice(&segment.generation.to_le_bytes());
    let flags_at = body.len();
    body.push(if segment.done { DONE } else { 0 });
    for (output, open) in segment.open.iter().enumerate() {
        let Some(open) = open else { continue };
        body[flags_at] |= OPEN << output;
        body.extend_from_slice(&open.start.to_le_bytes());
        if let Some(inside) = open.inside {
            body[flags_at] |= INSIDE << output;
            body[flags_at] |= if inside.partial { PARTIAL << output } else { 0 };
            body.extend_from_slice(&inside.time.0.to_le_bytes());
        }
    }
}

fn read(bytes: &[u8]) -> Option<(String, Vec<SegmentState>, &[u8])> {
    let (head, rest) = bytes.split_at_checked(HEAD_BYTES)?;
    let len = u32::from_le_bytes(head[..4].try_into().ok()?) as usize;
    let crc = u32::from_le_bytes(head[4..].try_into().ok()?);
    let (body, rest) = rest.split_at_checked(len)?;
    if crc32c::crc32c(body) != crc {
        return None;
    }
    let mut body = Cursor(body);
    let identity_len = body.u32()? as usize;
    let identity = String::from_utf8(body.take(identity_len)?.to_vec()).ok()?;
    let segments = (0..body.u32()?)
        .map(|_| read_segment(&mut body))
        .collect::<Option<_>>()?;
    body.0.is_empty().then_some((identity, segments, rest))
}

fn read_segment(body: &mut Cursor<'_>) -> Option<SegmentState> {
    let [id, fingerprint, device, inode, end, read_to] = body.numbers()?;
    let generation = body.u32()?;
    let flags = body.take(1)?[0];
    let mut open = [None; OUTPUTS];
    for (at, output) in [Output::Stdout, Output::Stderr].into_iter().enumerate() {
        if flags & OPEN << at == 0 {
            continue;
        }
        let [start] = body.numbers()?;
        let mut inside = None;
        if flags & INSIDE << at != 0 {
            let [time] = body.numbers()?;
            let partial = flags & PARTIAL << at != 0;
            inside = Some(Inside {
                output,
                time: Nanos(time as i64),
                partial,
            });
        }
        open[at] = Some(OpenLine { start, inside });
    }
    let file = FileId { device, inode };
    let done = flags & DONE != 0;
    Some(SegmentState {
        id,
        fingerprint,
        generation,
        file,
        end,
        read_to,
        open,
        done,
    })
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn numbers<const N: usize>(&mut self) -> Option<[u64; N]> {
        let mut numbers = [0; N];
        for number in &mut numbers {
            *number = u64::from_le_bytes(self.take(8)?.try_into().ok()?);
        }
        Some(numbers)
    }
}

//! Decodes a log payload.
//!
//! In: a payload. Out: its parts; their bodies are slices of one buffer.
//! Bound: the decoded size of a batch, [`LINES_MAX`] lines, [`PARTS_MAX`] parts, the limits on
//! labels and on the length of a line.

use bytes::Bytes;
use weft_codec::varint::{take_bytes, take_len, take_run, take_uvarint, take_varint};
use weft_model::limits::LINE_BYTES_MAX;
use weft_model::{Labels, Nanos};

use super::super::dictionary::within_limits;
use super::super::{LINES_MAX, PARTS_MAX, PayloadError, frame};
use super::part::{Line, LineFlags, LogPart, PartHead};

/// Decodes a payload of the encoding `ENCODING_LOGS_V1`.
pub fn decode_logs(payload: &[u8]) -> Result<Vec<LogPart>, PayloadError> {
    let mut payload = payload;
    frame::take_version(&mut payload)?;
    let bytes = Bytes::from(frame::expand(payload)?);
    let mut rest = &bytes[..];
    let count = take_uvarint(&mut rest)?;
    if count > PARTS_MAX as u64 {
        return Err(PayloadError::TooLarge("parts"));
    }
    let mut parts = Vec::new();
    let mut lines = 0;
    for _ in 0..count {
        let part = read_part(&mut rest, LINES_MAX - lines)?;
        lines += part.len();
        parts.push(part);
    }
    let mut bodies = bytes.slice(bytes.len() - rest.len()..);
    for part in &mut parts {
        let len = part.lines.last().map_or(0, |line| line.body.1 as usize);
        if len > bodies.len() {
            return Err(PayloadError::Malformed("bodies end too early"));
        }
        part.bodies = bodies.split_to(len);
    }
    if bodies.is_empty() {
        Ok(parts)
    } else {
        Err(PayloadError::Malformed("bytes after the last body"))
    }
}

fn read_part(rest: &mut &[u8], lines_max: usize) -> Result<LogPart, PayloadError> {
    let head = read_head(rest)?;
    let reach = take_uvarint(rest)?;
    let end = head.start.checked_add(reach);
    let end = end.ok_or(PayloadError::Malformed("a part past the last offset"))?;
    let count = take_len(rest, rest.len())?;
    if count > lines_max {
        return Err(PayloadError::TooLarge("lines"));
    }
    let lines = read_lines(rest, count, (head.start, end))?;
    Ok(LogPart {
        head,
        end,
        lines,
        bodies: Bytes::new(),
    })
}

fn read_head(rest: &mut &[u8]) -> Result<PartHead, PayloadError> {
    let labels = Labels::from_bytes(take_run(rest)?);
    let labels = labels.ok_or(PayloadError::Malformed("no label set"))?;
    if !within_limits(&labels) {
        return Err(PayloadError::TooLarge("labels"));
    }
    Ok(PartHead {
        labels,
        stream_key: take_u64(rest)?,
        segment: take_u64(rest)?,
        start: take_u64(rest)?,
    })
}

fn take_u64(rest: &mut &[u8]) -> Result<u64, PayloadError> {
    let bytes = take_bytes(rest, 8)?;
    Ok(bytes
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// Reads the columns of `count` lines, which are completed in `(start, end]`.
fn read_lines(
    rest: &mut &[u8],
    count: usize,
    (start, end): (u64, u64),
) -> Result<Vec<Line>, PayloadError> {
    let mut lines = Vec::with_capacity(count);
    let mut time = 0i64;
    for _ in 0..count {
        time = time.wrapping_add(take_varint(rest)?);
        lines.push(Line {
            time: Nanos(time),
            end: 0,
            flags: LineFlags::default(),
            body: (0, 0),
        });
    }
    let mut at = start;
    for line in &mut lines {
        let next = at.checked_add(take_uvarint(rest)?);
        at = next
            .filter(|next| *next > start && *next <= end)
            .ok_or(PayloadError::Malformed(
                "a line completed outside of its part",
            ))?;
        line.end = at;
    }
    for (line, flags) in lines.iter_mut().zip(take_bytes(rest, count)?) {
        line.flags = LineFlags(*flags);
    }
    let mut body = 0u32;
    for line in &mut lines {
        let len = take_len(rest, LINE_BYTES_MAX)? as u32;
        let next = body.checked_add(len);
        let next = next.ok_or(PayloadError::TooLarge("bytes of lines"))?;
        line.body = (body, next);
        body = next;
    }
    Ok(lines)
}

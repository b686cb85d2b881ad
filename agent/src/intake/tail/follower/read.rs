//! Reading a follower's segments: new bytes, ends of files, files that were written over.

use std::io;
use std::time::{Duration, Instant};

use weft_model::Nanos;
use weft_proto::payload::{LineFlags, PartHead};

use super::{
    Content, Follower, LINGER, LINGERING_MAX, Lingering, POLL_MAX, POLL_MIN, Segment, Turn,
};
use crate::intake::tail::assemble::{Assembler, Line};
use crate::intake::tail::chain;
use crate::intake::tail::record::{Piece, Splitter};
use crate::intake::tail::segment::{FileId, SegmentFile};
use crate::intake::tail::stream::{Format, StreamSpec, fingerprint};
use crate::intake::tail::tally::Tally;
use crate::shape::logs::{LogBatcher, PartPlace};

/// How long a file must stay at its end, after its successor appeared, to be finished: the writer
/// opens the new file before it writes there, and may write to the old one until then.
pub(super) const SETTLE: Duration = Duration::from_millis(100);

/// How long a file without a name must stay at its end to be finished.
const SETTLE_UNLINKED: Duration = Duration::from_millis(500);

/// How long a line stays open without a further piece.
pub(super) const LINE_IDLE: Duration = Duration::from_secs(5);

/// What reading found.
enum Found {
    /// Bytes, and whether there may be more at once.
    Bytes { more: bool },
    /// Nothing new; this many bytes at the end wait to be completed.
    End { rest: usize },
    /// The file is shorter than before or begins otherwise.
    WrittenOver,
}

impl Follower {
    /// Takes a turn: reads what fits into the buffer and hands on its lines.
    pub(in crate::intake::tail) fn poll(&mut self, turn: &mut Turn<'_>) {
        self.welcome_unborn(turn);
        let Some(at) = self.reading() else {
            self.flush_idle(turn);
            self.rest(turn.instant);
            return;
        };
        match self.read(at, turn) {
            Ok(Found::Bytes { more }) => {
                self.wait = POLL_MIN;
                self.next_poll = (!more).then(|| turn.instant + POLL_MIN);
                self.segments[at].quiet_since = None;
            }
            Ok(Found::End { rest }) => self.at_end(at, rest, turn),
            Ok(Found::WrittenOver) => self.leave_written_over(at, turn),
            Err(error) => {
                turn.tally.read_errors += 1;
                tracing::warn!(%error, stream = self.spec.identity, "cannot read log file");
                self.finish(at, 0, turn);
            }
        }
    }

    /// Returns finished files to reading whose writer came back, and closes those that waited long
    /// enough.
    pub(in crate::intake::tail) fn check_lingering(&mut self, now: Instant) {
        let mut kept = Vec::new();
        for lingering in std::mem::take(&mut self.lingering) {
            let condition = lingering.file.condition().ok().flatten();
            let grown = condition.is_some_and(|c| c.size > lingering.state.read_to);
            if grown {
                self.take_back(lingering);
            } else if now < lingering.until {
                kept.push(lingering);
            }
        }
        self.lingering = kept;
    }

    fn read(&mut self, at: usize, turn: &mut Turn<'_>) -> io::Result<Found> {
        let segment = &mut self.segments[at];
        let Content::Open(file) = &mut segment.file else {
            return Ok(Found::End { rest: 0 });
        };
        let len = file.fill(turn.buffer)?;
        if len == 0 {
            let shorter = file.condition()?.is_some_and(|c| c.size < file.offset());
            return Ok(if shorter {
                Found::WrittenOver
            } else {
                Found::End { rest: 0 }
            });
        }
        if file.offset() > 0 && !file.begins_with(&segment.prefix)? {
            return Ok(Found::WrittenOver);
        }
        let full = len == turn.buffer.len();
        let used = self.hand_on(at, len, turn, |splitter, bytes, from, sink| {
            splitter.split(bytes, from, full, |piece| sink.take(&piece))
        });
        if used == 0 {
            return Ok(Found::End { rest: len });
        }
        self.last_piece = self.assembler.is_open().then_some(turn.instant);
        Ok(Found::Bytes { more: full })
    }

    /// Hands on the lines in the first `len` bytes of the buffer, as `cut` cuts them, and moves on
    /// by as many bytes as it used.
    fn hand_on(
        &mut self,
        at: usize,
        len: usize,
        turn: &mut Turn<'_>,
        cut: impl FnOnce(&mut Splitter, &[u8], (u64, Nanos), &mut Sink<'_>) -> usize,
    ) -> usize {
        let segment = &mut self.segments[at];
        let place = place_of(&self.spec, segment, turn.batcher);
        let mut sink = Sink {
            assembler: &mut self.assembler,
            batcher: turn.batcher,
            tally: turn.tally,
            segment: segment.id,
            skip_to: segment.skip_to,
            end: &mut segment.end,
            place,
            instant: turn.instant,
        };
        let from = (segment.read_to, turn.now);
        let used = cut(&mut segment.splitter, &turn.buffer[..len], from, &mut sink);
        if let Content::Open(file) = &mut segment.file {
            file.advance(used);
        }
        segment.read_to += used as u64;
        turn.tally.bytes += used as u64;
        used
    }

    fn at_end(&mut self, at: usize, rest: usize, turn: &mut Turn<'_>) {
        self.flush_idle(turn);
        let has_successor = at + 1 < self.segments.len();
        let segment = &mut self.segments[at];
        let Content::Open(file) = &segment.file else {
            return;
        };
        let condition = file.condition().ok().flatten();
        let settle = match condition {
            // A compressed file does not grow.
            None => Some(Duration::ZERO),
            Some(_) if has_successor => Some(SETTLE),
            Some(condition) if condition.unlinked => Some(SETTLE_UNLINKED),
            Some(_) => None,
        };
        let Some(settle) = settle else {
            segment.quiet_since = None;
            self.rest(turn.instant);
            return;
        };
        let quiet_since = *segment.quiet_since.get_or_insert(turn.instant);
        if turn.instant.saturating_duration_since(quiet_since) >= settle {
            self.finish(at, rest, turn);
        } else {
            self.next_poll = Some(quiet_since + settle);
        }
    }

    /// Ends a segment: hands on the `rest` of the buffer that nobody will complete.
    fn finish(&mut self, at: usize, rest: usize, turn: &mut Turn<'_>) {
        if rest > 0 {
            self.hand_on(at, rest, turn, |splitter, bytes, from, sink| {
                splitter.finish(bytes, from, |piece| sink.take(&piece));
                bytes.len()
            });
        }
        // While the stream has files, its open lines may go on in another one.
        let is_last = at + 1 == self.segments.len();
        if is_last && self.assembler.is_open() && self.has_no_files() {
            self.flush(at, LineFlags::TRUNCATED, turn);
        }
        let segment = &mut self.segments[at];
        let state = segment.state([None; 2], true);
        let Content::Open(file) = std::mem::replace(&mut segment.file, Content::Finished) else {
            return;
        };
        if !file.is_compressed() {
            let (prefix, until) = (segment.prefix.clone(), turn.instant + LINGER);
            self.lingering.push(Lingering {
                state,
                prefix,
                file,
                until,
            });
            if self.lingering.len() > LINGERING_MAX {
                self.lingering.remove(0);
            }
        }
        self.hurry();
    }

    fn flush_idle(&mut self, turn: &mut Turn<'_>) {
        let Some(last) = self.last_piece else { return };
        if turn.instant.saturating_duration_since(last) >= LINE_IDLE && !self.segments.is_empty() {
            let at = self.reading().unwrap_or(self.segments.len() - 1);
            self.flush(at, LineFlags::CONTINUES, turn);
        }
    }

    /// Hands on the open lines as if they were completed in the segment `at`: at the first offset
    /// past all lines so far, where no record can be completed.
    fn flush(&mut self, at: usize, why: LineFlags, turn: &mut Turn<'_>) {
        self.last_piece = None;
        let segment = &mut self.segments[at];
        let end = if segment.end < segment.read_to {
            segment.read_to
        } else {
            segment.end + 1
        };
        let place = place_of(&self.spec, segment, turn.batcher);
        let (batcher, tally, instant) = (&mut *turn.batcher, &mut *turn.tally, turn.instant);
        self.assembler
            .flush(end, why, |line| push(batcher, tally, place, &line, instant));
        segment.end = end;
    }

    /// Leaves a file whose content was replaced (copytruncate). What was not read of the old
    /// content is in the copy, if there is one.
    fn leave_written_over(&mut self, at: usize, turn: &mut Turn<'_>) {
        turn.tally.truncations += 1;
        tracing::info!(stream = self.spec.identity, "log file was written over");
        match self.find_copy(at) {
            Some(copy) => {
                let segment = &mut self.segments[at];
                segment.file_id = copy.id();
                segment.file = Content::Open(copy);
            }
            None => {
                let segment = &mut self.segments[at];
                segment.file = Content::Finished;
                segment.file_id = FileId::NONE;
            }
        }
        self.looked_at.clear();
        self.hurry();
        // The new content is a segment of its own.
        if let Err(error) = self.refresh(crate::config::Start::Beginning, turn) {
            tracing::debug!(%error, stream = self.spec.identity, "cannot list log files");
        }
    }

    /// Returns the copy that was made before a file was written over, at the same offset.
    fn find_copy(&self, at: usize) -> Option<SegmentFile> {
        let segment = &self.segments[at];
        for path in chain::files(&self.spec.path).ok()?.into_iter().rev() {
            let is_copy = || -> io::Result<Option<SegmentFile>> {
                let mut file = SegmentFile::open(&path)?;
                if file.id() == segment.file_id
                    || fingerprint(&file.prefix()?) != Some(segment.fingerprint)
                {
                    return Ok(None);
                }
                file.seek(segment.read_to)?;
                Ok(Some(file))
            };
            if let Ok(Some(file)) = is_copy() {
                return Some(file);
            }
        }
        None
    }

    /// Lets go of the oldest file without a name, unread as it is; returns its size.
    pub(in crate::intake::tail) fn let_go(&mut self, turn: &mut Turn<'_>) -> u64 {
        for at in 0..self.segments.len() {
            let Content::Open(file) = &self.segments[at].file else {
                continue;
            };
            let Ok(Some(condition)) = file.condition() else {
                continue;
            };
            if condition.unlinked {
                let state = self.segments[at].state([None; 2], true);
                self.tell_gap(&state, turn);
                self.segments[at].file = Content::Finished;
                return condition.size;
            }
        }
        0
    }

    fn take_back(&mut self, lingering: Lingering) {
        let Lingering {
            state,
            prefix,
            file,
            ..
        } = lingering;
        self.done.retain(|done| done.id != state.id);
        if let Some(segment) = self
            .segments
            .iter_mut()
            .find(|segment| segment.id == state.id)
        {
            segment.file = Content::Open(file);
            segment.quiet_since = None;
        } else {
            let mut segment = Segment::sought(state, self.spec.format);
            (segment.prefix, segment.file) = (prefix, Content::Open(file));
            self.segments.push_front(segment);
        }
        self.hurry();
    }

    fn rest(&mut self, now: Instant) {
        self.next_poll = Some(now + self.wait);
        self.wait = (self.wait * 2).min(POLL_MAX);
    }
}

fn place_of(spec: &StreamSpec, segment: &Segment, batcher: &mut LogBatcher) -> PartPlace {
    batcher.part(spec.key, segment.id, || PartHead {
        labels: spec.labels.clone(),
        stream_key: spec.key,
        segment: segment.id,
        start: segment.end,
    })
}

/// Hands pieces of one segment to the assembler, and its lines to the batcher.
struct Sink<'a> {
    assembler: &'a mut Assembler,
    batcher: &'a mut LogBatcher,
    tally: &'a mut Tally,
    segment: u64,
    skip_to: [u64; 2],
    end: &'a mut u64,
    place: PartPlace,
    instant: Instant,
}

impl Sink<'_> {
    fn take(&mut self, piece: &Piece<'_>) {
        if piece.start < self.skip_to[piece.output as usize] {
            return;
        }
        self.tally.malformed += u64::from(piece.malformed);
        let Sink {
            assembler,
            batcher,
            tally,
            end,
            place,
            instant,
            ..
        } = self;
        assembler.push(self.segment, piece, |line| {
            push(batcher, tally, *place, &line, *instant);
            **end = line.end;
        });
    }
}

fn push(
    batcher: &mut LogBatcher,
    tally: &mut Tally,
    place: PartPlace,
    line: &Line<'_>,
    now: Instant,
) {
    match batcher.push(place, (line.time, line.end, line.flags), line.body, now) {
        Ok(()) => tally.lines += 1,
        Err(error) => {
            tally.unencodable += 1;
            tracing::warn!(%error, "log line is dropped");
        }
    }
}

/// Tells whether the format gives each record a time, so that no two files begin alike.
pub(super) fn has_times(format: Format) -> bool {
    format == Format::Cri
}

//! One stream, followed through its segments.
//!
//! In: the files of the stream, as they are. Out: lines with their completion offsets, handed to a
//! batcher; and, for each batch, the state that its acknowledgement makes durable.
//! Bound: [`READ_BYTES`] in one turn; an open line per output; some finished files that stay open
//! for [`LINGER`] in case that their writer comes back.
//!
//! The segments stand in the order in which they were written. One is read, those before it are
//! finished, those after it wait:
//!
//! ```text
//! finished ... | reading | waiting ...      (new ones come in at the right)
//! ```

mod identify;
mod read;

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use weft_model::Nanos;
use weft_proto::payload::{LineFlags, PartHead};

use super::assemble::Assembler;
use super::position::{SegmentState, open_in};
use super::record::{OUTPUTS, Splitter};
#[cfg(doc)]
use super::segment::READ_BYTES;
use super::segment::{FileId, SegmentFile};
use super::stream::StreamSpec;
use super::tally::Tally;
use crate::shape::logs::LogBatcher;

/// How long a finished file is kept open.
pub(super) const LINGER: Duration = Duration::from_secs(60);

/// Finished files that are kept open for one stream.
const LINGERING_MAX: usize = 4;

/// Finished segments that are remembered.
const DONE_MAX: usize = super::positions::DONE_MAX;

/// How often a file is looked at that was written to a moment ago.
pub(super) const POLL_MIN: Duration = Duration::from_millis(5);

/// How often a quiet file is looked at.
pub(super) const POLL_MAX: Duration = Duration::from_millis(200);

/// A stream and how far it is read.
#[derive(Debug)]
pub(super) struct Follower {
    spec: StreamSpec,
    segments: VecDeque<Segment>,
    /// Segments in which nothing has to be read, oldest first.
    done: VecDeque<SegmentState>,
    lingering: Vec<Lingering>,
    /// The current file while its first record is incomplete.
    unborn: Option<SegmentFile>,
    assembler: Assembler,
    /// When the last piece of an open line was read.
    last_piece: Option<Instant>,
    /// Fingerprints of files that were looked at and have not changed since.
    looked_at: HashMap<FileId, identify::LookedAt>,
    /// How often the files of the stream were listed.
    looks: u32,
    wait: Duration,
    next_poll: Option<Instant>,
}

/// A segment that has something to be read or acknowledged.
#[derive(Debug)]
struct Segment {
    id: u64,
    fingerprint: u64,
    generation: u32,
    /// The first bytes, which tell when a file was written over.
    prefix: Vec<u8>,
    file_id: FileId,
    file: Content,
    splitter: Splitter,
    /// Lines with a completion offset up to here were handed on.
    end: u64,
    /// The offset of the first byte that was not used.
    read_to: u64,
    /// Pieces that begin before were handed on already, before a restart.
    skip_to: [u64; OUTPUTS],
    /// Since when there is nothing more to read although a later segment exists.
    quiet_since: Option<Instant>,
    /// The state told last.
    told: Option<SegmentState>,
}

/// Where the bytes of a segment come from.
#[derive(Debug)]
enum Content {
    /// Known from before a restart, and not found yet.
    Sought(SegmentState),
    /// Being read, or waiting to be.
    Open(SegmentFile),
    /// Nothing more to read.
    Finished,
}

/// A finished file whose writer may come back.
#[derive(Debug)]
struct Lingering {
    state: SegmentState,
    prefix: Vec<u8>,
    file: SegmentFile,
    until: Instant,
}

/// What a turn works with.
pub(super) struct Turn<'a> {
    /// The wall clock, for lines without a time.
    pub(super) now: Nanos,
    /// The monotonic clock.
    pub(super) instant: Instant,
    /// Room for [`READ_BYTES`].
    pub(super) buffer: &'a mut [u8],
    /// Where lines go.
    pub(super) batcher: &'a mut LogBatcher,
    /// What is counted.
    pub(super) tally: &'a mut Tally,
}

impl Follower {
    /// Returns a stream whose segments were acknowledged up to `states`, oldest first.
    pub(super) fn new(spec: StreamSpec, states: &[SegmentState]) -> Follower {
        let format = spec.format;
        let (done, sought): (Vec<_>, Vec<_>) = states.iter().cloned().partition(|s| s.done);
        let segments = sought
            .into_iter()
            .map(|state| Segment::sought(state, format))
            .collect();
        Follower {
            spec,
            segments,
            done: done.into(),
            lingering: Vec::new(),
            unborn: None,
            assembler: Assembler::default(),
            last_piece: None,
            looked_at: HashMap::new(),
            looks: 0,
            wait: POLL_MIN,
            next_poll: None,
        }
    }

    /// Returns what the stream is.
    pub(super) fn spec(&self) -> &StreamSpec {
        &self.spec
    }

    /// Tells whether it is time to look for new bytes.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.next_poll.is_none_or(|next| next <= now)
    }

    /// Returns when it will be time to look for new bytes; nothing when it is.
    pub(super) fn next_poll(&self) -> Option<Instant> {
        self.next_poll
    }

    /// Makes the next look happen at once.
    pub(super) fn hurry(&mut self) {
        (self.wait, self.next_poll) = (POLL_MIN, None);
    }

    /// Tells whether all that there was is read and no file is left.
    pub(super) fn is_over(&self) -> bool {
        let needed = |segment: &Segment| !matches!(segment.file, Content::Finished);
        !self.segments.iter().any(needed) && !self.assembler.is_open() && self.lingering.is_empty()
    }

    /// Returns the states that the next acknowledgement makes durable: those that changed since
    /// the last call. All lines handed on so far must lie in batches up to that one.
    pub(super) fn take_states(&mut self) -> Vec<SegmentState> {
        let beginnings = self.assembler.beginnings();
        let place = |id: u64| self.segments.iter().position(|segment| segment.id == id);
        let open_at = beginnings.map(|b| b.map(|b| (b, place(b.segment).unwrap_or(0))));
        let mut states = Vec::new();
        for (at, segment) in self.segments.iter_mut().enumerate() {
            let open = open_at.map(|b| b.and_then(|(b, place)| open_in(&b, at.cmp(&place))));
            let needed = open_at.iter().flatten().any(|(_, place)| *place <= at);
            let done = matches!(segment.file, Content::Finished) && !needed;
            let state = segment.state(open, done);
            if segment.told.as_ref() != Some(&state) {
                segment.told = Some(state.clone());
                states.push(state);
            }
        }
        self.forget_done(&states);
        states
    }

    /// Returns the bytes that are in open files and not read yet, and those of them that are in
    /// files without a name.
    pub(super) fn unread(&self) -> (u64, u64) {
        let (mut unread, mut pinned) = (0, 0);
        for segment in &self.segments {
            let Content::Open(file) = &segment.file else {
                continue;
            };
            let Ok(Some(condition)) = file.condition() else {
                continue;
            };
            unread += condition.size.saturating_sub(segment.read_to);
            pinned += if condition.unlinked {
                condition.size
            } else {
                0
            };
        }
        (unread, pinned)
    }

    fn reading(&self) -> Option<usize> {
        self.segments
            .iter()
            .position(|segment| matches!(segment.file, Content::Open(_)))
    }

    /// Moves the finished segments at the front whose last state was told to the done ones.
    fn forget_done(&mut self, told: &[SegmentState]) {
        while let Some(front) = self.segments.front() {
            let Some(state) = told.iter().find(|state| state.done && state.id == front.id) else {
                break;
            };
            self.done.push_back(state.clone());
            self.segments.pop_front();
        }
        while self.done.len() > DONE_MAX {
            self.done.pop_front();
        }
    }

    /// Hands on a line that says what is missing, in a segment of its own, so that it is told once
    /// however often it is sent.
    fn tell_gap(&self, lost: &SegmentState, turn: &mut Turn<'_>) {
        let body = format!(
            "weft: gap: the rest of a log file after byte {} was removed before it was read",
            lost.read_to
        );
        let id = xxhash_rust::xxh3::xxh3_64_with_seed(b"gap", lost.id ^ lost.read_to);
        let place = turn.batcher.part(self.spec.key, id, || self.head(id, 0));
        let line = (turn.now, 1, LineFlags::TRUNCATED);
        if turn
            .batcher
            .push(place, line, body.as_bytes(), turn.instant)
            .is_err()
        {
            turn.tally.unencodable += 1;
        }
        turn.tally.gaps += 1;
        tracing::warn!(
            stream = self.spec.identity,
            read_to = lost.read_to,
            "log file is gone before it was read to its end"
        );
    }

    fn head(&self, segment: u64, start: u64) -> PartHead {
        PartHead {
            labels: self.spec.labels.clone(),
            stream_key: self.spec.key,
            segment,
            start,
        }
    }
}

impl Segment {
    fn sought(state: SegmentState, format: super::stream::Format) -> Segment {
        Segment {
            id: state.id,
            fingerprint: state.fingerprint,
            generation: state.generation,
            prefix: Vec::new(),
            file_id: state.file,
            splitter: Splitter::new(format, state.inside()),
            end: state.end,
            read_to: state.read_to,
            skip_to: state.skip_to(),
            quiet_since: None,
            told: Some(state.clone()),
            file: Content::Sought(state),
        }
    }

    fn state(
        &self,
        open: [Option<super::position::OpenLine>; OUTPUTS],
        done: bool,
    ) -> SegmentState {
        SegmentState {
            id: self.id,
            fingerprint: self.fingerprint,
            generation: self.generation,
            file: self.file_id,
            end: self.end,
            read_to: self.read_to,
            open,
            done,
        }
    }
}

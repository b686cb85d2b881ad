//! Which segments there are: the files of a stream, recognised by their content.
//!
//! In: the files as they are listed now. Out: new segments in the order of their writing, those
//! known from before a restart found again, and gaps where they are not.

use std::collections::HashSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::read::has_times;
use super::{Content, Follower, Segment, Turn};
use crate::config::Start;
use crate::intake::tail::chain;
use crate::intake::tail::record::Splitter;
use crate::intake::tail::segment::{FileId, SegmentFile};
use crate::intake::tail::stream::{fingerprint, segment_id};

/// What a look at the files of a stream found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::intake::tail) struct Refreshed {
    /// Segments that were not known.
    pub(in crate::intake::tail) added: usize,
    /// Whether the stream has no files at all.
    pub(in crate::intake::tail) is_gone: bool,
}

/// A file that was looked at before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LookedAt {
    size: u64,
    modified: (i64, i64),
    fingerprint: u64,
}

/// A file of the stream as it is listed.
struct Listed {
    path: PathBuf,
    id: FileId,
    size: u64,
    modified: (i64, i64),
    is_current: bool,
}

enum Identity {
    /// Its first record is not complete.
    Unborn,
    /// A segment that is being followed or needs no reading.
    Known,
    /// A segment that was not there before.
    New(Box<Segment>),
}

impl Follower {
    /// Looks at the files of the stream and takes up what is new. `start` says what becomes of a
    /// stream that was never read before.
    pub(in crate::intake::tail) fn refresh(
        &mut self,
        start: Start,
        turn: &mut Turn<'_>,
    ) -> io::Result<Refreshed> {
        let first_look = self.looks == 0 && self.segments.is_empty() && self.done.is_empty();
        let files = self.list()?;
        let ids: HashSet<_> = files.iter().map(|file| file.id).collect();
        self.welcome_unborn(turn);
        let mut new = Vec::new();
        for file in &files {
            match self.identify(file, &ids)? {
                Identity::Unborn => {}
                // What lies before a known segment is older than what was ever followed.
                Identity::Known => new.clear(),
                Identity::New(segment) => new.push(*segment),
            }
        }
        self.looked_at.retain(|id, _| ids.contains(id));
        // A file may be missed by one look, while it is being renamed.
        if self.looks > 0 {
            self.give_up_lost(turn);
        }
        self.looks = self.looks.saturating_add(1);
        if first_look && start == Start::End {
            self.skip_existing(&mut new)?;
        }
        let added = new.len();
        if added > 0 {
            self.hurry();
        }
        self.segments.extend(new);
        Ok(Refreshed {
            added,
            is_gone: files.is_empty(),
        })
    }

    /// Takes up the current file once its first record is complete; the open file is used, for it
    /// may have lost its name since.
    pub(super) fn welcome_unborn(&mut self, turn: &mut Turn<'_>) {
        let Some(file) = &mut self.unborn else { return };
        let prefix = match file.prefix() {
            Ok(prefix) => prefix,
            Err(error) => {
                turn.tally.read_errors += 1;
                tracing::warn!(%error, stream = self.spec.identity, "cannot read log file");
                self.unborn = None;
                return;
            }
        };
        let Some(fingerprint) = fingerprint(&prefix) else {
            return;
        };
        let Some(file) = self.unborn.take() else {
            return;
        };
        if let Some(generation) = self.next_generation(fingerprint) {
            let segment = self.segment(file, prefix, (fingerprint, generation));
            self.segments.push_back(segment);
            self.hurry();
        }
    }

    /// Tells whether the files of the stream are all removed.
    pub(super) fn has_no_files(&self) -> bool {
        self.list().is_ok_and(|files| files.is_empty())
    }

    fn list(&self) -> io::Result<Vec<Listed>> {
        let paths = match chain::files(&self.spec.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            paths => paths?,
        };
        let listed = |path: PathBuf| {
            // A file may be gone since it was listed.
            let metadata = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
            Some(Listed {
                is_current: path == self.spec.path,
                id: FileId::of(&metadata),
                size: metadata.len(),
                modified: (metadata.mtime(), metadata.mtime_nsec()),
                path,
            })
        };
        Ok(paths.into_iter().filter_map(listed).collect())
    }

    fn identify(&mut self, file: &Listed, listed: &HashSet<FileId>) -> io::Result<Identity> {
        if self.holds(file.id) {
            return Ok(Identity::Known);
        }
        if self
            .unborn
            .as_ref()
            .is_some_and(|unborn| unborn.id() == file.id)
        {
            return Ok(Identity::Unborn);
        }
        let looked = LookedAt {
            size: file.size,
            modified: file.modified,
            fingerprint: 0,
        };
        if let Some(known) = self.looked_at.get(&file.id)
            && (LookedAt {
                fingerprint: 0,
                ..*known
            }) == looked
            && self.is_done(known.fingerprint, file)
        {
            return Ok(Identity::Known);
        }
        let (opened, prefix) = match open(&file.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Identity::Unborn),
            opened => opened?,
        };
        let Some(fingerprint) = fingerprint(&prefix) else {
            if file.is_current && !opened.is_compressed() {
                self.unborn = Some(opened);
            }
            return Ok(Identity::Unborn);
        };
        self.looked_at.insert(
            file.id,
            LookedAt {
                fingerprint,
                ..looked
            },
        );
        if let Some(at) = self.sought(fingerprint, file.id, listed) {
            self.resume(at, opened, prefix)?;
            return Ok(Identity::Known);
        }
        if self.is_done(fingerprint, file) {
            return self.take_up_grown(fingerprint, file, (opened, prefix));
        }
        let generation = self.next_generation(fingerprint);
        Ok(match generation {
            // The same content under another name: renamed, copied or compressed.
            Some(generation) if generation > 0 && !file.is_current => Identity::Known,
            Some(generation) => Identity::New(Box::new(self.segment(
                opened,
                prefix,
                (fingerprint, generation),
            ))),
            None => Identity::Known,
        })
    }

    /// Tells whether the file is open here already.
    fn holds(&self, id: FileId) -> bool {
        let open = self.segments.iter().any(|segment| match &segment.file {
            Content::Open(file) => file.id() == id,
            Content::Sought(_) | Content::Finished => false,
        });
        open || self
            .lingering
            .iter()
            .any(|lingering| lingering.file.id() == id)
    }

    /// Returns the segment from before a restart that the file holds.
    fn sought(&self, fingerprint: u64, id: FileId, listed: &HashSet<FileId>) -> Option<usize> {
        let is_it = |segment: &Segment| {
            // When the very file is still there, another one of the same beginning is not it.
            let here = segment.file_id == id || !listed.contains(&segment.file_id);
            matches!(segment.file, Content::Sought(_))
                && segment.fingerprint == fingerprint
                && (here || has_times(self.spec.format))
        };
        self.segments.iter().position(is_it)
    }

    fn resume(&mut self, at: usize, mut file: SegmentFile, prefix: Vec<u8>) -> io::Result<()> {
        let segment = &mut self.segments[at];
        let Content::Sought(state) = &segment.file else {
            return Ok(());
        };
        let offset = state.resume_at();
        if let Err(error) = file.seek(offset) {
            tracing::debug!(%error, stream = self.spec.identity, "cannot resume log file");
            return Ok(());
        }
        segment.file_id = file.id();
        segment.read_to = offset;
        segment.prefix = prefix;
        segment.file = Content::Open(file);
        Ok(())
    }

    /// Tells whether the file holds a segment in which nothing has to be read.
    fn is_done(&self, fingerprint: u64, file: &Listed) -> bool {
        let same_content = self.done.iter().any(|done| done.fingerprint == fingerprint);
        // A file that is shorter than what was read of it is another one in its place.
        let same_file = self.done.iter().any(|done| {
            done.fingerprint == fingerprint && done.file == file.id && done.read_to <= file.size
        });
        // A current file that only begins like an old one is a new one.
        if file.is_current && !has_times(self.spec.format) {
            same_file
        } else {
            same_content
        }
    }

    /// Takes up a segment that was done and has grown while the agent was away.
    fn take_up_grown(
        &mut self,
        fingerprint: u64,
        file: &Listed,
        (mut opened, prefix): (SegmentFile, Vec<u8>),
    ) -> io::Result<Identity> {
        let grown = self.done.iter().position(|done| {
            done.fingerprint == fingerprint && done.file == file.id && file.size > done.read_to
        });
        let Some(at) = grown.filter(|_| !opened.is_compressed()) else {
            return Ok(Identity::Known);
        };
        let Some(state) = self.done.remove(at) else {
            return Ok(Identity::Known);
        };
        opened.seek(state.read_to)?;
        let mut segment = Segment::sought(state, self.spec.format);
        (segment.prefix, segment.file) = (prefix, Content::Open(opened));
        self.segments.push_front(segment);
        self.hurry();
        Ok(Identity::Known)
    }

    /// Returns which of the files with this fingerprint a new one is; nothing when its content is
    /// that of a known segment for certain.
    fn next_generation(&self, fingerprint: u64) -> Option<u32> {
        let live = self.segments.iter().map(|s| (s.fingerprint, s.generation));
        let done = self.done.iter().map(|s| (s.fingerprint, s.generation));
        let same = live.chain(done).filter(|(known, _)| *known == fingerprint);
        match same.map(|(_, generation)| generation).max() {
            None => Some(0),
            Some(_) if has_times(self.spec.format) => None,
            Some(generation) => Some(generation + 1),
        }
    }

    fn segment(
        &self,
        file: SegmentFile,
        prefix: Vec<u8>,
        (fingerprint, generation): (u64, u32),
    ) -> Segment {
        Segment {
            id: segment_id(self.spec.key, fingerprint, generation),
            fingerprint,
            generation,
            prefix,
            file_id: file.id(),
            file: Content::Open(file),
            splitter: Splitter::new(self.spec.format, None),
            end: 0,
            read_to: 0,
            skip_to: [0; 2],
            quiet_since: None,
            told: None,
        }
    }

    /// Tells of segments that were not read to their end and are not there any more.
    fn give_up_lost(&mut self, turn: &mut Turn<'_>) {
        for at in 0..self.segments.len() {
            if let Content::Sought(state) = &self.segments[at].file {
                let state = state.clone();
                self.tell_gap(&state, turn);
                self.segments[at].file = Content::Finished;
            }
        }
    }

    /// Leaves unread what was there before the agent ever ran.
    fn skip_existing(&mut self, new: &mut Vec<Segment>) -> io::Result<()> {
        let current = new.pop();
        for segment in new.drain(..) {
            self.done.push_back(segment.state([None; 2], true));
        }
        if let Some(mut segment) = current {
            if let Content::Open(file) = &mut segment.file
                && let Some(condition) = file.condition()?
            {
                file.seek(condition.size)?;
                (segment.end, segment.read_to) = (condition.size, condition.size);
            }
            new.push(segment);
        }
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<(SegmentFile, Vec<u8>)> {
    let mut file = SegmentFile::open(path)?;
    let prefix = file.prefix()?;
    Ok((file, prefix))
}

//! Deletions that wait until a merge carries them out.
//!
//! In: matchers and a range. Out: what is to be left out of each part that was there at the time.
//! They are kept in one file, written anew with each change. Bound:
//! [`Config::deletions_max`](crate::Config).

use std::io;
use std::path::Path;
use std::sync::Arc;

use weft_codec::varint::{
    put_run, put_uvarint, put_varint, take_byte, take_run, take_uvarint, take_varint,
};
use weft_disk::Disk;
use weft_matcher::LabelMatcher;
use weft_model::{MatchOp, Matcher};

use crate::error::{Malformed, PartError};
use crate::matching::matching;
use crate::part::Part;
use crate::part::frame::{Packing, open_frame, put_frame};
use crate::view::{Cut, Served};

/// The file's name.
pub(crate) const FILE: &str = "deletions";

/// One deletion.
pub(crate) struct Deletion {
    number: u64,
    matchers: Vec<LabelMatcher>,
    start: i64,
    end: i64,
    /// It concerns what was flushed until then.
    flush: u64,
}

/// Those that wait.
#[derive(Default)]
pub(crate) struct Deletions {
    list: Vec<Deletion>,
    last: u64,
}

impl Deletions {
    pub(crate) fn load(disk: &dyn Disk, dir: &Path) -> io::Result<(Deletions, Option<PartError>)> {
        let path = dir.join(FILE);
        if !disk.exists(&path) {
            return Ok((Deletions::default(), None));
        }
        let stored = disk.read(&path)?;
        match open_frame(&stored).and_then(|content| Deletions::decode(&content)) {
            Ok(deletions) => Ok((deletions, None)),
            Err(Malformed(reason)) => {
                let fault = PartError::Corrupt { path, reason };
                Ok((Deletions::default(), Some(fault)))
            }
        }
    }

    /// Writes the file, durably.
    pub(crate) fn store(&self, disk: &dyn Disk, dir: &Path) -> io::Result<()> {
        let mut stored = Vec::new();
        put_frame(&self.encode(), Packing::Plain, &mut stored);
        disk.write_atomic(&dir.join(FILE), &stored)
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Returns the number of the last deletion there was.
    pub(crate) fn last_number(&self) -> u64 {
        self.last
    }

    /// Returns the last flush that a deletion concerns.
    pub(crate) fn last_flush(&self) -> Option<u64> {
        self.list.iter().map(|deletion| deletion.flush).max()
    }

    pub(crate) fn push(&mut self, matchers: Vec<LabelMatcher>, start: i64, end: i64, flush: u64) {
        self.last += 1;
        self.list.push(Deletion {
            number: self.last,
            matchers,
            start,
            end,
            flush,
        });
    }

    /// Notes that a part says of itself that it is without all deletions up to a number: none to
    /// come may have it, though the file does not know of it.
    pub(crate) fn pass(&mut self, number: u64) {
        self.last = self.last.max(number);
    }

    /// Takes the last one back, but not its number.
    pub(crate) fn pop(&mut self) {
        self.list.pop();
    }

    /// Returns what is to be left out of a part.
    pub(crate) fn cuts_of(&self, part: &Part) -> Result<Vec<Cut>, PartError> {
        let mut cuts = Vec::new();
        for deletion in self.list.iter().filter(|deletion| deletion.concerns(part)) {
            let series = matching(part, &deletion.matchers)?;
            if !series.is_empty() {
                cuts.push(Cut {
                    series,
                    start: deletion.start,
                    end: deletion.end,
                });
            }
        }
        Ok(cuts)
    }

    /// Forgets the deletions that concern none of the parts. Returns whether there were any.
    pub(crate) fn retain_needed(&mut self, parts: &[Arc<Served>]) -> bool {
        let before = self.list.len();
        self.list
            .retain(|deletion| parts.iter().any(|served| deletion.concerns(&served.part)));
        self.list.len() < before
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_uvarint(&mut out, self.last);
        put_uvarint(&mut out, self.list.len() as u64);
        for deletion in &self.list {
            put_uvarint(&mut out, deletion.number);
            put_varint(&mut out, deletion.start);
            put_varint(&mut out, deletion.end);
            put_uvarint(&mut out, deletion.flush);
            put_uvarint(&mut out, deletion.matchers.len() as u64);
            for matcher in &deletion.matchers {
                let source = matcher.source();
                out.push(source.op as u8);
                put_run(&mut out, source.name.as_bytes());
                put_run(&mut out, source.value.as_bytes());
            }
        }
        out
    }

    fn decode(content: &[u8]) -> Result<Deletions, Malformed> {
        let bytes = &mut &*content;
        let mut deletions = Deletions {
            list: Vec::new(),
            last: take_uvarint(bytes)?,
        };
        for _ in 0..take_uvarint(bytes)? {
            let mut deletion = Deletion {
                number: take_uvarint(bytes)?,
                start: take_varint(bytes)?,
                end: take_varint(bytes)?,
                flush: take_uvarint(bytes)?,
                matchers: Vec::new(),
            };
            for _ in 0..take_uvarint(bytes)? {
                deletion.matchers.push(take_matcher(bytes)?);
            }
            deletions.list.push(deletion);
        }
        Ok(deletions)
    }
}

impl Deletion {
    fn concerns(&self, part: &Part) -> bool {
        let identity = &part.meta.identity;
        identity.flushes.1 <= self.flush
            && identity.deletions < self.number
            && part.overlaps(self.start, self.end)
    }
}

fn take_matcher(bytes: &mut &[u8]) -> Result<LabelMatcher, Malformed> {
    const OPS: [MatchOp; 4] = [
        MatchOp::Equal,
        MatchOp::NotEqual,
        MatchOp::Regex,
        MatchOp::NotRegex,
    ];
    let code = take_byte(bytes)?;
    let op = OPS
        .iter()
        .find(|op| **op as u8 == code)
        .ok_or(Malformed("unknown matcher"))?;
    let mut text = || -> Result<String, Malformed> {
        let text = std::str::from_utf8(take_run(bytes)?);
        Ok(text
            .map_err(|_| Malformed("a matcher is not UTF-8"))?
            .to_owned())
    };
    let matcher = Matcher::new(text()?, *op, text()?);
    LabelMatcher::compile(&matcher).map_err(|_| Malformed("a pattern does not compile"))
}

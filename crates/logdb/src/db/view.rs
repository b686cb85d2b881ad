//! What a question sees: every block at one moment, and which of them it needs.

use std::sync::Arc;

use hashbrown::HashSet;
use weft_matcher::LabelMatcher;
use weft_model::{Labels, Nanos};

use super::LogDb;
use crate::error::{IndexError, ReadError};
use crate::partition::catalog::Segment;
use crate::partition::prune::Pruner;
use crate::partition::{BlockMeta, Partition, Sealed, Snapshot};
use crate::raw::RawBlock;
use crate::selection::{SelectStats, TimeRange};

/// Every block at one moment.
pub(super) struct View {
    range: TimeRange,
    stored: Vec<(Arc<Partition>, Snapshot)>,
    pending: Vec<Arc<Sealed>>,
    raw: Vec<Arc<RawBlock>>,
}

/// A block that may hold wanted lines.
pub(super) struct Candidate {
    pub(super) first: Nanos,
    pub(super) last: Nanos,
    pub(super) stream: Labels,
    pub(super) place: Place,
}

/// Where a block is.
pub(super) enum Place {
    /// In memory, not sealed.
    Raw(Arc<RawBlock>),
    /// Sealed, not committed.
    Pending(Arc<Sealed>),
    /// Committed: the segment and the document tell more.
    Stored(Arc<Partition>, BlockMeta, Arc<Segment>, u32),
}

impl LogDb {
    /// Returns every block with lines in a range, as of now.
    pub(super) fn view(&self, range: TimeRange) -> View {
        let head = self.head();
        let mut view = View {
            range,
            stored: Vec::new(),
            pending: Vec::new(),
            raw: head.blocks_in(&range),
        };
        for published in head.partitions.values() {
            let has_lines = |s: &&Arc<Sealed>| range.overlaps(s.meta.first, s.meta.last);
            view.pending
                .extend(published.pending.iter().filter(has_lines).cloned());
            if !published.snapshot.segments.is_empty() {
                let snapshot = published.snapshot.clone();
                view.stored.push((published.partition.clone(), snapshot));
            }
        }
        view
    }
}

impl View {
    /// Visits the streams that match, each as often as it is met.
    pub(super) fn each_stream(&self, matchers: &[LabelMatcher], visit: &mut dyn FnMut(&Labels)) {
        let in_memory = self.raw.iter().map(|block| &block.stream);
        let sealed = self.pending.iter().map(|sealed| &sealed.stream);
        for stream in in_memory.chain(sealed) {
            if matches(matchers, stream) {
                visit(stream);
            }
        }
        for (_, snapshot) in &self.stored {
            for segment in &snapshot.segments {
                for stream in &segment.streams {
                    let has_lines = |document: &u32| {
                        let meta = &segment.blocks[*document as usize];
                        self.range.overlaps(meta.first, meta.last)
                    };
                    if matches(matchers, &stream.labels) && stream.documents.iter().any(has_lines) {
                        visit(&stream.labels);
                    }
                }
            }
        }
    }

    /// Returns the blocks that may hold wanted lines by labels, times and trigrams.
    pub(super) fn candidates(
        &self,
        matchers: &[LabelMatcher],
        pruner: &Pruner,
        stats: &mut SelectStats,
    ) -> Result<Vec<Candidate>, ReadError> {
        let mut candidates = Vec::new();
        let mut streams: HashSet<Labels> = HashSet::new();
        for block in self
            .raw
            .iter()
            .filter(|block| matches(matchers, &block.stream))
        {
            streams.insert(block.stream.clone());
            candidates.push(Candidate {
                first: block.first,
                last: block.last,
                stream: block.stream.clone(),
                place: Place::Raw(block.clone()),
            });
        }
        for sealed in self.pending.iter().filter(|s| matches(matchers, &s.stream)) {
            streams.insert(sealed.stream.clone());
            candidates.push(Candidate {
                first: sealed.meta.first,
                last: sealed.meta.last,
                stream: sealed.stream.clone(),
                place: Place::Pending(sealed.clone()),
            });
        }
        stats.blocks = candidates.len() as u64;
        for (partition, snapshot) in &self.stored {
            for segment in &snapshot.segments {
                let before = candidates.len();
                self.of_segment(partition, segment, matchers, &mut candidates);
                let found = candidates.len() - before;
                stats.blocks += found as u64;
                streams.extend(candidates[before..].iter().map(|c| c.stream.clone()));
                if found > 0 {
                    keep_allowed(segment, pruner, before, &mut candidates)?;
                }
            }
        }
        stats.streams = streams.len() as u64;
        Ok(candidates)
    }

    fn of_segment(
        &self,
        partition: &Arc<Partition>,
        segment: &Arc<Segment>,
        matchers: &[LabelMatcher],
        candidates: &mut Vec<Candidate>,
    ) {
        for stream in segment
            .streams
            .iter()
            .filter(|s| matches(matchers, &s.labels))
        {
            for document in &stream.documents {
                let meta = segment.blocks[*document as usize];
                if self.range.overlaps(meta.first, meta.last) {
                    candidates.push(Candidate {
                        first: meta.first,
                        last: meta.last,
                        stream: stream.labels.clone(),
                        place: Place::Stored(partition.clone(), meta, segment.clone(), *document),
                    });
                }
            }
        }
    }

    /// Tells whether a line of the range may have metadata of one of these names.
    pub(super) fn may_have_metadata(&self, names: &[String]) -> bool {
        let named = |known: &[String]| names.iter().any(|name| known.binary_search(name).is_ok());
        let segments = self
            .stored
            .iter()
            .flat_map(|(_, snapshot)| &snapshot.segments);
        self.raw
            .iter()
            .any(|block| named(&crate::partition::seal::metadata_names(block)))
            || self
                .pending
                .iter()
                .any(|sealed| named(&sealed.metadata_names))
            || segments
                .into_iter()
                .any(|segment| named(&segment.metadata_names))
    }
}

/// Tells whether a stream fulfils all conditions.
pub(super) fn matches(matchers: &[LabelMatcher], stream: &Labels) -> bool {
    matchers.iter().all(|m| m.matches(stream.get(m.name())))
}

/// Keeps those of a segment's candidates, which begin at `from`, whose trigrams allow the needles.
fn keep_allowed(
    segment: &Segment,
    pruner: &Pruner,
    from: usize,
    candidates: &mut Vec<Candidate>,
) -> Result<(), IndexError> {
    let Some(allowed) = pruner.by_grams(segment)? else {
        return Ok(());
    };
    let mut at = 0;
    candidates.retain(|candidate| {
        let is_older = at < from;
        at += 1;
        match candidate.place {
            Place::Stored(.., document) if !is_older => allowed[document as usize],
            _ => true,
        }
    });
    Ok(())
}

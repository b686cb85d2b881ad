//! Reading lines.

use std::cmp::Reverse;
use std::ops::ControlFlow;
use std::sync::Arc;

use weft_matcher::LabelMatcher;
use weft_model::Labels;

use super::LogDb;
use super::view::{Candidate, Place};
use crate::block;
use crate::error::ReadError;
use crate::line_search::LineSearch;
use crate::partition::prune::Pruner;
use crate::raw::RawBlock;
use crate::selection::{Direction, Found, SelectStats, Selection};

impl LogDb {
    /// Visits every line of a selection exactly once, until they end or `visit` breaks.
    ///
    /// Lines come block by block, the newest block first going backward. Blocks of different
    /// streams overlap, so lines are not sorted; but after [`Found::Horizon`] with time `t` every
    /// further line is at most (backward) or at least (forward) `t` old. A horizon comes before
    /// each block. Blocks that cannot be read are counted and skipped.
    pub fn select(
        &self,
        selection: &Selection<'_>,
        visit: &mut dyn FnMut(Found<'_>) -> ControlFlow<()>,
    ) -> Result<SelectStats, ReadError> {
        let matchers = LabelMatcher::compile_all(selection.matchers)?;
        let pruner = Pruner::new(selection.needles);
        let mut stats = SelectStats::default();
        let view = self.view(selection.range);
        let mut candidates = view.candidates(&matchers, &pruner, &mut stats)?;
        drop(view);
        match selection.direction {
            Direction::Backward => candidates.sort_by_key(|c| Reverse(c.last)),
            Direction::Forward => candidates.sort_by_key(|c| c.first),
        }
        let mut reading = Reading {
            selection,
            search: LineSearch::new(selection.needles),
            pruner,
            stats,
            places: Vec::new(),
        };
        for candidate in candidates {
            let horizon = match selection.direction {
                Direction::Backward => candidate.last,
                Direction::Forward => candidate.first,
            };
            if visit(Found::Horizon(horizon)).is_break() {
                break;
            }
            let Some(block) = reading.load(&candidate) else {
                continue;
            };
            if reading.visit_block(&block, visit).is_break() {
                break;
            }
        }
        Ok(reading.stats)
    }
}

/// One selection on its way through the blocks.
struct Reading<'a> {
    selection: &'a Selection<'a>,
    search: LineSearch,
    pruner: Pruner,
    stats: SelectStats,
    places: Vec<usize>,
}

impl Reading<'_> {
    /// Returns a block's lines unless its filter excludes the needles or it cannot be read.
    fn load(&mut self, candidate: &Candidate) -> Option<Arc<RawBlock>> {
        let loaded = match &candidate.place {
            Place::Raw(block) => Ok(Some(block.clone())),
            Place::Pending(sealed) => self
                .pruner
                .by_keys(sealed.filter.len(), |at, bucket| {
                    let at = at as usize;
                    bucket.copy_from_slice(&sealed.filter[at..at + bucket.len()]);
                    Ok(())
                })
                .and_then(|allowed| {
                    let read = || sealed.partition.read_block(&sealed.meta);
                    decoded(allowed, read, &candidate.stream)
                }),
            Place::Stored(partition, meta, ..) => self
                .pruner
                .allows_stored(partition, meta)
                .and_then(|allowed| {
                    decoded(allowed, || partition.read_block(meta), &candidate.stream)
                }),
        };
        match loaded {
            Ok(Some(block)) => {
                self.stats.blocks_read += 1;
                self.stats.bytes += block.text.len() as u64;
                Some(block)
            }
            Ok(None) => None,
            Err(_) => {
                self.stats.blocks_lost += 1;
                None
            }
        }
    }

    fn visit_block(
        &mut self,
        block: &RawBlock,
        visit: &mut dyn FnMut(Found<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut places = std::mem::take(&mut self.places);
        self.search.lines_of(block, &mut places);
        places.retain(|at| {
            self.selection
                .range
                .contains(weft_model::Nanos(block.times[*at]))
        });
        if !places.is_sorted_by_key(|at| block.times[*at]) {
            places.sort_by_key(|at| block.times[*at]);
        }
        if self.selection.direction == Direction::Backward {
            places.reverse();
        }
        let mut metadata = Vec::new();
        let mut flow = ControlFlow::Continue(());
        for at in &places {
            block.metadata_of(*at, &mut metadata);
            self.stats.lines += 1;
            flow = visit(Found::Entry(&block.stream, block.entry(*at, &metadata)));
            if flow.is_break() {
                break;
            }
        }
        self.places = places;
        flow
    }
}

fn decoded(
    allowed: bool,
    read: impl FnOnce() -> std::io::Result<Vec<u8>>,
    stream: &Labels,
) -> std::io::Result<Option<Arc<RawBlock>>> {
    if !allowed {
        return Ok(None);
    }
    let block = block::read(&read()?, stream.clone()).map_err(std::io::Error::other)?;
    Ok(Some(Arc::new(block)))
}

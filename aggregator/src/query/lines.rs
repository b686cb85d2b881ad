//! The log store as LogQL's source: the same words on both sides, copied one by one.

use std::ops::ControlFlow;

use weft_logdb::LogDb;
use weft_logql::{
    Case, CountSelection, Direction, Entry, Found, Needle, SelectStats, Selection, Source,
    SourceError, StepCount, Steps,
};
use weft_model::{Labels, Nanos};

/// Selects from a log store.
#[derive(Clone, Copy)]
pub(crate) struct LineSource<'a> {
    logdb: &'a LogDb,
}

impl<'a> LineSource<'a> {
    pub(crate) fn new(logdb: &'a LogDb) -> LineSource<'a> {
        LineSource { logdb }
    }
}

impl Source for LineSource<'_> {
    fn select(
        &self,
        selection: &Selection<'_>,
        visit: &mut dyn FnMut(Found<'_>) -> ControlFlow<()>,
    ) -> Result<SelectStats, SourceError> {
        let needles: Vec<_> = selection.needles.iter().map(stored_needle).collect();
        let asked = weft_logdb::Selection {
            matchers: selection.matchers,
            range: range(selection.range.start, selection.range.end),
            needles: &needles,
            direction: stored_direction(selection.direction),
        };
        let mut hand_over = |found: weft_logdb::Found<'_>| match found {
            weft_logdb::Found::Horizon(time) => visit(Found::Horizon(time)),
            weft_logdb::Found::Entry(labels, entry) => visit(Found::Entry(
                labels,
                Entry {
                    time: entry.time,
                    line: entry.line,
                    metadata: entry.metadata,
                    level: Some(entry.level),
                },
            )),
        };
        let stats = self.logdb.select(&asked, &mut hand_over);
        stats
            .map(asked_stats)
            .map_err(|error| SourceError(Box::new(error)))
    }

    fn counts(
        &self,
        selection: &CountSelection<'_>,
        visit: &mut dyn FnMut(&Labels, StepCount),
    ) -> Result<Option<SelectStats>, SourceError> {
        let mut hand_over = |labels: &Labels, count: weft_logdb::StepCount| {
            let weft_logdb::StepCount {
                step,
                level,
                lines,
                bytes,
            } = count;
            visit(
                labels,
                StepCount {
                    step,
                    level,
                    lines,
                    bytes,
                },
            );
        };
        let counted = self.logdb.counts(
            selection.matchers,
            stored_steps(selection.steps),
            selection.labels,
            &mut hand_over,
        );
        counted
            .map(|stats| stats.map(asked_stats))
            .map_err(|error| SourceError(Box::new(error)))
    }
}

/// Returns a stretch of time in the log store's words.
pub(crate) fn range(start: Nanos, end: Nanos) -> weft_logdb::TimeRange {
    weft_logdb::TimeRange { start, end }
}

/// Returns steps in the log store's words.
fn stored_steps(steps: Steps) -> weft_logdb::Steps {
    weft_logdb::Steps {
        start: steps.start,
        step: steps.step,
        count: steps.count,
    }
}

fn stored_direction(direction: Direction) -> weft_logdb::Direction {
    match direction {
        Direction::Backward => weft_logdb::Direction::Backward,
        Direction::Forward => weft_logdb::Direction::Forward,
    }
}

fn stored_needle(needle: &Needle) -> weft_logdb::Needle {
    let literal = |literal: &weft_logql::Literal| weft_logdb::Literal {
        text: literal.text.clone(),
        case: match literal.case {
            Case::Sensitive => weft_logdb::Case::Sensitive,
            Case::Insensitive => weft_logdb::Case::Insensitive,
        },
    };
    weft_logdb::Needle {
        any: needle.any.iter().map(literal).collect(),
    }
}

fn asked_stats(stats: weft_logdb::SelectStats) -> SelectStats {
    let weft_logdb::SelectStats {
        streams,
        blocks,
        blocks_read,
        lines,
        bytes,
        blocks_lost,
    } = stats;
    SelectStats {
        streams,
        blocks,
        blocks_read,
        lines,
        bytes,
        blocks_lost,
    }
}

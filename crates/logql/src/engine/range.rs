//! Range aggregations: from lines to series.

use std::ops::ControlFlow;

use weft_model::{MatchOp, Matcher, Nanos};

use super::Engine;
use super::column::{Column, Columns, Grid};
use super::counting::{Amount, Counter, Counting};
use super::group::Groups;
use super::sampling::Sampler;
use super::watch::Watch;
use crate::ast::{Grouping, LogRange, RangeAggregation, RangeOp};
use crate::pipeline::Pipeline;
use crate::pipeline::row::{Row, Scratch};
use crate::pipeline::unwrap::Unwrapper;
use crate::query::QueryError;
use crate::source::{Direction, Found, SelectStats, Selection, TimeRange};

impl Engine<'_> {
    /// Computes a range aggregation, grouped as it says itself or, where a sum around it allows
    /// to, as `outer` says.
    pub(super) fn range_aggregation(
        &self,
        aggregation: &RangeAggregation,
        outer: Option<&Grouping>,
        grid: Grid,
        stats: &mut SelectStats,
    ) -> Result<Columns, QueryError> {
        let grouping = aggregation.grouping.as_ref().or(outer);
        let range = &aggregation.range;
        if aggregation.op == RangeOp::Absent {
            let none = Grouping {
                kind: crate::ast::GroupingKind::By,
                labels: Vec::new(),
            };
            let present = self.counted(range, RangeOp::Count, Some(&none), grid, stats)?;
            return Ok(absent(&range.log.matchers, present, grid));
        }
        match (&range.unwrap, aggregation.op) {
            (None, op) => self.counted(range, op, grouping, grid, stats),
            (Some(unwrap), _) => {
                let unwrapper = Unwrapper::compile(unwrap).map_err(QueryError::Params)?;
                let mut groups = Groups::new(grouping, self.limits.series_max);
                let mut sampler = Sampler::new(self.limits.samples_max);
                self.each_row(range, grid, stats, &mut |row| {
                    let Some(value) = unwrapper.value(row) else {
                        return Ok(());
                    };
                    refuse_marked(row)?;
                    let series = groups.of_row(row)?;
                    sampler.add(series, row.entry_time(), value)
                })?;
                self.check_points(sampler.len(), grid)?;
                Ok(sampler.finish(aggregation, groups.into_labels(), grid))
            }
        }
    }

    /// Counts lines or their bytes.
    fn counted(
        &self,
        range: &LogRange,
        op: RangeOp,
        grouping: Option<&Grouping>,
        grid: Grid,
        stats: &mut SelectStats,
    ) -> Result<Columns, QueryError> {
        let amount = match op {
            RangeOp::Bytes | RangeOp::BytesRate => Amount::Bytes,
            _ => Amount::Lines,
        };
        let shifted = grid.shifted(range.offset);
        let counter = Counter::new(shifted, range.interval, self.limits.points_max);
        let mut counting = Counting::new(grouping, self.limits.series_max, counter, amount);
        if !self.count_from_blocks(range, &mut counting, stats)? {
            self.each_row(range, grid, stats, &mut |row| {
                refuse_marked(row)?;
                counting.add_row(row)
            })?;
        }
        Ok(counting.finish(match op {
            RangeOp::Rate | RangeOp::BytesRate => range.interval as f64 / 1e9,
            _ => 1.0,
        }))
    }

    /// Runs the lines of all windows through the pipeline.
    fn each_row(
        &self,
        range: &LogRange,
        grid: Grid,
        stats: &mut SelectStats,
        visit: &mut dyn FnMut(&mut Row<'_>) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        let pipeline = Pipeline::compile(&range.log).map_err(QueryError::Params)?;
        let grid = grid.shifted(range.offset);
        let mut watch = Watch::new(self);
        let mut scratch = Scratch::default();
        let selection = Selection {
            matchers: pipeline.matchers(),
            range: covered(grid, range.interval),
            needles: pipeline.needles(),
            direction: Direction::Forward,
        };
        let selected = self.source.select(&selection, &mut |found| match found {
            Found::Horizon(_) => watch.check(),
            Found::Entry(stream, entry) => {
                watch.line(&entry)?;
                let mut row = Row::new(stream, entry, &mut scratch);
                if !pipeline.run(&mut row) {
                    return ControlFlow::Continue(());
                }
                watch.keep_going(visit(&mut row))
            }
        })?;
        watch.finish()?;
        stats.add(selected);
        Ok(())
    }

    /// Fails when series and steps together are too many.
    pub(super) fn check_points(&self, series: usize, grid: Grid) -> Result<(), QueryError> {
        if series.saturating_mul(grid.count) <= self.limits.points_max {
            return Ok(());
        }
        Err(too_many_points(self.limits.points_max))
    }
}

/// Returns the error for an answer with too many samples.
pub(super) fn too_many_points(points_max: usize) -> QueryError {
    QueryError::Limit(format!(
        "the query yields more than {points_max} samples; consider a larger step or fewer series"
    ))
}

/// Returns the times that the windows of a grid cover, open at the beginning, closed at the end.
pub(super) fn covered(grid: Grid, width: i64) -> TimeRange {
    TimeRange {
        start: Nanos(grid.start.saturating_sub(width).saturating_add(1)),
        end: grid.time(grid.count - 1).plus(1),
    }
}

/// Fails for a line that a stage could not process: its sample would be wrong.
fn refuse_marked(row: &Row<'_>) -> Result<(), QueryError> {
    let error = row.error();
    if error.is_empty() {
        return Ok(());
    }
    Err(QueryError::Evaluation(format!(
        "pipeline error: '{error}' for series: '{}'.\nUse a label filter to intentionally skip \
         this error. (e.g | __error__!=\"{error}\").\nTo skip all potential errors you can match \
         empty errors.(e.g __error__=\"\")\nThe label filter can also be specified after unwrap. \
         (e.g | unwrap latency | __error__=\"\" )\n",
        row.labels()
    )))
}

/// Returns 1 at the steps without lines, with the labels that the selector pins down.
fn absent(matchers: &[Matcher], present: Columns, grid: Grid) -> Columns {
    let pinned = matchers.iter().filter(|m| m.op == MatchOp::Equal);
    let labels = weft_model::Labels::from_pairs(pinned.map(|m| (&m.name, &m.value)));
    let has_lines = |step: usize| present.iter().any(|column| column.values[step].is_some());
    let values = (0..grid.count).map(|step| (!has_lines(step)).then_some(1.0));
    vec![Column {
        labels,
        values: values.collect(),
    }]
}

//! Counts of lines and bytes per window, without keeping the lines.

use weft_model::{Labels, Nanos};

use super::Engine;
use super::column::{Column, Columns, Grid};
use super::group::Groups;
use super::range::{covered, too_many_points};
use crate::ast::{Grouping, GroupingKind, LabelPick, LogRange, Stage};
use crate::pipeline::row::{DETECTED_LEVEL, ERROR, ERROR_DETAILS, Row};
use crate::query::QueryError;
use crate::source::{CountSelection, SelectStats, StepCount, Steps};

/// The most steps that a source is asked to count at once.
const STEPS_MAX: i64 = 200_000;

/// Amounts per series and window: kept as differences between neighbouring windows, so that an
/// amount costs the same however many windows it belongs to.
pub(super) struct Counter {
    grid: Grid,
    width: i64,
    points_max: usize,
    /// Per series, a difference per step and one beyond the last; lines beside amounts.
    series: Vec<Differences>,
}

struct Differences {
    lines: Vec<i64>,
    amounts: Vec<i64>,
}

impl Counter {
    /// Counts over windows of `width` that end at the grid's steps.
    pub(super) fn new(grid: Grid, width: i64, points_max: usize) -> Counter {
        Counter {
            grid,
            width,
            points_max,
            series: Vec::new(),
        }
    }

    /// Adds lines of one time.
    fn add(
        &mut self,
        series: usize,
        time: Nanos,
        lines: u64,
        amount: u64,
    ) -> Result<(), QueryError> {
        let Some((first, last)) = self.grid.steps_of(time, self.width) else {
            return Ok(());
        };
        while self.series.len() <= series {
            if (self.series.len() + 1).saturating_mul(self.grid.count) > self.points_max {
                return Err(too_many_points(self.points_max));
            }
            self.series.push(Differences {
                lines: vec![0; self.grid.count + 1],
                amounts: vec![0; self.grid.count + 1],
            });
        }
        let counted = &mut self.series[series];
        for (differences, value) in [(&mut counted.lines, lines), (&mut counted.amounts, amount)] {
            let value = i64::try_from(value).unwrap_or(i64::MAX);
            differences[first] = differences[first].wrapping_add(value);
            differences[last + 1] = differences[last + 1].wrapping_sub(value);
        }
        Ok(())
    }

    /// Returns the series; windows without lines have no value.
    fn finish(self, labels: Vec<Labels>, divisor: f64) -> Columns {
        let counted = self.series.into_iter().zip(labels);
        let column = |(differences, labels): (Differences, Labels)| {
            let (mut lines, mut amount) = (0i64, 0i64);
            let steps = differences.lines.iter().zip(&differences.amounts);
            let values = steps.take(self.grid.count).map(|(more_lines, more)| {
                lines = lines.wrapping_add(*more_lines);
                amount = amount.wrapping_add(*more);
                (lines > 0).then(|| amount as f64 / divisor)
            });
            Column {
                labels,
                values: values.collect(),
            }
        };
        counted.map(column).collect()
    }
}

/// What is added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Amount {
    Lines,
    Bytes,
}

/// A count under way: its series and their windows.
pub(super) struct Counting<'a> {
    grouping: Option<&'a Grouping>,
    groups: Groups<'a>,
    counter: Counter,
    amount: Amount,
}

impl<'a> Counting<'a> {
    pub(super) fn new(
        grouping: Option<&'a Grouping>,
        series_max: usize,
        counter: Counter,
        amount: Amount,
    ) -> Counting<'a> {
        Counting {
            grouping,
            groups: Groups::new(grouping, series_max),
            counter,
            amount,
        }
    }

    /// Adds a line.
    pub(super) fn add_row(&mut self, row: &Row<'_>) -> Result<(), QueryError> {
        let series = self.groups.of_row(row)?;
        let amount = match self.amount {
            Amount::Lines => 1,
            Amount::Bytes => row.line.len() as u64,
        };
        self.counter.add(series, row.entry_time(), 1, amount)
    }

    /// Adds what the source counted in one step.
    fn add_count(
        &mut self,
        stream: &Labels,
        count: StepCount,
        selection: &CountSelection<'_>,
    ) -> Result<(), QueryError> {
        let value = |name: &str| match name {
            DETECTED_LEVEL => count.level.as_str(),
            name => stream.get(name),
        };
        let pairs = selection.labels.iter().map(|name| (name, value(name)));
        let series = self.groups.of_labels(Labels::from_pairs(pairs))?;
        let steps = selection.steps;
        let index = i64::try_from(count.step).unwrap_or(i64::MAX);
        let time = steps.start.plus(steps.step.saturating_mul(index));
        let amount = match self.amount {
            Amount::Lines => count.lines,
            Amount::Bytes => count.bytes,
        };
        self.counter.add(series, time, count.lines, amount)
    }

    /// Returns the series; windows without lines have no value.
    pub(super) fn finish(self, divisor: f64) -> Columns {
        self.counter.finish(self.groups.into_labels(), divisor)
    }
}

impl Engine<'_> {
    /// Lets the source count, where no stage and no label depends on single lines. Tells whether
    /// it did.
    pub(super) fn count_from_blocks(
        &self,
        range: &LogRange,
        counting: &mut Counting<'_>,
        stats: &mut SelectStats,
    ) -> Result<bool, QueryError> {
        let (Some(labels), Some(steps)) = (
            countable(range, counting.grouping),
            common_steps(counting.counter.grid, counting.counter.width),
        ) else {
            return Ok(false);
        };
        let selection = CountSelection {
            matchers: &range.log.matchers,
            steps,
            labels,
        };
        let mut failed = None;
        let counted = self.source.counts(&selection, &mut |stream, count| {
            if failed.is_none() {
                failed = counting.add_count(stream, count, &selection).err();
            }
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        if let Some(counted) = counted {
            stats.add(counted);
        }
        Ok(counted.is_some())
    }
}

/// Returns the labels to group by if they and the stages allow to count without reading lines.
fn countable<'a>(range: &LogRange, grouping: Option<&'a Grouping>) -> Option<&'a [String]> {
    let only_errors = |stage: &Stage| match stage {
        Stage::Drop(picks) => picks.iter().all(
            |pick| matches!(pick, LabelPick::Name(name) if name == ERROR || name == ERROR_DETAILS),
        ),
        _ => false,
    };
    let grouping = grouping.filter(|grouping| grouping.kind == GroupingKind::By)?;
    let is_countable = range.unwrap.is_none() && range.log.stages.iter().all(only_errors);
    is_countable.then_some(&grouping.labels)
}

/// Returns steps of which every window is made up wholly, unless they would be too many.
fn common_steps(grid: Grid, width: i64) -> Option<Steps> {
    let step = if grid.count == 1 {
        width
    } else {
        greatest_common_divisor(grid.step, width)
    };
    let times = covered(grid, width);
    let count = times.end.0.checked_sub(times.start.0)? / step;
    (count <= STEPS_MAX).then_some(Steps {
        start: times.start,
        step,
        count: usize::try_from(count).ok()?,
    })
}

fn greatest_common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}

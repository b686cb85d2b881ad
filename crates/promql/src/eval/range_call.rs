//! Calls of functions that consume a range: over a range selector or a subquery.

use weft_model::{Labels, METRIC_NAME};

use crate::ast::{Call, Expr, ExprKind, FunctionId, Matrix, SelectorMode, ValueType};
use crate::error::QueryError;
use crate::options::StartTimestamps;
use crate::source::{SelectHints, SeriesSet};

use super::merge::Overlap;
use super::notes::{Note, SeriesNotes};
use super::rows::{Rows, Scratch, Vector};
use super::samples::derive_hints;
use super::select::{Hints, Reference, distinct, fixed_name};
use super::table::{Distinct, Row, is_absent};
use super::window::{self, Kernel, Rolled, Windows};
use super::{Evaluator, Steps, execution};

/// A range call whose arguments are evaluated.
pub(super) struct RangeCall {
    pub(super) function: FunctionId,
    pub(super) name: &'static str,
    pub(super) kernel: Kernel,
    pub(super) params: Vec<Vec<f64>>,
    /// Where notes point to.
    pub(super) at: u32,
}

/// Series of a store, each with a function of its windows applied.
struct Ranged<'a> {
    evaluator: &'a Evaluator<'a>,
    set: Box<dyn SeriesSet + 'a>,
    call: RangeCall,
    windows: Windows,
    /// How the store's roll-ups answer, if they can.
    rolled: Option<Rolled>,
    with_starts: bool,
    hints: Hints,
    /// The name of all series, if it is given.
    name: Option<&'a str>,
    distinct: Distinct,
}

impl Rows for Ranged<'_> {
    fn len(&self) -> usize {
        self.set.len()
    }

    fn steps(&self) -> usize {
        self.windows.reference.steps.count
    }

    fn cost(&self) -> usize {
        // Samples are as frequent as is usual.
        const SCRAPE_MS: i64 = 15_000;
        let span = self.windows.last().saturating_sub(self.windows.first());
        self.steps().max((span / SCRAPE_MS) as usize)
    }

    fn make(&self, at: usize, scratch: &mut Scratch<'_>) -> Result<(), QueryError> {
        if self.make_rolled(at, scratch)? {
            return Ok(());
        }
        let column = &mut scratch.column;
        column.clear();
        self.set.read(at, column)?;
        if self.hints == Hints::Derived {
            derive_hints(column);
        }
        scratch.count_column()?;
        scratch.samples.take(&mut scratch.column, self.with_starts);
        if scratch.samples.len() == 0 {
            return Ok(());
        }
        let name = || match self.name {
            Some(name) => name.to_owned(),
            None => name_of(self.set.as_ref(), at),
        };
        let notes = SeriesNotes::new(&self.evaluator.notes, self.call.at, &name);
        let Scratch {
            samples,
            row,
            tally,
            edges,
            ..
        } = scratch;
        window::apply(
            &self.call,
            samples,
            &self.windows,
            &notes,
            (row, tally, edges),
        )?;
        note_name(&self.call, &name, row, &notes);
        Ok(())
    }

    fn labels(&self, at: usize) -> Labels {
        self.set.labels(at)
    }

    fn each_label(&self, at: usize, each: &mut dyn FnMut(&str, &str)) {
        self.set.each_label(at, each);
    }

    fn drops_name(&self, _at: usize) -> bool {
        false
    }

    fn distinct(&self) -> Distinct {
        self.distinct
    }
}

impl Ranged<'_> {
    /// Makes a row from the store's roll-ups; returns false if the samples must be read.
    fn make_rolled(&self, at: usize, scratch: &mut Scratch<'_>) -> Result<bool, QueryError> {
        let Some(rolled) = self.rolled else {
            return Ok(false);
        };
        let (start, end) = (self.windows.first(), self.windows.last());
        let buckets = self.set.rollups(at, rolled.resolution, start, end)?;
        let Some(buckets) = buckets else {
            return Ok(false);
        };
        // The buckets count while they are held.
        let mut held = self.evaluator.ledger.charge();
        held.grow(size_of_val(buckets.as_slice()), buckets.len())?;
        scratch.tally.read(buckets.len())?;
        let Scratch { row, tally, .. } = scratch;
        let filled = rolled.fill(&buckets, &self.windows, row, tally)?;
        if filled && counts_up(self.call.function) && has_float(row) {
            let name = || name_of(self.set.as_ref(), at);
            let notes = SeriesNotes::new(&self.evaluator.notes, self.call.at, &name);
            note_name(&self.call, &name, row, &notes);
        }
        Ok(filled)
    }
}

impl Evaluator<'_> {
    pub(super) fn range_call<'a>(
        &'a self,
        call: &'a Call,
        kernel: Kernel,
        steps: Steps,
    ) -> Result<Vector<'a>, QueryError> {
        let is_range = |arg: &&Expr| arg.value_type() == ValueType::Matrix;
        let range = call.args.iter().find(is_range);
        let range = range.ok_or_else(|| execution("expected a range vector"))?;
        let mut params = Vec::new();
        for arg in call.args.iter().filter(|arg| !is_range(arg)) {
            params.push(self.eval_scalar(arg, steps)?);
        }
        let function = call.function.id;
        if function == FunctionId::DoubleExponentialSmoothing {
            check_smoothing(&params)?;
        }
        let at = call
            .args
            .first()
            .map_or(0, |arg| arg.without_parens().span.start);
        let prepared = RangeCall {
            function,
            name: call.function.name,
            kernel,
            params,
            at,
        };
        let made = match &range.without_parens().kind {
            ExprKind::Matrix(matrix) => self.over_matrix(prepared, matrix, steps)?,
            ExprKind::Subquery(subquery) => self.over_subquery(prepared, subquery, steps)?,
            _ => return Err(execution("expected a range vector")),
        };
        let keeps_name = matches!(
            function,
            FunctionId::LastOverTime | FunctionId::FirstOverTime | FunctionId::AbsentOverTime
        );
        if keeps_name {
            return Ok(Vector::Made(made));
        }
        self.renamed(Vector::Made(made), Overlap::Never)
    }

    fn over_matrix<'a>(
        &'a self,
        call: RangeCall,
        matrix: &'a Matrix,
        steps: Steps,
    ) -> Result<Box<dyn Rows + 'a>, QueryError> {
        check_mode(&call, matrix.selector.mode)?;
        let windows = self.windows(matrix, steps)?;
        let set = self.select_windows(matrix, &windows, call.name)?;
        let with_starts = self.options.start_timestamps == StartTimestamps::Used
            && matrix.selector.mode == SelectorMode::Plain;
        let matchers = &matrix.selector.matchers;
        Ok(Box::new(Ranged {
            evaluator: self,
            distinct: distinct(set.as_ref(), matchers),
            rolled: Rolled::of(call.function, &windows, set.rollup_resolutions()),
            set,
            call,
            windows,
            with_starts,
            hints: self.hints_at(matrix.selector_span),
            name: fixed_name(matchers),
        }))
    }

    pub(crate) fn windows(&self, matrix: &Matrix, steps: Steps) -> Result<Windows, QueryError> {
        let selector = &matrix.selector;
        Ok(Windows {
            reference: Reference {
                at: self.at(selector.at),
                offset: self.offset(selector.offset.as_ref())?,
                steps,
            },
            range: self.positive(&matrix.range)?,
            mode: selector.mode,
            lookback: self.lookback,
        })
    }

    pub(crate) fn select_windows(
        &self,
        matrix: &Matrix,
        windows: &Windows,
        function: &str,
    ) -> Result<Box<dyn SeriesSet + '_>, QueryError> {
        let hints = SelectHints {
            step_ms: self.times.step,
            range_ms: windows.range,
            function: function.to_owned(),
        };
        let range = (windows.first().saturating_add(1), windows.last());
        let steps = windows.reference.steps;
        self.select(&matrix.selector.matchers, range, &hints, steps)
    }
}

/// Returns the name of a series.
fn name_of(set: &dyn SeriesSet, at: usize) -> String {
    let mut found = String::new();
    set.each_label(at, &mut |name, value| {
        if name == METRIC_NAME {
            found.push_str(value);
        }
    });
    found
}

/// Tells when what is taken for a counter is not named like one.
pub(super) fn note_name(
    call: &RangeCall,
    name: &dyn Fn() -> String,
    row: &Row,
    notes: &SeriesNotes<'_>,
) {
    if counts_up(call.function) && has_float(row) && !is_named_as_counter(&name()) {
        notes.add(Note::NotNamedAsCounter);
    }
}

fn counts_up(function: FunctionId) -> bool {
    matches!(function, FunctionId::Rate | FunctionId::Increase)
}

/// Tells whether a metric is named as counters are; one without a name is not judged.
fn is_named_as_counter(name: &str) -> bool {
    let suffixes = ["_total", "_sum", "_count", "_bucket"];
    name.is_empty() || suffixes.iter().any(|suffix| name.ends_with(suffix))
}

fn has_float(row: &Row) -> bool {
    row.values.iter().any(|value| !is_absent(*value))
}

fn check_smoothing(params: &[Vec<f64>]) -> Result<(), QueryError> {
    for (name, short, values) in [("smoothing", "sf", 0), ("trend", "tf", 1)]
        .map(|(name, short, at)| (name, short, params.get(at)))
    {
        let valid = |value: &&f64| **value > 0.0 && **value < 1.0;
        let wrong = values.and_then(|values| values.iter().find(|value| !valid(value)));
        if let Some(value) = wrong {
            return Err(execution(format!(
                "invalid {name} factor. Expected: 0 < {short} < 1, got: {value:.6}"
            )));
        }
    }
    Ok(())
}

fn check_mode(call: &RangeCall, mode: SelectorMode) -> Result<(), QueryError> {
    use FunctionId as Id;
    let (function, name) = (call.function, call.name);
    let smooths = matches!(function, Id::Rate | Id::Increase | Id::Delta);
    let anchors = smooths || matches!(function, Id::Resets | Id::Changes);
    match mode {
        SelectorMode::Anchored if !anchors => Err(execution(format!(
            "anchored modifier can only be used with: changes, delta, increase, rate, resets - \
             not with {}",
            name
        ))),
        SelectorMode::Smoothed if !smooths => Err(execution(format!(
            "smoothed modifier can only be used with: delta, increase, rate - not with {}",
            name
        ))),
        _ => Ok(()),
    }
}

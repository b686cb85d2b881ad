//! Calls of functions that consume a range: over a range selector or a subquery.

use weft_model::Labels;

use crate::ast::{Call, Expr, ExprKind, FunctionId, Matrix, SelectorMode, ValueType};
use crate::column::Column;
use crate::error::QueryError;
use crate::options::StartTimestamps;
use crate::source::{SelectHints, SeriesSet};

use super::merge::{Overlap, strip_names};
use super::notes::{Note, SeriesNotes};
use super::samples::{Samples, derive_hints};
use super::select::{Hints, Reference};
use super::table::{Row, Table, is_absent};
use super::window::{self, Kernel, Windows};
use super::{Evaluator, Steps, execution};

/// What is kept from one series to the next.
#[derive(Default)]
struct Scratch {
    column: Column,
    samples: Samples,
    row: Option<Row>,
}

/// A range call whose arguments are evaluated.
pub(super) struct RangeCall<'a> {
    pub(super) function: FunctionId,
    pub(super) name: &'static str,
    pub(super) kernel: Kernel,
    pub(super) params: Vec<Vec<f64>>,
    /// Where notes point to.
    pub(super) at: u32,
    pub(super) range: &'a Expr,
}

impl Evaluator<'_> {
    pub(super) fn eval_range_call(
        &self,
        call: &Call,
        kernel: Kernel,
        steps: Steps,
    ) -> Result<Table, QueryError> {
        if steps.count == 0 {
            return Ok(self.table(steps));
        }
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
            range: range.without_parens(),
        };
        let mut table = match &prepared.range.kind {
            ExprKind::Matrix(matrix) => self.eval_over_matrix(&prepared, matrix, steps)?,
            ExprKind::Subquery(subquery) => self.eval_over_subquery(&prepared, subquery, steps)?,
            _ => return Err(execution("expected a range vector")),
        };
        if matches!(
            function,
            FunctionId::LastOverTime | FunctionId::FirstOverTime
        ) {
            return Ok(table);
        }
        table.drop_name.fill(true);
        if self.removes_names_at_once() && function != FunctionId::AbsentOverTime {
            return strip_names(table, Overlap::Never);
        }
        Ok(table)
    }

    fn eval_over_matrix(
        &self,
        call: &RangeCall<'_>,
        matrix: &Matrix,
        steps: Steps,
    ) -> Result<Table, QueryError> {
        check_mode(call, matrix.selector.mode)?;
        let windows = self.windows(matrix, steps)?;
        let set = self.select_windows(matrix, &windows, call.name)?;
        let with_starts = self.options.start_timestamps == StartTimestamps::Used
            && matrix.selector.mode == SelectorMode::Plain;
        let hints = self.hints_at(matrix.selector_span);
        self.gather(set.len(), steps, &|series, scratch: &mut Scratch, table| {
            let Scratch {
                column,
                samples,
                row,
            } = scratch;
            column.clear();
            set.read(series, column)?;
            if hints == Hints::Derived {
                derive_hints(column);
            }
            let read = column.len();
            // What is decoded counts while it is held.
            let mut held = self.ledger.charge();
            held.grow(16 * read, read)?;
            samples.take(column, with_starts);
            if samples.len() == 0 {
                return Ok(());
            }
            let labels = set.labels(series);
            let notes = SeriesNotes::new(&self.notes, call.at, &labels);
            let row = row.get_or_insert_with(|| Row::new(steps.count));
            row.clear();
            let seen = window::apply(call, samples, &windows, &notes, row);
            self.ledger.count_samples(read, seen);
            note_name(call, &labels, row, &notes);
            table.push(labels, false, row)
        })
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
        let (start, end) = (windows.first().saturating_add(1), windows.last());
        let set = self
            .source
            .select(&matrix.selector.matchers, start, end, &hints)?;
        self.ledger.count_series(set.len());
        Ok(set)
    }
}

/// Tells when what is taken for a counter is not named like one.
pub(super) fn note_name(call: &RangeCall<'_>, labels: &Labels, row: &Row, notes: &SeriesNotes<'_>) {
    let counts_up = matches!(call.function, FunctionId::Rate | FunctionId::Increase);
    if counts_up && !is_named_as_counter(labels.name()) && has_float(row) {
        notes.add(Note::NotNamedAsCounter);
    }
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

fn check_mode(call: &RangeCall<'_>, mode: SelectorMode) -> Result<(), QueryError> {
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

//! Function calls: which function goes where, and those of one number at a time.

use crate::ast::{Call, Expr, ExprKind, FunctionId, Span};
use crate::error::QueryError;
use crate::options::StartTimestamps;

use super::histogram_call::histogram_part;
use super::merge::Overlap;
use super::rows::{Change, Vector};
use super::select::Want;
use super::table::{Cell, CellRef, Row, Table};
use super::{Evaluator, Operand, Steps, execution, window};

impl Evaluator<'_> {
    /// Evaluates a call whose result is not made row by row.
    pub(super) fn eval_call(
        &self,
        call: &Call,
        span: Span,
        steps: Steps,
    ) -> Result<Operand, QueryError> {
        use FunctionId as Id;
        if let Some(scalar) = self.scalar_call(call, steps)? {
            return Ok(Operand::Scalar(scalar));
        }
        let vector = match call.function.id {
            Id::AbsentOverTime => self.eval_absent_over_time(call, steps),
            Id::Absent => self.eval_absent(call, steps),
            Id::Vector => self.vector_of_scalar(call, steps),
            // Only a selector knows start timestamps, and only if they are made use of.
            Id::StartTimestamp => Ok(self.table(steps)),
            Id::LabelReplace => self.eval_label_replace(call, steps),
            Id::LabelJoin => self.eval_label_join(call, steps),
            Id::Sort | Id::SortDesc | Id::SortByLabel | Id::SortByLabelDesc => {
                self.eval_sort(call, span, steps)
            }
            Id::HistogramQuantile => self.eval_histogram_quantile(call, steps),
            Id::HistogramQuantiles => self.eval_histogram_quantiles(call, steps),
            Id::HistogramFraction => self.eval_histogram_fraction(call, steps),
            Id::Info => self.eval_info(call, steps),
            function => match super::date::part(function) {
                Some(part) => self.date_of_steps(part, steps),
                None => Err(execution(format!(
                    "unknown function {}",
                    call.function.name
                ))),
            },
        };
        vector.map(Operand::Vector)
    }

    /// Returns the result of a call that takes each row by itself; nothing for other functions.
    pub(super) fn lazy_call<'a>(
        &'a self,
        call: &'a Call,
        steps: Steps,
    ) -> Result<Option<Vector<'a>>, QueryError> {
        use FunctionId as Id;
        let function = call.function.id;
        if function == Id::AbsentOverTime {
            return Ok(None);
        }
        if let Some(kernel) = window::kernel(function) {
            return self.range_call(call, kernel, steps).map(Some);
        }
        let made = match function {
            Id::Timestamp => self.timestamps(call, steps)?,
            Id::StartTimestamp => match self.start_timestamps(call, steps)? {
                Some(starts) => starts,
                None => return Ok(None),
            },
            _ => match self.change_of(call, steps)? {
                Some(change) => self.mapped(self.vector(arg(call, 0)?, steps)?, change)?,
                None => return Ok(None),
            },
        };
        self.renamed(made, Overlap::Allowed).map(Some)
    }

    /// Returns what a function of single cells makes of each; nothing for other functions.
    fn change_of<'a>(
        &'a self,
        call: &'a Call,
        steps: Steps,
    ) -> Result<Option<Change<'a>>, QueryError> {
        use FunctionId as Id;
        let function = call.function.id;
        if let Some(change) = float_function(function) {
            return Ok(Some(Change::of_floats(move |_, value| Some(change(value)))));
        }
        if let Some(part) = super::date::part(function) {
            let of_float = move |_, value| Some(part(value as i64));
            return Ok((!call.args.is_empty()).then(|| Change::of_floats(of_float)));
        }
        if let Some(part) = histogram_part(function) {
            let of_cell = move |_, cell: CellRef<'_>| match cell {
                CellRef::Histogram(histogram) => Some(Cell::Float(part(histogram))),
                CellRef::Float(_) => None,
            };
            return Ok(Some(Change::of_cells(|_, _| None, of_cell)));
        }
        match function {
            Id::Clamp | Id::ClampMin | Id::ClampMax => self.clamp(call, steps).map(Some),
            Id::Round => self.round(call, steps).map(Some),
            _ => Ok(None),
        }
    }

    fn scalar_call(&self, call: &Call, steps: Steps) -> Result<Option<Vec<f64>>, QueryError> {
        use FunctionId as Id;
        let constant = |value: f64| vec![value; steps.count];
        let seconds = |millis: i64| millis as f64 / 1000.0;
        Ok(Some(match call.function.id {
            Id::Time => steps.times().map(seconds).collect(),
            Id::Pi => constant(std::f64::consts::PI),
            Id::Start => constant(seconds(self.times.start)),
            Id::End => constant(seconds(self.times.end)),
            Id::Step => constant(self.times.step_seconds()),
            Id::Range => constant(self.times.range_seconds()),
            Id::MinOf => self.of_two(call, steps, minimum)?,
            Id::MaxOf => self.of_two(call, steps, maximum)?,
            Id::Scalar => scalar_of(&self.eval_vector(arg(call, 0)?, steps)?, steps),
            _ => return Ok(None),
        }))
    }

    fn of_two(
        &self,
        call: &Call,
        steps: Steps,
        choose: fn(f64, f64) -> f64,
    ) -> Result<Vec<f64>, QueryError> {
        let left = self.eval_scalar(arg(call, 0)?, steps)?;
        let right = self.eval_scalar(arg(call, 1)?, steps)?;
        let pairs = left.into_iter().zip(right);
        Ok(pairs.map(|(left, right)| choose(left, right)).collect())
    }

    fn vector_of_scalar(&self, call: &Call, steps: Steps) -> Result<Table, QueryError> {
        let values = self.eval_scalar(arg(call, 0)?, steps)?;
        let mut row = Row::new(steps.count);
        for (step, value) in values.into_iter().enumerate() {
            row.set_float(step, value);
        }
        let mut table = self.table(steps);
        table.push(weft_model::Labels::empty(), false, &mut row)?;
        Ok(table)
    }

    fn timestamps<'a>(&'a self, call: &'a Call, steps: Steps) -> Result<Vector<'a>, QueryError> {
        let arg = arg(call, 0)?.without_parens();
        if let ExprKind::Selector(selector) = &arg.kind {
            let selected = self.selector(selector, arg.span, steps, Want::Timestamp)?;
            return Ok(Vector::Made(selected));
        }
        let seconds = move |step: usize| steps.time(step) as f64 / 1000.0;
        let change = Change::of_cells(
            move |step, _| Some(seconds(step)),
            move |step, _| Some(Cell::Float(seconds(step))),
        );
        self.mapped(self.vector(arg, steps)?, change)
    }

    fn start_timestamps<'a>(
        &'a self,
        call: &'a Call,
        steps: Steps,
    ) -> Result<Option<Vector<'a>>, QueryError> {
        let arg = arg(call, 0)?.without_parens();
        match &arg.kind {
            ExprKind::Selector(selector)
                if self.options.start_timestamps == StartTimestamps::Used =>
            {
                let selected = self.selector(selector, arg.span, steps, Want::Start)?;
                Ok(Some(Vector::Made(selected)))
            }
            _ => Ok(None),
        }
    }

    fn clamp<'a>(&'a self, call: &'a Call, steps: Steps) -> Result<Change<'a>, QueryError> {
        let unbounded = |bound: f64| vec![bound; steps.count];
        let (lower, upper) = match call.function.id {
            FunctionId::ClampMin => (
                self.eval_scalar(arg(call, 1)?, steps)?,
                unbounded(f64::INFINITY),
            ),
            FunctionId::ClampMax => (
                unbounded(f64::NEG_INFINITY),
                self.eval_scalar(arg(call, 1)?, steps)?,
            ),
            _ => (
                self.eval_scalar(arg(call, 1)?, steps)?,
                self.eval_scalar(arg(call, 2)?, steps)?,
            ),
        };
        Ok(Change::of_floats(move |step, value| {
            let (lower, upper) = (lower[step], upper[step]);
            (upper >= lower || upper.is_nan() || lower.is_nan())
                .then(|| maximum(lower, minimum(upper, value)))
        }))
    }

    fn round<'a>(&'a self, call: &'a Call, steps: Steps) -> Result<Change<'a>, QueryError> {
        let nearest = match call.args.get(1) {
            Some(arg) => self.eval_scalar(arg, steps)?,
            None => vec![1.0; steps.count],
        };
        Ok(Change::of_floats(move |step, value| {
            // Multiplying by the inverse is more accurate for steps such as 0.1.
            let inverse = 1.0 / nearest[step];
            Some((value * inverse + 0.5).floor() / inverse)
        }))
    }
}

/// Returns an argument, which the parser has counted.
pub(super) fn arg(call: &Call, at: usize) -> Result<&Expr, QueryError> {
    let missing = || {
        execution(format!(
            "missing argument in call to {}",
            call.function.name
        ))
    };
    call.args.get(at).ok_or_else(missing)
}

/// Returns the only number at each step, or NaN when there is none or more than one.
fn scalar_of(table: &Table, steps: Steps) -> Vec<f64> {
    let only = |step: usize| {
        let floats = (0..table.len()).filter_map(|row| match table.get(row, step) {
            Some(CellRef::Float(value)) => Some(value),
            _ => None,
        });
        let mut floats = floats.take(2);
        match (floats.next(), floats.next()) {
            (Some(value), None) => value,
            _ => f64::NAN,
        }
    };
    (0..steps.count).map(only).collect()
}

/// The smaller number; NaN if either is NaN.
fn minimum(left: f64, right: f64) -> f64 {
    if left.is_nan() || right.is_nan() {
        // An infinite bound wins even over NaN, as in Go.
        let lowest = left == f64::NEG_INFINITY || right == f64::NEG_INFINITY;
        return if lowest { f64::NEG_INFINITY } else { f64::NAN };
    }
    left.min(right)
}

/// The larger number; NaN if either is NaN.
fn maximum(left: f64, right: f64) -> f64 {
    -minimum(-left, -right)
}

fn float_function(function: FunctionId) -> Option<fn(f64) -> f64> {
    use FunctionId as Id;
    let change: fn(f64) -> f64 = match function {
        Id::Abs => f64::abs,
        Id::Ceil => f64::ceil,
        Id::Floor => f64::floor,
        Id::Exp => f64::exp,
        Id::Sqrt => f64::sqrt,
        Id::Ln => f64::ln,
        Id::Log2 => f64::log2,
        Id::Log10 => f64::log10,
        Id::Sin => f64::sin,
        Id::Cos => f64::cos,
        Id::Tan => f64::tan,
        Id::Asin => f64::asin,
        Id::Acos => f64::acos,
        Id::Atan => f64::atan,
        Id::Sinh => f64::sinh,
        Id::Cosh => f64::cosh,
        Id::Tanh => f64::tanh,
        Id::Asinh => asinh,
        Id::Acosh => acosh,
        Id::Atanh => f64::atanh,
        Id::Rad => |degrees| degrees * std::f64::consts::PI / 180.0,
        Id::Deg => |radians| radians * 180.0 / std::f64::consts::PI,
        Id::Sgn => |value| {
            if value < 0.0 {
                -1.0
            } else if value > 0.0 {
                1.0
            } else {
                value
            }
        },
        _ => return None,
    };
    Some(change)
}

/// From here on the inverse hyperbolic functions are the logarithm of the double.
const HYPERBOLIC_LARGE: f64 = (1u64 << 28) as f64;

/// The standard library's overflows on the largest numbers.
fn asinh(value: f64) -> f64 {
    if value.is_finite() && value.abs() > HYPERBOLIC_LARGE {
        return (value.abs().ln() + std::f64::consts::LN_2).copysign(value);
    }
    value.asinh()
}

fn acosh(value: f64) -> f64 {
    if value.is_finite() && value > HYPERBOLIC_LARGE {
        return value.ln() + std::f64::consts::LN_2;
    }
    value.acosh()
}

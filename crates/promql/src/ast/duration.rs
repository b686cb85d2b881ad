//! Durations, which may be expressions: `[5m]`, `[2 * step() + 5s]`, `offset -(1h / 2)`.

use super::Span;

/// A duration and where it stands in the query.
#[derive(Clone, Debug)]
pub struct DurationExpr {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub kind: DurationKind,
}

/// What a duration is made of. Values are seconds.
#[derive(Clone, Debug)]
pub enum DurationKind {
    /// A number of seconds.
    Literal {
        /// The seconds.
        seconds: f64,
        /// Whether it was written as a duration, such as `5m`.
        is_duration: bool,
    },
    /// `step()`: the distance of two evaluation times of the query, 0 for an instant query.
    Step,
    /// `range()`: the length of the query, 0 for an instant query.
    Range,
    /// A negative duration.
    Negative(Box<DurationExpr>),
    /// A duration after a plus sign.
    Positive(Box<DurationExpr>),
    /// A duration in parentheses.
    Paren(Box<DurationExpr>),
    /// Two durations with an operator between them, or `min` or `max` of two.
    Binary(DurationOp, Box<DurationExpr>, Box<DurationExpr>),
}

/// An operator between two durations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DurationOp {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Mod,
    /// `^`
    Pow,
    /// `min(a, b)`
    Min,
    /// `max(a, b)`
    Max,
}

impl DurationOp {
    /// Returns the operator or function as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            DurationOp::Add => "+",
            DurationOp::Sub => "-",
            DurationOp::Mul => "*",
            DurationOp::Div => "/",
            DurationOp::Mod => "%",
            DurationOp::Pow => "^",
            DurationOp::Min => "min",
            DurationOp::Max => "max",
        }
    }
}

impl DurationExpr {
    /// Returns the seconds, when they do not depend on the query.
    pub fn literal(&self) -> Option<f64> {
        match &self.kind {
            DurationKind::Literal { seconds, .. } => Some(*seconds),
            DurationKind::Negative(inner) => inner.literal().map(|seconds| -seconds),
            DurationKind::Positive(inner) => inner.literal(),
            _ => None,
        }
    }

    /// Returns the seconds for a query with this step and length, or what is wrong.
    pub fn seconds(&self, step: f64, range: f64) -> Result<f64, &'static str> {
        Ok(match &self.kind {
            DurationKind::Literal { seconds, .. } => *seconds,
            DurationKind::Step => step,
            DurationKind::Range => range,
            DurationKind::Negative(inner) => -inner.seconds(step, range)?,
            DurationKind::Positive(inner) | DurationKind::Paren(inner) => {
                inner.seconds(step, range)?
            }
            DurationKind::Binary(op, left, right) => {
                let (left, right) = (left.seconds(step, range)?, right.seconds(step, range)?);
                match op {
                    DurationOp::Add => left + right,
                    DurationOp::Sub => left - right,
                    DurationOp::Mul => left * right,
                    DurationOp::Div if right == 0.0 => return Err("division by zero"),
                    DurationOp::Div => left / right,
                    DurationOp::Mod if right == 0.0 => return Err("modulo by zero"),
                    DurationOp::Mod => left % right,
                    DurationOp::Pow => left.powf(right),
                    DurationOp::Min => left.min(right),
                    DurationOp::Max => left.max(right),
                }
            }
        })
    }
}

//! The expression tree of a query, as it was written.
//!
//! In: what the parser read. Out: a tree with byte positions that the evaluator walks, the printer
//! writes and the API renders. Bound: depth is limited by [`crate::parse::HEIGHT_MAX`].

mod duration;
mod function;
mod operator;
mod text;

pub use duration::{DurationExpr, DurationKind, DurationOp};
pub use function::{Function, FunctionId, Variadic, function, functions};
pub use operator::{AggregateOp, BinaryOp, UnaryOp};
pub use text::{Text, quote};

use weft_model::Matcher;

/// A range of bytes in the query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

/// An expression and where it stands in the query.
#[derive(Clone, Debug)]
pub struct Expr {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub kind: ExprKind,
}

/// What an expression is.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// A number or a duration, in seconds.
    Number(Number),
    /// A quoted text.
    Text(Text),
    /// An expression in parentheses.
    Paren(Box<Expr>),
    /// A sign before an expression.
    Unary(Unary),
    /// Two expressions with an operator between them.
    Binary(Box<Binary>),
    /// A function call.
    Call(Call),
    /// An aggregation.
    Aggregate(Box<Aggregate>),
    /// An instant selector.
    Selector(Selector),
    /// A range selector.
    Matrix(Matrix),
    /// A subquery.
    Subquery(Box<Subquery>),
}

/// A number as it was written.
#[derive(Clone, Copy, Debug)]
pub struct Number {
    /// The number, or the seconds of a duration.
    pub value: f64,
    /// Whether it was written as a duration, such as `5m`.
    pub is_duration: bool,
}

/// A sign before an expression.
#[derive(Clone, Debug)]
pub struct Unary {
    /// The sign.
    pub op: UnaryOp,
    /// What it stands before.
    pub expr: Box<Expr>,
}

/// Two expressions with an operator between them.
#[derive(Clone, Debug)]
pub struct Binary {
    /// The operator.
    pub op: BinaryOp,
    /// The left-hand side.
    pub left: Expr,
    /// The right-hand side.
    pub right: Expr,
    /// Whether comparisons yield 0 and 1 (`bool`) instead of filtering.
    pub returns_bool: bool,
    /// How series of two vectors find each other.
    pub matching: VectorMatching,
}

/// How series of two vectors find each other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VectorMatching {
    /// How many series may match one.
    pub cardinality: Cardinality,
    /// Whether `labels` are those that must agree (`on`) or those that may differ (`ignoring`).
    pub on: bool,
    /// The labels of `on` or `ignoring`.
    pub labels: Vec<String>,
    /// The labels of `group_left` or `group_right`, taken over from the "one" side.
    pub include: Vec<String>,
    /// The value of a series that is missing on the left.
    pub fill_left: Option<f64>,
    /// The value of a series that is missing on the right.
    pub fill_right: Option<f64>,
}

/// How many series of one side may match one of the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cardinality {
    /// One on each side.
    #[default]
    OneToOne,
    /// Many on the left (`group_left`).
    ManyToOne,
    /// Many on the right (`group_right`).
    OneToMany,
    /// Many on both sides, as for `and`, `or` and `unless`.
    ManyToMany,
}

/// A function call.
#[derive(Clone, Debug)]
pub struct Call {
    /// The function.
    pub function: &'static Function,
    /// Its arguments.
    pub args: Vec<Expr>,
}

/// An aggregation.
#[derive(Clone, Debug)]
pub struct Aggregate {
    /// The operator.
    pub op: AggregateOp,
    /// What is aggregated.
    pub expr: Expr,
    /// The parameter of operators such as `topk`.
    pub param: Option<Expr>,
    /// Whether `grouping` lists the labels that stay (`by`) or that go (`without`).
    pub without: bool,
    /// The labels of `by` or `without`.
    pub grouping: Vec<String>,
}

/// An instant selector.
#[derive(Clone, Debug)]
pub struct Selector {
    /// The metric's name when it was written outside of the braces, else empty.
    pub name: String,
    /// All conditions, the name's included.
    pub matchers: Vec<Matcher>,
    /// The offset, if any.
    pub offset: Option<DurationExpr>,
    /// The fixed time, if any.
    pub at: Option<At>,
    /// How values between samples are told.
    pub mode: SelectorMode,
}

/// How a selector tells values between samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SelectorMode {
    /// By the newest sample.
    #[default]
    Plain,
    /// By the newest sample, also at the beginning of a range (`anchored`).
    Anchored,
    /// By interpolation (`smoothed`).
    Smoothed,
}

/// A range selector.
#[derive(Clone, Debug)]
pub struct Matrix {
    /// What is selected; its `offset`, `at` and `mode` are those written after the brackets.
    pub selector: Selector,
    /// The selector's own position, without the range.
    pub selector_span: Span,
    /// The length of the window.
    pub range: DurationExpr,
}

/// A subquery.
#[derive(Clone, Debug)]
pub struct Subquery {
    /// What is evaluated at each step.
    pub expr: Expr,
    /// The length of the window.
    pub range: DurationExpr,
    /// The resolution, if it was given.
    pub step: Option<DurationExpr>,
    /// The offset, if any.
    pub offset: Option<DurationExpr>,
    /// The fixed time, if any.
    pub at: Option<At>,
}

/// A fixed time of evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Milliseconds since the epoch.
    Time(i64),
    /// The query's start.
    Start,
    /// The query's end.
    End,
}

/// The type of an expression's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// A number.
    Scalar,
    /// A text.
    String,
    /// One sample for each series.
    Vector,
    /// Many samples for each series.
    Matrix,
}

impl ValueType {
    /// Returns the type's name as the documentation has it.
    pub fn as_str(self) -> &'static str {
        match self {
            ValueType::Scalar => "scalar",
            ValueType::String => "string",
            ValueType::Vector => "instant vector",
            ValueType::Matrix => "range vector",
        }
    }
}

impl Expr {
    /// Returns the type of the expression's value.
    pub fn value_type(&self) -> ValueType {
        match &self.kind {
            ExprKind::Number(_) => ValueType::Scalar,
            ExprKind::Text(_) => ValueType::String,
            ExprKind::Paren(inner) => inner.value_type(),
            ExprKind::Unary(unary) => unary.expr.value_type(),
            ExprKind::Binary(binary) => {
                let scalars = binary.left.value_type() == ValueType::Scalar
                    && binary.right.value_type() == ValueType::Scalar;
                if scalars {
                    ValueType::Scalar
                } else {
                    ValueType::Vector
                }
            }
            ExprKind::Call(call) => call.function.returns,
            ExprKind::Aggregate(_) | ExprKind::Selector(_) => ValueType::Vector,
            ExprKind::Matrix(_) | ExprKind::Subquery(_) => ValueType::Matrix,
        }
    }

    /// Returns the expression without the parentheses around it.
    pub fn without_parens(&self) -> &Expr {
        match &self.kind {
            ExprKind::Paren(inner) => inner.without_parens(),
            _ => self,
        }
    }
}

//! A LogQL expression after parsing.
//!
//! In: what [`crate::parse`] recognised. Out: trees for the engine and the printer. Two expressions
//! are equal when they ask the same in the same shape; positions are not kept.
//! Bound: nesting is limited by the parser.

mod words;

use weft_model::Matcher;

use crate::template::Template;

/// A whole expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// Asks for lines.
    Log(LogExpr),
    /// Asks for numbers.
    Metric(MetricExpr),
}

/// A stream selector and the stages its lines run through.
#[derive(Clone, Debug, PartialEq)]
pub struct LogExpr {
    /// The conditions on the stream's labels; none selects every stream.
    pub matchers: Vec<Matcher>,
    /// The stages, in order.
    pub stages: Vec<Stage>,
}

/// One step of a pipeline.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// Keeps lines by their text.
    LineFilter(LineFilter),
    /// Extracts labels from the line.
    Parser(Parser),
    /// Keeps lines by their labels.
    LabelFilter(LabelFilter),
    /// Rewrites the line.
    LineFormat(Template),
    /// Renames or writes labels.
    LabelFormat(Vec<LabelFormat>),
    /// Removes the labels that are named.
    Drop(Vec<LabelPick>),
    /// Removes the labels that are not named.
    Keep(Vec<LabelPick>),
    /// Removes ANSI colour sequences from the line.
    Decolorize,
}

/// A condition on a line's text: any of the patterns matches, or for a negative operator none.
#[derive(Clone, Debug, PartialEq)]
pub struct LineFilter {
    /// How the patterns are compared.
    pub op: LineOp,
    /// At least one.
    pub patterns: Vec<LinePattern>,
}

/// How a line is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineOp {
    /// `|=`
    Contains,
    /// `!=`
    NotContains,
    /// `|~`
    Matches,
    /// `!~`
    NotMatches,
    /// `|>`
    Pattern,
    /// `!>`
    NotPattern,
}

/// What a line is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum LinePattern {
    /// A text, regular expression or pattern, by the operator.
    Text(String),
    /// `ip("…")`: an address, a range or a network.
    Ip(String),
}

/// How labels are extracted from a line.
#[derive(Clone, Debug, PartialEq)]
pub enum Parser {
    /// `json`, everything or the expressions given.
    Json(Vec<Extraction>),
    /// `logfmt`.
    Logfmt(Logfmt),
    /// `regexp` with named groups.
    Regexp(String),
    /// `pattern` with named captures.
    Pattern(String),
    /// `unpack`: the counterpart of a shipper's `pack`.
    Unpack,
}

/// The `logfmt` stage.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logfmt {
    /// `--strict`: a malformed pair is an error.
    pub strict: bool,
    /// `--keep-empty`: keys without a value become labels.
    pub keep_empty: bool,
    /// The keys to extract; none extracts all.
    pub expressions: Vec<Extraction>,
}

/// `name="expression"` of a parser.
#[derive(Clone, Debug, PartialEq)]
pub struct Extraction {
    /// The label that is written.
    pub name: String,
    /// Where its value is found in the line.
    pub expression: String,
}

/// A condition on labels.
#[derive(Clone, Debug, PartialEq)]
pub enum LabelFilter {
    /// Both hold.
    And(Box<LabelFilter>, Box<LabelFilter>),
    /// One holds.
    Or(Box<LabelFilter>, Box<LabelFilter>),
    /// A comparison of text.
    Text(Matcher),
    /// A comparison of numbers.
    Number(Comparison<f64>),
    /// A comparison of durations, in nanoseconds.
    Duration(Comparison<i64>),
    /// A comparison of sizes, in bytes.
    Bytes(Comparison<u64>),
    /// Membership of an address.
    Ip {
        /// The label.
        name: String,
        /// Whether the address must lie outside.
        negated: bool,
        /// An address, a range or a network.
        pattern: String,
    },
}

/// A label compared with a constant.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison<T> {
    /// The label.
    pub name: String,
    /// The operator.
    pub op: CompareOp,
    /// The constant.
    pub value: T,
}

/// A comparison of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompareOp {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
}

/// One assignment of `label_format`.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelFormat {
    /// The label that is written.
    pub name: String,
    /// Its new value.
    pub value: FormatValue,
}

/// Where a formatted label takes its value from.
#[derive(Clone, Debug, PartialEq)]
pub enum FormatValue {
    /// Another label, which is removed.
    Rename(String),
    /// A template.
    Template(Template),
}

/// A label named by `drop` or `keep`, with a condition on its value or without.
#[derive(Clone, Debug, PartialEq)]
pub enum LabelPick {
    /// Every value.
    Name(String),
    /// The values that match.
    Matcher(Matcher),
}

/// An expression that yields numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum MetricExpr {
    /// An aggregation of lines over a range of time.
    Range(Box<RangeAggregation>),
    /// An aggregation of series.
    Vector(Box<VectorAggregation>),
    /// An operator between two expressions.
    Binary(Box<Binary>),
    /// A number.
    Literal(f64),
    /// `vector(n)`: one sample without labels.
    ConstantVector(f64),
    /// `label_replace(…)`.
    LabelReplace(Box<LabelReplace>),
}

/// `op(parameter, range) grouping`.
#[derive(Clone, Debug, PartialEq)]
pub struct RangeAggregation {
    /// What is computed.
    pub op: RangeOp,
    /// The quantile of `quantile_over_time`.
    pub parameter: Option<f64>,
    /// The lines.
    pub range: LogRange,
    /// The labels of the result, where the operation allows to say them.
    pub grouping: Option<Grouping>,
}

/// Lines over a range of time.
#[derive(Clone, Debug, PartialEq)]
pub struct LogRange {
    /// The lines.
    pub log: LogExpr,
    /// The label whose value is aggregated instead of the lines.
    pub unwrap: Option<Unwrap>,
    /// The width of the window, in nanoseconds.
    pub interval: i64,
    /// How far the window lies in the past, in nanoseconds; may be negative.
    pub offset: i64,
}

/// `unwrap conversion(label) | filters`.
#[derive(Clone, Debug, PartialEq)]
pub struct Unwrap {
    /// The label.
    pub label: String,
    /// How its text becomes a number.
    pub conversion: Conversion,
    /// Conditions on what was unwrapped.
    pub filters: Vec<LabelFilter>,
}

/// How a label's text becomes a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conversion {
    /// A plain number.
    Number,
    /// A duration, in seconds.
    Duration,
    /// The same, by its longer name.
    DurationSeconds,
    /// A size, in bytes.
    Bytes,
}

/// An aggregation over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RangeOp {
    /// `count_over_time`
    Count,
    /// `rate`
    Rate,
    /// `rate_counter`
    RateCounter,
    /// `bytes_over_time`
    Bytes,
    /// `bytes_rate`
    BytesRate,
    /// `sum_over_time`
    Sum,
    /// `avg_over_time`
    Avg,
    /// `min_over_time`
    Min,
    /// `max_over_time`
    Max,
    /// `first_over_time`
    First,
    /// `last_over_time`
    Last,
    /// `stddev_over_time`
    Stddev,
    /// `stdvar_over_time`
    Stdvar,
    /// `quantile_over_time`
    Quantile,
    /// `absent_over_time`
    Absent,
}

/// `op(parameter, expr) grouping`.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorAggregation {
    /// What is computed.
    pub op: VectorOp,
    /// How many series `topk` and its kin keep.
    pub parameter: Option<usize>,
    /// What is aggregated.
    pub expr: MetricExpr,
    /// The labels of the groups.
    pub grouping: Option<Grouping>,
}

/// An aggregation over series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VectorOp {
    /// `sum`
    Sum,
    /// `avg`
    Avg,
    /// `count`
    Count,
    /// `min`
    Min,
    /// `max`
    Max,
    /// `stddev`
    Stddev,
    /// `stdvar`
    Stdvar,
    /// `topk`
    Topk,
    /// `approx_topk`, which is answered exactly.
    ApproxTopk,
    /// `bottomk`
    Bottomk,
    /// `sort`
    Sort,
    /// `sort_desc`
    SortDesc,
}

/// The labels that make a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grouping {
    /// Whether the labels are dropped (`without`) or kept (`by`).
    pub kind: GroupingKind,
    /// The labels.
    pub labels: Vec<String>,
}

/// Whether the labels of a grouping are kept or dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupingKind {
    /// `by`
    By,
    /// `without`
    Without,
}

/// `left op right`.
#[derive(Clone, Debug, PartialEq)]
pub struct Binary {
    /// The operator.
    pub op: BinaryOp,
    /// Whether a comparison yields 0 and 1 (`bool`) instead of filtering.
    pub returns_bool: bool,
    /// How the samples of both sides find each other.
    pub matching: Matching,
    /// The left side.
    pub left: MetricExpr,
    /// The right side.
    pub right: MetricExpr,
}

/// An operator between two expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `or`
    Or,
    /// `and`
    And,
    /// `unless`
    Unless,
    /// A comparison.
    Compare(CompareOp),
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
    /// `^`
    Power,
}

/// How the samples of two vectors find each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matching {
    /// The labels that count; all of them when it is not said.
    pub labels: MatchLabels,
    /// Which side may have several samples for one of the other.
    pub group: MatchGroup,
}

/// The labels that are compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum MatchLabels {
    /// All labels.
    #[default]
    All,
    /// `on (…)`
    On(Vec<String>),
    /// `ignoring (…)`
    Ignoring(Vec<String>),
}

/// Which side may have several samples for one of the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum MatchGroup {
    /// Neither.
    #[default]
    OneToOne,
    /// `group_left (…)`: the left one; the labels are taken from the right.
    Left(Vec<String>),
    /// `group_right (…)`: the right one; the labels are taken from the left.
    Right(Vec<String>),
}

/// `label_replace(expr, "target", "replacement", "source", "regex")`.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelReplace {
    /// Whose labels are replaced.
    pub expr: MetricExpr,
    /// The label that is written.
    pub target: String,
    /// Its value, with `$1` for what the groups matched.
    pub replacement: String,
    /// The label that is read.
    pub source: String,
    /// The regular expression, anchored.
    pub regex: String,
}

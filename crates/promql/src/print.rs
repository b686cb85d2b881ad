//! Expression tree to text: on one line through [`Display`](std::fmt::Display), or over several
//! lines through [`pretty`].
//!
//! Out: PromQL that parses to the same tree.

mod number;
mod pretty;

use std::fmt::{self, Display, Formatter};

use weft_model::{METRIC_NAME, MatchOp};

use crate::ast::{
    Aggregate, At, Binary, Cardinality, DurationExpr, DurationKind, DurationOp, Expr, ExprKind,
    Matrix, Selector, SelectorMode, Subquery, UnaryOp, quote,
};

pub use number::{format_duration, format_float};
pub use pretty::pretty;

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Number(number) if number.is_duration && number.value >= 0.0 => {
                f.write_str(&format_duration(number.value))
            }
            ExprKind::Number(number) if number.is_duration => {
                write!(f, "-{}", format_duration(-number.value))
            }
            ExprKind::Number(number) => f.write_str(&format_float(number.value)),
            ExprKind::Text(text) => f.write_str(&text.quoted()),
            ExprKind::Paren(inner) => write!(f, "({inner})"),
            ExprKind::Unary(unary) => {
                let sign = if unary.op == UnaryOp::Minus { "-" } else { "+" };
                write!(f, "{sign}{}", unary.expr)
            }
            ExprKind::Binary(binary) => {
                let (left, right) = (&binary.left, &binary.right);
                write!(
                    f,
                    "{left} {}{} {right}",
                    binary.op.as_str(),
                    Modifiers(binary)
                )
            }
            ExprKind::Call(call) => {
                write!(f, "{}(", call.function.name)?;
                list(f, &call.args)?;
                f.write_str(")")
            }
            ExprKind::Aggregate(aggregate) => {
                write!(f, "{}(", Head(aggregate))?;
                if let Some(param) = &aggregate.param {
                    write!(f, "{param}, ")?;
                }
                write!(f, "{})", aggregate.expr)
            }
            ExprKind::Selector(selector) => {
                write!(f, "{}{}", Matchers(selector), Tail::of_selector(selector))
            }
            ExprKind::Matrix(matrix) => display_matrix(matrix, f),
            ExprKind::Subquery(subquery) => {
                write!(f, "{}{}", subquery.expr, Brackets(subquery))
            }
        }
    }
}

fn display_matrix(matrix: &Matrix, f: &mut Formatter<'_>) -> fmt::Result {
    let selector = &matrix.selector;
    let tail = Tail::of_selector(selector);
    write!(f, "{}[{}]{tail}", Matchers(selector), Whole(&matrix.range))
}

fn list<T: Display>(f: &mut Formatter<'_>, items: &[T]) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        let comma = if at == 0 { "" } else { ", " };
        write!(f, "{comma}{item}")?;
    }
    Ok(())
}

/// An aggregation up to its parenthesis.
struct Head<'a>(&'a Aggregate);

impl Display for Head<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.op.as_str())?;
        if self.0.without {
            write!(f, " without {} ", Names(&self.0.grouping))
        } else if self.0.grouping.is_empty() {
            Ok(())
        } else {
            write!(f, " by {} ", Names(&self.0.grouping))
        }
    }
}

/// A list of labels in parentheses.
struct Names<'a>(&'a [String]);

impl Display for Names<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let quoted: Vec<String> = self.0.iter().map(|name| label(name)).collect();
        write!(f, "({})", quoted.join(", "))
    }
}

/// What stands after an operator.
struct Modifiers<'a>(&'a Binary);

impl Display for Modifiers<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let matching = &self.0.matching;
        if self.0.returns_bool {
            f.write_str(" bool")?;
        }
        let grouped = match matching.cardinality {
            Cardinality::ManyToOne => " group_left ",
            Cardinality::OneToMany => " group_right ",
            _ => "",
        };
        if matching.on {
            write!(f, " on {}", Names(&matching.labels))?;
        } else if !matching.labels.is_empty() || !grouped.is_empty() {
            write!(f, " ignoring {}", Names(&matching.labels))?;
        }
        if !grouped.is_empty() {
            write!(f, "{grouped}{}", Names(&matching.include))?;
        }
        match (matching.fill_left, matching.fill_right) {
            (Some(left), Some(right)) if left.to_bits() == right.to_bits() => {
                write!(f, " fill ({})", format_float(left))
            }
            (left, right) => {
                for (name, value) in [("fill_left", left), ("fill_right", right)] {
                    if let Some(value) = value {
                        write!(f, " {name} ({})", format_float(value))?;
                    }
                }
                Ok(())
            }
        }
    }
}

/// A selector without its modifiers.
struct Matchers<'a>(&'a Selector);

impl Display for Matchers<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let selector = self.0;
        let mut written = Vec::new();
        for matcher in &selector.matchers {
            let is_name = matcher.name == METRIC_NAME && matcher.op == MatchOp::Equal;
            if is_name && matcher.value == selector.name && !selector.name.is_empty() {
                continue;
            }
            let (name, op) = (label(&matcher.name), matcher.op.symbol());
            written.push(format!("{name}{op}{}", quote(&matcher.value)));
        }
        written.sort();
        f.write_str(&selector.name)?;
        if written.is_empty() && !selector.name.is_empty() {
            return Ok(());
        }
        write!(f, "{{{}}}", written.join(","))
    }
}

/// The modifiers after a selector or a subquery.
struct Tail<'a> {
    mode: SelectorMode,
    at: Option<At>,
    offset: Option<&'a DurationExpr>,
}

impl<'a> Tail<'a> {
    fn of_selector(selector: &'a Selector) -> Tail<'a> {
        Tail {
            mode: selector.mode,
            at: selector.at,
            offset: selector.offset.as_ref(),
        }
    }
}

impl Display for Tail<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.mode {
            SelectorMode::Plain => {}
            SelectorMode::Anchored => f.write_str(" anchored")?,
            SelectorMode::Smoothed => f.write_str(" smoothed")?,
        }
        match self.at {
            None => {}
            Some(At::Start) => f.write_str(" @ start()")?,
            Some(At::End) => f.write_str(" @ end()")?,
            Some(At::Time(millis)) => {
                let sign = if millis < 0 { "-" } else { "" };
                let (seconds, rest) = (millis.unsigned_abs() / 1000, millis.unsigned_abs() % 1000);
                write!(f, " @ {sign}{seconds}.{rest:03}")?;
            }
        }
        match self.offset {
            Some(offset) => write!(f, " offset {}", Whole(offset)),
            None => Ok(()),
        }
    }
}

/// A subquery after its expression.
struct Brackets<'a>(&'a Subquery);

impl Display for Brackets<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let subquery = self.0;
        write!(f, "[{}:", Whole(&subquery.range))?;
        if let Some(step) = &subquery.step {
            write!(f, "{}", Whole(step))?;
        }
        let tail = Tail {
            mode: SelectorMode::Plain,
            at: subquery.at,
            offset: subquery.offset.as_ref(),
        };
        write!(f, "]{tail}")
    }
}

/// A duration on its own: a plain number is told as a duration too.
struct Whole<'a>(&'a DurationExpr);

impl Display for Whole<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.0.kind {
            DurationKind::Literal { seconds, .. } => f.write_str(&format_duration(*seconds)),
            DurationKind::Negative(inner) => write!(f, "-{}", Whole(inner)),
            _ => write!(f, "{}", self.0),
        }
    }
}

impl Display for DurationExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            DurationKind::Literal {
                seconds,
                is_duration: false,
            } => f.write_str(&format_float(*seconds)),
            DurationKind::Literal { seconds, .. } => f.write_str(&format_duration(*seconds)),
            DurationKind::Step => f.write_str("step()"),
            DurationKind::Range => f.write_str("range()"),
            DurationKind::Negative(inner) => write!(f, "-{inner}"),
            DurationKind::Positive(inner) => write!(f, "+{inner}"),
            DurationKind::Paren(inner) => write!(f, "({inner})"),
            DurationKind::Binary(op @ (DurationOp::Min | DurationOp::Max), left, right) => {
                write!(f, "{}({left}, {right})", op.as_str())
            }
            DurationKind::Binary(op, left, right) => write!(f, "{left} {} {right}", op.as_str()),
        }
    }
}

/// Returns a label's name, quoted when it would not read as a name.
fn label(name: &str) -> String {
    let mut bytes = name.bytes();
    let starts = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let plain = bytes.next().is_some_and(starts)
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if plain { name.to_owned() } else { quote(name) }
}

//! Metric expressions as text.

use std::fmt;

use super::{fits, indent, joined, log};
use crate::ast::{
    Binary, BinaryOp, Grouping, GroupingKind, MatchGroup, MatchLabels, MetricExpr,
    RangeAggregation, VectorAggregation,
};
use crate::parse::quote::quote;

/// Lays out an expression: arguments on lines of their own where they are long.
pub(super) fn pretty(expr: &MetricExpr, depth: usize) -> String {
    let one_line = expr.to_string();
    let margin = indent(depth);
    if fits(&one_line, depth) {
        return margin + &one_line;
    }
    match expr {
        MetricExpr::Literal(_) | MetricExpr::ConstantVector(_) => margin + &one_line,
        MetricExpr::Range(aggregation) => {
            let head = range_head(aggregation);
            let body = log::pretty_range(&aggregation.range, depth + 1);
            let tail = after(aggregation.grouping.as_ref());
            format!("{margin}{head}\n{body}\n{margin}){tail}")
        }
        MetricExpr::Vector(aggregation) => {
            let head = vector_head(aggregation);
            let body = pretty(&aggregation.expr, depth + 1);
            format!("{margin}{head}\n{body}\n{margin})")
        }
        MetricExpr::LabelReplace(replace) => {
            let body = pretty(&replace.expr, depth + 1);
            let texts = [
                &replace.target,
                &replace.replacement,
                &replace.source,
                &replace.regex,
            ];
            let texts = joined(texts.map(|text| quote(text)));
            let inner = indent(depth + 1);
            format!("{margin}label_replace(\n{body},\n{inner}{texts}\n{margin})")
        }
        MetricExpr::Binary(binary) => pretty_binary(binary, depth),
    }
}

fn pretty_binary(binary: &Binary, depth: usize) -> String {
    let margin = indent(depth);
    let side = |expr: &MetricExpr, grouped: bool| {
        if grouped {
            format!("{margin}(\n{}\n{margin})", pretty(expr, depth + 1))
        } else {
            pretty(expr, depth)
        }
    };
    let left = side(
        &binary.left,
        needs_group(&binary.left, binary.op, Side::Left),
    );
    let right = side(
        &binary.right,
        needs_group(&binary.right, binary.op, Side::Right),
    );
    format!("{left}\n{margin}{}\n{right}", operator(binary))
}

fn range_head(aggregation: &RangeAggregation) -> String {
    let parameter = aggregation.parameter.map(|value| format!("{value}, "));
    format!(
        "{}({}",
        aggregation.op.name(),
        parameter.unwrap_or_default()
    )
}

fn vector_head(aggregation: &VectorAggregation) -> String {
    let grouping = match &aggregation.grouping {
        Some(grouping) => format!(" {grouping} "),
        None => String::new(),
    };
    let parameter = aggregation.parameter.map(|count| format!("{count}, "));
    format!(
        "{}{grouping}({}",
        aggregation.op.name(),
        parameter.unwrap_or_default()
    )
}

fn after(grouping: Option<&Grouping>) -> String {
    grouping.map_or_else(String::new, |grouping| format!(" {grouping}"))
}

fn operator(binary: &Binary) -> String {
    let mut text = binary.op.symbol().to_owned();
    if binary.returns_bool {
        text += " bool";
    }
    match &binary.matching.labels {
        MatchLabels::All => {}
        MatchLabels::On(labels) => text += &format!(" on ({})", joined(labels)),
        MatchLabels::Ignoring(labels) => text += &format!(" ignoring ({})", joined(labels)),
    }
    match &binary.matching.group {
        MatchGroup::OneToOne => {}
        MatchGroup::Left(labels) => text += &format!(" group_left ({})", joined(labels)),
        MatchGroup::Right(labels) => text += &format!(" group_right ({})", joined(labels)),
    }
    text
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// Tells whether an operand needs parentheses to stay the operand it is.
fn needs_group(expr: &MetricExpr, outer: BinaryOp, side: Side) -> bool {
    let MetricExpr::Binary(inner) = expr else {
        return false;
    };
    let (inner, outer) = (strength(inner.op), strength(outer));
    let groups_here = if outer == strength(BinaryOp::Power) {
        Side::Right
    } else {
        Side::Left
    };
    inner < outer || (inner == outer && side != groups_here)
}

fn strength(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Or => 1,
        BinaryOp::And | BinaryOp::Unless => 2,
        BinaryOp::Compare(_) => 3,
        BinaryOp::Add | BinaryOp::Subtract => 4,
        BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::Modulo => 5,
        BinaryOp::Power => 6,
    }
}

impl fmt::Display for MetricExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MetricExpr::Literal(value) => write!(f, "{value}"),
            MetricExpr::ConstantVector(value) => write!(f, "vector({value})"),
            MetricExpr::Range(aggregation) => {
                let head = range_head(aggregation);
                let tail = after(aggregation.grouping.as_ref());
                write!(f, "{head}{}){tail}", aggregation.range)
            }
            MetricExpr::Vector(aggregation) => {
                write!(f, "{}{})", vector_head(aggregation), aggregation.expr)
            }
            MetricExpr::LabelReplace(replace) => write!(
                f,
                "label_replace({}, {}, {}, {}, {})",
                replace.expr,
                quote(&replace.target),
                quote(&replace.replacement),
                quote(&replace.source),
                quote(&replace.regex)
            ),
            MetricExpr::Binary(binary) => {
                write_side(f, &binary.left, binary.op, Side::Left)?;
                write!(f, " {} ", operator(binary))?;
                write_side(f, &binary.right, binary.op, Side::Right)
            }
        }
    }
}

fn write_side(
    f: &mut fmt::Formatter<'_>,
    expr: &MetricExpr,
    outer: BinaryOp,
    side: Side,
) -> fmt::Result {
    if needs_group(expr, outer, side) {
        write!(f, "({expr})")
    } else {
        write!(f, "{expr}")
    }
}

impl fmt::Display for Grouping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.kind {
            GroupingKind::By => "by",
            GroupingKind::Without => "without",
        };
        write!(f, "{word} ({})", joined(&self.labels))
    }
}

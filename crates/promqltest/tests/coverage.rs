//! The scripts in `tests/data/promql` have a case for everything that the language knows.

use std::collections::BTreeSet;
use std::path::Path;

use weft_promql::ast::{
    AggregateOp, At, BinaryOp, Cardinality, DurationExpr, DurationKind, Expr, ExprKind, Selector,
    SelectorMode, UnaryOp, functions,
};

/// Returns the words for what the queries of all scripts make use of.
fn used() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/promql");
    let mut used = BTreeSet::new();
    for entry in std::fs::read_dir(&folder).expect("the folder of scripts") {
        let path = entry.expect("an entry of the folder").path();
        let script = std::fs::read_to_string(path).expect("a script");
        for line in script.lines().filter(|line| line.starts_with("eval ")) {
            if let Ok(expr) = weft_promql::parse(query_of(line)) {
                visit(&expr, &mut used);
            }
        }
    }
    used
}

/// Returns the query of a line `eval instant at <t> <query>` or `eval range from .. step <s> ..`.
fn query_of(line: &str) -> &str {
    let words = if line.starts_with("eval instant") {
        4
    } else {
        8
    };
    let mut rest = line;
    for _ in 0..words {
        let (_, after) = rest.split_once(' ').unwrap_or_default();
        rest = after.trim_start();
    }
    rest
}

fn visit(expr: &Expr, used: &mut BTreeSet<String>) {
    let mut uses = |word: &str| {
        used.insert(word.to_owned());
    };
    match &expr.kind {
        ExprKind::Number(number) if number.is_duration => uses("duration literal"),
        ExprKind::Number(_) => uses("number"),
        ExprKind::Text(_) => uses("text"),
        ExprKind::Paren(inner) => visit(inner, used),
        ExprKind::Unary(unary) => {
            uses(if unary.op == UnaryOp::Minus {
                "sign -"
            } else {
                "sign +"
            });
            visit(&unary.expr, used);
        }
        ExprKind::Binary(binary) => {
            uses(binary.op.as_str());
            let matching = &binary.matching;
            for (is_used, word) in [
                (binary.returns_bool, "bool"),
                (matching.on, "on"),
                (!matching.on && !matching.labels.is_empty(), "ignoring"),
                (matching.cardinality == Cardinality::ManyToOne, "group_left"),
                (
                    matching.cardinality == Cardinality::OneToMany,
                    "group_right",
                ),
                (!matching.include.is_empty(), "group labels"),
                (
                    matching.fill_left.is_some() && matching.fill_right.is_none(),
                    "fill_left",
                ),
                (
                    matching.fill_right.is_some() && matching.fill_left.is_none(),
                    "fill_right",
                ),
                (
                    matching.fill_left.is_some() && matching.fill_right.is_some(),
                    "fill",
                ),
            ] {
                if is_used {
                    uses(word);
                }
            }
            visit(&binary.left, used);
            visit(&binary.right, used);
        }
        ExprKind::Call(call) => {
            uses(call.function.name);
            call.args.iter().for_each(|arg| visit(arg, used));
        }
        ExprKind::Aggregate(aggregate) => {
            let op = aggregate.op.as_str();
            uses(op);
            if aggregate.without {
                uses("without");
            } else if !aggregate.grouping.is_empty() {
                uses("by");
            }
            visit(&aggregate.expr, used);
            aggregate.param.iter().for_each(|param| visit(param, used));
        }
        ExprKind::Selector(selector) => visit_selector(selector, used),
        ExprKind::Matrix(matrix) => {
            visit_duration(&matrix.range, "range", used);
            visit_selector(&matrix.selector, used);
        }
        ExprKind::Subquery(subquery) => {
            uses(if subquery.step.is_some() {
                "subquery"
            } else {
                "subquery without step"
            });
            subquery.at.iter().for_each(|at| visit_at(*at, used));
            for duration in subquery.step.iter().chain(&subquery.offset) {
                visit_duration(duration, "subquery", used);
            }
            visit(&subquery.expr, used);
        }
    }
}

fn visit_selector(selector: &Selector, used: &mut BTreeSet<String>) {
    for matcher in &selector.matchers {
        used.insert(format!("matcher {}", matcher.op.symbol()));
    }
    selector.at.iter().for_each(|at| visit_at(*at, used));
    if let Some(offset) = &selector.offset {
        visit_duration(offset, "offset", used);
    }
    match selector.mode {
        SelectorMode::Plain => {}
        SelectorMode::Anchored => drop(used.insert("anchored".to_owned())),
        SelectorMode::Smoothed => drop(used.insert("smoothed".to_owned())),
    }
}

fn visit_at(at: At, used: &mut BTreeSet<String>) {
    let word = match at {
        At::Time(_) => "@",
        At::Start => "@ start()",
        At::End => "@ end()",
    };
    used.insert(word.to_owned());
}

fn visit_duration(duration: &DurationExpr, place: &str, used: &mut BTreeSet<String>) {
    let word = match &duration.kind {
        DurationKind::Literal { .. } => "literal",
        DurationKind::Step => "step()",
        DurationKind::Range => "range()",
        DurationKind::Negative(inner) | DurationKind::Positive(inner) => {
            visit_duration(inner, place, used);
            "signed"
        }
        DurationKind::Paren(inner) => {
            visit_duration(inner, place, used);
            "in parentheses"
        }
        DurationKind::Binary(op, left, right) => {
            visit_duration(left, place, used);
            visit_duration(right, place, used);
            op.as_str()
        }
    };
    used.insert(format!("{place} {word}"));
    used.insert(format!("duration {word}"));
}

/// Everything there is to use but functions, operators and aggregations.
const MODIFIERS: &[&str] = &[
    "duration literal",
    "number",
    "text",
    "sign -",
    "sign +",
    "bool",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "group labels",
    "fill",
    "fill_left",
    "fill_right",
    "by",
    "without",
    "subquery",
    "subquery without step",
    "matcher =",
    "matcher !=",
    "matcher =~",
    "matcher !~",
    "@",
    "@ start()",
    "@ end()",
    "anchored",
    "smoothed",
    "range literal",
    "offset literal",
    "offset signed",
    "subquery literal",
    "duration step()",
    "duration range()",
    "duration in parentheses",
    "duration +",
    "duration -",
    "duration *",
    "duration /",
    "duration %",
    "duration ^",
    "duration min",
    "duration max",
];

const OPERATORS: &[BinaryOp] = &[
    BinaryOp::Add,
    BinaryOp::Sub,
    BinaryOp::Mul,
    BinaryOp::Div,
    BinaryOp::Mod,
    BinaryOp::Pow,
    BinaryOp::Atan2,
    BinaryOp::Equal,
    BinaryOp::NotEqual,
    BinaryOp::Less,
    BinaryOp::LessOrEqual,
    BinaryOp::Greater,
    BinaryOp::GreaterOrEqual,
    BinaryOp::TrimUpper,
    BinaryOp::TrimLower,
    BinaryOp::And,
    BinaryOp::Or,
    BinaryOp::Unless,
];

#[test]
fn everything_in_the_language_has_a_case() {
    let used = used();
    let functions = functions().iter().map(|function| function.name);
    let operators = OPERATORS.iter().map(|op| op.as_str());
    let aggregations = AggregateOp::ALL.iter().map(|op| op.as_str());
    let all = functions
        .chain(operators)
        .chain(aggregations)
        .chain(MODIFIERS.iter().copied());
    let missing: Vec<&str> = all.filter(|word| !used.contains(*word)).collect();
    assert!(missing.is_empty(), "no case for {}", missing.join(", "));
}

//! `/parse_query`: a query as a tree, for those who draw one.
//!
//! In: PromQL. Out: nested objects with the fields of Prometheus, in the order of their names.
//! Bound: the parser limits the depth. A duration that depends on the query's step or range is
//! told as 0, which is all that a number can say of it.

use axum::response::Response;
use weft_model::Matcher;
use weft_promql::ast::{
    Aggregate, At, Binary, Call, Cardinality, DurationExpr, Expr, ExprKind, Matrix, Selector,
    SelectorMode, Subquery, UnaryOp, ValueType, Variadic, VectorMatching,
};
use weft_promql::format_float;

use super::envelope;
use crate::Error;
use crate::request::Params;
use crate::request::params::invalid;
use crate::response::{json, number};

/// Answers with the tree of a query.
pub(super) async fn parse(params: Params) -> Result<Response, Error> {
    let expr = weft_promql::parse(params.get("query")).map_err(|error| invalid("query", error))?;
    Ok(envelope::success(|out| write(out, &expr)))
}

fn write(out: &mut Vec<u8>, expr: &Expr) {
    match &expr.kind {
        ExprKind::Number(number) => literal(out, "numberLiteral", &format_float(number.value)),
        ExprKind::Text(text) => literal(out, "stringLiteral", &text.to_str_lossy()),
        ExprKind::Paren(inner) => {
            field(out, b'{', "expr", |out| write(out, inner));
            end(out, "parenExpr");
        }
        ExprKind::Unary(unary) => {
            field(out, b'{', "expr", |out| write(out, &unary.expr));
            let sign = match unary.op {
                UnaryOp::Minus => "-",
                UnaryOp::Plus => "+",
            };
            text(out, b',', "op", sign);
            end(out, "unaryExpr");
        }
        ExprKind::Binary(binary) => write_binary(out, binary),
        ExprKind::Call(call) => write_call(out, call),
        ExprKind::Aggregate(aggregate) => write_aggregate(out, aggregate),
        ExprKind::Selector(selector) => write_selector(out, selector, None),
        ExprKind::Matrix(Matrix {
            selector, range, ..
        }) => write_selector(out, selector, Some(range)),
        ExprKind::Subquery(subquery) => write_subquery(out, subquery),
    }
}

fn write_binary(out: &mut Vec<u8>, binary: &Binary) {
    let has_two_vectors = [&binary.left, &binary.right]
        .iter()
        .all(|side| side.value_type() == ValueType::Vector);
    flag(out, b'{', "bool", binary.returns_bool);
    field(out, b',', "lhs", |out| write(out, &binary.left));
    field(out, b',', "matching", |out| match has_two_vectors {
        true => write_matching(out, &binary.matching),
        false => out.extend_from_slice(b"null"),
    });
    text(out, b',', "op", binary.op.as_str());
    field(out, b',', "rhs", |out| write(out, &binary.right));
    end(out, "binaryExpr");
}

fn write_matching(out: &mut Vec<u8>, matching: &VectorMatching) {
    let cardinality = match matching.cardinality {
        Cardinality::OneToOne => "one-to-one",
        Cardinality::ManyToOne => "many-to-one",
        Cardinality::OneToMany => "one-to-many",
        Cardinality::ManyToMany => "many-to-many",
    };
    text(out, b'{', "card", cardinality);
    field(out, b',', "fillValues", |out| {
        field(out, b'{', "lhs", |out| fill(out, matching.fill_left));
        field(out, b',', "rhs", |out| fill(out, matching.fill_right));
        out.push(b'}');
    });
    field(out, b',', "include", |out| {
        json::strings(out, &matching.include)
    });
    field(out, b',', "labels", |out| {
        json::strings(out, &matching.labels)
    });
    flag(out, b',', "on", matching.on);
    out.push(b'}');
}

/// JSON has no word for numbers that are not finite.
fn fill(out: &mut Vec<u8>, value: Option<f64>) {
    match value {
        Some(value) if value.is_finite() => number::value(out, value),
        Some(value) => json::string(out, &format_float(value)),
        None => out.extend_from_slice(b"null"),
    }
}

fn write_call(out: &mut Vec<u8>, call: &Call) {
    let function = call.function;
    field(out, b'{', "args", |out| json::array(out, &call.args, write));
    field(out, b',', "func", |out| {
        let types = function.args.iter().map(|kind| short(*kind));
        field(out, b'{', "argTypes", |out| json::strings(out, types));
        text(out, b',', "name", function.name);
        text(out, b',', "returnType", short(function.returns));
        let variadic = match function.variadic {
            Variadic::Exact => 0,
            Variadic::UpTo(count) => count as i64,
            Variadic::Unbounded => -1,
        };
        field(out, b',', "variadic", |out| integer(out, variadic));
        out.push(b'}');
    });
    end(out, "call");
}

/// Returns the word for a type in a signature.
fn short(kind: ValueType) -> &'static str {
    match kind {
        ValueType::Scalar => "scalar",
        ValueType::String => "string",
        ValueType::Vector => "vector",
        ValueType::Matrix => "matrix",
    }
}

fn write_aggregate(out: &mut Vec<u8>, aggregate: &Aggregate) {
    field(out, b'{', "expr", |out| write(out, &aggregate.expr));
    field(out, b',', "grouping", |out| {
        json::strings(out, &aggregate.grouping)
    });
    text(out, b',', "op", aggregate.op.as_str());
    field(out, b',', "param", |out| match &aggregate.param {
        Some(param) => write(out, param),
        None => out.extend_from_slice(b"null"),
    });
    field(out, b',', "type", |out| json::string(out, "aggregation"));
    flag(out, b',', "without", aggregate.without);
    out.push(b'}');
}

fn write_selector(out: &mut Vec<u8>, selector: &Selector, range: Option<&DurationExpr>) {
    flag(
        out,
        b'{',
        "anchored",
        selector.mode == SelectorMode::Anchored,
    );
    field(out, b',', "matchers", |out| {
        json::array(out, &selector.matchers, write_matcher)
    });
    text(out, b',', "name", &selector.name);
    duration(out, "offset", selector.offset.as_ref());
    if let Some(range) = range {
        duration(out, "range", Some(range));
    }
    flag(
        out,
        b',',
        "smoothed",
        selector.mode == SelectorMode::Smoothed,
    );
    start_or_end(out, selector.at);
    timestamp(out, selector.at);
    end(
        out,
        if range.is_some() {
            "matrixSelector"
        } else {
            "vectorSelector"
        },
    );
}

fn write_matcher(out: &mut Vec<u8>, matcher: &Matcher) {
    text(out, b'{', "name", &matcher.name);
    text(out, b',', "type", matcher.op.symbol());
    text(out, b',', "value", &matcher.value);
    out.push(b'}');
}

fn write_subquery(out: &mut Vec<u8>, subquery: &Subquery) {
    field(out, b'{', "expr", |out| write(out, &subquery.expr));
    duration(out, "offset", subquery.offset.as_ref());
    duration(out, "range", Some(&subquery.range));
    start_or_end(out, subquery.at);
    duration(out, "step", subquery.step.as_ref());
    timestamp(out, subquery.at);
    end(out, "subquery");
}

fn start_or_end(out: &mut Vec<u8>, at: Option<At>) {
    field(out, b',', "startOrEnd", |out| {
        out.extend_from_slice(match at {
            Some(At::Start) => b"\"start\"",
            Some(At::End) => b"\"end\"",
            Some(At::Time(_)) | None => b"null",
        });
    });
}

fn timestamp(out: &mut Vec<u8>, at: Option<At>) {
    field(out, b',', "timestamp", |out| match at {
        Some(At::Time(millis)) => integer(out, millis),
        Some(At::Start | At::End) | None => out.extend_from_slice(b"null"),
    });
}

/// Writes a duration in milliseconds; none is zero.
fn duration(out: &mut Vec<u8>, name: &str, duration: Option<&DurationExpr>) {
    let seconds = duration.and_then(|duration| duration.seconds(0.0, 0.0).ok());
    let millis = (seconds.unwrap_or_default() * 1000.0).round() as i64;
    field(out, b',', name, |out| integer(out, millis));
}

fn integer(out: &mut Vec<u8>, value: i64) {
    number::print(out, format_args!("{value}"));
}

fn literal(out: &mut Vec<u8>, kind: &str, value: &str) {
    text(out, b'{', "type", kind);
    text(out, b',', "val", value);
    out.push(b'}');
}

fn end(out: &mut Vec<u8>, kind: &str) {
    text(out, b',', "type", kind);
    out.push(b'}');
}

fn flag(out: &mut Vec<u8>, before: u8, name: &str, value: bool) {
    field(out, before, name, |out| {
        number::print(out, format_args!("{value}"))
    });
}

fn text(out: &mut Vec<u8>, before: u8, name: &str, value: &str) {
    field(out, before, name, |out| json::string(out, value));
}

/// Writes a field of an object behind an opening brace or a comma.
fn field(out: &mut Vec<u8>, before: u8, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(before);
    json::string(out, name);
    out.push(b':');
    write(out);
}

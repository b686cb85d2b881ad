//! Long expressions over several lines, indented.

use crate::ast::{Expr, ExprKind, UnaryOp};

use super::{Brackets, Head, Modifiers};

/// The characters up to which an expression stays on one line.
const LINE_CHARS_MAX: usize = 100;

/// Returns an expression as PromQL, broken into lines where it is long.
pub fn pretty(expr: &Expr) -> String {
    let mut out = String::new();
    write(expr, 0, &mut out);
    out
}

fn write(expr: &Expr, level: usize, out: &mut String) {
    indent(level, out);
    let line = expr.to_string();
    if line.len() <= LINE_CHARS_MAX {
        out.push_str(&line);
        return;
    }
    match &expr.kind {
        ExprKind::Paren(inner) => enclose("(", &[inner], level, out),
        ExprKind::Call(call) => {
            let args: Vec<&Expr> = call.args.iter().collect();
            enclose(&format!("{}(", call.function.name), &args, level, out);
        }
        ExprKind::Aggregate(aggregate) => {
            let mut args: Vec<&Expr> = aggregate.param.iter().collect();
            args.push(&aggregate.expr);
            enclose(&format!("{}(", Head(aggregate)), &args, level, out);
        }
        ExprKind::Binary(binary) => {
            out.truncate(out.trim_end_matches(' ').len());
            write(&binary.left, level + 1, out);
            out.push('\n');
            indent(level, out);
            out.push_str(&format!("{}{}\n", binary.op.as_str(), Modifiers(binary)));
            write(&binary.right, level + 1, out);
        }
        ExprKind::Unary(unary) => {
            out.push(if unary.op == UnaryOp::Minus { '-' } else { '+' });
            let mut inner = String::new();
            write(&unary.expr, level, &mut inner);
            out.push_str(inner.trim_start_matches(' '));
        }
        ExprKind::Subquery(subquery) => {
            let mut inner = String::new();
            write(&subquery.expr, level, &mut inner);
            out.push_str(inner.trim_start_matches(' '));
            out.push_str(&Brackets(subquery).to_string());
        }
        _ => out.push_str(&line),
    }
}

fn enclose(head: &str, inner: &[&Expr], level: usize, out: &mut String) {
    out.push_str(head);
    for (at, expr) in inner.iter().enumerate() {
        out.push_str(if at == 0 { "\n" } else { ",\n" });
        write(expr, level + 1, out);
    }
    out.push('\n');
    indent(level, out);
    out.push(')');
}

fn indent(level: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("  ", level));
}

//! The operations by their names.

use super::{BinaryOp, CompareOp, LineOp, RangeOp, VectorOp};

const RANGE_OPS: [(RangeOp, &str); 15] = [
    (RangeOp::Count, "count_over_time"),
    (RangeOp::Rate, "rate"),
    (RangeOp::RateCounter, "rate_counter"),
    (RangeOp::Bytes, "bytes_over_time"),
    (RangeOp::BytesRate, "bytes_rate"),
    (RangeOp::Sum, "sum_over_time"),
    (RangeOp::Avg, "avg_over_time"),
    (RangeOp::Min, "min_over_time"),
    (RangeOp::Max, "max_over_time"),
    (RangeOp::First, "first_over_time"),
    (RangeOp::Last, "last_over_time"),
    (RangeOp::Stddev, "stddev_over_time"),
    (RangeOp::Stdvar, "stdvar_over_time"),
    (RangeOp::Quantile, "quantile_over_time"),
    (RangeOp::Absent, "absent_over_time"),
];

const VECTOR_OPS: [(VectorOp, &str); 12] = [
    (VectorOp::Sum, "sum"),
    (VectorOp::Avg, "avg"),
    (VectorOp::Count, "count"),
    (VectorOp::Min, "min"),
    (VectorOp::Max, "max"),
    (VectorOp::Stddev, "stddev"),
    (VectorOp::Stdvar, "stdvar"),
    (VectorOp::Topk, "topk"),
    (VectorOp::ApproxTopk, "approx_topk"),
    (VectorOp::Bottomk, "bottomk"),
    (VectorOp::Sort, "sort"),
    (VectorOp::SortDesc, "sort_desc"),
];

fn name_of<T: PartialEq>(table: &[(T, &'static str)], wanted: &T) -> &'static str {
    let found = table.iter().find(|(op, _)| op == wanted);
    found.expect("every operation is in its table").1
}

fn find<T: Copy>(table: &[(T, &'static str)], wanted: &str) -> Option<T> {
    let found = table.iter().find(|(_, name)| *name == wanted);
    found.map(|(op, _)| *op)
}

impl RangeOp {
    /// Returns the operation of this name.
    pub fn from_name(name: &str) -> Option<RangeOp> {
        find(&RANGE_OPS, name)
    }

    /// Returns the name as written in a query.
    pub fn name(self) -> &'static str {
        name_of(&RANGE_OPS, &self)
    }
}

impl VectorOp {
    /// Returns the operation of this name.
    pub fn from_name(name: &str) -> Option<VectorOp> {
        find(&VECTOR_OPS, name)
    }

    /// Returns the name as written in a query.
    pub fn name(self) -> &'static str {
        name_of(&VECTOR_OPS, &self)
    }

    /// Tells whether the operation keeps a number of series that must be said.
    pub fn takes_parameter(self) -> bool {
        matches!(
            self,
            VectorOp::Topk | VectorOp::ApproxTopk | VectorOp::Bottomk
        )
    }
}

impl CompareOp {
    /// Returns the operator as written in a query.
    pub fn symbol(self) -> &'static str {
        match self {
            CompareOp::Equal => "==",
            CompareOp::NotEqual => "!=",
            CompareOp::Greater => ">",
            CompareOp::GreaterOrEqual => ">=",
            CompareOp::Less => "<",
            CompareOp::LessOrEqual => "<=",
        }
    }

    /// Tells whether `left op right` holds.
    pub fn holds<T: PartialOrd>(self, left: T, right: T) -> bool {
        match self {
            CompareOp::Equal => left == right,
            CompareOp::NotEqual => left != right,
            CompareOp::Greater => left > right,
            CompareOp::GreaterOrEqual => left >= right,
            CompareOp::Less => left < right,
            CompareOp::LessOrEqual => left <= right,
        }
    }
}

impl BinaryOp {
    /// Returns the operator as written in a query.
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Or => "or",
            BinaryOp::And => "and",
            BinaryOp::Unless => "unless",
            BinaryOp::Compare(compare) => compare.symbol(),
            BinaryOp::Add => "+",
            BinaryOp::Subtract => "-",
            BinaryOp::Multiply => "*",
            BinaryOp::Divide => "/",
            BinaryOp::Modulo => "%",
            BinaryOp::Power => "^",
        }
    }
}

impl LineOp {
    /// Returns the operator as written in a query.
    pub fn symbol(self) -> &'static str {
        match self {
            LineOp::Contains => "|=",
            LineOp::NotContains => "!=",
            LineOp::Matches => "|~",
            LineOp::NotMatches => "!~",
            LineOp::Pattern => "|>",
            LineOp::NotPattern => "!>",
        }
    }

    /// Tells whether the operator keeps the lines that do not match.
    pub fn is_negative(self) -> bool {
        matches!(
            self,
            LineOp::NotContains | LineOp::NotMatches | LineOp::NotPattern
        )
    }
}

//! The functions of PromQL and their signatures.

use super::ValueType::{self, Matrix, Scalar, String, Vector};

/// A function's signature.
#[derive(Debug)]
pub struct Function {
    /// Which one it is.
    pub id: FunctionId,
    /// Its name.
    pub name: &'static str,
    /// The types of its arguments; the last one repeats if there may be more.
    pub args: &'static [ValueType],
    /// How many arguments may be left out or added.
    pub variadic: Variadic,
    /// The type of its value.
    pub returns: ValueType,
}

/// How many arguments may be left out or added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variadic {
    /// None.
    Exact,
    /// The last one may be left out, or repeated so that there are this many more at most.
    UpTo(usize),
    /// The last one may be left out or repeated at will.
    Unbounded,
}

macro_rules! functions {
    ($($id:ident $name:literal ($($arg:ident),*) $variadic:expr => $returns:ident;)*) => {
        /// Which function it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the variants are the functions")]
        pub enum FunctionId { $($id),* }

        /// Sorted by name.
        static FUNCTIONS: &[Function] = &[$(Function {
            id: FunctionId::$id,
            name: $name,
            args: &[$($arg),*],
            variadic: $variadic,
            returns: $returns,
        }),*];
    };
}

use Variadic::{Exact, Unbounded, UpTo};

functions! {
    Abs "abs" (Vector) Exact => Vector;
    Absent "absent" (Vector) Exact => Vector;
    AbsentOverTime "absent_over_time" (Matrix) Exact => Vector;
    Acos "acos" (Vector) Exact => Vector;
    Acosh "acosh" (Vector) Exact => Vector;
    Asin "asin" (Vector) Exact => Vector;
    Asinh "asinh" (Vector) Exact => Vector;
    Atan "atan" (Vector) Exact => Vector;
    Atanh "atanh" (Vector) Exact => Vector;
    AvgOverTime "avg_over_time" (Matrix) Exact => Vector;
    Ceil "ceil" (Vector) Exact => Vector;
    Changes "changes" (Matrix) Exact => Vector;
    Clamp "clamp" (Vector, Scalar, Scalar) Exact => Vector;
    ClampMax "clamp_max" (Vector, Scalar) Exact => Vector;
    ClampMin "clamp_min" (Vector, Scalar) Exact => Vector;
    Cos "cos" (Vector) Exact => Vector;
    Cosh "cosh" (Vector) Exact => Vector;
    CountOverTime "count_over_time" (Matrix) Exact => Vector;
    DayOfMonth "day_of_month" (Vector) UpTo(1) => Vector;
    DayOfWeek "day_of_week" (Vector) UpTo(1) => Vector;
    DayOfYear "day_of_year" (Vector) UpTo(1) => Vector;
    DaysInMonth "days_in_month" (Vector) UpTo(1) => Vector;
    Deg "deg" (Vector) Exact => Vector;
    Delta "delta" (Matrix) Exact => Vector;
    Deriv "deriv" (Matrix) Exact => Vector;
    DoubleExponentialSmoothing "double_exponential_smoothing" (Matrix, Scalar, Scalar) Exact
        => Vector;
    End "end" () Exact => Scalar;
    Exp "exp" (Vector) Exact => Vector;
    FirstOverTime "first_over_time" (Matrix) Exact => Vector;
    Floor "floor" (Vector) Exact => Vector;
    HistogramAvg "histogram_avg" (Vector) Exact => Vector;
    HistogramCount "histogram_count" (Vector) Exact => Vector;
    HistogramFraction "histogram_fraction" (Scalar, Scalar, Vector) Exact => Vector;
    HistogramQuantile "histogram_quantile" (Scalar, Vector) Exact => Vector;
    HistogramQuantiles "histogram_quantiles" (Vector, String, Scalar, Scalar) UpTo(9) => Vector;
    HistogramStddev "histogram_stddev" (Vector) Exact => Vector;
    HistogramStdvar "histogram_stdvar" (Vector) Exact => Vector;
    HistogramSum "histogram_sum" (Vector) Exact => Vector;
    Hour "hour" (Vector) UpTo(1) => Vector;
    Idelta "idelta" (Matrix) Exact => Vector;
    Increase "increase" (Matrix) Exact => Vector;
    Info "info" (Vector, Vector) UpTo(1) => Vector;
    Irate "irate" (Matrix) Exact => Vector;
    LabelJoin "label_join" (Vector, String, String, String) Unbounded => Vector;
    LabelReplace "label_replace" (Vector, String, String, String, String) Exact => Vector;
    LastOverTime "last_over_time" (Matrix) Exact => Vector;
    Ln "ln" (Vector) Exact => Vector;
    Log10 "log10" (Vector) Exact => Vector;
    Log2 "log2" (Vector) Exact => Vector;
    MadOverTime "mad_over_time" (Matrix) Exact => Vector;
    MaxOf "max_of" (Scalar, Scalar) Exact => Scalar;
    MaxOverTime "max_over_time" (Matrix) Exact => Vector;
    MinOf "min_of" (Scalar, Scalar) Exact => Scalar;
    MinOverTime "min_over_time" (Matrix) Exact => Vector;
    Minute "minute" (Vector) UpTo(1) => Vector;
    Month "month" (Vector) UpTo(1) => Vector;
    Pi "pi" () Exact => Scalar;
    PredictLinear "predict_linear" (Matrix, Scalar) Exact => Vector;
    PresentOverTime "present_over_time" (Matrix) Exact => Vector;
    QuantileOverTime "quantile_over_time" (Scalar, Matrix) Exact => Vector;
    Rad "rad" (Vector) Exact => Vector;
    Range "range" () Exact => Scalar;
    Rate "rate" (Matrix) Exact => Vector;
    Resets "resets" (Matrix) Exact => Vector;
    Round "round" (Vector, Scalar) UpTo(1) => Vector;
    Scalar "scalar" (Vector) Exact => Scalar;
    Sgn "sgn" (Vector) Exact => Vector;
    Sin "sin" (Vector) Exact => Vector;
    Sinh "sinh" (Vector) Exact => Vector;
    Sort "sort" (Vector) Exact => Vector;
    SortByLabel "sort_by_label" (Vector, String) Unbounded => Vector;
    SortByLabelDesc "sort_by_label_desc" (Vector, String) Unbounded => Vector;
    SortDesc "sort_desc" (Vector) Exact => Vector;
    Sqrt "sqrt" (Vector) Exact => Vector;
    Start "start" () Exact => Scalar;
    StartTimestamp "start_timestamp" (Vector) Exact => Vector;
    StddevOverTime "stddev_over_time" (Matrix) Exact => Vector;
    StdvarOverTime "stdvar_over_time" (Matrix) Exact => Vector;
    Step "step" () Exact => Scalar;
    SumOverTime "sum_over_time" (Matrix) Exact => Vector;
    Tan "tan" (Vector) Exact => Vector;
    Tanh "tanh" (Vector) Exact => Vector;
    Time "time" () Exact => Scalar;
    Timestamp "timestamp" (Vector) Exact => Vector;
    TsOfFirstOverTime "ts_of_first_over_time" (Matrix) Exact => Vector;
    TsOfLastOverTime "ts_of_last_over_time" (Matrix) Exact => Vector;
    TsOfMaxOverTime "ts_of_max_over_time" (Matrix) Exact => Vector;
    TsOfMinOverTime "ts_of_min_over_time" (Matrix) Exact => Vector;
    Vector "vector" (Scalar) Exact => Vector;
    Year "year" (Vector) UpTo(1) => Vector;
}

/// Returns all functions, sorted by name.
pub fn functions() -> &'static [Function] {
    FUNCTIONS
}

/// Returns the function of this name.
pub fn function(name: &str) -> Option<&'static Function> {
    let found = FUNCTIONS.binary_search_by(|function| function.name.cmp(name));
    found.ok().map(|at| &FUNCTIONS[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_sorted_by_name() {
        assert!(FUNCTIONS.is_sorted_by_key(|function| function.name));
        assert_eq!(FUNCTIONS.len(), 90);
    }
}

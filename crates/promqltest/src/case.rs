//! One query of a script and what is expected of it.

use weft_model::Labels;

use crate::sequence::Item;

/// A query with its expectations.
pub(crate) struct Case {
    pub(crate) line: usize,
    pub(crate) query: String,
    pub(crate) times: Times,
    pub(crate) expectations: Vec<Expectation>,
    /// Start and step of the samples of an expected range vector.
    pub(crate) range_vector: Option<(i64, i64)>,
    pub(crate) expected: Expected,
}

/// When a query is evaluated, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Times {
    Instant(i64),
    Range { start: i64, end: i64, step: i64 },
}

/// What is expected beside the value.
pub(crate) enum Expectation {
    Fail(Matching),
    Warn(Matching),
    Info(Matching),
    NoWarn,
    NoInfo,
    Ordered,
}

/// Which message is expected.
pub(crate) enum Matching {
    Any,
    Exact(String),
    Regex(String),
}

/// The expected value.
pub(crate) enum Expected {
    Scalar(f64),
    Text(String),
    Series(Vec<(Labels, Vec<Item>)>),
}

impl Matching {
    /// Tells whether a message is the expected one.
    pub(crate) fn matches(&self, message: &str) -> Result<bool, String> {
        match self {
            Matching::Any => Ok(true),
            Matching::Exact(expected) => Ok(message == expected),
            Matching::Regex(pattern) => {
                let regex = regex::Regex::new(pattern).map_err(|e| e.to_string())?;
                Ok(regex.is_match(message))
            }
        }
    }

    pub(crate) fn describe(&self) -> String {
        match self {
            Matching::Any => "any message".to_owned(),
            Matching::Exact(message) => format!("{message:?}"),
            Matching::Regex(pattern) => format!("a match of {pattern:?}"),
        }
    }
}

impl Case {
    pub(crate) fn fails(&self) -> bool {
        let fails = |expectation: &&Expectation| matches!(expectation, Expectation::Fail(_));
        self.expectations
            .iter()
            .any(|expectation| fails(&expectation))
    }

    pub(crate) fn is_ordered(&self) -> bool {
        let ordered = |expectation: &Expectation| matches!(expectation, Expectation::Ordered);
        self.expectations.iter().any(ordered)
    }
}

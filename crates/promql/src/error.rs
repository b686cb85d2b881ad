//! Why a query has no answer.

use crate::parse::ParseError;
use crate::source::SourceError;

/// Why a query has no answer. The texts are Prometheus's.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The query is not PromQL (`bad_data`).
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The query or its parameters ask for what is not allowed (`bad_data`).
    #[error("{0}")]
    BadData(String),
    /// The query cannot be evaluated on this data, or is over a limit (`execution`).
    #[error("{0}")]
    Execution(String),
    /// All queries together hold too much; it may work later (`unavailable`).
    #[error("{0}")]
    Overloaded(String),
    /// The caller's deadline passed (`timeout`).
    #[error("query timed out in expression evaluation")]
    Timeout,
    /// The caller gave up (`canceled`).
    #[error("query was canceled in expression evaluation")]
    Canceled,
    /// The store failed (`internal`).
    #[error("expanding series")]
    Source(#[from] SourceError),
}

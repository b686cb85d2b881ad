//! Why bytes are not a column.

/// Bytes that no encoder wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The bytes end too early.
    #[error("read column: the bytes end too early")]
    Truncated,
    /// A variable-length integer has more bytes than 64 bits need.
    #[error("read column: an integer is longer than 64 bits")]
    Overlong,
    /// A tag has no meaning.
    #[error("read column: unknown tag {0}")]
    UnknownTag(u8),
    /// A length or a position contradicts the count.
    #[error("read column: a position lies outside of it")]
    OutOfRange,
    /// The caller asks for more values than a column may have.
    #[error("read column: {0} values are more than a column may have")]
    TooMany(usize),
}

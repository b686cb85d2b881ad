//! Why bytes are not a payload.

use weft_codec::CodecError;

/// A payload that cannot be decoded.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// It was written by a later version of weft, or by something else.
    #[error("read payload of unknown version {0}")]
    Version(u8),
    /// A compressed part does not decompress.
    #[error("decompress payload")]
    Decompress,
    /// A column is not one.
    #[error("read payload")]
    Column(#[from] CodecError),
    /// Columns contradict each other.
    #[error("read payload: {0}")]
    Malformed(&'static str),
    /// More than the limit allows.
    #[error("read payload with too many {0}")]
    TooLarge(&'static str),
    /// The series dictionary that it needs is not known, or not far enough.
    #[error("find series dictionary {epoch} with {series} series")]
    NeedDict {
        /// The dictionary's epoch.
        epoch: u32,
        /// How many series it must define.
        series: u32,
    },
}

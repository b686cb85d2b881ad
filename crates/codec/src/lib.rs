//! Integer and float column codecs, shared by the wire and by parts at rest.
//!
//! In: columns of `i64`, `f64` or bits, in memory. Out: bytes that say everything but the count,
//! which the caller keeps. Bound: at most [`COUNT_MAX`] values per column; a decoder refuses
//! hostile bytes with a [`CodecError`] and allocates no more than the count calls for.
//!
//! The layout of the bytes is described in `docs/format/columns.md`.

pub mod varint;

pub mod bitpack;

pub mod int;

pub mod float;

pub mod bitmap;

mod error;

pub use error::CodecError;

/// The most values that one column may hold.
pub const COUNT_MAX: usize = 1 << 20;

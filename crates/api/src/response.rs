//! How answers are written: JSON in pieces, compression, headers.

pub(crate) mod compress;
pub(crate) mod histogram;
pub(crate) mod json;
pub(crate) mod number;
pub(crate) mod reply;

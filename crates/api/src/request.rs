//! What a request brings: parameters, times and a body.

pub(crate) mod body;
pub(crate) mod buffers;
pub(crate) mod params;
pub(crate) mod time;
pub(crate) mod urlencoded;

pub(crate) use body::Encoding;
pub(crate) use params::Params;

//! Outside formats of metrics and logs, to and from the model.
//!
//! In: bytes from outside, already decompressed. Out: views over those bytes and values of
//! [`weft_model`]; an error that tells where the bytes are broken; or a fault for one item among
//! many that was left out. Nothing here recurses, panics on input, or allocates more than a small
//! multiple of what came in.

pub mod chunk;
#[cfg(test)]
mod encode;
pub mod fault;
mod labels;
pub mod loki;
pub mod otlp;
mod quote;
pub mod remote_read;
pub mod remote_write;
pub mod text;
mod wire;

pub use fault::{Fault, Faults, Problem};
pub use wire::{Flaw, Malformed};

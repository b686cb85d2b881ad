//! The messages of `weft.v1` and the payloads they carry.
//!
//! In: bytes from a peer. Out: messages whose every field is documented in
//! `proto/weft/v1/weft.proto`, payloads as columns of the model's words, and the rules by which
//! batches are sent, acknowledged and deduplicated.
//! Bound: the limits of [`weft_model::limits`]; decoders refuse what is over them.

pub mod batch;
pub mod convert;
pub mod delivery;
pub mod payload;

pub use weft_model::RangeSet;

/// The messages, as generated; see the `.proto` file for what each field means.
#[allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::pedantic,
    reason = "generated code"
)]
#[rustfmt::skip]
pub mod v1 {
    include!("generated/weft.v1.rs");
}

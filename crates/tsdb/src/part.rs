//! Samples at rest: an immutable file with its own index, described in `docs/format/part.md`.
//!
//! A part holds samples of one day. It is written once, by a flush or a merge, under an unfinished
//! name, and gets its own name when it is durable.

pub(crate) mod decoded;
pub(crate) mod dictionary;
pub(crate) mod frame;
pub(crate) mod histograms;
pub(crate) mod index_writer;
mod matching;
pub(crate) mod meta;
pub(crate) mod output;
pub(crate) mod reader;
pub(crate) mod writer;

pub(crate) use meta::Identity;
pub(crate) use reader::{Part, Recent};
pub(crate) use writer::{PartWriter, Written, by_day, day_of, only_day};

//! Samples at rest: an immutable file with its own index, described in `docs/format/part.md`.
//!
//! A part holds samples of one day. It is written once, by a flush or a merge, under an unfinished
//! name, and gets its own name when it is durable.

pub(crate) mod decoded;
pub(crate) mod dictionary;
pub(crate) mod exemplars;
pub(crate) mod frame;
pub(crate) mod histograms;
pub(crate) mod index_writer;
pub(crate) mod label_sets;
mod labels;
mod matching;
pub(crate) mod meta;
pub(crate) mod output;
pub(crate) mod page;
pub(crate) mod reader;
pub(crate) mod rollup;
mod rollup_writer;
mod samples;
mod version_one;
pub(crate) mod writer;

pub(crate) use exemplars::RecentExemplars;
pub(crate) use meta::Identity;
pub(crate) use reader::{Part, Recent};
pub use rollup::{Extent, Falls, ROLLUP_RESOLUTIONS, Rollup};
pub use samples::Newest;
pub(crate) use writer::{PartWriter, Written, by_day, day_of, only_day};

//! Runs scripts in the language in which Prometheus tests its queries.
//!
//! In: a script and a [`Storage`]. Out: a [`Report`] of the cases that passed and failed, each
//! with its line. `load` puts samples into the storage, `eval` compares a query's answer with what
//! the script expects. The language is described in `docs/format/promqltest.md`.

mod case;
mod classic;
mod compare;
mod literal;
mod memory;
pub mod notation;
mod report;
mod run;
mod script;
mod sequence;

pub use memory::{Memory, Until};
pub use report::{Failure, Report};
pub use run::run;
pub use script::ScriptError;

use weft_model::Labels;
use weft_promql::{Column, Source};

/// A store that a script can fill and query.
pub trait Storage {
    /// Removes everything.
    fn clear(&mut self) -> anyhow::Result<()>;

    /// Adds samples of a series; a sample at a time that is taken replaces the one there.
    fn append(&mut self, labels: &Labels, column: &Column) -> anyhow::Result<()>;

    /// Returns the store for queries.
    fn source(&self) -> Box<dyn Source + '_>;
}

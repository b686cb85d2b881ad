//! What a process needs around a role: tracing, metrics registry, lifecycle, drain, admin port.
//!
//! In: a role's plain configuration and its tasks. Out: one process that says what state it is in,
//! stops in order when asked to, and survives the panic of a task.
//! Bound: a drain has a deadline; what is not done by then is cut off and said.

pub mod admin;
pub mod lifecycle;
pub mod logging;
pub mod memory;
pub mod process;
pub mod shutdown;
pub mod tasks;

pub use lifecycle::{Component, Lifecycle, State};
pub use shutdown::{Shutdown, Stopper};
pub use tasks::Tasks;

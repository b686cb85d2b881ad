//! The evaluator against a naive model, its limits, what it counts, and side-by-side evaluation.

mod answers;
mod limits;
mod source;
mod stats;
mod windows;

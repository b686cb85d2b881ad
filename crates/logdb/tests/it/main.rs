//! The database as a whole, in directories of its own.

mod model;
mod support;

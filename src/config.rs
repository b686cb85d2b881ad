//! Config.
mod reader;
mod tree;

//! What each subcommand does: one file for each.

pub(crate) mod check;
pub(crate) mod health;
pub(crate) mod logs;
pub(crate) mod query;
pub(crate) mod restore;
pub(crate) mod run;
pub(crate) mod token;

//! What exit codes mean; `weft --help` says the same.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; for `health`: well.
    Done,
    /// Failed; for `health`: degraded.
    Failed,
    /// Wrong usage or configuration; for `health`: broken or not running.
    Unusable,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Unusable => 2,
        })
    }
}

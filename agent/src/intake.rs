//! Where data enters: what the kernel says of this machine, and the log files.

pub(crate) mod host;
pub(crate) mod tail;

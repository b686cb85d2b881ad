//! Where data enters: what the kernel says of this machine, and the log files.

pub mod host;
pub mod tail;

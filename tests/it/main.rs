//! What must hold of the real binary, on real files, over real sockets of the loopback interface.
//!
//! Nothing here waits for a time: every wait is for a condition, with a deadline that only a
//! failure reaches.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

// A running weft in a directory of its own: started, asked, killed, started again.
mod process;

// The smallest HTTP client, and the bodies that senders post.
mod http;

// The main job: this machine's numbers and log files, through a crash, over both transports.
mod spine;

// Killed while it takes in, asked while it reads its journal.
mod replay;

// What Grafana and other clients ask, byte for byte where it counts.
mod dialects;

// A wrong configuration, an occupied port, a second process, hostile input.
mod bad_input;

// The boards of dashboards/: well-formed, and every question of theirs asked.
mod dashboards;

// Rules: evaluated, shown, kept over a crash, read again.
mod rules;

// The examples of deploy/: settings that the binary reads.
mod deploy;

// A data directory at rest: checked, damaged, made anew from a snapshot.
mod at_rest;

// Killed in the midst of a flush and of a merge.
mod killed;

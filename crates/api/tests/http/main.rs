//! The API from outside: golden files of requests and answers, and the server on a socket.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod case;
mod golden;
mod serve;
mod stores;

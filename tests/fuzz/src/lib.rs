//! What must hold of every decoder that reads bytes from outside, whatever the bytes are.
//!
//! In: any bytes. Out: nothing; a broken promise panics. Each function here is the body of the
//! target of the same name in `targets/`, and is also run over `seeds/` and mutations of them by
//! `cargo test`, without a fuzzer.

mod columns;
mod files;
mod labels;
mod matchers;
mod parts;
mod payloads;
mod pushes;
mod queries;
mod reads;
mod records;

#[cfg(test)]
mod tests;

pub use columns::{float_column, int_column};
pub use files::{journal, tsdb_part};
pub use labels::labels;
pub use matchers::selectors;
pub use parts::tsdb_frames;
pub use payloads::{
    dictionaries, logs_payload, logs_round_trip, messages, metrics_payload, metrics_round_trip,
};
pub use pushes::{exposition, loki_push, otlp_metrics, remote_write};
pub use queries::{logql, promql};
pub use reads::{chunk, remote_read};
pub use records::{journal_records, spool};

/// Takes a number from the front of the input, 0 when there is none.
fn take_byte(bytes: &mut &[u8]) -> u8 {
    match bytes.split_first() {
        Some((first, rest)) => {
            *bytes = rest;
            *first
        }
        None => 0,
    }
}

/// Takes a number of two bytes from the front of the input, 0 in place of what is missing.
fn take_short(bytes: &mut &[u8]) -> u16 {
    u16::from_le_bytes([take_byte(bytes), take_byte(bytes)])
}

/// Takes at most `len` bytes from the front of the input.
fn take<'a>(bytes: &mut &'a [u8], len: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at(len.min(bytes.len()));
    *bytes = rest;
    taken
}

#![no_main]
//! See `weft_fuzz::loki_push`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| weft_fuzz::loki_push(bytes));

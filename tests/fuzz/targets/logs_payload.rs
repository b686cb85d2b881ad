#![no_main]
//! See `weft_fuzz::logs_payload`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| weft_fuzz::logs_payload(bytes));

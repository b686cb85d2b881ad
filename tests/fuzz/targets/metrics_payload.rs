#![no_main]
//! See `weft_fuzz::metrics_payload`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| weft_fuzz::metrics_payload(bytes));

#![no_main]
//! See `weft_fuzz::otlp_metrics`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| weft_fuzz::otlp_metrics(bytes));

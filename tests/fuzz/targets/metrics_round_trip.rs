#![no_main]
//! See `weft_fuzz::metrics_round_trip`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| weft_fuzz::metrics_round_trip(bytes));

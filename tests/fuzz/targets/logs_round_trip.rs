#![no_main]
//! See `weft_fuzz::logs_round_trip`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| weft_fuzz::logs_round_trip(bytes));

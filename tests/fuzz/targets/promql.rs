#![no_main]
//! See `weft_fuzz::promql`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| weft_fuzz::promql(bytes));

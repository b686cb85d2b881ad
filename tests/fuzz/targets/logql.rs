#![no_main]
//! See `weft_fuzz::logql`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| weft_fuzz::logql(bytes));

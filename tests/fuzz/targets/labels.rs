#![no_main]
//! See `weft_fuzz::labels`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| weft_fuzz::labels(bytes));

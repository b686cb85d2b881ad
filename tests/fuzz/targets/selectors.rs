#![no_main]
//! See `weft_fuzz::selectors`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| weft_fuzz::selectors(bytes));

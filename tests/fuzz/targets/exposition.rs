#![no_main]
//! See `weft_fuzz::exposition`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| weft_fuzz::exposition(bytes));

#![no_main]
//! See `weft_fuzz::messages`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| weft_fuzz::messages(bytes));

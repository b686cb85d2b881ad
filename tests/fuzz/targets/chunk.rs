#![no_main]
//! See `weft_fuzz::chunk`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| weft_fuzz::chunk(bytes));

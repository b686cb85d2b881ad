#![no_main]
//! See `weft_fuzz::dictionaries`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| weft_fuzz::dictionaries(bytes));

#![no_main]
//! See `weft_fuzz::float_column`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| weft_fuzz::float_column(bytes));

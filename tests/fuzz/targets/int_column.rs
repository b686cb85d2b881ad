#![no_main]
//! See `weft_fuzz::int_column`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| weft_fuzz::int_column(bytes));

#![no_main]
//! See `weft_fuzz::spool`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| weft_fuzz::spool(bytes));

#![no_main]
//! See `weft_fuzz::remote_read`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| weft_fuzz::remote_read(bytes));

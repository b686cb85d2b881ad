#![no_main]
//! See `weft_fuzz::journal_records`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| weft_fuzz::journal_records(bytes));

#![no_main]
//! See `weft_fuzz::tsdb_frames`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| weft_fuzz::tsdb_frames(bytes));

//! The messages of weft.v1 and the payloads they carry.

//! What a caller sees in the ordinary course of things.

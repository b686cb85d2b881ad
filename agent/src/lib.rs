//! One node's eyes: intake, shape, outlet.

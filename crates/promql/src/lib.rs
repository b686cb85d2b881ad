//! Questions about samples: parse, plan, evaluate over a trait Source.

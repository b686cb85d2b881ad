//! Questions about log lines: parse, plan, evaluate over a trait Source.

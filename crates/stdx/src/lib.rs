//! What could have been in std: a clock to inject, backoff, durations and sizes as text.

pub mod backoff;
pub mod clock;
pub mod text;

pub use backoff::Backoff;
pub use clock::Clock;

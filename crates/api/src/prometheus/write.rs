//! `POST /api/v1/write`: remote write 1.0 and 2.0.

use weft_exposition::Faults;

/// What was taken of a remote-write request.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// Float samples that are stored.
    pub samples: u64,
    /// Native histograms that are stored.
    pub histograms: u64,
    /// Exemplars that are stored.
    pub exemplars: u64,
    /// What was left out; it makes the answer a 400 that the sender must not retry.
    pub faults: Faults,
}

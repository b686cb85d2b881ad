//! How much each channel may have in flight.
//!
//! In: how many channels there are, whether the spool takes more. Out: bytes of credit.
//! Bound: the configured memory, shared out evenly; no channel gets more than its window, and
//! none less than what keeps it going.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::config::IntakeConfig;

/// Enough for a batch of metrics or a small one of logs.
const LEAST_BYTES: u64 = 256 << 10;

/// Shares the memory out.
#[derive(Debug)]
pub(crate) struct Credit {
    window_bytes: u64,
    memory_bytes: u64,
    channels: AtomicUsize,
}

/// A channel's part; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Share<'a>(&'a Credit);

impl Credit {
    pub(crate) fn new(config: &IntakeConfig) -> Credit {
        Credit {
            window_bytes: config.window_bytes,
            memory_bytes: config.memory_bytes as u64,
            channels: AtomicUsize::new(0),
        }
    }

    /// Counts one more channel.
    pub(crate) fn share(&self) -> Share<'_> {
        self.channels.fetch_add(1, Ordering::Relaxed);
        Share(self)
    }

    /// Returns how many channels there are.
    pub(crate) fn channels(&self) -> usize {
        self.channels.load(Ordering::Relaxed)
    }

    fn grant(&self, is_full: bool) -> u64 {
        if is_full {
            return 0;
        }
        let channels = self.channels().max(1) as u64;
        (self.memory_bytes / channels)
            .max(LEAST_BYTES)
            .min(self.window_bytes)
    }
}

impl Share<'_> {
    /// Returns the credit of this channel at the moment.
    pub(crate) fn bytes(&self, is_full: bool) -> u64 {
        self.0.grant(is_full)
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.0.channels.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_shared_out_between_the_channels() {
        let config = IntakeConfig {
            window_bytes: 8 << 20,
            memory_bytes: 64 << 20,
            ..IntakeConfig::default()
        };
        let credit = Credit::new(&config);
        let mut shares: Vec<_> = (0..4).map(|_| credit.share()).collect();
        assert_eq!(shares[0].bytes(false), 8 << 20);
        shares.extend((0..12).map(|_| credit.share()));
        assert_eq!(shares[0].bytes(false), 4 << 20);
        shares.extend((0..1000).map(|_| credit.share()));
        assert_eq!(shares[0].bytes(false), LEAST_BYTES);
        assert_eq!(shares[0].bytes(true), 0);
        shares.truncate(1);
        assert_eq!(credit.channels(), 1);
    }
}

//! Bytes per second of each peer.
//!
//! In: the size of a batch and the time. Out: how long it has to wait.
//! Bound: a peer may save up one second's worth, but always send one batch of any size.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use weft_link::PeerId;

/// One peer's allowance, shared by its channels.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes_per_second: u64,
    /// When everything sent so far has been paid for.
    paid_at: Mutex<Option<Instant>>,
}

impl Budget {
    fn new(bytes_per_second: u64) -> Budget {
        Budget {
            bytes_per_second: bytes_per_second.max(1),
            paid_at: Mutex::new(None),
        }
    }

    /// Books `bytes` and returns how long to wait before passing them on.
    pub(crate) fn spend(&self, bytes: usize, now: Instant) -> Duration {
        const SAVED: Duration = Duration::from_secs(1);
        let mut paid_at = self.paid_at.lock().unwrap_or_else(PoisonError::into_inner);
        let cost = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second as f64);
        let saved_from = now.checked_sub(SAVED).unwrap_or(now);
        let from = paid_at.map_or(saved_from, |paid_at| paid_at.max(saved_from));
        let wait = from.saturating_duration_since(now);
        *paid_at = Some(from + cost);
        wait
    }
}

/// The budgets of the peers that are connected.
#[derive(Debug)]
pub(crate) struct Budgets {
    bytes_per_second: Option<u64>,
    peers: Mutex<HashMap<PeerId, Weak<Budget>>>,
}

impl Budgets {
    pub(crate) fn new(bytes_per_second: Option<u64>) -> Budgets {
        let peers = Mutex::default();
        Budgets {
            bytes_per_second,
            peers,
        }
    }

    /// Returns the budget of a peer, the same for all its channels; `None` without a limit.
    pub(crate) fn of(&self, peer: &PeerId) -> Option<Arc<Budget>> {
        let bytes_per_second = self.bytes_per_second?;
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(budget) = peers.get(peer).and_then(Weak::upgrade) {
            return Some(budget);
        }
        peers.retain(|_, budget| budget.strong_count() > 0);
        let budget = Arc::new(Budget::new(bytes_per_second));
        peers.insert(peer.clone(), Arc::downgrade(&budget));
        Some(budget)
    }
}

#[cfg(test)]
mod tests {
    use weft_link::Role;

    use super::*;

    #[test]
    fn a_peer_that_sends_too_much_waits_for_its_rate() {
        let budget = Budget::new(1000);
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        // One second's worth is saved up.
        assert_eq!(budget.spend(600, at(0)), Duration::ZERO);
        assert_eq!(budget.spend(400, at(0)), Duration::ZERO);
        assert_eq!(budget.spend(500, at(0)), Duration::ZERO);
        assert_eq!(budget.spend(500, at(0)), Duration::from_millis(500));
        assert_eq!(budget.spend(500, at(500)), Duration::from_millis(500));
        // Rest is saved up again, but no more than a second of it.
        assert_eq!(budget.spend(1500, at(60_000)), Duration::ZERO);
        assert_eq!(budget.spend(1, at(60_000)), Duration::from_millis(500));
    }

    #[test]
    fn the_channels_of_a_peer_share_one_budget() {
        let budgets = Budgets::new(Some(1));
        let peer = PeerId::new(Role::Agent, "a").unwrap();
        let other = PeerId::new(Role::Agent, "b").unwrap();
        let first = budgets.of(&peer).unwrap();
        assert!(Arc::ptr_eq(&first, &budgets.of(&peer).unwrap()));
        assert!(!Arc::ptr_eq(&first, &budgets.of(&other).unwrap()));
        assert!(Budgets::new(None).of(&peer).is_none());
    }
}

//! When new bases are worth what they cost.
//!
//! In: the size of every payload. Out: whether to rebase now. The extra bytes since the last
//! rebase are what it could have saved; once they exceed the price of one, it is time (the rule
//! of the ski rental: at most twice the cost of the best choice in hindsight).

/// The extra bytes that old bases have cost.
#[derive(Debug, Default)]
pub(super) struct Drift {
    /// The least bytes per sample since the last rebase.
    floor: Option<f64>,
    excess: f64,
}

impl Drift {
    /// Notes a payload of `bytes` with `samples` in `ticks` ticks of the same series, and tells
    /// whether to rebase.
    pub(super) fn note(&mut self, bytes: usize, samples: usize, ticks: usize) -> bool {
        if samples == 0 || ticks == 0 {
            return false;
        }
        let rate = bytes as f64 / samples as f64;
        let floor = self.floor.map_or(rate, |floor| floor.min(rate));
        self.floor = Some(floor);
        self.excess += (rate - floor) * samples as f64;
        // New bases are a tick once more.
        let price = bytes as f64 / ticks as f64;
        self.excess > price
    }

    /// Starts over, with new bases.
    pub(super) fn reset(&mut self) {
        *self = Drift::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_that_do_not_grow_need_no_new_bases() {
        let mut drift = Drift::default();
        assert!((0..1000).all(|_| !drift.note(1000, 1000, 1)));
    }

    #[test]
    fn growing_payloads_need_them_when_they_have_paid_for_them() {
        let mut drift = Drift::default();
        let sizes = (0..).map(|step| 1000 + 100 * step);
        let at = sizes.take_while(|size| !drift.note(*size, 1000, 1)).count();
        assert_eq!(at, 6);
    }
}

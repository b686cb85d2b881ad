//! Where QUIC does not get through, and until when it is not tried again.
//!
//! In: failures and successes by address, with their time. Out: whether to try.
//! Bound: one entry for each address of the dialler; the rest doubles from 5 minutes to a day.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

const FIRST: Duration = Duration::from_secs(300);
const LONGEST: Duration = Duration::from_secs(86_400);

/// The addresses that are at rest.
#[derive(Debug, Default)]
pub(crate) struct Cooldowns(HashMap<String, Cooldown>);

#[derive(Debug)]
struct Cooldown {
    rest: Duration,
    until: Instant,
}

impl Cooldowns {
    /// Tells whether QUIC may be tried.
    pub(crate) fn allows(&self, address: &str, now: Instant) -> bool {
        self.0
            .get(address)
            .is_none_or(|cooldown| now >= cooldown.until)
    }

    /// Puts an address to rest, twice as long as the time before.
    pub(crate) fn failed(&mut self, address: &str, now: Instant) {
        let rest = match self.0.get(address) {
            Some(before) => (before.rest * 2).min(LONGEST),
            None => FIRST,
        };
        let until = now + rest;
        self.0.insert(address.to_owned(), Cooldown { rest, until });
    }

    /// Forgets that an address ever failed.
    pub(crate) fn succeeded(&mut self, address: &str) {
        self.0.remove(address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_doubles_up_to_a_day_and_success_ends_it() {
        let mut cooldowns = Cooldowns::default();
        let mut now = Instant::now();
        let mut rest = FIRST;
        for _ in 0..12 {
            cooldowns.failed("a:1", now);
            assert!(!cooldowns.allows("a:1", now + rest - Duration::from_secs(1)));
            assert!(cooldowns.allows("a:1", now + rest));
            assert!(cooldowns.allows("b:1", now));
            now += rest;
            rest = (rest * 2).min(LONGEST);
        }
        assert_eq!(rest, LONGEST);
        cooldowns.succeeded("a:1");
        assert!(cooldowns.allows("a:1", now));
        cooldowns.failed("a:1", now);
        assert!(cooldowns.allows("a:1", now + FIRST));
    }
}

//! The time, as an argument: engines never read it themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Tells the wall-clock time. A clone of a manual clock shares its hands.
#[derive(Clone, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// Returns the machine's clock.
    pub fn system() -> Clock {
        Clock(Kind::System)
    }

    /// Returns a clock that stands at `nanos` after the Unix epoch until it is set.
    pub fn manual(nanos: i64) -> Clock {
        Clock(Kind::Manual(Arc::new(AtomicI64::new(nanos))))
    }

    /// Sets a manual clock; the machine's clock stays as it is.
    pub fn set_nanos(&self, nanos: i64) {
        if let Kind::Manual(hands) = &self.0 {
            hands.store(nanos, Ordering::Relaxed);
        }
    }

    /// Returns nanoseconds since the Unix epoch.
    pub fn nanos(&self) -> i64 {
        match &self.0 {
            Kind::System => system_nanos(),
            Kind::Manual(hands) => hands.load(Ordering::Relaxed),
        }
    }

    /// Returns milliseconds since the Unix epoch.
    pub fn millis(&self) -> i64 {
        self.nanos().div_euclid(1_000_000)
    }

    /// Returns a reading of the monotonic clock, for measuring how long something took.
    pub fn instant(&self) -> Instant {
        Instant::now()
    }
}

fn system_nanos() -> i64 {
    let now = SystemTime::now();
    let nanos =
        |duration: std::time::Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
    match now.duration_since(UNIX_EPOCH) {
        Ok(since) => nanos(since),
        Err(before) => -nanos(before.duration()),
    }
}

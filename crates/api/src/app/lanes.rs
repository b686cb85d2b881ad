//! Two lanes for queries: each begins in the light one, and goes on in the other when it turns out
//! to be heavy, so that it takes neither the places nor all of the cores from those that are light.
//!
//! In: the samples that a query is about to look at. Out: its turn, for which it may wait. A heavy
//! query works at most half of the time while there are light ones.
//! Bound: `Limits::queries_max` light ones and `Limits::heavy_queries_max` heavy ones at one time;
//! [`WAITING_MAX`] heavy ones wait, more are refused.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use weft_promql::{Interrupt, QueryError};

use super::Limits;
use crate::Cancel;

/// Heavy queries that wait for their turn; each has a thread.
const WAITING_MAX: usize = 32;

/// How often one that waits looks whether anybody still wants its answer.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long a heavy query works before it gives way.
const WORK_MIN: Duration = Duration::from_millis(1);

/// The longest it gives way at one time.
const PAUSE_MAX: Duration = Duration::from_millis(10);

/// The places of queries.
pub(crate) struct Lanes {
    light: Arc<Semaphore>,
    heavy: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    light_max: usize,
    /// Samples that make a query heavy.
    heavy_samples: u64,
}

/// What a query holds while it runs.
enum Place {
    None,
    Light(#[allow(dead_code, reason = "held for its drop")] OwnedSemaphorePermit),
    Heavy(#[allow(dead_code, reason = "held for its drop")] OwnedSemaphorePermit),
}

/// Where a query stands.
pub(crate) struct Turn {
    lanes: Arc<Lanes>,
    runtime: Handle,
    place: Mutex<Place>,
    /// When it became heavy, and nanoseconds from then to when it last gave way.
    began: Instant,
    gave_way: AtomicU64,
}

/// Gives a query's place back when it is dropped.
pub(crate) struct Held(Arc<Turn>);

impl Drop for Held {
    fn drop(&mut self) {
        *self.0.place() = Place::None;
    }
}

impl Lanes {
    pub(crate) fn new(limits: &Limits) -> Lanes {
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits));
        Lanes {
            light: semaphore(limits.queries_max),
            heavy: semaphore(limits.heavy_queries_max.max(1)),
            waiting: semaphore(WAITING_MAX),
            light_max: limits.queries_max,
            heavy_samples: limits.heavy_samples,
        }
    }

    /// Returns the lane that queries begin in.
    pub(crate) fn light(&self) -> &Arc<Semaphore> {
        &self.light
    }

    fn are_light_at_work(&self) -> bool {
        self.light.available_permits() < self.light_max
    }
}

impl Turn {
    /// Returns the turn of a query that has not begun.
    pub(crate) fn new(lanes: &Arc<Lanes>) -> Arc<Turn> {
        Arc::new(Turn {
            lanes: Arc::clone(lanes),
            runtime: Handle::current(),
            place: Mutex::new(Place::None),
            began: Instant::now(),
            gave_way: AtomicU64::new(0),
        })
    }

    /// Takes a place in the light lane, until what is returned is dropped.
    pub(crate) fn begin(self: &Arc<Turn>, permit: OwnedSemaphorePermit) -> Held {
        *self.place() = Place::Light(permit);
        Held(Arc::clone(self))
    }

    /// Moves to the heavy lane if so many samples are to be looked at, and waits for a place there.
    pub(crate) fn expects(&self, samples: u64, cancel: &Cancel) -> Result<(), QueryError> {
        let is_light = matches!(*self.place(), Place::Light(_));
        if samples < self.lanes.heavy_samples || !is_light {
            return Ok(());
        }
        let Ok(_waiting) = Arc::clone(&self.lanes.waiting).try_acquire_owned() else {
            let message = format!("{WAITING_MAX} heavy queries are already waiting");
            return Err(QueryError::Overloaded(message));
        };
        *self.place() = Place::None;
        let permit = self.wait(cancel)?;
        self.note_pause();
        *self.place() = Place::Heavy(permit);
        Ok(())
    }

    fn wait(&self, cancel: &Cancel) -> Result<OwnedSemaphorePermit, QueryError> {
        loop {
            match cancel.interrupt() {
                Some(Interrupt::Timeout) => return Err(QueryError::Timeout),
                Some(Interrupt::Canceled) => return Err(QueryError::Canceled),
                None => {}
            }
            let acquiring = Arc::clone(&self.lanes.heavy).acquire_owned();
            let within = tokio::time::timeout(LOOK_EVERY, acquiring);
            match self.runtime.block_on(within) {
                Ok(Ok(permit)) => return Ok(permit),
                Ok(Err(_)) => return Err(QueryError::Canceled),
                Err(_) => {}
            }
        }
    }

    /// Lets light queries work, if this one is heavy: for as long as it has worked itself.
    pub(crate) fn give_way(&self) {
        if !matches!(*self.place(), Place::Heavy(_)) || !self.lanes.are_light_at_work() {
            return;
        }
        let since = Duration::from_nanos(self.gave_way.load(Ordering::Relaxed));
        let worked = self.began.elapsed().saturating_sub(since);
        if worked >= WORK_MIN {
            thread::sleep(worked.min(PAUSE_MAX));
            self.note_pause();
        }
    }

    fn note_pause(&self) {
        let now = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.gave_way.store(now, Ordering::Relaxed);
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turn").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One place in each lane; ten samples are heavy.
    fn lanes() -> Arc<Lanes> {
        Arc::new(Lanes::new(&Limits {
            queries_max: 1,
            heavy_queries_max: 1,
            heavy_samples: 10,
            ..Limits::default()
        }))
    }

    fn light(lanes: &Arc<Lanes>) -> Option<(Arc<Turn>, Held)> {
        let permit = Arc::clone(lanes.light()).try_acquire_owned().ok()?;
        let turn = Turn::new(lanes);
        let held = turn.begin(permit);
        Some((turn, held))
    }

    #[tokio::test]
    async fn a_heavy_query_leaves_its_place_and_waits_for_one_of_its_like() {
        let lanes = lanes();
        let (turn, held) = light(&lanes).unwrap();
        assert!(light(&lanes).is_none(), "the only place is taken");
        turn.expects(9, &Cancel::never()).unwrap();
        assert!(light(&lanes).is_none(), "nine samples are not heavy");
        let heavy =
            tokio::task::spawn_blocking(move || turn.expects(10, &Cancel::never()).map(|()| turn));
        let first = heavy.await.unwrap().unwrap();
        let (turn, second) = light(&lanes).expect("the place is free again");
        let waiting = tokio::task::spawn_blocking(move || turn.expects(10, &Cancel::never()));
        while lanes.light.available_permits() == 0 {
            tokio::task::yield_now().await;
        }
        assert!(!waiting.is_finished(), "the first heavy one is at work");
        drop((first, held));
        waiting.await.unwrap().unwrap();
        drop(second);
        assert_eq!(lanes.heavy.available_permits(), 1);
    }

    #[tokio::test]
    async fn one_that_waits_ends_when_nobody_wants_its_answer() {
        let lanes = lanes();
        let place = Arc::clone(&lanes.heavy).try_acquire_owned().unwrap();
        let (turn, _held) = light(&lanes).unwrap();
        let cancel = Cancel::never();
        cancel.cancel();
        let ended = tokio::task::spawn_blocking(move || turn.expects(10, &cancel));
        assert!(matches!(ended.await.unwrap(), Err(QueryError::Canceled)));
        drop(place);
    }

    #[tokio::test]
    async fn more_heavy_queries_than_may_wait_are_refused() {
        let lanes = lanes();
        let all = Arc::clone(&lanes.waiting).try_acquire_many_owned(WAITING_MAX as u32);
        let (turn, _held) = light(&lanes).unwrap();
        let refused = turn.expects(10, &Cancel::never()).unwrap_err();
        assert_eq!(refused.to_string(), "32 heavy queries are already waiting");
        drop(all);
    }
}

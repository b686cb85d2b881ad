//! What is done from time to time: flush, merge, retention, and the rates for people.
//!
//! Bound: one flush or merge at a time, on a thread of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use weft_runtime::{Component, Shutdown};

use crate::status::StatusBoard;
use crate::store::{Store, chain};

/// How often rates are measured.
const RATES_EVERY: Duration = Duration::from_secs(1);

/// How often it is looked whether a journal or the head is too large to wait for the next flush.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often blocks of lines that are full or old are sealed, and retention is looked at.
const MAINTAIN_EVERY: Duration = Duration::from_secs(5);

/// Lines are flushed once in so many flushes: each flush seals all open blocks, and small blocks
/// compress badly. The journal covers them meanwhile.
const LINES_FLUSH_EVERY: u32 = 10;

/// What is flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flush {
    Samples,
    All,
}

/// Keeps the store in order until the stop is requested, then flushes once more.
pub(crate) async fn run(
    store: Arc<Store>,
    flush_every: Duration,
    status: StatusBoard,
    component: Component,
    shutdown: Shutdown,
) {
    let mut next_flush = Instant::now() + flush_every;
    let mut next_maintain = Instant::now() + MAINTAIN_EVERY;
    let mut next_look = Instant::now() + LOOK_EVERY;
    let mut flushes = 0;
    let mut next_rates = Instant::now() + RATES_EVERY;
    let mut flushing = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            () = sleep_until(next_rates) => {
                status.measure();
                next_rates = Instant::now() + RATES_EVERY;
            }
            () = sleep_until(next_flush), if flushing.is_empty() => {
                let (store, component) = (Arc::clone(&store), component.clone());
                flushes += 1;
                let lines = flushes % LINES_FLUSH_EVERY == 0;
                let flush = if lines { Flush::All } else { Flush::Samples };
                flushing.spawn_blocking(move || keep_in_order(&store, flush, &component));
                next_flush = Instant::now() + flush_every;
            }
            () = sleep_until(next_look), if flushing.is_empty() => {
                next_look = Instant::now() + LOOK_EVERY;
                if let Some(flush) = due(&store) {
                    let (store, component) = (Arc::clone(&store), component.clone());
                    flushing.spawn_blocking(move || keep_in_order(&store, flush, &component));
                    next_flush = Instant::now() + flush_every;
                }
            }
            () = sleep_until(next_maintain), if flushing.is_empty() => {
                let store = Arc::clone(&store);
                flushing.spawn_blocking(move || store.maintain_lines());
                next_maintain = Instant::now() + MAINTAIN_EVERY;
            }
            Some(done) = flushing.join_next(), if !flushing.is_empty() => {
                if let Err(error) = done {
                    component.degraded(format!("upkeep failed: {error}"));
                }
            }
            () = shutdown.requested() => break,
        }
    }
    while flushing.join_next().await.is_some() {}
    let last = tokio::task::spawn_blocking(move || store.flush()).await;
    match last {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(
            error = chain(&error),
            "last flush failed; the journal has it all"
        ),
        Err(error) => tracing::error!(%error, "last flush panicked; the journal has it all"),
    }
}

/// Returns what should be flushed at once: a replay must not have too much to read.
fn due(store: &Store) -> Option<Flush> {
    if store.must_flush_lines() {
        return Some(Flush::All);
    }
    store.must_flush_samples().then_some(Flush::Samples)
}

fn keep_in_order(store: &Store, flush: Flush, component: &Component) {
    let flushed = match flush {
        Flush::All => store.flush(),
        Flush::Samples => store.flush_samples_only(),
    };
    match flushed {
        Ok(()) => component.well(),
        Err(error) => component.degraded(format!("flush failed: {}", chain(&error))),
    }
    while store.maintain() {}
}

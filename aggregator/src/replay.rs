//! The task that replays the journals after a start, and says how far it is.
//!
//! In: a store that was just opened. Out: the same, complete; meanwhile a warning for answers.
//! Bound: as many threads as the machine has cores, at most [`THREADS_MAX`]. They end with the
//! replay, or when the stop is requested.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::task::JoinSet;
use weft_runtime::{Component, Shutdown};

use crate::store::Store;

/// The most threads of a replay.
const THREADS_MAX: usize = 8;

/// How often people are told how far the replay is.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// Replays until all is applied or the stop is requested.
pub(crate) async fn run(store: Arc<Store>, component: Component, stop: Shutdown) {
    component.well();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let replayed = Arc::clone(&store);
    let mut work = JoinSet::new();
    work.spawn_blocking(move || replayed.replay(threads.min(THREADS_MAX), &stop));
    loop {
        tokio::select! {
            Some(ended) = work.join_next() => {
                match ended {
                    Ok(()) => component.well(),
                    Err(error) => component.broken(format!("journal replay ended: {error}")),
                }
                return;
            }
            () = tokio::time::sleep(TELL_EVERY) => {
                if let Some(warning) = store.replay_warning() {
                    component.degraded(warning);
                }
            }
        }
    }
}

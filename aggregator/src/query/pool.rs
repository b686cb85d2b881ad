//! Threads for queries: those who ask work themselves, and share helpers.
//!
//! In: independent tasks of a query. Out: all of them done. Bound: as many helpers for all queries
//! together as the machine has cores, but [`HELPERS_MAX`] at most, so that many queries at one time
//! do not take the cores from each other; a query that finds no helper goes on alone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use weft_promql::Pool;

/// The most threads that help queries at one time.
const HELPERS_MAX: usize = 15;

/// Runs the tasks of queries side by side.
#[derive(Debug)]
pub(crate) struct Threads {
    /// How many more threads may be started.
    idle: AtomicUsize,
}

impl Threads {
    /// Returns a pool that keeps all cores busy, the caller's among them.
    pub(crate) fn of_this_machine() -> Threads {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Threads::with_helpers((cores - 1).min(HELPERS_MAX))
    }

    fn with_helpers(helpers: usize) -> Threads {
        Threads {
            idle: AtomicUsize::new(helpers),
        }
    }

    /// Takes at most so many helpers from those that are idle.
    fn take(&self, wanted: usize) -> Helpers<'_> {
        let less = |idle: usize| Some(idle - idle.min(wanted));
        let order = Ordering::Relaxed;
        let idle = self.idle.fetch_update(order, order, less);
        Helpers {
            threads: self,
            count: idle.unwrap_or_else(|idle| idle).min(wanted),
        }
    }
}

/// Threads that a query may start. They are idle again when this is dropped.
struct Helpers<'a> {
    threads: &'a Threads,
    count: usize,
}

impl Drop for Helpers<'_> {
    fn drop(&mut self) {
        self.threads.idle.fetch_add(self.count, Ordering::Relaxed);
    }
}

impl Pool for Threads {
    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        let helpers = self.take(tasks.saturating_sub(1));
        let next = AtomicUsize::new(0);
        let work = || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= tasks {
                    return;
                }
                task(index);
            }
        };
        // The caller's thread works too; a panic of a task reaches the caller when the scope ends.
        thread::scope(|scope| {
            for _ in 0..helpers.count {
                scope.spawn(work);
            }
            work();
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_runs_once() {
        for helpers in [0, 1, 6] {
            let runs: Vec<_> = (0..100).map(|_| AtomicUsize::new(0)).collect();
            Threads::with_helpers(helpers).run(100, &|i| {
                runs[i].fetch_add(1, Ordering::Relaxed);
            });
            assert!(runs.iter().all(|run| run.load(Ordering::Relaxed) == 1));
        }
    }

    #[test]
    fn helpers_are_shared_and_given_back() {
        let threads = Threads::with_helpers(3);
        let first = threads.take(2);
        assert_eq!(first.count, 2);
        assert_eq!(threads.take(5).count, 1);
        drop(first);
        assert_eq!(threads.take(5).count, 3);
    }
}

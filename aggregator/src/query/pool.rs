//! Threads for one query: as many as the machine has cores, for as long as the query runs.
//!
//! In: independent tasks. Out: all of them done. Bound: [`THREADS_MAX`] threads for a query; the
//! number of queries at one time is the API's limit.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use weft_promql::Pool;

/// The most threads of one query.
const THREADS_MAX: usize = 16;

/// Runs the tasks of a query side by side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Threads {
    count: usize,
}

impl Threads {
    /// Returns a pool of as many threads as there are cores.
    pub(crate) fn of_this_machine() -> Threads {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Threads {
            count: cores.min(THREADS_MAX),
        }
    }
}

impl Pool for Threads {
    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        let threads = self.count.min(tasks);
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
            for _ in 1..threads {
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
        for count in [1, 2, 7] {
            let runs: Vec<_> = (0..100).map(|_| AtomicUsize::new(0)).collect();
            Threads { count }.run(100, &|i| {
                runs[i].fetch_add(1, Ordering::Relaxed);
            });
            assert!(runs.iter().all(|run| run.load(Ordering::Relaxed) == 1));
        }
    }
}

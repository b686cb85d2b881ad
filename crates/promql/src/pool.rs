//! Threads are the caller's: a query only says which tasks may run side by side.

/// Runs independent tasks, on as many threads as the caller likes.
pub trait Pool: Send + Sync {
    /// Runs `task(0)` to `task(tasks - 1)`, each once, and returns when all are done.
    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync));
}

/// Runs one task after another on the caller's thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sequential;

impl Pool for Sequential {
    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        (0..tasks).for_each(task);
    }
}

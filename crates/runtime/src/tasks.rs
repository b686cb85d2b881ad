//! The tasks of a role: none is detached, and the panic of one does not end the process unseen.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};

/// A set of named tasks.
#[derive(Debug, Default)]
pub struct Tasks {
    set: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The task's name.
    pub name: &'static str,
    /// What it said when it panicked, if it did.
    pub panic: Option<String>,
}

impl Tasks {
    /// Returns an empty set.
    pub fn new() -> Tasks {
        Tasks::default()
    }

    /// Starts a task.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let handle = self.set.spawn(task);
        self.names.insert(handle.id(), name);
    }

    /// Starts a task that blocks its thread.
    pub fn spawn_blocking(&mut self, name: &'static str, task: impl FnOnce() + Send + 'static) {
        let handle = self.set.spawn_blocking(task);
        self.names.insert(handle.id(), name);
    }

    /// Tells whether all have ended.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// Returns the next task that ends, or nothing when there is none. Cancel safe.
    pub async fn next_ended(&mut self) -> Option<Ended> {
        let joined = self.set.join_next_with_id().await?;
        let ended = match joined {
            Ok((id, ())) => Ended {
                name: self.name(id),
                panic: None,
            },
            Err(error) => {
                let name = self.name(error.id());
                Ended {
                    name,
                    panic: panic_text(error),
                }
            }
        };
        if let Some(panic) = &ended.panic {
            tracing::error!(task = ended.name, panic, "task panicked");
        }
        Some(ended)
    }

    /// Waits until all tasks have ended, at most `limit`; cuts off the rest. Returns the names of
    /// those that were cut off.
    pub async fn drain(mut self, limit: Duration) -> Vec<&'static str> {
        let all = async { while self.next_ended().await.is_some() {} };
        if tokio::time::timeout(limit, all).await.is_ok() {
            return Vec::new();
        }
        let late: Vec<_> = self.names.values().copied().collect();
        tracing::warn!(?late, "tasks did not end in time");
        self.set.abort_all();
        late
    }

    fn name(&mut self, id: Id) -> &'static str {
        self.names.remove(&id).unwrap_or("unknown")
    }
}

fn panic_text(error: JoinError) -> Option<String> {
    let payload = error.try_into_panic().ok()?;
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .or(Some("(no text)".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_told_with_its_task() {
        let mut tasks = Tasks::new();
        tasks.spawn("calm", async {});
        assert_eq!(
            tasks.next_ended().await,
            Some(Ended {
                name: "calm",
                panic: None
            })
        );
        tasks.spawn("wild", async { panic!("ouch") });
        let ended = tasks.next_ended().await;
        assert_eq!(
            ended,
            Some(Ended {
                name: "wild",
                panic: Some("ouch".to_owned())
            })
        );
        assert_eq!(tasks.next_ended().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_end_in_time_is_named() {
        let mut tasks = Tasks::new();
        tasks.spawn("stuck", std::future::pending());
        tasks.spawn("quick", async {});
        assert_eq!(tasks.drain(Duration::from_secs(1)).await, vec!["stuck"]);
    }
}

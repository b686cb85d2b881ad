//! What state a process is in: starting, running, degraded, stopping.
//!
//! In: each component says how it fares. Out: one state for `/-/ready`, `weft health` and people.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The state of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Some component is not up yet.
    Starting,
    /// All components are well.
    Running,
    /// It works, but not as it should.
    Degraded,
    /// It was asked to stop and drains.
    Stopping,
}

/// How one component fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Not up yet.
    Starting,
    /// Well.
    Well,
    /// Working, but not as it should; one sentence says why.
    Degraded(String),
    /// Not working; one sentence says why.
    Broken(String),
}

/// The state of a process, shared by its components.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    components: BTreeMap<String, Condition>,
    stopping: bool,
}

/// One component's own line in the lifecycle.
#[derive(Clone, Debug)]
pub struct Component {
    lifecycle: Lifecycle,
    name: String,
}

impl Lifecycle {
    /// Returns a lifecycle without components.
    pub fn new() -> Lifecycle {
        Lifecycle::default()
    }

    /// Adds a component, which is starting until it says otherwise.
    pub fn component(&self, name: &str) -> Component {
        self.inner()
            .components
            .insert(name.to_owned(), Condition::Starting);
        Component {
            lifecycle: self.clone(),
            name: name.to_owned(),
        }
    }

    /// Says that the process was asked to stop.
    pub fn set_stopping(&self) {
        self.inner().stopping = true;
    }

    /// Returns the state of the whole.
    pub fn state(&self) -> State {
        let inner = self.inner();
        let any = |test: fn(&Condition) -> bool| inner.components.values().any(test);
        if inner.stopping {
            State::Stopping
        } else if any(|condition| *condition == Condition::Starting) {
            State::Starting
        } else if any(|condition| *condition != Condition::Well) {
            State::Degraded
        } else {
            State::Running
        }
    }

    /// Tells whether it can take work: running, or degraded but not broken.
    pub fn is_ready(&self) -> bool {
        let inner = self.inner();
        let able =
            |condition: &Condition| matches!(condition, Condition::Well | Condition::Degraded(_));
        !inner.stopping && inner.components.values().all(able)
    }

    /// Returns all components with their conditions, by name.
    pub fn conditions(&self) -> Vec<(String, Condition)> {
        self.inner()
            .components
            .iter()
            .map(|(name, it)| (name.clone(), it.clone()))
            .collect()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Component {
    /// Says that the component is well.
    pub fn well(&self) {
        self.set(Condition::Well);
    }

    /// Says that it works, but not as it should, and why.
    pub fn degraded(&self, why: impl Into<String>) {
        self.set(Condition::Degraded(why.into()));
    }

    /// Says that it does not work, and why.
    pub fn broken(&self, why: impl Into<String>) {
        self.set(Condition::Broken(why.into()));
    }

    fn set(&self, condition: Condition) {
        let mut inner = self.lifecycle.inner();
        let known = inner.components.get(&self.name);
        if known == Some(&condition) {
            return;
        }
        match &condition {
            Condition::Starting => {}
            Condition::Well => tracing::debug!(component = self.name, "component is well"),
            Condition::Degraded(why) => {
                tracing::warn!(component = self.name, why, "component is degraded");
            }
            Condition::Broken(why) => {
                tracing::error!(component = self.name, why, "component is broken");
            }
        }
        inner.components.insert(self.name.clone(), condition);
    }
}

impl State {
    /// Returns the word for it.
    pub fn as_str(&self) -> &'static str {
        match self {
            State::Starting => "starting",
            State::Running => "running",
            State::Degraded => "degraded",
            State::Stopping => "stopping",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Condition::Starting => f.write_str("starting"),
            Condition::Well => f.write_str("well"),
            Condition::Degraded(why) => write!(f, "degraded: {why}"),
            Condition::Broken(why) => write!(f, "broken: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_component_tells_the_state() {
        let lifecycle = Lifecycle::new();
        let (tsdb, link) = (lifecycle.component("tsdb"), lifecycle.component("link"));
        assert_eq!(lifecycle.state(), State::Starting);
        tsdb.well();
        assert!(!lifecycle.is_ready());
        link.degraded("UDP is blocked");
        assert_eq!(lifecycle.state(), State::Degraded);
        assert!(lifecycle.is_ready());
        link.broken("no collector answers");
        assert!(!lifecycle.is_ready());
        link.well();
        assert_eq!(lifecycle.state(), State::Running);
        lifecycle.set_stopping();
        assert_eq!(lifecycle.state(), State::Stopping);
        assert!(!lifecycle.is_ready());
    }
}

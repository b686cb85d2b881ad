//! The agent as a whole: built from its configuration, run until it is asked to stop.

use std::io;
use std::path::PathBuf;
use std::time::Instant;

use prometheus_client::registry::Registry;
use weft_runtime::Shutdown;
use weft_stdx::Clock;

use crate::{Config, StatusBoard};

/// Why an agent could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The state directory cannot be used.
    #[error("open state directory {}", path.display())]
    State {
        /// The directory or file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
}

/// An agent that is ready to run.
#[derive(Debug)]
pub struct Agent {
    #[expect(dead_code, reason = "read once the intake is there")]
    config: Config,
    status: StatusBoard,
}

impl Agent {
    /// Opens the state directory and registers the agent's own metrics.
    ///
    /// `started` is when the process started: the time to the first sample counts from it.
    pub fn build(
        config: Config,
        clock: Clock,
        started: Instant,
        registry: &mut Registry,
    ) -> Result<Agent, BuildError> {
        let _ = (clock, started, registry);
        Ok(Agent {
            config,
            status: StatusBoard::default(),
        })
    }

    /// Returns the agent's status, which stays valid while it runs.
    pub fn status(&self) -> StatusBoard {
        self.status.clone()
    }

    /// Runs until the stop is requested, then sends what is sealed and stops within a second.
    pub async fn run(self, shutdown: Shutdown) {
        shutdown.requested().await;
    }
}

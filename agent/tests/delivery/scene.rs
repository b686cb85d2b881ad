//! An agent with a directory of its own, and what a test does to it.

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::registry::Registry;
use tokio::task::JoinHandle;
use weft_agent::config::{FileSource, Transport};
use weft_agent::{Agent, BuildError, Config, StatusBoard};
use weft_runtime::{Lifecycle, Stopper, shutdown};
use weft_stdx::Clock;

use crate::receiver::{Got, Receiver};

/// How long a claim may take to come true on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Scene {
    pub(crate) config: Config,
    pub(crate) receiver: Receiver,
    dir: PathBuf,
}

/// A running agent.
pub(crate) struct Running {
    pub(crate) status: StatusBoard,
    pub(crate) registry: Arc<Mutex<Registry>>,
    stopper: Stopper,
    task: JoinHandle<()>,
}

impl Scene {
    pub(crate) async fn new(name: &str, transport: Transport) -> Scene {
        let dir = std::env::temp_dir().join(format!("weft-agent-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(dir.join("logs")).unwrap();
        let receiver = Receiver::start(&dir.join("ca")).await;
        let mut config = Config::new("node-1", dir.join("state"), vec![receiver.address()]);
        config.outlet.transport = transport;
        config.outlet.join_token = Some(receiver.token());
        config.outlet.reconnect_max = Duration::from_millis(200);
        config.tail.files = vec![FileSource {
            glob: format!("{}/*.log", dir.join("logs").display()),
            job: "test".to_owned(),
            labels: Vec::new(),
        }];
        if let Some(host) = &mut config.host {
            host.interval = Duration::from_millis(200);
        }
        Scene {
            config,
            receiver,
            dir,
        }
    }

    pub(crate) fn write(&self, line: &str) {
        let path = self.dir.join("logs/app.log");
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path);
        writeln!(file.unwrap(), "{line}").unwrap();
    }

    pub(crate) fn build(&self) -> Result<Agent, BuildError> {
        let registry = Mutex::new(Registry::default());
        self.build_with(&registry)
    }

    fn build_with(&self, registry: &Mutex<Registry>) -> Result<Agent, BuildError> {
        let clock = Clock::system();
        Agent::build(
            self.config.clone(),
            clock,
            Instant::now(),
            &Lifecycle::new(),
            registry,
        )
    }

    pub(crate) fn start(&mut self) -> Running {
        let registry = Arc::new(Mutex::new(Registry::default()));
        let agent = self.build_with(&registry).unwrap();
        let status = agent.status();
        let (stopper, shutdown) = shutdown::channel();
        let task = tokio::spawn(agent.run(shutdown));
        Running {
            status,
            registry,
            stopper,
            task,
        }
    }

    /// Waits until what was received fulfils the claim.
    pub(crate) async fn until(&self, what: &str, claim: impl Fn(&Got) -> bool) {
        self.wait_for(what, || claim(&self.receiver.got())).await;
    }

    /// Waits until the claim is true; looks again whenever something was received, and from time to
    /// time.
    pub(crate) async fn wait_for(&self, what: &str, claim: impl Fn() -> bool) {
        let waiting = async {
            while !claim() {
                let _ =
                    tokio::time::timeout(Duration::from_millis(20), self.receiver.changed()).await;
            }
        };
        let result = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(
            result.is_ok(),
            "waited for {what}; got {:?}",
            self.receiver.got()
        );
    }

    /// Returns how many batches of metrics were made durable by the agent.
    pub(crate) fn ticks_in_spool(&self, registry: &Mutex<Registry>) -> u64 {
        let registry = registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let line = "weft_agent_batches_total{stream=\"metrics\"} ";
        let value = text.lines().find_map(|known| known.strip_prefix(line));
        value.map_or(0, |value| value.parse().unwrap())
    }
}

impl Running {
    pub(crate) async fn stop(self) {
        self.stopper.stop();
        self.task.await.unwrap();
    }

    pub(crate) async fn stopped_within(self, limit: Duration) -> bool {
        let begun = Instant::now();
        self.stop().await;
        begun.elapsed() < limit
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

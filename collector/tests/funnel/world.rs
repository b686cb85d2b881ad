//! An authority, a clock, directories, and collectors that can be started and killed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use prometheus_client::registry::Registry;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use weft_collector::{BuildError, Collector, Config, KeeperError, StatusBoard};
use weft_link::{Authority, AuthorityOptions, Identity, PeerId, Role, TokenGrant, TransportChoice};
use weft_model::Millis;
use weft_runtime::Lifecycle;
use weft_runtime::shutdown::{Stopper, channel};
use weft_stdx::Clock;

/// Some day in 2026.
pub(crate) const NOW: Millis = Millis(1_790_000_000_000);

/// No test waits longer for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const TRANSPORTS: [TransportChoice; 2] = [TransportChoice::Quic, TransportChoice::Grpc];

pub(crate) struct World {
    pub(crate) authority: Authority,
    pub(crate) clock: Clock,
    dir: TempDir,
}

impl World {
    pub(crate) fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let ca = dir.path().join("ca");
        World {
            authority: Authority::open_or_create(&ca, AuthorityOptions::default(), NOW).unwrap(),
            clock: Clock::manual(NOW.to_nanos().0),
            dir,
        }
    }

    pub(crate) fn identity(&self, role: Role, id: &str) -> Identity {
        let peer = PeerId::new(role, id).unwrap();
        self.authority.issue(&peer, &[], NOW).unwrap()
    }

    pub(crate) fn dir(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A collector that is not yet known and forwards to `to`.
    pub(crate) fn config(&self, to: SocketAddr, over: TransportChoice) -> Config {
        let mut config = Config::new("c1", &self.dir("c1"), vec![to.to_string()]);
        config.intake.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        config.spool.free_bytes_min = 0;
        config.outlet.transport = over;
        config.outlet.reconnect_max = Duration::from_millis(200);
        config.labels = vec![("region".to_owned(), "eu".to_owned())];
        config
    }

    /// Starts a collector with a certificate of its own.
    pub(crate) async fn collector(&self, config: Config) -> Running {
        let identity = self.identity(Role::Collector, &config.name);
        identity.save(&config.state).unwrap();
        within(async {
            loop {
                match self.start(config.clone()).await {
                    // The thread of one that was killed takes a moment to let go.
                    Err(BuildError::Store(KeeperError::Lock(_))) => tokio::task::yield_now().await,
                    started => return started.unwrap(),
                }
            }
        })
        .await
    }

    pub(crate) async fn start(&self, config: Config) -> Result<Running, BuildError> {
        let lifecycle = Lifecycle::new();
        let metrics = Mutex::new(Registry::default());
        let clock = self.clock.clone();
        let collector = Collector::build(config, clock, &lifecycle, &metrics).await?;
        let (stopper, shutdown) = channel();
        Ok(Running {
            address: collector.address(),
            status: collector.status(),
            metrics,
            stopper,
            task: tokio::spawn(collector.run(shutdown)),
        })
    }

    pub(crate) fn grant(&self, role: Role) -> TokenGrant {
        TokenGrant {
            role,
            lifetime: Duration::from_secs(3600),
            uses: Some(1),
        }
    }
}

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) status: StatusBoard,
    pub(crate) metrics: Mutex<Registry>,
    stopper: Stopper,
    task: JoinHandle<()>,
}

impl Running {
    /// Ends all tasks in the middle of whatever they do.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    /// Asks it to stop and returns how long that took.
    pub(crate) async fn stop(self) -> Duration {
        let started = tokio::time::Instant::now();
        self.stopper.stop();
        within(self.task).await.unwrap();
        started.elapsed()
    }

    pub(crate) fn metrics_text(&self) -> String {
        let mut text = String::new();
        let metrics = self.metrics.lock().unwrap();
        prometheus_client::encoding::text::encode(&mut text, &metrics).unwrap();
        text
    }
}

/// Waits for something that must happen.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it happens within the patience of the tests")
}

/// Waits until something is so.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    within(async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

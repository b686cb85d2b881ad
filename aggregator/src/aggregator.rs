//! The aggregator as a whole: built from its configuration, run until it is asked to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use weft_disk::RealDisk;
use weft_link::{
    Authority, AuthorityError, AuthorityOptions, BindError, JoinToken, Listener, ListenerHandle,
    ListenerOptions, PeerId, Role, TokenGrant, TokenStoreError,
};
use weft_model::Millis;
use weft_runtime::admin::Admin;
use weft_runtime::{Component, Shutdown, Tasks, shutdown};
use weft_stdx::Clock;

use crate::config::Config;
use crate::intake::{self, Intake, Peers};
use crate::query::{self, ResultCache};
use crate::serve::{self, Served};
use crate::status::StatusBoard;
use crate::store::{OpenError, Store};
use crate::watch::{self, RuleBoard, RuleUpdates, Watch};
use crate::{replay, telemetry, upkeep};

/// How long the HTTP side has to finish its answers.
const DRAIN: Duration = Duration::from_millis(800);

/// How long it is waited for the replay of the journals before questions are welcome: a short one
/// ends within it, and nobody sees an answer that lacks something.
const REPLAY_WAIT: Duration = Duration::from_millis(600);

/// How often it is looked whether the own certificate is due for renewal.
const RENEW_CHECK: Duration = Duration::from_secs(60);

/// Why an aggregator cannot run.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The data cannot be opened.
    #[error("open data")]
    Open(#[from] OpenError),
    /// The certificates cannot be made or read.
    #[error("open authority")]
    Authority(#[from] AuthorityError),
    /// The ingest port cannot be used.
    #[error("open ingest port")]
    Ingest(#[from] BindError),
    /// The HTTP port cannot be used.
    #[error("open HTTP port {address}")]
    Http {
        /// The address.
        address: SocketAddr,
        /// What went wrong.
        source: std::io::Error,
    },
}

/// What the process gives to the role.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The time.
    pub clock: Clock,
    /// The machine's name.
    pub host_name: String,
    /// The metrics, the lifecycle and the reload of the process.
    pub admin: Admin,
    /// The rules that are to be evaluated, as often as they change.
    pub rules: RuleUpdates,
}

/// An aggregator that is ready to run: its data is open, its ports are bound.
#[derive(Debug)]
pub struct Aggregator {
    config: Arc<Config>,
    store: Arc<Store>,
    authority: Arc<Authority>,
    peers: Arc<Peers>,
    listener: Listener,
    http: TcpListener,
    surroundings: Surroundings,
    component: Component,
    status: StatusBoard,
    rules: RuleBoard,
}

impl Aggregator {
    /// Opens the data and binds the ports.
    pub async fn build(
        config: Config,
        surroundings: Surroundings,
    ) -> Result<Aggregator, BuildError> {
        let component = surroundings.admin.lifecycle.component("aggregator");
        let config = Arc::new(config);
        let address = config.http;
        let bound = TcpListener::bind(address).await;
        let http = bound.map_err(|source| BuildError::Http { address, source })?;
        let clock = surroundings.clock.clone();
        let opened = Store::open(
            Arc::new(RealDisk),
            &config,
            &surroundings.host_name,
            clock.clone(),
        )?;
        let store = Arc::new(opened);
        let options = AuthorityOptions {
            leaf_lifetime: config.certificate_lifetime,
            ..AuthorityOptions::default()
        };
        let dir = config.data.join("ca");
        let authority = Arc::new(Authority::open_or_create(&dir, options, store.now())?);
        let identity = authority.issue(&own_id(), &host_names(&config), store.now())?;
        let listener =
            Listener::bind(config.ingest, &identity, ListenerOptions::default(), clock).await?;
        let peers = Arc::new(Peers::default());
        let results = Arc::new(ResultCache::new(config.query.cache_bytes));
        let status = StatusBoard::new(Arc::clone(&store), Arc::clone(&peers), results);
        telemetry::register(&surroundings.admin.registry, &status);
        let rules = RuleBoard::default();
        watch::register(&surroundings.admin.registry, &rules);
        Ok(Aggregator {
            config,
            store,
            authority,
            peers,
            listener,
            http,
            surroundings,
            component,
            status,
            rules,
        })
    }

    /// Returns where the HTTP APIs are.
    pub fn http_address(&self) -> SocketAddr {
        self.http.local_addr().unwrap_or(self.config.http)
    }

    /// Returns where peers connect.
    pub fn ingest_address(&self) -> SocketAddr {
        self.listener.local_addr()
    }

    /// Makes a join token for one peer.
    pub fn join_token(&self, role: Role, lifetime: Duration) -> Result<JoinToken, TokenStoreError> {
        let grant = TokenGrant {
            role,
            lifetime,
            uses: Some(1),
        };
        self.authority.create_token(grant, self.store.now())
    }

    /// Tells whether samples that were acknowledged may be missing from answers, because the
    /// journal is still being replayed.
    pub fn replaying(&self) -> bool {
        self.store.replaying()
    }

    /// Returns the status, which stays valid while the aggregator runs.
    pub fn status(&self) -> StatusBoard {
        self.status.clone()
    }

    /// Runs until the stop is requested; then finishes answers, and makes durable in the stores
    /// what the journals hold.
    pub async fn run(self, shutdown: Shutdown) {
        let (stop_upkeep, upkeep_stop) = shutdown::channel();
        let mut tasks = Tasks::new();
        let intake = Intake {
            store: Arc::clone(&self.store),
            authority: Arc::clone(&self.authority),
            peers: self.peers,
        };
        let renewing = Renewing {
            authority: self.authority,
            names: host_names(&self.config),
            listener: self.listener.handle(),
            clock: self.surroundings.clock.clone(),
        };
        tasks.spawn(
            "intake",
            intake::run(self.listener, intake, shutdown.clone()),
        );
        tasks.spawn("renew", renewing.run(shutdown.clone()));
        let budget = Arc::new(query::budget(&self.config.query));
        let served = Served {
            store: Arc::clone(&self.store),
            config: Arc::clone(&self.config),
            admin: self.surroundings.admin.clone(),
            status: self.status.clone(),
            rules: self.rules.clone(),
            budget: Arc::clone(&budget),
            clock: self.surroundings.clock.clone(),
        };
        let watching = Watch {
            store: Arc::clone(&self.store),
            config: Arc::clone(&self.config),
            board: self.rules,
            budget,
            clock: self.surroundings.clock.clone(),
        };
        let updates = self.surroundings.rules.clone();
        tasks.spawn("watch", watch::run(watching, updates, shutdown.clone()));
        tasks.spawn("http", serve::run(self.http, served, shutdown.clone()));
        let upkeep = upkeep::run(
            Arc::clone(&self.store),
            self.config.flush_every,
            self.status,
            self.component.clone(),
            upkeep_stop,
        );
        let mut flushing = Tasks::new();
        flushing.spawn("upkeep", upkeep);
        let mut replaying = Tasks::new();
        let component = self.surroundings.admin.lifecycle.component("replay");
        let replay = replay::run(Arc::clone(&self.store), component, shutdown.clone());
        replaying.spawn("replay", replay);
        let _ = tokio::time::timeout(REPLAY_WAIT, replaying.next_ended()).await;
        self.component.well();
        loop {
            tokio::select! {
                ended = tasks.next_ended() => match ended {
                    Some(ended) if shutdown.is_requested() => {
                        tracing::debug!(task = ended.name, "task ended");
                    }
                    Some(ended) => self.component.broken(format!("the task {} ended", ended.name)),
                    None => break,
                },
                () = shutdown.requested() => break,
            }
        }
        tasks.drain(DRAIN).await;
        replaying.drain(DRAIN).await;
        stop_upkeep.stop();
        flushing.drain(DRAIN).await;
    }
}

/// Renews the listener's own certificate.
struct Renewing {
    authority: Arc<Authority>,
    names: Vec<String>,
    listener: ListenerHandle,
    clock: Clock,
}

impl Renewing {
    async fn run(self, shutdown: Shutdown) {
        let mut renew_at = None;
        loop {
            let now = Millis(self.clock.millis());
            if renew_at.is_none_or(|due| now >= due) {
                match self.authority.issue(&own_id(), &self.names, now) {
                    Ok(identity) => {
                        renew_at = Some(identity.renew_at());
                        if let Err(error) = self.listener.set_identity(&identity) {
                            tracing::error!(%error, "own certificate not renewed");
                        }
                    }
                    Err(error) => tracing::error!(%error, "own certificate not issued"),
                }
            }
            tokio::select! {
                () = tokio::time::sleep(RENEW_CHECK) => {}
                () = shutdown.requested() => return,
            }
        }
    }
}

fn own_id() -> PeerId {
    PeerId::new(Role::Aggregator, "aggregator").expect("the word is a valid id")
}

fn host_names(config: &Config) -> Vec<String> {
    let mut names = vec![
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
    ];
    names.extend(config.names.iter().cloned());
    if !config.ingest.ip().is_unspecified() {
        names.push(config.ingest.ip().to_string());
    }
    names.sort();
    names.dedup();
    names
}

//! The collector as a whole: built from its configuration, run until it is asked to stop.
//!
//! In: a configuration, a clock, where the process keeps its state and metrics. Out: a running
//! collector and its status.
//! Bound: it stops within a second of being asked; what is in the spool stays there.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::registry::Registry as Metrics;
use tokio::sync::{mpsc, watch};
use weft_link::{
    BindError, Dialer, Identity, JoinToken, JoinTokenError, Listener, ListenerOptions,
};
use weft_model::{SessionId, StreamKind};
use weft_runtime::{Component, Lifecycle, Shutdown, Tasks};
use weft_stdx::Clock;

use crate::admit::budget::Budgets;
use crate::config::Config;
use crate::intake::{Credit, Intake};
use crate::membership::{Membership, MembershipError, dialer_options};
use crate::outlet::Outlet;
use crate::registry::Registry;
use crate::relay::Relay;
use crate::shape::Shape;
use crate::status::{LinkState, StatusBoard};
use crate::store::{Command, Keeper, KeeperError, StoreHandle};
use crate::telemetry::Telemetry;

/// How often the status is refreshed and old things are let go.
const TICK: Duration = Duration::from_secs(1);

/// Latencies are counted by the minute.
const TICKS_PER_MINUTE: u32 = 60;

/// How long the tasks have to end.
const STOP_TIME: Duration = Duration::from_secs(1);

/// A collector that agents can connect to; it serves them once it runs.
#[derive(Debug)]
pub struct Collector {
    config: Config,
    clock: Clock,
    identity: Identity,
    membership: Membership,
    listener: Listener,
    keeper: Keeper,
    commands: mpsc::Receiver<Command>,
    store: StoreHandle,
    telemetry: Arc<Telemetry>,
    status: StatusBoard,
    component: Component,
}

/// Why a collector was not built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The join token is none.
    #[error("build collector")]
    Token(#[from] JoinTokenError),
    /// The spool cannot be used.
    #[error("build collector")]
    Store(#[from] KeeperError),
    /// There is no identity.
    #[error("build collector")]
    Membership(#[from] MembershipError),
    /// The address for agents cannot be bound.
    #[error("build collector")]
    Bind(#[from] BindError),
}

impl Collector {
    /// Opens the spool, finds or asks for a certificate, and binds the address for agents.
    ///
    /// Without a certificate it waits until an aggregator gives one.
    ///
    /// # Errors
    /// Fails when the spool is damaged or in use, the token is refused, or the address is taken.
    pub async fn build(
        config: Config,
        clock: Clock,
        lifecycle: &Lifecycle,
        metrics: &Mutex<Metrics>,
    ) -> Result<Collector, BuildError> {
        let component = lifecycle.component("collector");
        let telemetry = Arc::new(Telemetry::new());
        telemetry.register(&mut metrics.lock().unwrap_or_else(PoisonError::into_inner));
        let status = StatusBoard::default();
        let token = config.outlet.join_token.as_deref();
        let token: Option<JoinToken> = token.map(str::parse).transpose()?;
        let (store, commands) = StoreHandle::new(config.intake.memory_bytes);
        let keeper = Keeper::open(
            &config.spool,
            store.signals(),
            Arc::clone(&telemetry),
            clock.clone(),
        )?;
        let membership = Membership::new(&config, token, clock.clone(), status.clone());
        let identity = membership.obtain().await?;
        let options = ListenerOptions {
            connections_max: config.intake.connections_max,
            ..ListenerOptions::default()
        };
        let listen = config.intake.listen;
        let listener = Listener::bind(listen, &identity, options, clock.clone()).await?;
        let address = listener.local_addr();
        status.update(|status| status.listen = Some(address));
        Ok(Collector {
            config,
            clock,
            identity,
            membership,
            listener,
            keeper,
            commands,
            store,
            telemetry,
            status,
            component,
        })
    }

    /// Returns where agents connect.
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr()
    }

    /// Returns the collector's status, which stays valid while it runs.
    pub fn status(&self) -> StatusBoard {
        self.status.clone()
    }

    /// Runs until the stop is requested, or a part of it fails; then stops within a second.
    pub async fn run(self, shutdown: Shutdown) {
        let (upstream, watching) = watch::channel(None);
        let registry = Registry::new(self.config.admit.sessions_max);
        let link = self.listener.handle();
        let intake = Arc::new(Intake {
            registry: Arc::clone(&registry),
            budgets: Budgets::new(self.config.admit.agent_bytes_per_second),
            shape: Shape::new(&self.config.labels),
            store: self.store.clone(),
            credit: Credit::new(&self.config.intake),
            relay: Relay::new(watching),
            telemetry: Arc::clone(&self.telemetry),
            clock: self.clock.clone(),
        });
        let options = dialer_options(&self.config);
        let outlet = Outlet {
            config: self.config.outlet,
            session: random_session(),
            dialer: Dialer::new(options, self.identity.clone(), self.clock.clone()),
            listener: link.clone(),
            membership: self.membership,
            store: self.store.clone(),
            registry,
            telemetry: Arc::clone(&self.telemetry),
            status: self.status.clone(),
            upstream,
            clock: self.clock,
        };
        outlet.note_expiry(self.identity.expires_at());
        let watchman = Watchman {
            intake: Arc::clone(&intake),
            store: self.store,
            telemetry: self.telemetry,
            status: self.status,
            component: self.component,
            link,
        };
        let mut tasks = Tasks::new();
        let (keeper, commands) = (self.keeper, self.commands);
        tasks.spawn_blocking("spool", move || keeper.run(commands));
        tasks.spawn("intake", intake.run(self.listener, shutdown.clone()));
        tasks.spawn("outlet", outlet.run(self.identity, shutdown.clone()));
        tasks.spawn("watchman", watchman.run(shutdown.clone()));
        tokio::select! {
            // A task that ends because of the stop is no failure.
            biased;
            () = shutdown.requested() => {}
            ended = tasks.next_ended() => {
                if let Some(ended) = ended {
                    tracing::error!(task = ended.name, "the collector cannot go on");
                }
            }
        }
        tasks.drain(STOP_TIME).await;
    }
}

/// A collector makes no batches itself, so its session need not outlive the process.
fn random_session() -> SessionId {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the kernel has random bytes to give");
    SessionId(u128::from_be_bytes(bytes))
}

/// Looks at everything once a second and tells how it is.
struct Watchman {
    intake: Arc<Intake>,
    store: StoreHandle,
    telemetry: Arc<Telemetry>,
    status: StatusBoard,
    component: Component,
    link: weft_link::ListenerHandle,
}

impl Watchman {
    async fn run(self, shutdown: Shutdown) {
        let mut ticks = 0;
        loop {
            if self.store.tick().await.is_err() {
                return self.component.broken("the spool is closed");
            }
            self.look();
            tokio::select! {
                () = tokio::time::sleep(TICK) => {}
                () = shutdown.requested() => return,
            }
            ticks = (ticks + 1) % TICKS_PER_MINUTE;
            if ticks == 0 {
                self.telemetry.turn_minute();
            }
        }
    }

    fn look(&self) {
        let stats = self.store.stats();
        let is_full = StreamKind::ALL
            .iter()
            .any(|stream| self.store.is_full(*stream));
        let channels = self.intake.credit.channels();
        self.telemetry.channels.set(gauge(channels as u64));
        self.telemetry.spool_bytes.set(gauge(stats.bytes));
        self.telemetry.spool_batches.set(gauge(stats.batches));
        self.telemetry.spool_full.set(i64::from(is_full));
        self.telemetry.link(&self.link.stats());
        self.telemetry.spool_dropped(&stats.dropped);
        let ack_latency = self.telemetry.ack_latency();
        self.status.update(|status| {
            status.sessions = self.intake.registry.connected() as u64;
            status.channels = channels as u64;
            status.spool_bytes = stats.bytes;
            status.spool_bytes_max = stats.bytes_max;
            status.spool_batches = stats.batches;
            status.spool_full = is_full;
            status.dropped_batches = self.telemetry.dropped_in_all();
            status.ack_latency = ack_latency;
        });
        self.judge(is_full);
    }

    fn judge(&self, is_full: bool) {
        if is_full {
            return self
                .component
                .degraded("the spool is full: agents keep their data");
        }
        match self.status.snapshot().link {
            LinkState::Connected { .. } => self.component.well(),
            LinkState::Idle | LinkState::Enrolling | LinkState::Connecting => {}
            LinkState::Waiting(why) => {
                self.component
                    .degraded(format!("no aggregator is connected: {why}"));
            }
        }
    }
}

fn gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

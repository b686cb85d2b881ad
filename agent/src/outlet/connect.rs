//! The connection: made, used until it ends, made again.
//!
//! In: the lanes. Out: their channels on one connection at a time.
//! Bound: between two tries lies a wait that doubles up to the configured one.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use weft_link::{Connection, Dialer, DialerOptions, Identity, OpenError, TransportChoice};
use weft_model::Millis;
use weft_proto::v1;
use weft_runtime::Component;
use weft_stdx::{Backoff, Clock};

use super::identity::Certificate;
use super::lane::{Ended, Lane, LaneError, Source};
use super::{LogSource, MetricsSource};
use crate::config::{OutletConfig, Transport};
use crate::status::{LinkState, StatusBoard};
use crate::telemetry::Telemetry;

/// The wait before the second try.
const RECONNECT_FIRST: Duration = Duration::from_millis(100);

/// A connection that lasted this long was a good one: the next waits start small again.
const GOOD_AFTER: Duration = Duration::from_secs(10);

/// How often a connection is looked at: whether its certificate is to be renewed, and whether a
/// better transport may be tried.
const CHECK_EVERY: Duration = Duration::from_secs(30);

/// The way out.
pub(crate) struct Outlet {
    metrics: Arc<Lane<MetricsSource>>,
    logs: Arc<Lane<LogSource>>,
    certificate: Certificate,
    options: DialerOptions,
    backoff: Backoff,
    clock: Clock,
    reports: Reports,
}

/// Where the outlet reports to.
#[derive(Clone, Debug)]
pub(crate) struct Reports {
    /// The status of the agent.
    pub(crate) status: StatusBoard,
    /// Counts.
    pub(crate) telemetry: Telemetry,
    /// The agent's line in the state of the process.
    pub(crate) health: Component,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum ConnectionError {
    /// A channel was not opened.
    #[error("open channel")]
    Open(#[from] OpenError),
    /// A channel failed.
    #[error(transparent)]
    Lane(#[from] LaneError),
}

/// The two lanes.
pub(crate) type Lanes = (Arc<Lane<MetricsSource>>, Arc<Lane<LogSource>>);

impl Outlet {
    /// Returns the way out for the lanes of the agent `name`, whose identity is kept in `state`.
    pub(crate) fn new(
        config: &OutletConfig,
        (name, state): (&str, &Path),
        (metrics, logs): Lanes,
        clock: Clock,
        reports: Reports,
    ) -> Outlet {
        let options = DialerOptions {
            addresses: config.addresses.clone(),
            transport: match config.transport {
                Transport::Auto => TransportChoice::Auto,
                Transport::Quic => TransportChoice::Quic,
                Transport::Grpc => TransportChoice::Grpc,
            },
            ..DialerOptions::default()
        };
        let identity_dir = state.join("identity");
        let seed = xxhash_rust::xxh3::xxh3_64(name.as_bytes());
        Outlet {
            metrics,
            logs,
            certificate: Certificate::new(
                &identity_dir,
                name,
                config,
                options.clone(),
                clock.clone(),
            ),
            options,
            backoff: Backoff::new(RECONNECT_FIRST, config.reconnect_max, seed),
            clock,
            reports,
        }
    }

    /// Connects and delivers until `flush` turns true and all is delivered. The caller cuts it off
    /// when that takes too long.
    pub(crate) async fn run(mut self, flush: watch::Receiver<bool>) {
        let Some(mut identity) = self.obtain(&flush).await else {
            return;
        };
        let dialer = Dialer::new(self.options.clone(), identity.clone(), self.clock.clone());
        loop {
            if identity.expires_at() <= Millis(self.clock.millis()) {
                let Some(obtained) = self.obtain(&flush).await else {
                    return;
                };
                identity = obtained;
                dialer.set_identity(identity.clone());
            }
            self.set_link(LinkState::Connecting);
            match dialer.dial().await {
                Ok(connection) => {
                    self.use_connection(connection, &dialer, &mut identity, &flush)
                        .await;
                }
                Err(error) => {
                    self.reports.telemetry.connect_failed();
                    self.wait(error.to_string(), &flush).await;
                }
            }
            // What could not be delivered by now waits in the spool and in its files.
            if *flush.borrow() {
                return;
            }
        }
    }

    /// Returns a certificate, asking for one again and again until there is one, or nothing when
    /// the stop is requested before.
    async fn obtain(&mut self, flush: &watch::Receiver<bool>) -> Option<Identity> {
        while !*flush.borrow() {
            self.set_link(LinkState::Enrolling);
            match self.certificate.obtain().await {
                Ok(identity) => {
                    self.backoff.reset();
                    return Some(identity);
                }
                Err(error) => {
                    self.reports.telemetry.connect_failed();
                    self.wait(chain(&error), flush).await;
                }
            }
        }
        None
    }

    /// Delivers over a connection until it ends.
    async fn use_connection(
        &mut self,
        connection: Connection,
        dialer: &Dialer,
        identity: &mut Identity,
        flush: &watch::Receiver<bool>,
    ) {
        let begun = self.clock.instant();
        self.reports.telemetry.connected();
        let (address, transport) = (connection.address().to_owned(), connection.transport());
        tracing::info!(address, %transport, peer = %connection.peer(), "connected");
        let transport = transport.as_str().to_owned();
        self.set_link(LinkState::Connected { address, transport });
        self.reports.health.well();
        let delivered = tokio::select! {
            delivered = self.deliver(&connection, flush) => delivered,
            () = self.keep_up(&connection, dialer, identity) => Ok(Ended::Drain),
        };
        self.reports.telemetry.disconnected();
        connection.close().await;
        if begun.elapsed() >= GOOD_AFTER {
            self.backoff.reset();
        }
        match delivered {
            Ok(Ended::Flushed) => tracing::info!("all is delivered"),
            Ok(Ended::Drain) => {
                tracing::info!("connection is left in good order");
                // A receiver that drains every connection at once is not dialled in a hurry.
                tokio::time::sleep(RECONNECT_FIRST).await;
            }
            Err(error) => self.wait(chain(&error), flush).await,
        }
    }

    async fn deliver(
        &self,
        connection: &Connection,
        flush: &watch::Receiver<bool>,
    ) -> Result<Ended, ConnectionError> {
        let metrics = serve(connection, v1::Stream::Metrics, &self.metrics, flush);
        let logs = serve(connection, v1::Stream::Logs, &self.logs, flush);
        tokio::pin!(metrics, logs);
        // One lane that is flushed waits for the other; everything else ends both.
        tokio::select! {
            ended = &mut metrics => match ended? {
                Ended::Flushed => logs.await,
                Ended::Drain => Ok(Ended::Drain),
            },
            ended = &mut logs => match ended? {
                Ended::Flushed => metrics.await,
                Ended::Drain => Ok(Ended::Drain),
            },
        }
    }

    /// Renews the certificate when it is time; returns when the connection is better left, because
    /// QUIC may work again.
    async fn keep_up(&self, connection: &Connection, dialer: &Dialer, identity: &mut Identity) {
        loop {
            if identity.renew_due(Millis(self.clock.millis())) {
                match self.certificate.renew(connection, dialer).await {
                    Ok(renewed) => *identity = renewed,
                    Err(error) => self.note_error(&chain(&error)),
                }
            }
            tokio::time::sleep(CHECK_EVERY).await;
            if dialer.quic_is_due(connection) {
                return;
            }
        }
    }

    async fn wait(&mut self, why: String, flush: &watch::Receiver<bool>) {
        self.note_error(&why);
        self.reports.health.degraded(&why);
        self.set_link(LinkState::Waiting(why));
        let mut stop = flush.clone();
        tokio::select! {
            () = tokio::time::sleep(self.backoff.next_wait()) => {}
            // An error means that the agent is gone, which is a stop as well.
            _ = stop.wait_for(|flush| *flush) => {}
        }
    }

    fn note_error(&self, text: &str) {
        tracing::warn!(error = text, "delivery is held up");
        self.reports
            .status
            .note_error(Millis(self.clock.millis()), text.to_owned());
    }

    fn set_link(&self, link: LinkState) {
        self.reports.status.update(|status| status.link = link);
    }
}

async fn serve<S: Source>(
    connection: &Connection,
    stream: v1::Stream,
    lane: &Lane<S>,
    flush: &watch::Receiver<bool>,
) -> Result<Ended, ConnectionError> {
    let channel = connection.open(stream).await?;
    Ok(lane.serve(channel, flush.clone()).await?)
}

/// Returns an error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

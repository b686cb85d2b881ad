//! Where data leaves: the connection to an aggregator, and one forwarder for each stream.
//!
//! In: what the spool holds, in order. Out: the same at an aggregator; settled batches free the
//! spool; missing dictionaries are asked of the agents that have them.
//! Bound: the aggregator's credit and the configured window, for each stream; waits between tries
//! to connect grow to the configured longest one.

mod forward;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use weft_link::{
    Connection, Dialer, GreetError, Identity, ListenerHandle, OpenError, RecvError, SendError,
};
use weft_model::{Millis, SessionId, StreamKind};
use weft_runtime::Shutdown;
use weft_stdx::{Backoff, Clock};

use crate::config::OutletConfig;
use crate::membership::Membership;
use crate::registry::Registry;
use crate::relay::Upstream;
use crate::status::{LinkState, StatusBoard};
use crate::store::{Gone, StoreHandle};
use crate::telemetry::Telemetry;
use forward::Forwarder;

const FIRST_WAIT: Duration = Duration::from_millis(100);

/// How often a connection over gRPC is questioned, whether QUIC might work again.
const UPGRADE_EVERY: Duration = Duration::from_secs(60);

/// Forwards what the spool holds.
#[derive(Debug)]
pub(crate) struct Outlet {
    pub(crate) config: OutletConfig,
    pub(crate) session: SessionId,
    pub(crate) dialer: Dialer,
    pub(crate) listener: ListenerHandle,
    pub(crate) membership: Membership,
    pub(crate) store: StoreHandle,
    pub(crate) registry: Arc<Registry>,
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) status: StatusBoard,
    pub(crate) upstream: watch::Sender<Upstream>,
    pub(crate) clock: Clock,
}

/// Why a connection is given up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionEnd {
    #[error("open channel to aggregator")]
    Open(#[from] OpenError),
    #[error("greet aggregator")]
    Greet(#[from] GreetError),
    #[error("send to aggregator")]
    Send(#[from] SendError),
    #[error("receive from aggregator")]
    Recv(#[from] RecvError),
    #[error("receive from aggregator: it ended the channel")]
    Ended,
    #[error("receive from aggregator: it refused the channel: {0}")]
    Refused(String),
    #[error("receive from aggregator: a message out of turn")]
    OutOfTurn,
    #[error("receive from aggregator: no acknowledgement for too long")]
    Stalled,
    #[error("use connection to aggregator: it asks to connect anew")]
    Drained,
    #[error("use connection to aggregator: the certificate was renewed")]
    Renewed,
    #[error("use connection to aggregator: QUIC may work again")]
    Upgrade,
    #[error("read spool")]
    Store(#[from] Gone),
}

impl SessionEnd {
    /// Tells whether a new connection may be tried at once.
    fn is_planned(&self) -> bool {
        matches!(
            self,
            SessionEnd::Drained | SessionEnd::Renewed | SessionEnd::Upgrade
        )
    }
}

impl Outlet {
    /// Connects and forwards until the stop is requested.
    pub(crate) async fn run(self, identity: Identity, shutdown: Shutdown) {
        tokio::select! {
            () = self.forward_forever(identity) => {}
            () = shutdown.requested() => {}
        }
        self.upstream.send_replace(None);
    }

    async fn forward_forever(&self, mut identity: Identity) {
        let seed = self.clock.nanos() as u64;
        let mut backoff = Backoff::new(FIRST_WAIT, self.config.reconnect_max, seed);
        loop {
            self.status
                .update(|status| status.link = LinkState::Connecting);
            let text = match self.dialer.dial().await {
                Ok(connection) => {
                    let end = self
                        .use_connection(Arc::new(connection), &mut identity)
                        .await;
                    if end.is_planned() {
                        tracing::info!(reason = %end, "connecting to the aggregator anew");
                        backoff.reset();
                        continue;
                    }
                    self.status.note_error(&end)
                }
                Err(error) => self.status.note_error(&error),
            };
            tracing::warn!(error = text, "no connection to an aggregator");
            self.status
                .update(|status| status.link = LinkState::Waiting(text));
            tokio::time::sleep(backoff.next_wait()).await;
        }
    }

    /// Forwards over a connection for as long as it lasts.
    async fn use_connection(
        &self,
        connection: Arc<Connection>,
        identity: &mut Identity,
    ) -> SessionEnd {
        self.connected(&connection);
        let end = tokio::select! {
            end = self.forward_all(&connection) => end,
            next = self.membership.renewed(identity, &connection) => {
                self.adopt(next.clone());
                *identity = next;
                SessionEnd::Renewed
            }
            () = self.upgrade_due(&connection) => SessionEnd::Upgrade,
        };
        if matches!(end, SessionEnd::Stalled) {
            self.dialer.report_stalled(&connection);
        }
        self.upstream.send_replace(None);
        self.telemetry.upstream_connected.set(0);
        end
    }

    fn connected(&self, connection: &Arc<Connection>) {
        let (address, transport) = (connection.address(), connection.transport());
        tracing::info!(address, %transport, peer = %connection.peer(), "connected");
        self.status.update(|status| {
            status.link = LinkState::Connected {
                address: address.to_owned(),
                transport: transport.to_string(),
            };
        });
        self.telemetry.upstream_connected.set(1);
        self.upstream.send_replace(Some(Arc::clone(connection)));
    }

    async fn forward_all(&self, connection: &Connection) -> SessionEnd {
        let forward = |stream| Forwarder::new(self, stream).run(connection);
        let [metrics, logs, events] = StreamKind::ALL.map(forward);
        // One stream that fails ends the connection, so that all begin anew together.
        tokio::select! {
            end = metrics => end,
            end = logs => end,
            end = events => end,
        }
    }

    /// Uses a renewed certificate from the next connections on, in both directions.
    fn adopt(&self, identity: Identity) {
        if let Err(error) = self.listener.set_identity(&identity) {
            let text = self.status.note_error(&error);
            tracing::error!(
                error = text,
                "the renewed certificate cannot be shown to agents"
            );
        }
        let expires = identity.expires_at();
        self.note_expiry(expires);
        self.dialer.set_identity(identity);
    }

    pub(crate) fn note_expiry(&self, expires: Millis) {
        self.telemetry.certificate_expiry.set(expires.0 / 1000);
        self.status
            .update(|status| status.certificate_expires = Some(expires));
    }

    async fn upgrade_due(&self, connection: &Connection) {
        loop {
            tokio::time::sleep(UPGRADE_EVERY).await;
            if self.dialer.quic_is_due(connection) {
                return;
            }
        }
    }
}

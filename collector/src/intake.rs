//! Where data enters: the channels of agents, each served by a task of its own.
//!
//! In: channels from the listener. Out: admitted batches for the spool; acknowledgements.
//! Bound: a channel has 10 seconds to greet; what it has in flight is bounded by its credit and
//! by a number of batches; the credit of all channels together by the configured memory.

mod control;
mod credit;
mod data;
mod reading;
mod writing;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use weft_link::{Inbound, Listener, PeerId, RecvError, Role, ServerChannel};
use weft_proto::convert;
use weft_proto::v1::{ClientMsg, Hello, RefusedReason, Stream, client_msg};
use weft_runtime::Shutdown;
use weft_stdx::Clock;

use crate::admit::budget::Budgets;
use crate::registry::{Greeting, Registry};
use crate::relay::Relay;
use crate::shape::Shape;
use crate::store::StoreHandle;
use crate::telemetry::Telemetry;
pub(crate) use credit::Credit;

const GREETING_TIME_MAX: Duration = Duration::from_secs(10);

/// How long a channel has to finish when the collector stops.
pub(crate) const DRAIN_TIME: Duration = Duration::from_millis(800);

/// How long what was sent last has to reach the agents.
const CLOSE_TIME: Duration = Duration::from_millis(100);

/// What is wrong with a greeting, for the peer and for the counters.
struct Misfit(RefusedReason, &'static str);

/// Serves channels.
#[derive(Debug)]
pub(crate) struct Intake {
    pub(crate) registry: Arc<Registry>,
    pub(crate) budgets: Budgets,
    pub(crate) shape: Shape,
    pub(crate) store: StoreHandle,
    pub(crate) credit: Credit,
    pub(crate) relay: Relay,
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) clock: Clock,
}

impl Intake {
    /// Accepts channels until the stop is requested, then lets them finish for a moment.
    pub(crate) async fn run(self: Arc<Self>, mut listener: Listener, shutdown: Shutdown) {
        let mut channels = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let Some(inbound) = accepted else { break };
                    channels.spawn(Arc::clone(&self).serve(inbound, shutdown.clone()));
                }
                Some(ended) = channels.join_next() => note_panic(ended),
                () = shutdown.requested() => break,
            }
        }
        let drained = async { while channels.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN_TIME, drained).await.is_err() {
            tracing::warn!("some agents were cut off");
        }
        listener.close(CLOSE_TIME).await;
    }

    async fn serve(self: Arc<Self>, inbound: Inbound, shutdown: Shutdown) {
        let Inbound {
            peer,
            mut channel,
            remote,
            ..
        } = inbound;
        let hello = match self.greeted(&mut channel).await {
            Ok(Some(hello)) => hello,
            Ok(None) => return,
            Err(Misfit(reason, text)) => return self.refuse(&mut channel, reason, text).await,
        };
        if hello.stream() == Stream::Control {
            return self.serve_control(peer, channel, shutdown).await;
        }
        match greeting(peer, &hello) {
            Ok(greeting) => {
                tracing::debug!(%remote, peer = %greeting.peer, stream = %greeting.stream, "channel opened");
                self.serve_data(greeting, channel, shutdown).await;
            }
            Err(Misfit(reason, text)) => self.refuse(&mut channel, reason, text).await,
        }
    }

    /// Waits for the Hello; `None` when the peer has gone.
    async fn greeted(&self, channel: &mut ServerChannel) -> Result<Option<Hello>, Misfit> {
        match tokio::time::timeout(GREETING_TIME_MAX, channel.recv()).await {
            Ok(Ok(Some(ClientMsg {
                kind: Some(client_msg::Kind::Hello(hello)),
            }))) => Ok(Some(hello)),
            Ok(Ok(Some(_))) => Err(Misfit(
                RefusedReason::Malformed,
                "a channel begins with a hello",
            )),
            Ok(Err(RecvError::Forbidden)) => {
                Err(Misfit(RefusedReason::Forbidden, "this needs a certificate"))
            }
            Ok(Ok(None) | Err(_)) => Ok(None),
            Err(_) => Err(Misfit(
                RefusedReason::Malformed,
                "the hello did not come in time",
            )),
        }
    }

    async fn refuse(&self, channel: &mut ServerChannel, reason: RefusedReason, text: &str) {
        self.telemetry.channel_refused(reason_text(reason));
        channel.refuse(reason, text, 0).await;
    }
}

/// Reads who greets, for what.
fn greeting(peer: Option<PeerId>, hello: &Hello) -> Result<Greeting, Misfit> {
    let peer = peer.ok_or(Misfit(RefusedReason::Forbidden, "this needs a certificate"))?;
    if peer.role() == Role::Aggregator {
        return Err(Misfit(
            RefusedReason::Forbidden,
            "an aggregator sends nothing here",
        ));
    }
    let session = convert::session_id(&hello.session_id)
        .map_err(|_| Misfit(RefusedReason::Malformed, "a session id has 16 bytes"))?;
    let stream = convert::stream_kind(hello.stream)
        .map_err(|_| Misfit(RefusedReason::Malformed, "there is no such stream"))?;
    Ok(Greeting {
        peer,
        session,
        epoch: hello.epoch,
        stream,
    })
}

/// Returns the word for a reason, as the metrics say it.
fn reason_text(reason: RefusedReason) -> &'static str {
    match reason {
        RefusedReason::BadToken => "bad_token",
        RefusedReason::Forbidden => "forbidden",
        RefusedReason::Superseded => "superseded",
        RefusedReason::Malformed => "malformed",
        RefusedReason::Unavailable => "unavailable",
        RefusedReason::Unspecified => "unspecified",
    }
}

fn note_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        let error = &error as &dyn std::error::Error;
        tracing::error!(error, "a channel's task panicked");
    }
}

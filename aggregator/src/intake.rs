//! Where data enters: channels of collectors and agents on the ingest port.
//!
//! In: connections. Out: batches for the store, certificates for those who may have them.
//! Bound: the limits of the listener; at most [`channel::GROUP_MAX`] batches of a channel are stored
//! together, and no more than the credit are in flight.

mod channel;
mod peers;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use weft_link::{Authority, Inbound, Listener, Role};
use weft_proto::convert;
use weft_proto::v1::{Hello, RefusedReason, Stream, client_msg};
use weft_runtime::Shutdown;

use crate::store::Store;
pub(crate) use peers::Peers;

/// How long peers have to receive what was sent last.
const CLOSE_TIME_MAX: Duration = Duration::from_millis(300);

/// What every channel works with.
#[derive(Clone, Debug)]
pub(crate) struct Intake {
    pub(crate) store: Arc<Store>,
    pub(crate) authority: Arc<Authority>,
    pub(crate) peers: Arc<Peers>,
}

/// Accepts channels until the stop is requested, then lets each finish what it has received.
pub(crate) async fn run(mut listener: Listener, intake: Intake, shutdown: Shutdown) {
    let mut channels = JoinSet::new();
    loop {
        tokio::select! {
            inbound = listener.accept() => match inbound {
                Some(inbound) => {
                    channels.spawn(serve(inbound, intake.clone(), shutdown.clone()));
                }
                None => break,
            },
            Some(ended) = channels.join_next(), if !channels.is_empty() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a channel panicked");
                }
            }
            () = shutdown.requested() => break,
        }
    }
    while channels.join_next().await.is_some() {}
    // What was sent last is still on its way.
    listener.close(CLOSE_TIME_MAX).await;
}

/// Serves one channel to its end.
async fn serve(inbound: Inbound, intake: Intake, shutdown: Shutdown) {
    let Inbound {
        peer,
        remote,
        transport,
        mut channel,
        ..
    } = inbound;
    let first = tokio::select! {
        first = channel.recv() => first,
        () = shutdown.requested() => return,
    };
    let hello = match first {
        Ok(Some(message)) => match message.kind {
            Some(client_msg::Kind::Hello(hello)) => hello,
            _ => {
                return channel
                    .refuse(RefusedReason::Malformed, "a channel begins with a hello", 0)
                    .await;
            }
        },
        Ok(None) => return,
        Err(error) => {
            tracing::debug!(%remote, %error, "a channel ended before its hello");
            return;
        }
    };
    match (hello.stream(), peer) {
        (Stream::Control, peer) => channel::control(channel, peer, intake, shutdown).await,
        (_, Some(peer)) if peer.role() == Role::Aggregator => {
            channel
                .refuse(
                    RefusedReason::Forbidden,
                    "an aggregator sends no batches",
                    0,
                )
                .await;
        }
        (_, Some(peer)) => match hello_of(&hello) {
            Ok(hello) => {
                let _seen = intake
                    .peers
                    .connected(&peer, remote, transport, intake.store.now());
                channel::batches(channel, peer, hello, intake, shutdown).await;
            }
            Err(what) => channel.refuse(RefusedReason::Malformed, &what, 0).await,
        },
        (_, None) => {
            channel
                .refuse(
                    RefusedReason::Forbidden,
                    "a certificate is needed: enrol first",
                    0,
                )
                .await;
        }
    }
}

/// A greeting whose fields make sense.
#[derive(Clone, Copy, Debug)]
struct Greeting {
    stream: weft_model::StreamKind,
    session: weft_model::SessionId,
    epoch: u32,
}

fn hello_of(hello: &Hello) -> Result<Greeting, String> {
    let stream = convert::stream_kind(hello.stream).map_err(|error| error.to_string())?;
    let session = convert::session_id(&hello.session_id).map_err(|error| error.to_string())?;
    Ok(Greeting {
        stream,
        session,
        epoch: hello.epoch,
    })
}

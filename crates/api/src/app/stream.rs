//! Answers that are written while they are sent, for those too large to hold.
//!
//! In: a question that hands over pieces. Out: a body. Bound: [`PIECES_MAX`] pieces wait for the
//! client; one that does not take them within `Limits::read_time_max` is cut off, as is one that leaves.
//! A question that fails after its first piece breaks the body off, so that nobody takes a part
//! for the whole.

use std::ops::ControlFlow;

use axum::body::Body;
use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{App, acquire, panicked};
use crate::cancel::CancelOnDrop;
use crate::{Cancel, Error, ErrorKind};

/// Pieces that wait for the client.
const PIECES_MAX: usize = 4;

/// Where a question puts the pieces of its answer.
pub(crate) struct Outlet {
    pieces: mpsc::Sender<Bytes>,
    runtime: Handle,
    cancel: Cancel,
}

impl Outlet {
    /// Hands over a piece. Breaks when nobody takes it any more.
    pub(crate) fn send(&mut self, piece: impl Into<Bytes>) -> ControlFlow<()> {
        let sending = self.pieces.send(piece.into());
        let within = tokio::time::timeout(self.cancel.time_left(), sending);
        match self.runtime.block_on(within) {
            Ok(Ok(())) if !self.cancel.is_canceled() => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    }
}

/// The rest of an answer.
struct Rest {
    pieces: mpsc::Receiver<Bytes>,
    question: JoinHandle<Result<(), Error>>,
    _guard: CancelOnDrop,
}

impl App {
    /// Asks a question on a thread of its own and returns the body that it writes. An error before
    /// the first piece is returned as such. Queries do not wait for it: a slow reader holds up only
    /// its like.
    pub(crate) async fn stream(
        &self,
        question: impl FnOnce(&Cancel, &mut Outlet) -> Result<(), Error> + Send + 'static,
    ) -> Result<Body, Error> {
        let time_max = self.limits().read_time_max;
        let cancel = Cancel::after(time_max);
        let guard = cancel.on_drop();
        let waiting = tokio::time::timeout(time_max, acquire(&self.reads, 1));
        let timed_out = |_| Error::new(ErrorKind::Timeout, "query timed out");
        let permit = waiting.await.map_err(timed_out)??;
        let (sender, receiver) = mpsc::channel(PIECES_MAX);
        let mut outlet = Outlet {
            pieces: sender,
            runtime: Handle::current(),
            cancel: cancel.clone(),
        };
        let question = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            question(&cancel, &mut outlet)
        });
        let mut rest = Rest {
            pieces: receiver,
            question,
            _guard: guard,
        };
        match rest.pieces.recv().await {
            Some(first) => Ok(Body::from_stream(pieces(first, rest))),
            None => rest.end().await.map(|()| Body::empty()),
        }
    }
}

impl Rest {
    /// Returns how the question ended.
    async fn end(self) -> Result<(), Error> {
        self.question.await.unwrap_or_else(|error| panicked(&error))
    }
}

fn pieces(first: Bytes, rest: Rest) -> impl Stream<Item = Result<Bytes, Error>> {
    stream::unfold((Some(first), Some(rest)), |(first, rest)| async {
        let mut rest = rest?;
        let next = match first {
            Some(first) => Some(first),
            None => rest.pieces.recv().await,
        };
        match next {
            Some(piece) => Some((Ok(piece), (None, Some(rest)))),
            None => match rest.end().await {
                Ok(()) => None,
                Err(error) => {
                    tracing::debug!(%error, "an answer was broken off");
                    Some((Err(error), (None, None)))
                }
            },
        }
    })
}

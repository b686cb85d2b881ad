//! Serves the API on a listener, until it is told to stop.
//!
//! In: connections. Out: HTTP/1.1. Bound: [`Limits::connections_max`](crate::Limits), with more
//! waiting in the kernel's queue; a time for the head and the body of a request. When it stops it
//! takes no more connections, lets requests finish for [`Limits::drain_time_max`](crate::Limits),
//! and then cuts them off. A client that leaves drops its request, which cancels the query.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::{Api, Limits};

/// How long to wait after the kernel could not hand out a connection, as when there are no more
/// file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `shutdown` is ready and the requests under way are done.
pub async fn serve(listener: TcpListener, api: Api, shutdown: impl Future<Output = ()>) {
    let mut connections = Connections::new(&api);
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            (accepted, place) = accept(&listener, &connections.places) => match accepted {
                Ok(socket) => connections.add(socket, place),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.tasks.join_next() => {}
        }
    }
    drop(listener);
    api.closing.send_replace(true);
    connections.drain(api.limits.drain_time_max).await;
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (io::Result<TcpStream>, OwnedSemaphorePermit) {
    let place = Arc::clone(places)
        .acquire_owned()
        .await
        .expect("the semaphore is never closed");
    let accepted = listener.accept().await.map(|(socket, _)| socket);
    (accepted, place)
}

/// The connections that are open.
struct Connections {
    tasks: JoinSet<()>,
    places: Arc<Semaphore>,
    router: Router,
    limits: Limits,
    closing: watch::Receiver<bool>,
}

impl Connections {
    fn new(api: &Api) -> Connections {
        Connections {
            tasks: JoinSet::new(),
            places: Arc::new(Semaphore::new(api.limits.connections_max)),
            router: api.router(),
            limits: api.limits.clone(),
            closing: api.closing.subscribe(),
        }
    }

    fn add(&mut self, socket: TcpStream, place: OwnedSemaphorePermit) {
        let (router, closing) = (self.router.clone(), self.closing.clone());
        let header_time_max = self.limits.header_time_max;
        self.tasks.spawn(async move {
            let _place = place;
            if let Err(error) = socket.set_nodelay(true) {
                tracing::debug!(%error, "a connection was gone before it was served");
                return;
            }
            serve_connection(socket, router, header_time_max, closing).await;
        });
    }

    /// Waits for the requests that are under way, and cuts off what takes too long.
    async fn drain(mut self, time_max: Duration) {
        let all_done = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(time_max, all_done).await.is_err() {
            tracing::warn!(connections = self.tasks.len(), "requests are cut off");
            self.tasks.shutdown().await;
        }
    }
}

/// Returns when the server stops.
pub(crate) async fn closed(closing: &mut watch::Receiver<bool>) {
    // The sender is gone only when the server is.
    drop(closing.wait_for(|closing| *closing).await);
}

async fn serve_connection(
    socket: TcpStream,
    router: Router,
    header_time_max: Duration,
    mut closing: watch::Receiver<bool>,
) {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(header_time_max);
    let service = TowerToHyperService::new(router);
    let connection = builder
        .serve_connection(TokioIo::new(socket), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = closed(&mut closing) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

//! What all handlers share: the backends, the limits, and the threads that ask the backends.
//!
//! In: questions as closures. Out: their answers. Bound: [`Limits`]; who waits longer than the
//! query may take is refused, and a question whose asker has left is told to give up.

mod lanes;
mod stream;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use weft_model::limits::HTTP_BODY_BYTES_MAX;
use weft_stdx::Clock;

use crate::request::buffers::Buffers;
use crate::{Cancel, Error, ErrorKind, admin, loki, prometheus, weft};

use lanes::Lanes;

pub(crate) use lanes::Turn;
pub(crate) use stream::Outlet;

/// Glances at one time; more wait.
const GLANCES_MAX: usize = 16;

/// How long a glance may wait and take.
const GLANCE_TIME_MAX: Duration = Duration::from_secs(10);

/// What one unit of the budget for bodies stands for, in bytes.
const BUDGET_UNIT: usize = 1024;

/// Writes at one time for each core: one works while the other waits for the disk. The memory of
/// more would be worth more than the few syncs that they save.
const WRITES_PER_CORE: usize = 2;

/// The largest buffer for a body that is kept: what a sender of a few thousand samples needs.
const ARRIVING_BYTES_MAX: usize = 256 << 10;

/// The same for a body that is decompressed.
const DECOMPRESSED_BYTES_MAX: usize = 2 << 20;

/// What the API answers from.
#[derive(Clone)]
pub struct Backends {
    /// Samples.
    pub prometheus: Arc<dyn prometheus::Backend>,
    /// Log lines.
    pub loki: Arc<dyn loki::Backend>,
    /// The process.
    pub admin: Arc<dyn admin::Backend>,
    /// The aggregator as a whole.
    pub weft: Arc<dyn weft::Backend>,
}

impl fmt::Debug for Backends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backends").finish_non_exhaustive()
    }
}

/// How the API behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// What it may use.
    pub limits: Limits,
    /// Whether samples may be deleted over HTTP.
    pub admin_api: AdminApi,
    /// Which web pages may read answers.
    pub cors: Cors,
    /// Tells the time that questions without one are about.
    pub clock: Clock,
}

/// Whether deleting and taking snapshots is allowed over HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AdminApi {
    /// It is refused.
    #[default]
    Off,
    /// It is allowed.
    On,
}

/// Which web pages may read answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cors {
    /// Any, as with Prometheus.
    #[default]
    AnyOrigin,
    /// Only those that this server itself serves.
    SameOrigin,
}

/// What the API may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Queries that are answered at one time; more wait.
    pub queries_max: usize,
    /// Heavy queries that are answered at one time, beside those; more wait.
    pub heavy_queries_max: usize,
    /// Samples that make a query heavy.
    pub heavy_samples: u64,
    /// Queries that wait for those; more are refused.
    pub queries_waiting_max: usize,
    /// Writes that are taken at one time; more wait.
    pub writes_max: usize,
    /// Remote reads that are answered at one time; more wait.
    pub reads_max: usize,
    /// How long a remote read may wait and run, the time its reader takes included.
    pub read_time_max: Duration,
    /// Log queries that are followed at one time; more are refused.
    pub tails_max: usize,
    /// How long a query may wait and run.
    pub query_time_max: Duration,
    /// Bytes of a body, compressed and decompressed.
    pub body_bytes_max: usize,
    /// Bytes of a form.
    pub form_bytes_max: usize,
    /// Bytes of all bodies that are being read or wait to be taken.
    pub bodies_bytes_max: usize,
    /// Bytes of an answer of remote read that is one message, before it is compressed.
    pub read_bytes_max: usize,
    /// How long a body may take to arrive.
    pub body_time_max: Duration,
    /// Connections; more wait in the kernel's queue.
    pub connections_max: usize,
    /// How long the head of a request may take to arrive.
    pub header_time_max: Duration,
    /// How long requests that are under way may take when the server stops.
    pub drain_time_max: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            queries_max: 20,
            heavy_queries_max: 1,
            heavy_samples: 2_000_000,
            queries_waiting_max: 500,
            writes_max: WRITES_PER_CORE * cores(),
            reads_max: 10,
            read_time_max: Duration::from_secs(600),
            tails_max: 100,
            query_time_max: Duration::from_secs(120),
            body_bytes_max: HTTP_BODY_BYTES_MAX,
            form_bytes_max: 4 << 20,
            bodies_bytes_max: 256 << 20,
            read_bytes_max: 256 << 20,
            body_time_max: Duration::from_secs(30),
            connections_max: 1024,
            header_time_max: Duration::from_secs(10),
            drain_time_max: Duration::from_secs(10),
        }
    }
}

/// What all handlers share.
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) backends: Backends,
    lanes: Arc<Lanes>,
    /// Places of those that run and those that wait.
    queue: Arc<Semaphore>,
    glances: Arc<Semaphore>,
    writes: Arc<Semaphore>,
    reads: Arc<Semaphore>,
    tails: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
    /// What bodies are read into.
    pub(crate) arriving: Arc<Buffers>,
    /// What bodies are decompressed into.
    pub(crate) decompressed: Arc<Buffers>,
    /// Becomes true when the server stops.
    pub(crate) closing: watch::Receiver<bool>,
}

impl App {
    pub(crate) fn new(config: Config, backends: Backends, closing: watch::Receiver<bool>) -> App {
        let limits = &config.limits;
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits));
        App {
            lanes: Arc::new(Lanes::new(limits)),
            queue: semaphore(
                limits
                    .queries_max
                    .saturating_add(limits.queries_waiting_max),
            ),
            glances: semaphore(GLANCES_MAX),
            writes: semaphore(limits.writes_max),
            reads: semaphore(limits.reads_max),
            tails: semaphore(limits.tails_max),
            bodies: semaphore(limits.bodies_bytes_max / BUDGET_UNIT),
            arriving: Buffers::new(limits.writes_max, ARRIVING_BYTES_MAX),
            decompressed: Buffers::new(cores(), DECOMPRESSED_BYTES_MAX),
            config,
            backends,
            closing,
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.config.limits
    }

    /// Asks a question on a thread of its own. It gives up when this future is dropped, which
    /// happens when the client leaves, or when its time is over.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        timeout: Option<Duration>,
        question: impl FnOnce(&Cancel) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let most = self.limits().query_time_max;
        let timeout = timeout.map_or(most, |timeout| timeout.min(most));
        let _place = self.place_in_queue()?;
        let turn = Turn::new(&self.lanes);
        let cancel = Cancel::after(timeout).at_turn(Arc::clone(&turn));
        let _guard = cancel.on_drop();
        let watched = cancel.clone();
        let waits = AtomicBool::new(true);
        let answer = async {
            let permit = acquire(self.lanes.light(), 1).await?;
            waits.store(false, Ordering::Relaxed);
            run(turn.begin(permit), move || question(&watched)).await
        };
        let timed_out = || {
            let place = if waits.load(Ordering::Relaxed) {
                " in query queue"
            } else {
                ""
            };
            Error::new(ErrorKind::Timeout, format!("query timed out{place}"))
        };
        match tokio::time::timeout(timeout, answer).await {
            // Not every engine tells why it gave up; a client that left does not read this.
            Ok(Err(error)) if error.kind == ErrorKind::Canceled && cancel.is_timed_out() => {
                Err(timed_out())
            }
            Ok(answer) => answer,
            Err(_) => Err(timed_out()),
        }
    }

    /// Takes a place among those who run or wait. It is given back when nobody waits any more, also
    /// if the query still runs.
    fn place_in_queue(&self) -> Result<OwnedSemaphorePermit, Error> {
        let place = Arc::clone(&self.queue).try_acquire_owned();
        place.map_err(|_| {
            let most = self.limits().queries_waiting_max;
            let message = format!("{most} queries are already waiting");
            Error::new(ErrorKind::Unavailable, message).retry_after(Duration::from_secs(1))
        })
    }

    /// Asks for something that is at hand, on a thread of its own. Queries do not hold it up, so
    /// that a busy server still tells how it fares.
    pub(crate) async fn glance<T: Send + 'static>(
        &self,
        look: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let answer = async {
            let permit = acquire(&self.glances, 1).await?;
            run(permit, look).await
        };
        let timed_out = Error::new(ErrorKind::Timeout, "the server is too busy to tell");
        tokio::time::timeout(GLANCE_TIME_MAX, answer)
            .await
            .unwrap_or(Err(timed_out))
    }

    /// Does something that takes data in or changes state, on a thread of its own.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let permit = acquire(&self.writes, 1).await?;
        run(permit, change).await
    }

    /// Takes a place among those who follow a query.
    pub(crate) fn tail_place(&self) -> Result<OwnedSemaphorePermit, Error> {
        let place = Arc::clone(&self.tails).try_acquire_owned();
        place.map_err(|_| {
            let most = self.limits().tails_max;
            Error::new(
                ErrorKind::Overloaded,
                format!("{most} queries are already followed"),
            )
        })
    }

    /// Waits until a body of this size may be read.
    pub(crate) async fn body_budget(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Error> {
        let most = self.limits().bodies_bytes_max / BUDGET_UNIT;
        let units = bytes.div_ceil(BUDGET_UNIT).clamp(1, most.max(1));
        let waiting = acquire(&self.bodies, u32::try_from(units).unwrap_or(u32::MAX));
        let waited = tokio::time::timeout(self.limits().body_time_max, waiting).await;
        waited.unwrap_or_else(|_| {
            let message = "too many bytes are on their way in";
            Err(Error::new(ErrorKind::Overloaded, message).retry_after(Duration::from_secs(1)))
        })
    }
}

/// Returns how many bodies are worked on at a time; the others wait for the disk.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

async fn acquire(semaphore: &Arc<Semaphore>, permits: u32) -> Result<OwnedSemaphorePermit, Error> {
    let acquired = Arc::clone(semaphore).acquire_many_owned(permits).await;
    acquired.map_err(|_| Error::new(ErrorKind::Unavailable, "the server is stopping"))
}

/// Runs something that blocks; what it holds is given back when it is done, not when nobody waits.
async fn run<T: Send + 'static>(
    held: impl Send + 'static,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let task = tokio::task::spawn_blocking(move || {
        let _held = held;
        work()
    });
    task.await.unwrap_or_else(|error| panicked(&error))
}

/// Returns the failure of a request whose thread has died.
fn panicked<T>(error: &tokio::task::JoinError) -> Result<T, Error> {
    tracing::error!(%error, "a request panicked");
    Err(Error::new(
        ErrorKind::Internal,
        "the request failed unexpectedly",
    ))
}

//! The agent as a whole: built from its configuration, run until it is asked to stop.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::registry::Registry;
use tokio::sync::mpsc::channel;
use tokio::sync::watch;
use weft_disk::{DirLock, Disk, LockError, RealDisk};
use weft_model::{Labels, Millis};
use weft_runtime::{Component, Lifecycle, Shutdown, Tasks};
use weft_stdx::Clock;

use crate::Config;
use crate::intake::host::{Frame, Host, TickReport, TickSink, Ticks};
use crate::intake::tail::{Tail, TailHooks};
use crate::outlet::{
    Lane, LogSource, MetricsLine, MetricsSource, Outlet, Reports, SessionError, Sessions, Spooler,
};
use crate::status::StatusBoard;
use crate::telemetry::Telemetry;

/// Sealed log batches that wait for the connection, beside those in its window.
const LOG_BATCHES_MAX: usize = 4;

/// How long the rest may take to be delivered after the stop was requested.
const DRAIN_TIME: Duration = Duration::from_millis(800);

/// Why an agent could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Another agent has the state directory, or it cannot be used.
    #[error("lock state directory")]
    Lock(#[from] LockError),
    /// The state directory cannot be written.
    #[error("write state directory {}", path.display())]
    State {
        /// The directory or file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// There is no randomness for session ids.
    #[error("make session ids")]
    Random(#[source] io::Error),
    /// A thread or a kernel object was not granted.
    #[error("start {what}")]
    Start {
        /// What for.
        what: &'static str,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
}

/// An agent that is ready to run.
#[derive(Debug)]
pub struct Agent {
    config: Config,
    clock: Clock,
    started: Instant,
    sessions: Sessions,
    telemetry: Telemetry,
    status: StatusBoard,
    health: Component,
    _lock: DirLock,
}

impl Agent {
    /// Locks the state directory, begins a session and registers the agent's own metrics.
    ///
    /// `started` is when the process started: the time to the first sample counts from it.
    ///
    /// # Errors
    /// Fails when the state directory belongs to another process or cannot be written.
    pub fn build(
        config: Config,
        clock: Clock,
        started: Instant,
        lifecycle: &Lifecycle,
        registry: &Mutex<Registry>,
    ) -> Result<Agent, BuildError> {
        let lock = DirLock::acquire(&config.state)?;
        let sessions = Sessions::begin(&RealDisk, &config.state.join("spool"));
        let sessions = sessions.map_err(|error| match error {
            SessionError::Keep { path, source } => BuildError::State { path, source },
            SessionError::Random(source) => BuildError::Random(source),
        })?;
        let mut registry = registry.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Agent {
            config,
            clock,
            started,
            sessions,
            telemetry: Telemetry::new(&mut registry),
            health: lifecycle.component("agent"),
            status: StatusBoard::default(),
            _lock: lock,
        })
    }

    /// Returns the agent's status, which stays valid while it runs.
    pub fn status(&self) -> StatusBoard {
        self.status.clone()
    }

    /// Runs until the stop is requested, then ends its series, delivers what is sealed for a
    /// moment, and stops. Returns early only when a thread cannot be started.
    pub async fn run(self, shutdown: Shutdown) {
        let health = self.health.clone();
        if let Err(error) = self.run_or_fail(shutdown).await {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, cause, "agent cannot run");
            health.broken(error.to_string());
        }
    }

    async fn run_or_fail(self, shutdown: Shutdown) -> Result<(), BuildError> {
        let labels = self.target_labels();
        let first_dictionary = self.sessions.first_dictionary();
        let (line, payloads) = MetricsLine::new(labels, first_dictionary, self.telemetry.clone());
        let line = Arc::new(line);
        // First of all, so that nothing stands between the start and the first sample.
        let ticks = self.start_ticks(&line)?;
        let spool = Arc::new(OnceLock::new());
        let metrics = Arc::new(self.metrics_lane(&line, &spool));
        let (tail, logs) = self.start_tail()?;
        let spooler = Spooler {
            dir: self.config.state.join("spool"),
            config: self.config.outlet.clone(),
            session: self.sessions.metrics,
            spool,
            line: Arc::downgrade(&line),
            payloads,
            clock: self.clock.clone(),
            telemetry: self.telemetry.clone(),
            status: self.status.clone(),
        };
        let mut tasks = Tasks::new();
        let woken = Arc::clone(&metrics);
        tasks.spawn_blocking("spooler", move || {
            spooler.run(Box::new(move || woken.wake()))
        });
        let (flush, flushing) = watch::channel(false);
        let outlet = self.outlet((Arc::clone(&metrics), Arc::clone(&logs)));
        tasks.spawn("outlet", outlet.run(flushing));

        shutdown.requested().await;
        let stopped = tokio::task::spawn_blocking(move || {
            ticks.into_iter().for_each(Ticks::stop);
            tail.stop();
            line.close();
        });
        if stopped.await.is_err() {
            tracing::error!("intake did not stop in order");
        }
        flush.send_replace(true);
        metrics.wake();
        logs.wake();
        tasks.drain(DRAIN_TIME).await;
        Ok(())
    }

    /// Returns the labels that all host series share.
    fn target_labels(&self) -> Labels {
        let Some(host) = &self.config.host else {
            return Labels::empty();
        };
        let own = [
            ("job", host.job.as_str()),
            ("instance", self.config.name.as_str()),
        ];
        let more = host
            .labels
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        Labels::from_pairs(own.into_iter().chain(more))
    }

    fn start_ticks(&self, line: &Arc<MetricsLine>) -> Result<Option<Ticks>, BuildError> {
        let Some(config) = &self.config.host else {
            return Ok(None);
        };
        let sink = Sink {
            line: Arc::clone(line),
            started: self.started,
            is_first: true,
            last_tick: None,
            telemetry: self.telemetry.clone(),
            status: self.status.clone(),
            health: self.health.clone(),
        };
        let host = Host::new(config, &self.config.name);
        let ticks = Ticks::start(host, config.interval, self.clock.clone(), sink);
        ticks.map(Some).map_err(|source| BuildError::Start {
            what: "sampler",
            source,
        })
    }

    fn metrics_lane(
        &self,
        line: &Arc<MetricsLine>,
        spool: &Arc<OnceLock<weft_spool::Spool>>,
    ) -> Lane<MetricsSource> {
        let Sessions { metrics, epoch, .. } = self.sessions;
        let source = MetricsSource::new(
            (metrics, epoch),
            Arc::clone(spool),
            Arc::clone(line),
            self.telemetry.clone(),
        );
        Lane::new(source, self.config.outlet.window_bytes, self.clock.clone())
    }

    fn start_tail(&self) -> Result<(Tail, Arc<Lane<LogSource>>), BuildError> {
        let (sender, batches) = channel(LOG_BATCHES_MAX);
        let handed_on = Arc::new(OnceLock::<Arc<Lane<LogSource>>>::new());
        let woken = Arc::clone(&handed_on);
        let hooks = TailHooks {
            batches: sender,
            handed_on: Box::new(move || {
                if let Some(lane) = woken.get() {
                    lane.wake();
                }
            }),
            telemetry: self.telemetry.clone(),
            status: self.status.clone(),
        };
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let place = (disk, self.config.state.as_path());
        let tail = Tail::start(
            self.config.tail.clone(),
            &self.config.name,
            place,
            self.clock.clone(),
            hooks,
        )
        .map_err(|source| BuildError::Start {
            what: "tailer",
            source,
        })?;
        let source = LogSource::new(
            self.sessions.logs,
            batches,
            tail.acks(),
            self.telemetry.clone(),
        );
        let lane = Lane::new(source, self.config.outlet.window_bytes, self.clock.clone());
        let lane = Arc::clone(handed_on.get_or_init(|| Arc::new(lane)));
        Ok((tail, lane))
    }

    fn outlet(&self, lanes: (Arc<Lane<MetricsSource>>, Arc<Lane<LogSource>>)) -> Outlet {
        Outlet::new(
            &self.config.outlet,
            (&self.config.name, &self.config.state),
            lanes,
            self.clock.clone(),
            Reports {
                status: self.status.clone(),
                telemetry: self.telemetry.clone(),
                health: self.health.clone(),
            },
        )
    }
}

/// Takes the sampler's ticks.
struct Sink {
    line: Arc<MetricsLine>,
    started: Instant,
    is_first: bool,
    last_tick: Option<Millis>,
    telemetry: Telemetry,
    status: StatusBoard,
    health: Component,
}

impl TickSink for Sink {
    fn tick(&mut self, frame: &Frame<'_>, report: &TickReport) {
        if std::mem::take(&mut self.is_first) {
            self.note_first_sample();
        }
        self.line.tick(frame);
        self.telemetry.tick(report);
        let elapsed = self
            .last_tick
            .replace(frame.time)
            .map(|last| frame.time.0 - last.0);
        let seconds = elapsed
            .filter(|millis| *millis > 0)
            .map(|millis| millis as f64 / 1000.0);
        self.status.update(|status| {
            status.series = report.samples as u64;
            status.last_tick = Some(frame.time);
            if let Some(seconds) = seconds {
                status.samples_per_second = report.samples as f64 / seconds;
            }
            status.failing_samplers.clear();
            status
                .failing_samplers
                .extend(report.failing.iter().map(ToString::to_string));
        });
    }

    fn end(&mut self, frame: &Frame<'_>) {
        self.line.tick(frame);
    }
}

impl Sink {
    fn note_first_sample(&self) {
        let since_start = self.started.elapsed();
        let millis = u64::try_from(since_start.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(millis, "first sample");
        self.telemetry.first_sample(since_start);
        self.status
            .update(|status| status.first_sample_ms = Some(millis));
        self.health.well();
    }
}

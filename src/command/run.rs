//! `weft up|agent|collector|aggregator`: starts the roles, and stops them in order.
//!
//! In: settings. Out: an exit code, after all roles have ended.
//! Start: data directory, admin port, aggregator, collector, agent. Stop, within 2 seconds: agent,
//! collector, aggregator, so that what one sends last is still taken by the next.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use weft_agent::Agent;
use weft_aggregator::{Aggregator, RuleUpdates, Surroundings};
use weft_alert::Group;
use weft_collector::Collector;
use weft_disk::DirLock;
use weft_link::{Authority, AuthorityOptions, Identity, TokenGrant};
use weft_model::Millis;
use weft_runtime::admin::{self, Admin};
use weft_runtime::logging::LogFilter;
use weft_runtime::{Lifecycle, Shutdown, Stopper, shutdown};
use weft_stdx::Clock;

use crate::args::Run;
use crate::config::{self, Settings};
use crate::exit::Exit;
use crate::print::live::Live;
use crate::status::{Boards, Urls};

/// How long each role may take to stop; together they stay below 2 seconds.
const STOP_TIME_MAX: Duration = Duration::from_millis(1800);

/// How long a join token that `weft up` makes for itself can be used.
const OWN_TOKEN_LIFETIME: Duration = Duration::from_secs(300);

/// How often the live status is drawn.
const DRAW_EVERY: Duration = Duration::from_secs(1);

/// What to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// All three in one process.
    Up,
    Agent,
    Collector,
    Aggregator,
}

/// Runs a role until it is stopped.
pub(crate) fn run(role: Role, run: &Run, started: Instant) -> Result<Exit> {
    let (settings, start) =
        match config::read(run.config.as_deref(), std::env::vars(), flags(role, run)) {
            Ok(read) => read,
            Err(faults) => {
                for fault in faults {
                    crate::complain(&fault.to_string());
                }
                return Ok(Exit::Unusable);
            }
        };
    let live = Live::new();
    let filter = match role == Role::Up && live.is_terminal() && settings.log_filter == "info" {
        // The live status shows what an operator needs; the rest would tear it apart.
        true => "warn",
        false => &settings.log_filter,
    };
    let log = match weft_runtime::logging::start(filter, settings.log_format) {
        Ok(log) => log,
        Err(what) => {
            crate::complain(&format!("log.filter: {what}"));
            return Ok(Exit::Unusable);
        }
    };
    let (rules, updates) = watch::channel(Arc::new(settings.rules.clone()));
    let plan = Plan {
        settings,
        rules: updates,
    };
    let reload = move || reload(&start, &log, &rules);
    let _lock = DirLock::acquire(&plan.settings.data)
        .with_context(|| format!("use data directory {}", plan.settings.data.display()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let done = runtime.block_on(roles(role, plan, Arc::new(reload), live, started));
    // Only a flush on a slow disk can still be under way; the journal has what it writes.
    runtime.shutdown_timeout(Duration::from_millis(100));
    done.map(|()| Exit::Done)
}

/// Returns what was typed, by the key that it stands for.
fn flags(role: Role, run: &Run) -> BTreeMap<&'static str, (&'static str, String)> {
    let to = match role {
        Role::Collector => "collector.to",
        _ => "agent.to",
    };
    let join = match role {
        Role::Collector => "collector.join",
        _ => "agent.join",
    };
    let ingest = match role {
        Role::Aggregator => "aggregator.ingest",
        _ => "collector.listen",
    };
    let transport = match role {
        Role::Collector => "collector.transport",
        _ => "agent.transport",
    };
    let mut flags = BTreeMap::new();
    let mut set = |key, flag, value: &Option<String>| {
        if let Some(value) = value {
            flags.insert(key, (flag, value.clone()));
        }
    };
    set("data", "--data", &run.data);
    set("aggregator.http", "--http", &run.http);
    set("admin.listen", "--admin", &run.admin);
    set("agent.interval", "--interval", &run.interval);
    set("agent.logs.paths", "--logs", &run.logs);
    set("log.filter", "--log", &run.log);
    set(to, "--to", &run.to);
    set(join, "--join", &run.join);
    set(ingest, "--ingest", &run.ingest);
    set(transport, "--transport", &run.transport);
    if role == Role::Up {
        set("collector.transport", "--transport", &run.transport);
    }
    flags
}

/// The running roles, in the order in which they are stopped.
#[derive(Default)]
struct Running(Vec<(&'static str, Stopper, JoinHandle<()>)>);

impl Running {
    fn start<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        name: &'static str,
        run: impl FnOnce(Shutdown) -> F,
    ) {
        let (stopper, shutdown) = shutdown::channel();
        self.0.push((name, stopper, tokio::spawn(run(shutdown))));
    }

    /// Returns the name of a role that has ended by itself.
    fn ended(&self) -> Option<&'static str> {
        self.0
            .iter()
            .find(|(_, _, task)| task.is_finished())
            .map(|(name, _, _)| *name)
    }

    /// Stops the roles, the last one started first.
    async fn stop(mut self) {
        let deadline = tokio::time::Instant::now() + STOP_TIME_MAX;
        while let Some((name, stopper, task)) = self.0.pop() {
            stopper.stop();
            if tokio::time::timeout_at(deadline, task).await.is_err() {
                tracing::warn!(role = name, "role did not stop in time");
            }
        }
    }
}

/// What the roles are started with.
struct Plan {
    settings: Settings,
    rules: RuleUpdates,
}

async fn roles(
    role: Role,
    plan: Plan,
    reload: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
    mut live: Live,
    started: Instant,
) -> Result<()> {
    let stop = shutdown::asked_by_signal();
    let bound = admin::bind(plan.settings.admin).await;
    let listener = bound.with_context(|| format!("open admin port {}", plan.settings.admin))?;
    let boards = Boards::default();
    let admin = Admin {
        lifecycle: Lifecycle::new(),
        registry: Arc::new(Mutex::new(Registry::default())),
        status: boards.document(started),
        reload,
    };
    boards.set_lifecycle(admin.lifecycle.clone());
    let starting = admin.lifecycle.component("start");
    let mut running = Running::default();
    running.start("admin", |stop| admin::serve(listener, admin.clone(), stop));
    let reload = Arc::clone(&admin.reload);
    running.start("reload", |stop| async move {
        let said = |result| {
            if let Err(what) = result {
                tracing::error!(what, "not reloaded")
            }
        };
        let _ = shutdown::on_hangup(stop, move || said(reload())).await;
    });
    let urls = start(role, plan, &admin, &boards, &mut running, started).await?;
    boards.set_urls(urls);
    starting.well();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "weft runs");
    let stopped = wait(role, stop, &running, &boards, &mut live, started).await;
    admin.lifecycle.set_stopping();
    running.stop().await;
    stopped
}

/// Reads the settings again and applies what can be applied to a running process.
fn reload(
    start: &config::Start,
    log: &LogFilter,
    rules: &watch::Sender<Arc<Vec<Group>>>,
) -> Result<(), String> {
    let reloaded = start.reload().map_err(|faults| {
        faults
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; ")
    })?;
    log.set(&reloaded.log_filter)
        .map_err(|what| format!("log.filter: {what}"))?;
    rules.send_replace(Arc::new(reloaded.rules));
    let keys = reloaded.need_restart.join(", ");
    match keys.is_empty() {
        true => tracing::info!("settings read again"),
        false => tracing::warn!(keys, "settings read again; these need a restart"),
    }
    Ok(())
}

/// Starts the roles and returns where they can be reached. The agent is the first, so that
/// sampling begins at once; what it samples waits until the others are there.
async fn start(
    role: Role,
    plan: Plan,
    admin: &Admin,
    boards: &Boards,
    running: &mut Running,
    started: Instant,
) -> Result<Urls> {
    let Plan {
        mut settings,
        rules,
    } = plan;
    let clock = Clock::system();
    let mut urls = Urls {
        admin: Some(settings.admin),
        ..Urls::default()
    };
    let host_name = settings.agent.name.clone();
    if role == Role::Up {
        join_each_other(&mut settings, &clock)?;
    }
    let mut agent = None;
    if matches!(role, Role::Up | Role::Agent) {
        let (lifecycle, registry) = (&admin.lifecycle, &admin.registry);
        let built = Agent::build(settings.agent, clock.clone(), started, lifecycle, registry)?;
        boards.set_agent(built.status());
        let (stopper, stop) = shutdown::channel();
        agent = Some((stopper, tokio::spawn(built.run(stop))));
    }
    if matches!(role, Role::Up | Role::Aggregator) {
        let surroundings = Surroundings {
            clock: clock.clone(),
            host_name,
            admin: admin.clone(),
            rules,
        };
        let aggregator = Aggregator::build(settings.aggregator, surroundings).await?;
        boards.set_aggregator(aggregator.status());
        urls.http = Some(aggregator.http_address());
        urls.ingest = Some(aggregator.ingest_address());
        if role == Role::Up {
            settings.collector.outlet.addresses = vec![aggregator.ingest_address().to_string()];
        }
        running.start("aggregator", |stop| aggregator.run(stop));
    }
    if matches!(role, Role::Up | Role::Collector) {
        let (lifecycle, registry) = (&admin.lifecycle, &admin.registry);
        let collector = Collector::build(settings.collector, clock, lifecycle, registry).await?;
        boards.set_collector(collector.status());
        urls.ingest = Some(collector.address());
        running.start("collector", |stop| collector.run(stop));
    }
    if let Some((stopper, task)) = agent {
        running.0.push(("agent", stopper, task));
    }
    Ok(urls)
}

/// Lets the roles of one process find each other: addresses, and join tokens through the path
/// that every other node takes.
fn join_each_other(settings: &mut Settings, clock: &Clock) -> Result<()> {
    // Nobody but the own collector connects to the aggregator: any free port will do.
    settings.aggregator.ingest = SocketAddr::from(([127, 0, 0, 1], 0));
    if !settings.is_listen_set {
        settings
            .collector
            .intake
            .listen
            .set_ip(Ipv4Addr::LOCALHOST.into());
    }
    let mut reached = settings.collector.intake.listen;
    if reached.ip().is_unspecified() {
        reached.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    settings.agent.outlet.addresses = vec![reached.to_string()];
    let (dir, now) = (settings.data.join("ca"), Millis(clock.millis()));
    let authority = Authority::open_or_create(&dir, AuthorityOptions::default(), now)
        .with_context(|| format!("open {}", dir.display()))?;
    let token = |role, identity: &Path| -> Result<Option<String>> {
        if matches!(Identity::load(identity), Ok(Some(own)) if own.expires_at() > now) {
            return Ok(None);
        }
        let grant = TokenGrant {
            role,
            lifetime: OWN_TOKEN_LIFETIME,
            uses: Some(1),
        };
        let token = authority
            .create_token(grant, now)
            .context("make join token")?;
        Ok(Some(token.to_string()))
    };
    let (agent, collector) = (&mut settings.agent, &mut settings.collector);
    agent.outlet.join_token = token(weft_link::Role::Agent, &agent.state.join("identity"))?;
    collector.outlet.join_token = token(weft_link::Role::Collector, &collector.state)?;
    Ok(())
}

/// Waits for the stop, and draws the live status meanwhile.
async fn wait(
    role: Role,
    stop: impl Future<Output = std::io::Result<()>>,
    running: &Running,
    boards: &Boards,
    live: &mut Live,
    started: Instant,
) -> Result<()> {
    let mut stop = std::pin::pin!(stop);
    let mut tick = tokio::time::interval(DRAW_EVERY);
    loop {
        tokio::select! {
            stopped = &mut stop => return stopped.context("wait for signals"),
            _ = tick.tick() => {}
        }
        if let Some(name) = running.ended() {
            anyhow::bail!("the {name} ended unexpectedly; see the log");
        }
        if role == Role::Up {
            live.draw(&boards.lines(started));
        }
    }
}

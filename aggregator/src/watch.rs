//! Rules at work: each group is evaluated at its times, and what it makes is stored like any write.
//!
//! ```text
//! rule files ──updates──▶ run ──one task for each group──▶ workers: query ▶ TSDB ▶ journal
//!                                       └──▶ RuleBoard: /api/v1/rules, /api/v1/alerts, metrics
//! ```
//!
//! In: the groups, as often as they change. Out: series, alerts, a [`RuleBoard`].
//! Bound: [`WORKERS_MAX`] groups are evaluated at one time; a group that is late skips and counts
//! what it missed; each query has the limits of all queries.

mod answers;
mod board;
mod keeper;
mod telemetry;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;
use weft_alert::{Group, GroupState, Origin, Orphans};
use weft_model::Millis;
use weft_promql::Budget;
use weft_runtime::{Shutdown, Stopper, shutdown};
use weft_stdx::Clock;

use crate::config::Config;
use crate::store::Store;
use answers::Answers;
use keeper::Keeper;

pub use answers::rule_result;
pub(crate) use board::RuleBoard;
pub(crate) use telemetry::register;

/// Tells the groups that are to be evaluated, whenever they change.
pub type RuleUpdates = watch::Receiver<Arc<Vec<Group>>>;

/// Groups that are evaluated at one time; more wait.
const WORKERS_MAX: usize = 4;

/// The longest sleep, so that a clock that is set anew is noticed.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// What all groups share.
pub(crate) struct Watch {
    pub(crate) store: Arc<Store>,
    pub(crate) config: Arc<Config>,
    pub(crate) board: RuleBoard,
    /// What all queries share.
    pub(crate) budget: Arc<Budget>,
    pub(crate) clock: Clock,
}

/// A group is known by its file and its name.
type Key = (String, String);

/// A group that is being evaluated.
struct Live {
    group: Arc<Group>,
    stopper: Stopper,
    /// What the group remembers, once its task has ended.
    state: oneshot::Receiver<GroupState>,
}

/// Evaluates groups until the stop is requested.
pub(crate) async fn run(watch: Watch, mut updates: RuleUpdates, shutdown: Shutdown) {
    let scene = Arc::new(Scene::new(watch));
    let mut running = Running {
        scene: Arc::clone(&scene),
        live: BTreeMap::new(),
        tasks: JoinSet::new(),
        leaving: JoinSet::new(),
        orphans: Orphans::default(),
    };
    loop {
        let groups = Arc::clone(&updates.borrow_and_update());
        running.replace(&groups);
        loop {
            tokio::select! {
                changed = updates.changed() => match changed {
                    Ok(()) => break,
                    // Nobody can change the groups any more; they stay.
                    Err(_) => shutdown.requested().await,
                },
                Some(left) = running.leaving.join_next(), if !running.leaving.is_empty() => {
                    if let Ok(Some(state)) = left {
                        running.orphans.add(state, scene.now());
                    }
                }
                Some(ended) = running.tasks.join_next(), if !running.tasks.is_empty() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "the task of a rule group failed");
                    }
                }
                () = sleep(SLEEP_MAX), if running.orphans.next().is_some() => {
                    running.end_orphans().await;
                }
                () = shutdown.requested() => {}
            }
            if shutdown.is_requested() {
                scene.stopping.store(true, Relaxed);
                running.stop().await;
                return;
            }
        }
    }
}

/// What every group's task needs.
struct Scene {
    answers: Answers,
    origin: Origin,
    board: RuleBoard,
    clock: Clock,
    workers: Arc<Semaphore>,
    /// Set when the process stops: evaluations that are under way give up.
    stopping: Arc<AtomicBool>,
}

impl Scene {
    fn new(watch: Watch) -> Scene {
        let stopping = Arc::new(AtomicBool::new(false));
        let asked = (watch.store, watch.budget);
        Scene {
            answers: Answers::new(asked, &watch.config, Arc::clone(&stopping)),
            origin: watch.config.rules.clone(),
            board: watch.board,
            clock: watch.clock,
            workers: Arc::new(Semaphore::new(WORKERS_MAX)),
            stopping,
        }
    }

    fn now(&self) -> Millis {
        Millis(self.clock.millis())
    }
}

/// The groups that are being evaluated, and what is left of those that were.
struct Running {
    scene: Arc<Scene>,
    live: BTreeMap<Key, Live>,
    tasks: JoinSet<()>,
    leaving: JoinSet<Option<GroupState>>,
    orphans: Orphans,
}

impl Running {
    /// Puts new groups in the place of the old ones; those that stay the same are not disturbed.
    fn replace(&mut self, groups: &[Group]) {
        self.scene.board.set_groups(groups);
        let mut old = std::mem::take(&mut self.live);
        for group in groups {
            let key = (group.file.clone(), group.name.clone());
            let older = old.remove(&key);
            let live = match older {
                Some(live) if *live.group == *group => live,
                Some(live) => {
                    live.stopper.stop();
                    self.start(group, Some(live.state))
                }
                None => self.start(group, None),
            };
            self.live.insert(key, live);
        }
        for live in old.into_values() {
            live.stopper.stop();
            self.leaving.spawn(async move { live.state.await.ok() });
        }
    }

    fn start(&mut self, group: &Group, older: Option<oneshot::Receiver<GroupState>>) -> Live {
        let group = Arc::new(group.clone());
        let (stopper, stop) = shutdown::channel();
        let (hand_over, state) = oneshot::channel();
        let keeper = Keeper {
            scene: Arc::clone(&self.scene),
            group: Arc::clone(&group),
            stop,
        };
        self.tasks.spawn(keeper.run(older, hand_over));
        Live {
            group,
            stopper,
            state,
        }
    }

    /// Ends the series of groups that are gone, those that are due.
    async fn end_orphans(&mut self) {
        let now = self.scene.now();
        if self.orphans.next().is_none_or(|due| due > now) {
            return;
        }
        let scene = Arc::clone(&self.scene);
        let mut orphans = std::mem::take(&mut self.orphans);
        let ending = tokio::task::spawn_blocking(move || {
            if let Err(error) = orphans.end(now, &scene.answers) {
                tracing::warn!(%error, "series of removed rules are not ended yet");
            }
            orphans
        });
        self.orphans = ending.await.unwrap_or_default();
    }

    /// Waits until no group is evaluated any more. Series stay open: they go on after a restart.
    async fn stop(&mut self) {
        for live in self.live.values() {
            live.stopper.stop();
        }
        while self.tasks.join_next().await.is_some() {}
    }
}

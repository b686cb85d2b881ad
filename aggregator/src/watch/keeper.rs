//! One group's task: waits for its times, evaluates it on a thread of its own, shows how it fares.
//!
//! When it is told to stop it hands over what the group remembers.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::sleep;
use weft_alert::{Due, Group, GroupState, Report, Round, Schedule, Tuning};
use weft_runtime::Shutdown;

use super::{SLEEP_MAX, Scene};

/// Evaluates a group until it is told to stop.
pub(super) struct Keeper {
    pub(super) scene: Arc<Scene>,
    pub(super) group: Arc<Group>,
    pub(super) stop: Shutdown,
}

impl Keeper {
    /// Goes on from what an `older` group remembers, once that has ended.
    pub(super) async fn run(
        self,
        older: Option<oneshot::Receiver<GroupState>>,
        hand_over: oneshot::Sender<GroupState>,
    ) {
        let group = Group::clone(&self.group);
        let mut state = match older {
            Some(older) => match older.await {
                Ok(older) => GroupState::replacing(group, older),
                Err(_) => GroupState::new(group),
            },
            None => GroupState::new(group),
        };
        self.scene.board.show(&state);
        let group = &self.group;
        let now = self.scene.now();
        let mut schedule = Schedule::new(&group.file, &group.name, group.interval, now);
        while let Some(due) = self.next(&mut schedule).await {
            state = self.evaluate(state, due).await;
        }
        // Who asked for the stop may have gone, too.
        let _ = hand_over.send(state);
    }

    /// Waits for the next evaluation; nothing when it is time to stop.
    async fn next(&self, schedule: &mut Schedule) -> Option<Due> {
        loop {
            let now = self.scene.now();
            schedule.follow_clock(now);
            let wait = u64::try_from(schedule.next().0.saturating_sub(now.0)).unwrap_or(0);
            if wait == 0 && !self.scene.answers.is_replaying() {
                let due = schedule.take(now);
                if due.is_some() {
                    return due;
                }
            }
            let pause = match wait {
                0 => SLEEP_MAX,
                wait => Duration::from_millis(wait).min(SLEEP_MAX),
            };
            tokio::select! {
                () = sleep(pause) => {}
                () = self.stop.requested() => return None,
            }
        }
    }

    async fn evaluate(&self, state: GroupState, due: Due) -> GroupState {
        let permit = tokio::select! {
            permit = Arc::clone(&self.scene.workers).acquire_owned() => permit,
            () = self.stop.requested() => return state,
        };
        let scene = Arc::clone(&self.scene);
        let working = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            evaluate(&scene, state, due)
        });
        match working.await {
            Ok((state, report)) => {
                self.scene.board.count(due, report, &state);
                state
            }
            Err(error) => {
                let group = &self.group;
                tracing::error!(%error, file = group.file, group = group.name, "evaluation failed");
                GroupState::new(Group::clone(group))
            }
        }
    }
}

fn evaluate(scene: &Scene, mut state: GroupState, due: Due) -> (GroupState, Report) {
    let began = Instant::now();
    let round = Round {
        evaluate: &scene.answers,
        origin: &scene.origin,
        tuning: &Tuning::default(),
        elapsed: &|| began.elapsed(),
        go_on: &|| !scene.stopping.load(Relaxed),
    };
    let report = state.evaluate(due.at, &round);
    (state, report)
}

//! Which streams are followed: those that appear are taken up, those that are gone are let go.

use std::collections::HashSet;
use std::path::PathBuf;

use super::{Moment, Tailer};
use crate::config::Start;
use crate::intake::tail::discover::scan;
use crate::intake::tail::follower::{Follower, Turn};
use crate::intake::tail::ledger::Note;
use crate::intake::tail::stream::StreamSpec;

impl Tailer {
    /// Looks for new streams, and at the files of those that live in `dirs`, or of all.
    pub(super) fn scan(&mut self, moment: Moment, dirs: Option<&HashSet<PathBuf>>) {
        // What appears in a directory before it is watched is found by scanning again.
        loop {
            let found = scan(&self.config, &self.node, |path| self.paths.contains(path));
            found
                .streams
                .into_iter()
                .for_each(|spec| self.follow(spec, moment));
            let new_watches = found
                .dirs
                .iter()
                .filter(|dir| self.watcher.watch(dir))
                .count();
            if new_watches == 0 {
                break;
            }
        }
        let mut followers = std::mem::take(&mut self.followers);
        followers.retain_mut(|follower| {
            let in_dirs = |dirs: &HashSet<PathBuf>| {
                follower
                    .spec()
                    .path
                    .parent()
                    .is_some_and(|dir| dirs.contains(dir))
            };
            !dirs.is_none_or(in_dirs) || self.refresh(follower, moment, Start::Beginning)
        });
        self.followers = followers;
        if dirs.is_none() {
            self.forget_vanished();
            self.due.scan = Some(moment.instant + self.config.rescan);
        }
        self.scanned = true;
    }

    fn follow(&mut self, spec: StreamSpec, moment: Moment) {
        if self.followers.len() >= self.config.streams_max {
            self.tally.refused_streams += 1;
            return;
        }
        self.paths.insert(spec.path.clone());
        let states = self.positions.stream(&spec.identity).to_vec();
        let mut follower = Follower::new(spec, &states);
        let start = if self.scanned {
            Start::Beginning
        } else {
            self.config.start
        };
        if self.refresh(&mut follower, moment, start) {
            self.followers.push(follower);
        }
    }

    /// Looks at the files of a stream; returns whether it goes on.
    fn refresh(&mut self, follower: &mut Follower, moment: Moment, start: Start) -> bool {
        let mut turn = Turn {
            now: moment.now,
            instant: moment.instant,
            buffer: &mut self.buffer,
            batcher: &mut self.batcher,
            tally: &mut self.tally,
        };
        let refreshed = match follower.refresh(start, &mut turn) {
            Ok(refreshed) => refreshed,
            Err(error) => {
                self.tally.read_errors += 1;
                tracing::warn!(%error, stream = follower.spec().identity, "cannot list log files");
                return true;
            }
        };
        if !refreshed.is_gone || !follower.is_over() {
            return true;
        }
        let identity = follower.spec().identity.clone();
        let notes = vec![
            Note::States(identity.clone(), follower.take_states()),
            Note::Gone(identity),
        ];
        self.paths.remove(&follower.spec().path);
        // Its last lines may lie in the batch that is being filled.
        self.seal();
        self.ledger.note(notes);
        false
    }

    /// Forgets streams from before a restart that have no files any more.
    fn forget_vanished(&mut self) {
        if self.scanned {
            return;
        }
        let known: HashSet<&str> = self
            .followers
            .iter()
            .map(|f| f.spec().identity.as_str())
            .collect();
        let all: Vec<String> = self.positions.identities().map(str::to_owned).collect();
        for identity in all
            .into_iter()
            .filter(|identity| !known.contains(identity.as_str()))
        {
            if self
                .positions
                .stream(&identity)
                .iter()
                .any(|state| !state.done)
            {
                self.tally.gaps += 1;
                tracing::warn!(
                    stream = identity,
                    "log files were removed while nobody read them"
                );
            }
            self.positions.forget(&identity);
        }
    }
}

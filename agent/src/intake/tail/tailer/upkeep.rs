//! What is done from time to time: sizes looked at, positions written and synced.

use std::time::Duration;

use super::{Moment, Survey, Tailer, is_due};
use crate::intake::tail::follower::Turn;

/// How often positions are written, and how often they are synced.
const WRITE_EVERY: Duration = Duration::from_millis(200);
const SYNC_EVERY: Duration = Duration::from_secs(2);

/// How often what is slow to learn is looked at: sizes of files, files that linger.
const SURVEY_EVERY: Duration = Duration::from_secs(1);

impl Tailer {
    /// Looks at sizes, and at files that linger or are held without a name.
    pub(super) fn survey(&mut self, moment: Moment) {
        let mut survey = Survey {
            streams: self.followers.len() as u64,
            ..Survey::default()
        };
        for at in 0..self.followers.len() {
            self.followers[at].check_lingering(moment.instant);
            let (unread, pinned) = self.followers[at].unread();
            survey.lag_bytes += unread;
            survey.pinned_bytes += pinned;
        }
        survey.lag_bytes += self.ledger.raw_bytes() + self.batcher.bytes() as u64;
        let mut surplus = survey
            .pinned_bytes
            .saturating_sub(self.config.pinned_bytes_max);
        for at in 0..self.followers.len() {
            if surplus == 0 {
                break;
            }
            let mut turn = Turn {
                now: moment.now,
                instant: moment.instant,
                buffer: &mut self.buffer,
                batcher: &mut self.batcher,
                tally: &mut self.tally,
            };
            surplus = surplus.saturating_sub(self.followers[at].let_go(&mut turn));
        }
        // Finished segments without lines are noted with the batches before.
        if self.batcher.lines() == 0 && self.sealed.is_none() {
            self.seal();
        }
        self.survey = survey;
        self.due.survey = Some(moment.instant + SURVEY_EVERY);
    }

    /// Writes positions down and syncs them, when it is time.
    pub(super) fn keep_positions(&mut self, moment: Moment) {
        if is_due(self.due.write, moment) {
            self.due.write = Some(moment.instant + WRITE_EVERY);
            if let Err(error) = self.positions.write() {
                tracing::warn!(%error, "cannot write positions");
            }
        }
        if is_due(self.due.sync, moment) {
            self.due.sync = Some(moment.instant + SYNC_EVERY);
            if let Err(error) = self.positions.sync() {
                tracing::warn!(%error, "cannot sync positions");
            }
        }
    }
}

//! What was seen of each session in one stream.
//!
//! In: numbers of batches that are durable. Out: what a receiver needs to know its duplicates
//! after a restart, and the next number of a session of one's own.
//! Bound: [`SESSIONS_MAX`] sessions, the ones not heard of for longest forgotten first, and
//! [`RANGES_MAX`] ranges of each, the lowest forgotten first. What is forgotten may be stored
//! twice here; the aggregator tells it.

use std::collections::HashMap;

use weft_model::{Millis, RangeSet, SessionId};

use crate::record::{take_millis, take_session, take_u32, take_u64};

const SESSIONS_MAX: usize = 100_000;
const RANGES_MAX: usize = 32;

/// One session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) seen: RangeSet,
    heard: Millis,
}

impl Session {
    /// Returns the number after the greatest that was seen.
    pub(crate) fn next_seq(&self) -> u64 {
        self.seen.ranges().last().map_or(1, |range| range.end)
    }

    /// Appends the session as bytes.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.heard.0.to_le_bytes());
        out.extend_from_slice(&(self.seen.range_count() as u32).to_le_bytes());
        for range in self.seen.ranges() {
            out.extend_from_slice(&range.start.to_le_bytes());
            out.extend_from_slice(&range.end.to_le_bytes());
        }
    }

    /// Takes what [`Session::write`] wrote.
    pub(crate) fn take(rest: &mut &[u8]) -> Option<Session> {
        let heard = take_millis(rest)?;
        let count = take_u32(rest)?;
        let mut seen = RangeSet::new();
        for _ in 0..count {
            let (start, end) = (take_u64(rest)?, take_u64(rest)?);
            seen.insert(start..end);
        }
        Some(Session { seen, heard })
    }

    fn join(&mut self, other: &Session) {
        for range in other.seen.ranges() {
            self.seen.insert(range.clone());
        }
        if self.seen.range_count() > RANGES_MAX {
            let forget = self.seen.range_count() - RANGES_MAX;
            self.seen = self.seen.ranges().iter().skip(forget).cloned().collect();
        }
        self.heard = self.heard.max(other.heard);
    }
}

/// The sessions of one stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions(HashMap<SessionId, Session>);

impl Sessions {
    /// Notes the numbers from `first` to `last` as seen.
    pub(crate) fn note(&mut self, session: SessionId, (first, last): (u64, u64), now: Millis) {
        let seen = std::iter::once(first..last.saturating_add(1)).collect();
        self.join(session, &Session { seen, heard: now });
    }

    /// Adds what is known of a session from elsewhere.
    pub(crate) fn join(&mut self, session: SessionId, other: &Session) {
        if !self.0.contains_key(&session) && self.0.len() >= SESSIONS_MAX {
            let quietest = self.0.iter().min_by_key(|(_, known)| known.heard);
            let quietest = quietest.map(|(session, _)| *session);
            quietest.and_then(|session| self.0.remove(&session));
        }
        self.0.entry(session).or_default().join(other);
    }

    pub(crate) fn get(&self, session: SessionId) -> Option<&Session> {
        self.0.get(&session)
    }

    /// Returns all sessions.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        self.0.iter().map(|(session, known)| (*session, known))
    }

    /// Returns how many bytes the records of all sessions take at most.
    pub(crate) fn bytes(&self) -> u64 {
        const SESSION_BYTES: usize = 16 + 8 + 4 + RANGES_MAX * 16;
        (self.0.len() * SESSION_BYTES) as u64
    }

    /// Forgets the sessions not heard of since `before` and returns them.
    pub(crate) fn expire(&mut self, before: Millis) -> Vec<SessionId> {
        let old = self.0.extract_if(|_, known| known.heard < before);
        old.map(|(session, _)| session).collect()
    }

    /// Returns records of at most `bytes_max` that together hold all sessions.
    pub(crate) fn to_records(&self, bytes_max: usize) -> Vec<Vec<u8>> {
        let mut records: Vec<Vec<u8>> = Vec::new();
        for (session, known) in self.iter() {
            let mut one = session.0.to_be_bytes().to_vec();
            known.write(&mut one);
            match records.last_mut() {
                Some(last) if last.len() + one.len() <= bytes_max => last.append(&mut one),
                _ => records.push(one),
            }
        }
        records
    }

    /// Adds the sessions of a record; returns whether it was sound.
    pub(crate) fn read_record(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            let session = take_session(&mut bytes);
            let known = Session::take(&mut bytes);
            let (Some(session), Some(known)) = (session, known) else {
                return false;
            };
            self.join(session, &known);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_hold_all_sessions() {
        let mut sessions = Sessions::default();
        for number in 0..50u64 {
            let session = SessionId(u128::from(number));
            sessions.note(session, (1, number + 1), Millis(5));
            sessions.note(session, (number + 10, number + 10), Millis(7));
        }
        let records = sessions.to_records(200);
        assert!(records.len() > 10 && records.iter().all(|record| record.len() <= 200));
        let mut read = Sessions::default();
        assert!(records.iter().all(|record| read.read_record(record)));
        assert_eq!(read.0, sessions.0);
        assert!(!read.read_record(&records[0][..30]));
    }

    #[test]
    fn the_lowest_ranges_are_forgotten_first() {
        let mut sessions = Sessions::default();
        for at in 0..RANGES_MAX as u64 + 5 {
            sessions.note(SessionId(1), (at * 2, at * 2), Millis(0));
        }
        let known = sessions.get(SessionId(1)).unwrap();
        assert_eq!(known.seen.range_count(), RANGES_MAX);
        assert_eq!(known.next_seq(), (RANGES_MAX as u64 + 4) * 2 + 1);
    }

    #[test]
    fn quiet_sessions_expire() {
        let mut sessions = Sessions::default();
        sessions.note(SessionId(1), (1, 1), Millis(10));
        sessions.note(SessionId(2), (1, 1), Millis(20));
        assert_eq!(sessions.expire(Millis(20)), [SessionId(1)]);
        assert!(sessions.get(SessionId(2)).is_some());
    }
}

//! The sessions that are known, and which channel speaks for each.
//!
//! In: greetings of peers, notices for their sessions. Out: a seat for a channel, as long as no
//! later one takes it.
//! Bound: as many sessions as configured; those without a channel are forgotten first. A seat has
//! room for a few notices; what finds none is asked for again by the aggregator.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use weft_link::PeerId;
use weft_model::{SessionId, StreamKind};
use weft_proto::v1::{NeedDict, RefusedReason};

const NOTICES_MAX: usize = 4;

/// All sessions.
#[derive(Debug)]
pub(crate) struct Registry {
    inner: Mutex<Inner>,
    sessions_max: usize,
}

#[derive(Debug, Default)]
struct Inner {
    sessions: HashMap<SessionId, Session>,
    next_ticket: u64,
}

/// One session of one peer.
#[derive(Debug)]
struct Session {
    owner: PeerId,
    epoch: u32,
    seats: HashMap<StreamKind, Taken>,
}

#[derive(Debug)]
struct Taken {
    ticket: u64,
    notices: mpsc::Sender<Notice>,
}

/// What a channel is told from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// A later channel took the seat.
    Superseded,
    /// The aggregator misses a dictionary.
    NeedDict(NeedDict),
}

/// Who greets, for what.
#[derive(Clone, Debug)]
pub(crate) struct Greeting {
    pub(crate) peer: PeerId,
    pub(crate) session: SessionId,
    pub(crate) epoch: u32,
    pub(crate) stream: StreamKind,
}

/// The right of a channel to speak for its session; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    registry: Arc<Registry>,
    session: SessionId,
    stream: StreamKind,
    ticket: u64,
    pub(crate) notices: mpsc::Receiver<Notice>,
}

/// Why a channel gets no seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SeatError {
    /// A later start of the same session is known.
    #[error("take seat: a later process of this session has started")]
    Superseded,
    /// Another peer has this session.
    #[error("take seat: the session belongs to another peer")]
    Foreign,
    /// There are too many sessions.
    #[error("take seat: too many sessions")]
    Full,
}

impl SeatError {
    pub(crate) fn reason(self) -> RefusedReason {
        match self {
            SeatError::Superseded => RefusedReason::Superseded,
            SeatError::Foreign => RefusedReason::Forbidden,
            SeatError::Full => RefusedReason::Unavailable,
        }
    }
}

impl Registry {
    pub(crate) fn new(sessions_max: usize) -> Arc<Registry> {
        let inner = Mutex::default();
        Arc::new(Registry {
            inner,
            sessions_max,
        })
    }

    /// Gives a channel its seat, and takes it from an earlier channel of the same session.
    pub(crate) fn take_seat(self: &Arc<Self>, greeting: &Greeting) -> Result<Seat, SeatError> {
        let mut inner = self.inner();
        inner.make_room(greeting.session, self.sessions_max)?;
        inner.next_ticket += 1;
        let ticket = inner.next_ticket;
        let session = inner
            .sessions
            .entry(greeting.session)
            .or_insert_with(|| Session {
                owner: greeting.peer.clone(),
                epoch: greeting.epoch,
                seats: HashMap::new(),
            });
        session.check(greeting)?;
        session.advance(greeting.epoch);
        let (sender, notices) = mpsc::channel(NOTICES_MAX);
        let taken = Taken {
            ticket,
            notices: sender,
        };
        if let Some(earlier) = session.seats.insert(greeting.stream, taken) {
            earlier.tell(Notice::Superseded);
        }
        Ok(Seat {
            registry: Arc::clone(self),
            session: greeting.session,
            stream: greeting.stream,
            ticket,
            notices,
        })
    }

    /// Passes a missing dictionary on to the peer that has it; tells whether it is connected.
    pub(crate) fn need_dict(&self, need: NeedDict, session: SessionId) -> bool {
        let inner = self.inner();
        let seat = inner
            .sessions
            .get(&session)
            .and_then(|session| session.seats.get(&StreamKind::Metrics));
        seat.is_some_and(|seat| seat.tell(Notice::NeedDict(need)))
    }

    /// Returns how many peers have a channel.
    pub(crate) fn connected(&self) -> usize {
        let inner = self.inner();
        let sessions = inner.sessions.values();
        sessions.filter(|session| !session.seats.is_empty()).count()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn make_room(&mut self, session: SessionId, sessions_max: usize) -> Result<(), SeatError> {
        if self.sessions.contains_key(&session) || self.sessions.len() < sessions_max {
            return Ok(());
        }
        self.sessions.retain(|_, session| !session.seats.is_empty());
        if self.sessions.len() < sessions_max {
            Ok(())
        } else {
            Err(SeatError::Full)
        }
    }
}

impl Session {
    fn check(&self, greeting: &Greeting) -> Result<(), SeatError> {
        if self.owner != greeting.peer {
            Err(SeatError::Foreign)
        } else if greeting.epoch < self.epoch {
            Err(SeatError::Superseded)
        } else {
            Ok(())
        }
    }

    /// A later start of the process ends the rights of the earlier one on every stream.
    fn advance(&mut self, epoch: u32) {
        if epoch > self.epoch {
            self.epoch = epoch;
            for (_, seat) in self.seats.drain() {
                seat.tell(Notice::Superseded);
            }
        }
    }
}

impl Taken {
    fn tell(&self, notice: Notice) -> bool {
        self.notices.try_send(notice).is_ok()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut inner = self.registry.inner();
        let Some(session) = inner.sessions.get_mut(&self.session) else {
            return;
        };
        let held = session.seats.get(&self.stream);
        if held.is_some_and(|seat| seat.ticket == self.ticket) {
            session.seats.remove(&self.stream);
        }
    }
}

#[cfg(test)]
mod tests {
    use weft_link::Role;

    use super::*;

    fn greeting(id: &str, session: u128, epoch: u32, stream: StreamKind) -> Greeting {
        Greeting {
            peer: PeerId::new(Role::Agent, id).unwrap(),
            session: SessionId(session),
            epoch,
            stream,
        }
    }

    fn need(session: u128) -> NeedDict {
        NeedDict {
            session_id: session.to_be_bytes().to_vec(),
            dict_epoch: 3,
        }
    }

    #[test]
    fn a_later_epoch_ends_every_channel_of_the_earlier_one() {
        let registry = Registry::new(10);
        let mut metrics = registry
            .take_seat(&greeting("a", 1, 1, StreamKind::Metrics))
            .unwrap();
        let mut logs = registry
            .take_seat(&greeting("a", 1, 1, StreamKind::Logs))
            .unwrap();
        let mut later = registry
            .take_seat(&greeting("a", 1, 2, StreamKind::Logs))
            .unwrap();
        assert_eq!(metrics.notices.try_recv(), Ok(Notice::Superseded));
        assert_eq!(logs.notices.try_recv(), Ok(Notice::Superseded));
        assert!(later.notices.try_recv().is_err());
        let zombie = registry.take_seat(&greeting("a", 1, 1, StreamKind::Metrics));
        assert_eq!(zombie.unwrap_err(), SeatError::Superseded);
    }

    #[test]
    fn a_new_channel_of_the_same_process_takes_the_seat() {
        let registry = Registry::new(10);
        let mut first = registry
            .take_seat(&greeting("a", 1, 1, StreamKind::Logs))
            .unwrap();
        let second = registry
            .take_seat(&greeting("a", 1, 1, StreamKind::Logs))
            .unwrap();
        assert_eq!(first.notices.try_recv(), Ok(Notice::Superseded));
        drop(first);
        assert_eq!(registry.connected(), 1);
        drop(second);
        assert_eq!(registry.connected(), 0);
    }

    #[test]
    fn a_session_belongs_to_the_peer_that_came_first() {
        let registry = Registry::new(10);
        let seat = registry.take_seat(&greeting("a", 1, 1, StreamKind::Logs));
        let foreign = registry.take_seat(&greeting("b", 1, 9, StreamKind::Logs));
        assert_eq!(foreign.unwrap_err(), SeatError::Foreign);
        drop(seat);
        let foreign = registry.take_seat(&greeting("b", 1, 9, StreamKind::Logs));
        assert_eq!(foreign.unwrap_err(), SeatError::Foreign);
    }

    #[test]
    fn sessions_without_a_channel_make_room_for_new_ones() {
        let registry = Registry::new(2);
        let _first = registry
            .take_seat(&greeting("a", 1, 1, StreamKind::Logs))
            .unwrap();
        let second = registry.take_seat(&greeting("b", 2, 1, StreamKind::Logs));
        let third = registry.take_seat(&greeting("c", 3, 1, StreamKind::Logs));
        assert_eq!(third.unwrap_err(), SeatError::Full);
        drop(second);
        let third = registry.take_seat(&greeting("c", 3, 1, StreamKind::Logs));
        assert!(third.is_ok());
    }

    #[test]
    fn a_missing_dictionary_is_asked_of_the_peer_that_has_it() {
        let registry = Registry::new(10);
        let mut seat = registry
            .take_seat(&greeting("a", 1, 1, StreamKind::Metrics))
            .unwrap();
        let _other = registry
            .take_seat(&greeting("b", 2, 1, StreamKind::Logs))
            .unwrap();
        assert!(registry.need_dict(need(1), SessionId(1)));
        assert!(!registry.need_dict(need(2), SessionId(2)));
        assert!(!registry.need_dict(need(3), SessionId(3)));
        assert_eq!(seat.notices.try_recv(), Ok(Notice::NeedDict(need(1))));
    }
}

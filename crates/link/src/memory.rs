//! The same channels within one process, for tests and simulations of the roles.
//!
//! In: who the peer is to be. Out: a [`Connection`] and the channels it opens, as a listener would
//! hand them out.
//! Bound: as many messages wait in each direction of a channel as were asked for.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::sync::mpsc;
use weft_model::limits::MESSAGE_BYTES_MAX;
use weft_proto::v1::ClientMsg;

use crate::channel::{
    Channel, ClientChannel, Closer, Receiver, ReceiverWire, Sender, SenderWire, ServerChannel,
    admits_all, admits_enrolment,
};
use crate::client::{Connection, OpenError};
use crate::identity::PeerId;
use crate::server::{ConnectionId, Inbound};
use crate::stats::Counters;
use crate::{LinkStats, Transport};

/// The limits of a connection within the process.
#[derive(Clone, Copy, Debug)]
pub struct MemoryOptions {
    /// Messages that wait in each direction of a channel.
    pub queue: usize,
    /// Channels that wait to be accepted.
    pub backlog: usize,
    /// Bytes of one message.
    pub message_bytes_max: usize,
}

impl Default for MemoryOptions {
    fn default() -> MemoryOptions {
        MemoryOptions {
            queue: 4,
            backlog: 4,
            message_bytes_max: MESSAGE_BYTES_MAX,
        }
    }
}

/// The accepting end of a connection within the process.
#[derive(Debug)]
pub struct MemoryListener {
    inbound: mpsc::Receiver<Inbound>,
    counters: Arc<Counters>,
}

impl MemoryListener {
    /// Returns the next channel that the other end opened, or `None` when it is gone.
    pub async fn accept(&mut self) -> Option<Inbound> {
        self.inbound.recv().await
    }

    /// Returns what was counted so far.
    pub fn stats(&self) -> LinkStats {
        self.counters.snapshot()
    }
}

/// Connects `dialler`, if it has a certificate, to `acceptor`.
pub fn connect(
    dialler: Option<PeerId>,
    acceptor: PeerId,
    options: MemoryOptions,
) -> (Connection, MemoryListener) {
    let (sender, inbound) = mpsc::channel(options.backlog);
    let counters = Counters::new();
    let opener = MemoryOpener {
        inbound: sender,
        dialler,
        options,
        closer: Closer::new(None),
        counters: Arc::clone(&counters),
    };
    let connection = Connection::memory(opener, acceptor);
    (connection, MemoryListener { inbound, counters })
}

/// The dialling end.
#[derive(Debug)]
pub(crate) struct MemoryOpener {
    inbound: mpsc::Sender<Inbound>,
    dialler: Option<PeerId>,
    options: MemoryOptions,
    closer: Closer,
    counters: Arc<Counters>,
}

impl MemoryOpener {
    pub(crate) async fn open(&self) -> Result<ClientChannel, OpenError> {
        if self.closer.is_closed() {
            return Err(OpenError::Closed);
        }
        let (client, channel) = self.pair();
        let inbound = Inbound {
            peer: self.dialler.clone(),
            remote: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            transport: Transport::Memory,
            connection: ConnectionId(0),
            channel,
        };
        self.inbound
            .send(inbound)
            .await
            .map_err(|_| OpenError::Closed)?;
        Ok(client)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closer.is_closed() || self.inbound.is_closed()
    }

    fn pair(&self) -> (ClientChannel, ServerChannel) {
        let limit = self.options.message_bytes_max;
        let (to_server, from_client) = mpsc::channel(self.options.queue);
        let (to_client, from_server) = mpsc::channel(self.options.queue);
        let admits: fn(&ClientMsg) -> bool = match self.dialler {
            Some(_) => admits_all,
            None => admits_enrolment,
        };
        let client = Channel::new(
            Sender::new(SenderWire::Queue(to_server), limit),
            self.receiver(from_server, admits_all),
        );
        let server = Channel::new(
            Sender::new(SenderWire::Queue(to_client), limit),
            self.receiver(from_client, admits),
        );
        (client, server)
    }

    fn receiver<M: prost::Message + Default + 'static>(
        &self,
        queue: mpsc::Receiver<M>,
        admits: fn(&M) -> bool,
    ) -> Receiver<M> {
        Receiver::new(
            ReceiverWire::Memory(queue),
            admits,
            self.closer.clone(),
            Arc::clone(&self.counters),
        )
    }
}

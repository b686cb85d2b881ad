//! An agent that keeps its batches until they are acknowledged, and sends them again after each
//! connection.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use bytes::Bytes;
use weft_link::{
    ClientChannel, Connection, Dialer, DialerOptions, GreetError, Role, TransportChoice,
};
use weft_model::{Millis, SessionId, StreamKind};
use weft_proto::batch::{BatchKey, Encoded, seal};
use weft_proto::convert;
use weft_proto::delivery::SendWindow;
use weft_proto::v1::{
    Batch, ClientMsg, Control, Encoding, Hello, ServerMsg, Welcome, client_msg, control, server_msg,
};

use super::world::{NOW, World, within};

pub(crate) struct Agent {
    pub(crate) session: SessionId,
    pub(crate) stream: StreamKind,
    pub(crate) epoch: u32,
    id: String,
    window: SendWindow<Batch>,
    next_seq: u64,
    pub(crate) acked: BTreeSet<u64>,
    pub(crate) refused: BTreeSet<u64>,
    pub(crate) asked: Vec<control::Kind>,
    pub(crate) credit: u64,
}

pub(crate) struct Line {
    _connection: Connection,
    pub(crate) channel: ClientChannel,
}

impl Agent {
    pub(crate) fn new(id: &str, session: u128, stream: StreamKind) -> Agent {
        Agent {
            session: SessionId(session),
            stream,
            epoch: 1,
            id: id.to_owned(),
            window: SendWindow::new(),
            next_seq: 1,
            acked: BTreeSet::new(),
            refused: BTreeSet::new(),
            asked: Vec::new(),
            credit: 0,
        }
    }

    /// Makes so many batches of so many bytes.
    pub(crate) fn produce(&mut self, count: u64, bytes: usize) {
        for _ in 0..count {
            let batch = self.batch(self.next_seq, bytes);
            self.window
                .push(self.key(self.next_seq), bytes as u64, batch);
            self.next_seq += 1;
        }
    }

    pub(crate) fn batch(&self, seq: u64, bytes: usize) -> Batch {
        let payload: Vec<u8> = (0..bytes).map(|i| (i as u64 ^ seq) as u8).collect();
        let encoded = Encoded {
            encoding: Encoding::LogsV1,
            items: 3,
            first: NOW,
            last: NOW,
            payload: Bytes::from(payload),
        };
        seal(self.key(seq), encoded)
    }

    fn key(&self, seq: u64) -> BatchKey {
        BatchKey {
            session: self.session,
            stream: self.stream,
            seq,
        }
    }

    pub(crate) fn unsettled(&self) -> usize {
        self.window.len()
    }

    pub(crate) async fn connect(
        &mut self,
        world: &World,
        to: SocketAddr,
        over: TransportChoice,
    ) -> Result<Line, GreetError> {
        let options = DialerOptions {
            addresses: vec![to.to_string()],
            transport: over,
            ..DialerOptions::default()
        };
        let identity = world.identity(Role::Agent, &self.id);
        let dialer = Dialer::new(options, identity, world.clock.clone());
        let connection = within(dialer.dial()).await.unwrap();
        let mut channel = connection.open(convert::stream(self.stream)).await.unwrap();
        let welcome: Welcome = within(channel.greet(self.hello())).await?;
        assert_eq!(welcome.now_ms, NOW.0);
        self.credit = welcome.credit_bytes;
        self.window.connected(welcome.credit_bytes);
        Ok(Line {
            _connection: connection,
            channel,
        })
    }

    fn hello(&self) -> Hello {
        Hello {
            version: "test".to_owned(),
            stream: convert::stream(self.stream).into(),
            session_id: convert::session_bytes(self.session).to_vec(),
            epoch: self.epoch,
            next_seq: self.next_seq,
            features: Vec::new(),
        }
    }

    /// Sends what the credit allows, then takes in one message. Returns false when the channel
    /// has ended.
    pub(crate) async fn step(&mut self, line: &mut Line) -> bool {
        while let Some((_, batch)) = self.window.next(NOW) {
            let batch = batch.clone();
            if !send(line, batch).await {
                return false;
            }
        }
        match within(line.channel.recv()).await {
            Ok(Some(message)) => self.handle(message),
            _ => false,
        }
    }

    fn handle(&mut self, message: ServerMsg) -> bool {
        match message.kind {
            Some(server_msg::Kind::Ack(ack)) => {
                self.credit = ack.credit_bytes;
                let settled = self.window.handle_ack(&ack, Millis(NOW.0)).unwrap();
                self.acked
                    .extend(settled.acked.iter().map(|(key, _)| key.seq));
                self.refused
                    .extend(settled.refused.iter().map(|refused| refused.key.seq));
                true
            }
            Some(server_msg::Kind::Control(Control { kind: Some(kind) })) => {
                self.asked.push(kind);
                true
            }
            _ => false,
        }
    }

    /// Steps until all batches are settled.
    pub(crate) async fn settle(&mut self, line: &mut Line) {
        while self.unsettled() > 0 {
            assert!(self.step(line).await, "the channel ended early");
        }
    }
}

/// Sends one batch as it is; false when the channel has ended.
pub(crate) async fn send(line: &mut Line, batch: Batch) -> bool {
    let kind = Some(client_msg::Kind::Batch(batch));
    within(line.channel.send(ClientMsg { kind })).await.is_ok()
}

//! Log batches on their way: from the tailer's channel into the window, acknowledgements back.
//!
//! Bound: the channel holds a few batches, the tailer stops reading at its own limit of bytes that
//! are not acknowledged.

use tokio::sync::mpsc::Receiver;
use weft_model::{SessionId, StreamKind};
use weft_proto::batch::{Encoded, seal};
use weft_proto::delivery::{SendWindow, Settled};
use weft_proto::v1;

use super::lane::{Greeting, Source, key_of};
use crate::intake::tail::{Acks, LogBatch};
use crate::telemetry::Telemetry;

/// The log batches of this process.
#[derive(Debug)]
pub(crate) struct LogSource {
    session: SessionId,
    batches: Receiver<LogBatch>,
    acks: Acks,
    telemetry: Telemetry,
    next_seq: u64,
    /// All batches up to here are settled.
    settled_seq: u64,
}

impl LogSource {
    /// Returns the source of what the tailer hands on.
    pub(crate) fn new(
        session: SessionId,
        batches: Receiver<LogBatch>,
        acks: Acks,
        telemetry: Telemetry,
    ) -> LogSource {
        LogSource {
            session,
            batches,
            acks,
            telemetry,
            next_seq: 1,
            settled_seq: 0,
        }
    }
}

impl Source for LogSource {
    type Item = (u64, Encoded);

    fn greeting(&self) -> Greeting {
        Greeting {
            stream: v1::Stream::Logs,
            session: self.session,
            epoch: 1,
            next_seq: self.next_seq,
        }
    }

    fn refill(&mut self, window: &mut SendWindow<Self::Item>) {
        while window.wants_more() {
            let Ok(batch) = self.batches.try_recv() else {
                break;
            };
            let key = key_of(&self.greeting(), StreamKind::Logs, batch.seq);
            let bytes = batch.encoded.payload.len() as u64;
            self.next_seq = batch.seq + 1;
            self.telemetry.count_batch("logs");
            window.push(key, bytes, (batch.seq, batch.encoded));
            self.acks.room();
        }
    }

    fn message(&self, (seq, encoded): &Self::Item) -> v1::Batch {
        seal(
            key_of(&self.greeting(), StreamKind::Logs, *seq),
            encoded.clone(),
        )
    }

    fn settle(&mut self, settled: Settled<Self::Item>, durable_seq: u64) {
        for refused in &settled.refused {
            let items = u64::from(refused.item.1.items);
            self.telemetry.count_dropped("log_batch_refused", items);
            tracing::error!(
                seq = refused.key.seq,
                lines = items,
                reason = refused.reason.as_str_name(),
                "log batch was refused for good"
            );
        }
        self.telemetry
            .count_acked("logs", settled.acked.len() as u64);
        // The receiver counts what it refused for good as durable, so the numbers go on.
        if durable_seq > self.settled_seq && durable_seq < self.next_seq {
            self.settled_seq = durable_seq;
            self.acks.acked(durable_seq);
        }
    }

    fn need_dict(&mut self, _: &v1::NeedDict) {}
}

//! Metrics batches on their way: from the spool into the window, acknowledgements back.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use weft_model::{SessionId, StreamKind};
use weft_proto::batch::{BatchKey, Encoded, Lost, gap, seal};
use weft_proto::delivery::{SendWindow, Settled};
use weft_proto::{convert, v1};
use weft_spool::{Content, Entry, EntryId, Spool};

use super::lane::{Greeting, Source};
use super::spooler::{MetricsLine, meta_encoding};
use crate::telemetry::Telemetry;

/// Bytes that are read from the spool at once.
const READ_BYTES: usize = 256 * 1024;

/// The batches of the spool.
#[derive(Debug)]
pub(crate) struct MetricsSource {
    session: SessionId,
    epoch: u32,
    /// Set once the spool is open.
    spool: Arc<OnceLock<Spool>>,
    line: Arc<MetricsLine>,
    telemetry: Telemetry,
}

/// A batch of the spool in flight.
#[derive(Debug)]
pub(crate) struct InFlight {
    id: EntryId,
    items: u64,
    batch: v1::Batch,
}

impl MetricsSource {
    /// Returns the source of what is in the spool.
    pub(crate) fn new(
        (session, epoch): (SessionId, u32),
        spool: Arc<OnceLock<Spool>>,
        line: Arc<MetricsLine>,
        telemetry: Telemetry,
    ) -> MetricsSource {
        MetricsSource {
            session,
            epoch,
            spool,
            line,
            telemetry,
        }
    }
}

impl Source for MetricsSource {
    type Item = InFlight;

    fn greeting(&self) -> Greeting {
        let next = self
            .spool
            .get()
            .map(|s| s.next_seq(self.session, StreamKind::Metrics));
        Greeting {
            stream: v1::Stream::Metrics,
            session: self.session,
            epoch: self.epoch,
            next_seq: next.unwrap_or(1),
        }
    }

    fn refill(&mut self, window: &mut SendWindow<InFlight>) {
        let Some(spool) = self.spool.get() else {
            return;
        };
        while window.wants_more() {
            let entries = match spool.read(StreamKind::Metrics, READ_BYTES) {
                Ok(entries) if entries.is_empty() => return,
                Ok(entries) => entries,
                Err(error) => {
                    tracing::error!(%error, "cannot read spool");
                    return;
                }
            };
            for entry in entries {
                let key = key_of(&entry);
                let (bytes, last_seq) = (entry.bytes() as u64, entry.last_seq);
                let (id, items) = (entry.id, entry.items);
                if let Content::Gap(reason) = entry.content {
                    self.telemetry.count_dropped(reason.as_str(), items);
                    self.telemetry.count_gaps(reason.as_str(), 1);
                }
                let batch = message(entry);
                window.push_gap(key, last_seq, bytes, InFlight { id, items, batch });
            }
        }
    }

    fn message(&self, item: &InFlight) -> v1::Batch {
        item.batch.clone()
    }

    fn settle(&mut self, settled: Settled<InFlight>, _: u64) {
        let Some(spool) = self.spool.get() else {
            return;
        };
        for refused in &settled.refused {
            self.telemetry
                .count_dropped("metrics_batch_refused", refused.item.items);
            tracing::error!(
                seq = refused.key.seq,
                samples = refused.item.items,
                reason = refused.reason.as_str_name(),
                "metrics batch was refused for good"
            );
        }
        self.telemetry
            .count_acked("metrics", settled.acked.len() as u64);
        let acked = settled.acked.iter().map(|(_, item)| item.id);
        let refused = settled.refused.iter().map(|refused| refused.item.id);
        let ids: Vec<_> = acked.chain(refused).collect();
        if let Err(error) = spool.ack(StreamKind::Metrics, &ids) {
            tracing::error!(%error, "cannot note acknowledgement in spool");
        }
    }

    fn need_dict(&mut self, need: &v1::NeedDict) {
        let ours = convert::session_id(&need.session_id).is_ok_and(|id| id == self.session);
        if !ours || !self.line.restate(need.dict_epoch) {
            tracing::warn!(
                epoch = need.dict_epoch,
                "a dictionary is wanted that is not kept"
            );
            self.telemetry.count_gaps("dictionary_past", 1);
        }
    }
}

fn key_of(entry: &Entry) -> BatchKey {
    BatchKey {
        session: entry.session,
        stream: entry.stream,
        seq: entry.seq,
    }
}

fn message(entry: Entry) -> v1::Batch {
    let key = key_of(&entry);
    match entry.content {
        Content::Batch { meta, payload } => {
            let encoded = Encoded {
                encoding: meta_encoding(&meta),
                items: u32::try_from(entry.items).unwrap_or(u32::MAX),
                first: entry.first,
                last: entry.last,
                payload: Bytes::from(payload),
            };
            seal(key, encoded)
        }
        Content::Gap(reason) => {
            let lost = Lost {
                last_seq: entry.last_seq,
                items: entry.items,
                first: entry.first,
                last: entry.last,
                reason: reason.as_str(),
            };
            gap(key, lost)
        }
    }
}

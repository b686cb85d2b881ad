//! A record of the journal as the entries that it stands for.

use weft_journal::{Position, Record};
use weft_model::{Millis, StreamKind};

use super::Unsynced;
use crate::entry::{Content, Entry, EntryId};
use crate::record::{self, BatchHead, Note};

/// What a record holds.
#[derive(Debug)]
pub(super) enum Contents {
    /// One batch.
    Batch(BatchHead, Entry),
    /// Notes of dropped batches.
    Gaps {
        stream: StreamKind,
        position: Position,
        made: Millis,
        notes: Vec<Note>,
    },
    /// What was seen of sessions: no entry.
    Sessions,
}

/// Returns what a record holds, or nothing when it is none of ours.
pub(super) fn read_contents(stream: StreamKind, record: &Record<'_>) -> Option<Contents> {
    match record.kind {
        record::BATCH => {
            let (head, meta, payload) = record::read_batch(record.payload)?;
            let content = Content::Batch {
                meta: meta.to_vec(),
                payload: payload.to_vec(),
            };
            let entry = Entry {
                id: EntryId {
                    position: record.position,
                    index: 0,
                },
                session: head.session,
                stream,
                seq: head.seq,
                last_seq: head.seq,
                items: head.items.into(),
                first: head.first,
                last: head.last,
                content,
            };
            Some(Contents::Batch(head, entry))
        }
        record::GAPS => {
            let (made, notes) = record::read_notes(record.payload)?;
            Some(Contents::Gaps {
                stream,
                position: record.position,
                made,
                notes,
            })
        }
        record::SESSIONS => Some(Contents::Sessions),
        _ => None,
    }
}

impl Contents {
    /// Returns the entries from the index `first` on.
    pub(super) fn into_entries(self, first: u32) -> Vec<Entry> {
        match self {
            Contents::Batch(_, entry) => vec![entry],
            Contents::Gaps {
                stream,
                position,
                notes,
                ..
            } => {
                let entries = (0u32..).zip(notes).skip(first as usize);
                let entries = entries.map(|(index, note)| Entry {
                    id: EntryId { position, index },
                    session: note.session,
                    stream,
                    seq: note.first_seq,
                    last_seq: note.last_seq,
                    items: note.items,
                    first: note.first,
                    last: note.last,
                    content: Content::Gap(note.reason),
                });
                entries.collect()
            }
            Contents::Sessions => Vec::new(),
        }
    }

    /// Returns the record as one that has just become durable, for counting.
    pub(super) fn as_counted(&self, position: Position) -> Option<Unsynced> {
        let (entries, appended, seqs) = match self {
            Contents::Batch(head, _) => {
                (1, head.appended, vec![(head.session, head.seq, head.seq)])
            }
            Contents::Gaps { made, notes, .. } => {
                let seqs = notes
                    .iter()
                    .map(|note| (note.session, note.first_seq, note.last_seq));
                (notes.len() as u64, *made, seqs.collect())
            }
            Contents::Sessions => return None,
        };
        Some(Unsynced {
            position,
            entries,
            appended,
            seqs,
        })
    }
}

//! Which blocks may hold some needles: by trigrams in the index, then by the id filter.

use tantivy::postings::SegmentPostings;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocSet, TERMINATED, Term};

use super::catalog::Segment;
use super::{BlockMeta, Partition, guarded};
use crate::error::IndexError;
use crate::gram;
use crate::id_filter::{self, BUCKET_BYTES};
use crate::selection::Needle;

/// How many trigrams of a literal are looked up at most, the rarest ones.
const GRAMS_MAX: usize = 6;

/// What is looked for, prepared once per question.
pub(crate) struct Pruner {
    needles: Vec<Vec<Traces>>,
}

/// What a literal leaves in the index of a block that holds it.
struct Traces {
    grams: Vec<u64>,
    keys: Vec<u64>,
}

impl Pruner {
    pub(crate) fn new(needles: &[Needle]) -> Pruner {
        let traces = |text: &str| {
            let mut keys = Vec::new();
            id_filter::keys_of(text.as_bytes(), &mut keys);
            Traces {
                grams: gram::of_needle(text.as_bytes()),
                keys,
            }
        };
        let needle = |needle: &Needle| needle.any.iter().map(|l| traces(&l.text)).collect();
        Pruner {
            needles: needles.iter().map(needle).collect(),
        }
    }

    /// Returns for each document of a segment whether its trigrams allow the needles, or nothing
    /// when they allow all.
    pub(crate) fn by_grams(&self, segment: &Segment) -> Result<Option<Vec<bool>>, IndexError> {
        let tells = |needle: &&Vec<Traces>| {
            !needle.is_empty() && needle.iter().all(|traces| !traces.grams.is_empty())
        };
        let mut telling = self.needles.iter().filter(tells).peekable();
        if telling.peek().is_none() {
            return Ok(None);
        }
        let mut allowed = vec![true; segment.blocks.len()];
        for needle in telling {
            let mut any = vec![false; segment.blocks.len()];
            for traces in needle {
                guarded(|| mark_literal(segment, &traces.grams, &mut any))?;
            }
            for (allowed, any) in allowed.iter_mut().zip(any) {
                *allowed &= any;
            }
        }
        Ok(Some(allowed))
    }

    /// Tells whether the id filter of a block allows the needles; `read` reads a bucket of it.
    pub(crate) fn by_keys(
        &self,
        filter_len: usize,
        mut read: impl FnMut(u64, &mut [u8]) -> std::io::Result<()>,
    ) -> std::io::Result<bool> {
        let mut bucket = [0; BUCKET_BYTES];
        let mut allows = |traces: &Traces| -> std::io::Result<bool> {
            for key in &traces.keys {
                if filter_len == 0 {
                    return Ok(false);
                }
                read(id_filter::bucket_of(*key, filter_len), &mut bucket)?;
                if !id_filter::bucket_has(&bucket, *key) {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        for needle in &self.needles {
            let mut any = needle.is_empty();
            for traces in needle {
                any = any || allows(traces)?;
            }
            if !any {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The same for a committed block, whose filter is on disk.
    pub(crate) fn allows_stored(
        &self,
        partition: &Partition,
        meta: &BlockMeta,
    ) -> std::io::Result<bool> {
        self.by_keys(meta.filter_len as usize, |at, bucket| {
            partition.read_bucket(meta, at, bucket)
        })
    }
}

/// Marks the documents that have a literal's rarest trigrams.
fn mark_literal(segment: &Segment, grams: &[u64], any: &mut [bool]) -> Result<(), IndexError> {
    let mut found = Vec::with_capacity(grams.len());
    for gram in grams {
        let term = Term::from_field_u64(segment.gram_field, *gram);
        match segment.grams.get_term_info(&term)? {
            Some(info) => found.push(info),
            None => return Ok(()),
        }
    }
    found.sort_by_key(|info| info.doc_freq);
    let mut postings: Vec<SegmentPostings> = Vec::new();
    for info in found.iter().take(GRAMS_MAX) {
        let option = IndexRecordOption::Basic;
        postings.push(segment.grams.read_postings_from_terminfo(info, option)?);
    }
    let Some((rarest, others)) = postings.split_first_mut() else {
        return Ok(());
    };
    while rarest.doc() != TERMINATED {
        let document = rarest.doc();
        let in_all = others.iter_mut().all(|other| {
            let at = if other.doc() < document {
                other.seek(document)
            } else {
                other.doc()
            };
            at == document
        });
        if let Some(slot) = any.get_mut(document as usize) {
            *slot |= in_all;
        }
        rarest.advance();
    }
    Ok(())
}

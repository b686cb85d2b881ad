//! The parts that are served at a moment, for readers to hold on to.
//!
//! In: parts published and withdrawn by the one that maintains. Out: views, each immutable. What a
//! reader may still need is not given back while its view lives. Bound: the number of parts.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};

use crate::head::SHARDS;
use crate::part::Part;

/// Where the logs of all shards stood.
pub(crate) type Marks = [u64; SHARDS];

/// Why the head has all samples of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Coverage {
    /// From where on the logs have them.
    pub(crate) from: Marks,
    /// The second since when they are in a part: no series that has some of them was idle before.
    pub(crate) flushed_at: u32,
}

/// Samples that are deleted or past their retention but still in a part.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cut {
    /// The series, ascending.
    pub(crate) series: Vec<u32>,
    pub(crate) start: i64,
    pub(crate) end: i64,
}

/// A part and what is not to be read of it.
pub(crate) struct Served {
    pub(crate) part: Arc<Part>,
    /// What is deleted.
    pub(crate) cuts: Vec<Cut>,
    /// What is past its retention.
    pub(crate) expired: Vec<Cut>,
    /// Where the head has all the part's samples, if it has them.
    pub(crate) coverage: Option<Coverage>,
    covered: AtomicBool,
}

impl Served {
    pub(crate) fn new(part: Arc<Part>, cuts: Vec<Cut>, coverage: Option<Coverage>) -> Served {
        let covered = AtomicBool::new(coverage.is_some());
        Served {
            part,
            cuts,
            expired: Vec::new(),
            coverage,
            covered,
        }
    }

    /// Returns the same part with other cuts.
    pub(crate) fn with_cuts(&self, cuts: Vec<Cut>) -> Served {
        let coverage = self.coverage.filter(|_| self.is_covered());
        Served {
            expired: self.expired.clone(),
            ..Served::new(self.part.clone(), cuts, coverage)
        }
    }

    /// Returns the same part with other samples past their retention.
    pub(crate) fn with_expired(&self, expired: Vec<Cut>) -> Served {
        Served {
            expired,
            ..self.with_cuts(self.cuts.clone())
        }
    }

    /// Returns the same without the samples that are not to be read, from another reader of the
    /// part's file.
    pub(crate) fn read_by(&self, part: Arc<Part>) -> Served {
        Served {
            expired: self.expired.clone(),
            ..Served::new(part, self.cuts.clone(), None)
        }
    }

    /// Returns what is not to be read.
    pub(crate) fn hidden(&self) -> impl Iterator<Item = &Cut> {
        self.cuts.iter().chain(&self.expired)
    }

    /// Tells whether some of a series is not to be read.
    pub(crate) fn has_cut(&self, series: u32) -> bool {
        let has = |cut: &Cut| cut.series.binary_search(&series).is_ok();
        self.hidden().any(has)
    }

    /// Tells whether what a series has at a time is not to be read.
    pub(crate) fn hides(&self, series: u32, time: i64) -> bool {
        let hides = |cut: &Cut| {
            (cut.start..=cut.end).contains(&time) && cut.series.binary_search(&series).is_ok()
        };
        self.hidden().any(hides)
    }

    /// Tells whether the part is to be written again for what is not to be read of it: what is
    /// deleted, and series of which it has nothing within their retention.
    pub(crate) fn is_to_be_rewritten(&self) -> bool {
        !self.cuts.is_empty() || self.expired.iter().any(|cut| cut.end == i64::MAX)
    }

    /// Returns the part's place among those of its day: what is written later counts.
    pub(crate) fn order(&self) -> (u64, u64) {
        let identity = &self.part.meta.identity;
        (identity.flushes.1, identity.file)
    }

    /// Tells whether the head has all samples of the part. A reader that asks the head first and
    /// then finds this true has missed nothing.
    pub(crate) fn is_covered(&self) -> bool {
        self.covered.load(Ordering::Acquire)
    }

    /// Notes that the head is about to give samples of the part back.
    pub(crate) fn uncover(&self) {
        self.covered.store(false, Ordering::Release);
    }

    /// Returns where two parts that are merged are covered from.
    pub(crate) fn covered_with(&self, other: Option<Coverage>) -> Option<Coverage> {
        let (mine, other) = (self.coverage.filter(|_| self.is_covered())?, other?);
        Some(Coverage {
            from: std::array::from_fn(|shard| mine.from[shard].min(other.from[shard])),
            flushed_at: mine.flushed_at.min(other.flushed_at),
        })
    }
}

/// The parts of a moment, in the order in which later ones count over earlier ones.
pub(crate) struct View {
    /// Raised with every view.
    pub(crate) number: u64,
    pub(crate) parts: Vec<Arc<Served>>,
}

impl View {
    fn new(number: u64, mut parts: Vec<Arc<Served>>) -> View {
        parts.sort_by_key(|served| served.order());
        View { number, parts }
    }
}

/// The present view.
pub(crate) struct Views {
    present: RwLock<Arc<View>>,
}

impl Views {
    pub(crate) fn new(parts: Vec<Arc<Served>>) -> Views {
        Views {
            present: RwLock::new(Arc::new(View::new(0, parts))),
        }
    }

    pub(crate) fn present(&self) -> Arc<View> {
        self.present
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Puts another view in place of the present one, which is returned for as long as readers
    /// hold it. Only the one that maintains does this.
    pub(crate) fn publish(&self, parts: Vec<Arc<Served>>) -> (u64, Weak<View>) {
        let mut present = self.present.write().unwrap_or_else(PoisonError::into_inner);
        let number = present.number + 1;
        let before = std::mem::replace(&mut *present, Arc::new(View::new(number, parts)));
        (number, Arc::downgrade(&before))
    }
}

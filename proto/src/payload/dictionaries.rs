//! What a receiver knows of the dictionaries of one session.
//!
//! In: parts of dictionaries, in any order. Out: the table that a batch names.
//! Bound: [`EPOCHS_MAX`] epochs, the oldest forgotten first, and [`WAITING_MAX`] parts that wait
//! for one before them; nine bytes for each series and epoch.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::bits::BitReader;
use super::code::CodeReader;
use super::dictionary::{DictPart, Rebase, SeriesPart};
use super::reference::{Reference, References};
use super::{PayloadError, SERIES_MAX};

/// How many epochs are kept.
pub const EPOCHS_MAX: usize = 4;

/// How many parts may wait for those before them.
pub const WAITING_MAX: usize = 32;

/// Why a part of a dictionary is of no use.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DictError {
    /// It contradicts what is known.
    #[error("apply dictionary part")]
    Payload(#[from] PayloadError),
    /// Too many parts wait for one that does not come; the sender must send all again.
    #[error("keep dictionary part of epoch {epoch}: too many wait")]
    TooManyWait {
        /// The part's epoch.
        epoch: u32,
    },
}

/// Finds the table of a dictionary epoch.
pub trait DictLookup {
    /// Returns the table, if it is known.
    fn table(&self, epoch: u32) -> Option<&SeriesTable>;
}

/// The dictionary of one epoch, without the labels.
#[derive(Clone, Debug, Default)]
pub struct SeriesTable {
    numbering: u32,
    pub(super) bases: References,
    /// For each target the numbers of its series, ascending.
    targets: Arc<HashMap<u32, Vec<u32>>>,
}

impl SeriesTable {
    /// Returns the epoch that gave the series their numbers.
    pub fn numbering(&self) -> u32 {
        self.numbering
    }

    /// Returns how many series are defined, without a gap from 0.
    pub fn len(&self) -> u32 {
        self.bases.len() as u32
    }

    /// Tells whether no series is defined.
    pub fn is_empty(&self) -> bool {
        self.bases.len() == 0
    }

    /// Returns the numbers of a target's series, ascending.
    pub(super) fn target(&self, target: u32) -> &[u32] {
        self.targets.get(&target).map_or(&[], Vec::as_slice)
    }

    /// Adds the definitions that are not there yet. The part must not begin past the end.
    fn extend(&mut self, part: &Bases) {
        let known = self.len() - part.first;
        let new = part.series.iter().enumerate().skip(known as usize);
        let targets = Arc::make_mut(&mut self.targets);
        for (at, (target, base)) in new {
            targets
                .entry(*target)
                .or_default()
                .push(part.first + at as u32);
            self.bases.push(*base);
        }
    }

    fn rebased(&self, rebase: &Rebase) -> Result<SeriesTable, PayloadError> {
        let mut table = self.clone();
        let mut reader = CodeReader {
            extras: &rebase.extras,
            bits: BitReader::new(&rebase.bits),
        };
        for (at, code) in rebase.codes.iter().enumerate() {
            let base = table.bases.get(at);
            let mut base = base.ok_or(PayloadError::Malformed("a base of no series"))?;
            reader.value(*code, &mut base)?;
            table.bases.set(at, base);
        }
        if reader.is_done() {
            Ok(table)
        } else {
            Err(PayloadError::Malformed("bits after the last base"))
        }
    }
}

/// A [`SeriesPart`] without what only a store needs.
#[derive(Debug)]
struct Bases {
    epoch: u32,
    numbering: u32,
    first: u32,
    series: Vec<(u32, Reference)>,
}

impl Bases {
    fn of(part: &SeriesPart) -> Bases {
        Bases {
            epoch: part.epoch,
            numbering: part.numbering,
            first: part.first,
            series: part.series.iter().map(|s| (s.target, s.base)).collect(),
        }
    }
}

#[derive(Debug)]
enum Waiting {
    Series(Bases),
    Rebase(Rebase),
}

/// The dictionaries of one session.
#[derive(Debug, Default)]
pub struct Dictionaries {
    tables: BTreeMap<u32, SeriesTable>,
    waiting: Vec<Waiting>,
}

impl Dictionaries {
    /// Returns dictionaries without a series.
    pub fn new() -> Dictionaries {
        Dictionaries::default()
    }

    /// Takes in a part, and those that waited for it. What is known already changes nothing.
    pub fn apply(&mut self, part: &DictPart) -> Result<(), DictError> {
        let part = match part {
            DictPart::Series(part) => Waiting::Series(Bases::of(part)),
            DictPart::Rebase(part) => Waiting::Rebase(part.clone()),
        };
        let epoch = part.epoch();
        if let Some(part) = self.try_apply(part)? {
            if self.waiting.len() >= WAITING_MAX {
                return Err(DictError::TooManyWait { epoch });
            }
            self.waiting.push(part);
            return Ok(());
        }
        self.apply_waiting();
        self.forget_old();
        Ok(())
    }

    /// Returns the epochs that are known, ascending.
    pub fn epochs(&self) -> impl Iterator<Item = u32> {
        self.tables.keys().copied()
    }

    /// Applies a part or gives it back, when it must wait for another.
    fn try_apply(&mut self, part: Waiting) -> Result<Option<Waiting>, PayloadError> {
        match part {
            Waiting::Series(part) => Ok(self.define(part).map(Waiting::Series)),
            Waiting::Rebase(part) => Ok(self.rebase(part)?.map(Waiting::Rebase)),
        }
    }

    fn define(&mut self, part: Bases) -> Option<Bases> {
        if part.first == 0 {
            let table = self.tables.entry(part.epoch).or_default();
            table.numbering = part.numbering;
            table.extend(&part);
            return None;
        }
        match self.tables.get_mut(&part.epoch) {
            Some(table) if part.first <= table.len() => {
                table.extend(&part);
                None
            }
            _ => Some(part),
        }
    }

    fn rebase(&mut self, part: Rebase) -> Result<Option<Rebase>, PayloadError> {
        if self.tables.contains_key(&part.epoch) {
            return Ok(None);
        }
        match self.tables.get(&part.parent) {
            Some(parent) if part.codes.len() <= parent.bases.len() => {
                let table = parent.rebased(&part)?;
                self.tables.insert(part.epoch, table);
                Ok(None)
            }
            _ => Ok(Some(part)),
        }
    }

    /// Applies what waits, until nothing more can be; what turns out to be broken is forgotten,
    /// so that its epoch stays unknown and is asked for again.
    fn apply_waiting(&mut self) {
        loop {
            let before = self.waiting.len();
            for part in std::mem::take(&mut self.waiting) {
                if let Ok(Some(part)) = self.try_apply(part) {
                    self.waiting.push(part);
                }
            }
            if self.waiting.len() == before {
                return;
            }
        }
    }

    fn forget_old(&mut self) {
        while self.tables.len() > EPOCHS_MAX {
            self.tables.pop_first();
        }
        if let Some(oldest) = self.tables.keys().next().copied()
            && self.tables.len() == EPOCHS_MAX
        {
            self.waiting.retain(|part| part.epoch() >= oldest);
        }
    }
}

impl Waiting {
    fn epoch(&self) -> u32 {
        match self {
            Waiting::Series(part) => part.epoch,
            Waiting::Rebase(part) => part.epoch,
        }
    }
}

impl DictLookup for Dictionaries {
    fn table(&self, epoch: u32) -> Option<&SeriesTable> {
        self.tables.get(&epoch)
    }
}

const _: () = assert!(SERIES_MAX <= u32::MAX as usize, "a series number is a u32");

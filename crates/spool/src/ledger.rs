//! Small facts that make opening fast: how far all is acknowledged, what the segments hold, what
//! was seen of each session.
//!
//! In: keys and values of a few bytes. Out: the same after a restart. The ledger is a cache of what
//! the segments say: when it is lost, a start takes longer and some batches are sent twice.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use crate::LedgerError;

mod sled_ledger;

pub use sled_ledger::SledLedger;

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// A change of one key; `None` removes it.
pub type Change = (Vec<u8>, Option<Vec<u8>>);

/// Where the ledger is kept.
pub trait Ledger: Send + Debug {
    /// Returns all keys that begin with `prefix`, in order, with their values.
    fn scan(&self, prefix: &[u8]) -> Result<Vec<Pair>, LedgerError>;

    /// Makes the changes, all or none.
    fn apply(&self, changes: Vec<Change>) -> Result<(), LedgerError>;

    /// Hands what was applied to the operating system, so that it survives the process.
    fn flush(&self) -> Result<(), LedgerError>;
}

/// A ledger in memory, for tests; a clone is the same ledger.
#[derive(Clone, Debug, Default)]
pub struct MemoryLedger(Arc<Mutex<Memory>>);

type Values = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Debug, Default)]
struct Memory {
    now: Values,
    flushed: Values,
}

impl MemoryLedger {
    /// Returns an empty ledger.
    pub fn new() -> MemoryLedger {
        MemoryLedger::default()
    }

    /// Forgets what was not flushed.
    pub fn crash(&self) {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memory.now = memory.flushed.clone();
    }
}

impl Ledger for MemoryLedger {
    fn scan(&self, prefix: &[u8]) -> Result<Vec<Pair>, LedgerError> {
        let memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = memory.now.range(prefix.to_vec()..);
        let found = found.take_while(|(key, _)| key.starts_with(prefix));
        Ok(found
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }

    fn apply(&self, changes: Vec<Change>) -> Result<(), LedgerError> {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in changes {
            match value {
                Some(value) => memory.now.insert(key, value),
                None => memory.now.remove(&key),
            };
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), LedgerError> {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memory.flushed = memory.now.clone();
        Ok(())
    }
}

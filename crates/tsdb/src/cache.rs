//! What was read from parts and decoded, kept while it is asked for.
//!
//! In: decoded frames with their sizes. Out: the same, shared. Bound: a number of bytes; beyond it
//! what was not asked for since the last round goes first (the clock algorithm).

use std::any::Any;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashMap;

/// Names a frame: the part's file number and the frame's offset.
pub(crate) type Key = (u64, u64);

type Shared = Arc<dyn Any + Send + Sync>;

struct Entry {
    value: Shared,
    bytes: usize,
    asked: bool,
}

#[derive(Default)]
struct State {
    entries: HashMap<Key, Entry>,
    clock: VecDeque<Key>,
    bytes: usize,
}

/// A bounded cache.
pub(crate) struct Cache {
    state: Mutex<State>,
    bytes_max: usize,
}

/// What can be kept.
pub(crate) trait Weigh {
    /// Returns the bytes that it takes, about.
    fn weight(&self) -> usize;
}

impl Cache {
    pub(crate) fn new(bytes_max: usize) -> Cache {
        Cache {
            state: Mutex::default(),
            bytes_max,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what is kept under a key, or what `load` gives.
    pub(crate) fn get<T: Weigh + Send + Sync + 'static, E>(
        &self,
        key: Key,
        load: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        if let Some(entry) = self.state().entries.get_mut(&key)
            && let Ok(found) = entry.value.clone().downcast::<T>()
        {
            entry.asked = true;
            return Ok(found);
        }
        let value = Arc::new(load()?);
        self.keep(key, value.clone(), value.weight());
        Ok(value)
    }

    fn keep(&self, key: Key, value: Shared, bytes: usize) {
        if bytes > self.bytes_max / 4 {
            return;
        }
        let mut state = self.state();
        let state = &mut *state;
        let old = state.entries.insert(
            key,
            Entry {
                value,
                bytes,
                asked: false,
            },
        );
        match old {
            Some(old) => state.bytes -= old.bytes,
            None => state.clock.push_back(key),
        }
        state.bytes += bytes;
        while state.bytes > self.bytes_max
            && let Some(key) = state.clock.pop_front()
        {
            let Some(entry) = state.entries.get_mut(&key) else {
                continue;
            };
            if std::mem::take(&mut entry.asked) {
                state.clock.push_back(key);
            } else {
                state.bytes -= entry.bytes;
                state.entries.remove(&key);
            }
        }
    }

    /// Forgets a part's frames.
    pub(crate) fn forget(&self, file: u64) {
        let mut state = self.state();
        let state = &mut *state;
        state.entries.retain(|key, entry| {
            let keep = key.0 != file;
            if !keep {
                state.bytes -= entry.bytes;
            }
            keep
        });
        state.clock.retain(|key| key.0 != file);
    }

    /// Returns the bytes kept.
    pub(crate) fn bytes(&self) -> usize {
        self.state().bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Weigh for u64 {
        fn weight(&self) -> usize {
            100
        }
    }

    fn get(cache: &Cache, at: u64) -> bool {
        let mut loaded = false;
        let value = cache.get((1, at), || {
            loaded = true;
            Ok::<u64, ()>(at)
        });
        assert_eq!(*value.unwrap(), at);
        !loaded
    }

    #[test]
    fn what_is_asked_for_again_stays() {
        let cache = Cache::new(1000);
        for at in 0..100 {
            get(&cache, at);
            get(&cache, 0);
            assert!(cache.bytes() <= 1000);
        }
        assert!(get(&cache, 0), "asked for all the time");
        assert!(!get(&cache, 5), "asked for once, long ago");
        cache.forget(1);
        assert_eq!(cache.bytes(), 0);
    }
}

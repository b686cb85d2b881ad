//! Turns: what several threads prepare at once is applied one after the other, in order.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Whose turn it is, by numbers from 0 on.
#[derive(Debug, Default)]
pub(super) struct Turns {
    now: Mutex<u64>,
    passed: Condvar,
}

/// A turn; it passes to the next number when it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'t>(&'t Turns);

impl Turns {
    /// Waits for the turn of a number. Each number must be waited for, once.
    pub(super) fn wait(&self, number: u64) -> Turn<'_> {
        let others = |now: &mut u64| *now != number;
        let waited = self.passed.wait_while(self.now(), others);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        Turn(self)
    }

    fn now(&self) -> MutexGuard<'_, u64> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.now() += 1;
        self.0.passed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_taken_in_order_whoever_comes_first() {
        let (turns, order) = (Turns::default(), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for number in (0..20).rev() {
                let (turns, order) = (&turns, &order);
                scope.spawn(move || {
                    let _turn = turns.wait(number);
                    order.lock().unwrap().push(number);
                });
            }
        });
        assert_eq!(order.into_inner().unwrap(), (0..20).collect::<Vec<_>>());
    }
}

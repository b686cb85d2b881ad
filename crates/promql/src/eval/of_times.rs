//! What follows from the times of a series alone, kept while the next ones have the same times.
//!
//! In: times, and what is asked of them. Out: a value for each step. Series that were scraped
//! together share their times, so that this is worked out once for all of them. Bound: one column
//! of times, one value for each step.

use super::ledger::Charge;
use crate::error::QueryError;

/// Values that follow from times, and the times that they follow from.
pub(super) struct OfTimes<Q, T> {
    /// What was asked.
    question: Option<Q>,
    times: Vec<i64>,
    values: Vec<T>,
    held: Charge,
}

impl<Q: PartialEq, T> OfTimes<Q, T> {
    /// Returns nothing known yet; what is kept will count as held.
    pub(super) fn new(held: Charge) -> OfTimes<Q, T> {
        OfTimes {
            question: None,
            times: Vec::new(),
            values: Vec::new(),
            held,
        }
    }

    /// Returns the values for these times: those at hand, or what `answer` fills in.
    pub(super) fn get(
        &mut self,
        question: Q,
        times: &[i64],
        answer: impl FnOnce(&Q, &mut Vec<T>),
    ) -> Result<&[T], QueryError> {
        if self.question.as_ref() != Some(&question) || self.times != times {
            self.times.clear();
            self.times.extend_from_slice(times);
            self.values.clear();
            answer(&question, &mut self.values);
            self.question = Some(question);
            self.held.clear();
            self.held.hold::<i64>(self.times.len())?;
            self.held.hold::<T>(self.values.len())?;
        }
        Ok(&self.values)
    }
}

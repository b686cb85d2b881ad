//! The series that have one label pair.
//!
//! In: slots, mostly ascending. Out: slots, ascending. Most pairs have few series, so that one
//! alone takes no memory of its own.

use std::borrow::Cow;

/// Slots of series, distinct.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Postings {
    /// None.
    #[default]
    Empty,
    /// One.
    One(u32),
    /// Ascending.
    Sorted(Vec<u32>),
    /// Ascending but for slots used again since the last [`Postings::sort`].
    Unsorted(Vec<u32>),
}

impl Postings {
    /// Adds a slot that is not in it.
    pub(crate) fn push(&mut self, slot: u32) {
        *self = match std::mem::take(self) {
            Postings::Empty => Postings::One(slot),
            Postings::One(first) => Postings::Sorted(vec![first.min(slot), first.max(slot)]),
            Postings::Sorted(mut slots) => {
                let in_order = slots.last().is_none_or(|last| *last < slot);
                slots.push(slot);
                if in_order {
                    Postings::Sorted(slots)
                } else {
                    Postings::Unsorted(slots)
                }
            }
            Postings::Unsorted(mut slots) => {
                slots.push(slot);
                Postings::Unsorted(slots)
            }
        };
    }

    /// Takes out the slots for which `gone` holds.
    pub(crate) fn remove(&mut self, gone: impl Fn(u32) -> bool) {
        match self {
            Postings::One(slot) if gone(*slot) => *self = Postings::Empty,
            Postings::Sorted(slots) | Postings::Unsorted(slots) => {
                slots.retain(|slot| !gone(*slot));
                if slots.is_empty() {
                    *self = Postings::Empty;
                } else {
                    slots.shrink_to(slots.len() * 2);
                }
            }
            _ => {}
        }
    }

    /// Puts the slots in order.
    pub(crate) fn sort(&mut self) {
        if let Postings::Unsorted(slots) = self {
            slots.sort_unstable();
            *self = Postings::Sorted(std::mem::take(slots));
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Postings::Empty => 0,
            Postings::One(_) => 1,
            Postings::Sorted(slots) | Postings::Unsorted(slots) => slots.len(),
        }
    }

    /// Returns the slots, ascending.
    pub(crate) fn slots(&self) -> Cow<'_, [u32]> {
        match self {
            Postings::Empty => Cow::Borrowed(&[]),
            Postings::One(slot) => Cow::Borrowed(std::slice::from_ref(slot)),
            Postings::Sorted(slots) => Cow::Borrowed(slots),
            Postings::Unsorted(slots) => {
                let mut slots = slots.clone();
                slots.sort_unstable();
                Cow::Owned(slots)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_used_again_come_out_in_order() {
        let mut postings = Postings::Empty;
        for slot in [5, 9, 12, 7, 1] {
            postings.push(slot);
        }
        assert_eq!(postings.slots(), [1, 5, 7, 9, 12].as_slice());
        postings.sort();
        assert_eq!(postings, Postings::Sorted(vec![1, 5, 7, 9, 12]));
        postings.remove(|slot| slot > 5);
        assert_eq!(postings.slots(), [1, 5].as_slice());
        postings.remove(|_| true);
        assert_eq!(postings, Postings::Empty);
    }
}

//! The series that have one label pair.
//!
//! In: slots, mostly ascending. Out: slots, ascending. Most pairs have few series, so that one
//! alone takes no memory of its own; those of one target are neighbours and take eight bytes
//! together; others take four each.

/// Slots of series, distinct.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Postings {
    /// None.
    #[default]
    Empty,
    /// One.
    One(u32),
    /// Runs of neighbours, ascending.
    Runs {
        /// The first slot of each run, and how many slots it has.
        runs: Vec<(u32, u32)>,
        /// How many slots there are in all.
        len: u32,
    },
    /// Ascending.
    Sorted(Vec<u32>),
    /// Ascending but for slots used again since the last [`Postings::tidy`].
    Unsorted(Vec<u32>),
}

impl Postings {
    /// Keeps ascending slots in the form that takes less.
    fn of(slots: Vec<u32>) -> Postings {
        match slots.as_slice() {
            [] => Postings::Empty,
            [slot] => Postings::One(*slot),
            _ => match runs_of(&slots) {
                Some(runs) => Postings::Runs {
                    runs,
                    len: slots.len() as u32,
                },
                None => Postings::Sorted(slots),
            },
        }
    }

    /// Adds a slot that is not in it.
    pub(crate) fn push(&mut self, slot: u32) {
        match self {
            Postings::Empty => *self = Postings::One(slot),
            Postings::One(first) => {
                let slots = vec![slot.min(*first), slot.max(*first)];
                *self = Postings::of(slots);
            }
            Postings::Runs { runs, len } => {
                let end = runs.last().map_or(0, |(start, run)| start + run);
                let grown = *len as usize + 1;
                if end < slot && is_worth(runs.len() + 1, grown) {
                    runs.push((slot, 1));
                    *len += 1;
                } else if end == slot
                    && let Some((_, run)) = runs.last_mut()
                {
                    *run += 1;
                    *len += 1;
                } else {
                    let mut slots = self.slots();
                    slots.push(slot);
                    *self = match end < slot {
                        true => Postings::Sorted(slots),
                        false => Postings::Unsorted(slots),
                    };
                }
            }
            Postings::Sorted(slots) => {
                let in_order = slots.last().is_none_or(|last| *last < slot);
                slots.push(slot);
                if !in_order {
                    *self = Postings::Unsorted(std::mem::take(slots));
                }
            }
            Postings::Unsorted(slots) => slots.push(slot),
        }
    }

    /// Takes out the slots for which `gone` holds.
    pub(crate) fn remove(&mut self, gone: impl Fn(u32) -> bool) {
        let in_order = !matches!(self, Postings::Unsorted(_));
        let mut slots = match std::mem::take(self) {
            Postings::Sorted(slots) | Postings::Unsorted(slots) => slots,
            others => others.slots(),
        };
        slots.retain(|slot| !gone(*slot));
        *self = if in_order || slots.len() < 2 {
            Postings::of(slots)
        } else {
            Postings::Unsorted(slots)
        };
    }

    /// Puts the slots in order and gives back room that is not used.
    pub(crate) fn tidy(&mut self) {
        match self {
            Postings::Unsorted(slots) => {
                let mut slots = std::mem::take(slots);
                slots.sort_unstable();
                *self = Postings::of(slots);
            }
            Postings::Sorted(slots) if slots.len() + slots.len() / 8 < slots.capacity() => {
                slots.shrink_to_fit();
            }
            _ => {}
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Postings::Empty => 0,
            Postings::One(_) => 1,
            Postings::Runs { len, .. } => *len as usize,
            Postings::Sorted(slots) | Postings::Unsorted(slots) => slots.len(),
        }
    }

    fn slots(&self) -> Vec<u32> {
        let mut slots = Vec::with_capacity(self.len() + 1);
        self.extend(&mut slots);
        slots
    }

    /// Appends the slots, ascending.
    pub(crate) fn extend(&self, out: &mut Vec<u32>) {
        let from = out.len();
        match self {
            Postings::Empty => {}
            Postings::One(slot) => out.push(*slot),
            Postings::Runs { runs, len } => {
                out.reserve(*len as usize);
                for (start, len) in runs {
                    out.extend(*start..start + len);
                }
            }
            Postings::Sorted(slots) => out.extend_from_slice(slots),
            Postings::Unsorted(slots) => {
                out.extend_from_slice(slots);
                out[from..].sort_unstable();
            }
        }
    }
}

/// Tells whether so many slots take at most as much as runs as one by one.
fn is_worth(runs: usize, slots: usize) -> bool {
    runs * size_of::<(u32, u32)>() <= slots * size_of::<u32>()
}

/// Returns ascending slots as runs, if that is worth it.
fn runs_of(slots: &[u32]) -> Option<Vec<(u32, u32)>> {
    let neighbours = |a: &u32, b: &u32| a + 1 == *b;
    let count = slots.chunk_by(neighbours).count();
    is_worth(count, slots.len()).then(|| {
        let runs = slots.chunk_by(neighbours);
        runs.map(|run| (run[0], run.len() as u32)).collect()
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Push(u32),
        Remove(u32),
        Tidy,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            8 => (0u32..64).prop_map(Step::Push),
            2 => (2u32..5).prop_map(Step::Remove),
            1 => Just(Step::Tidy),
        ];
        vec(step, 0..80)
    }

    proptest! {
        #[test]
        fn postings_hold_what_a_set_holds(start in 0u32..9, ascending in 0u32..50, steps in steps()) {
            let mut postings = Postings::Empty;
            let mut set = BTreeSet::new();
            for slot in start..start + ascending {
                postings.push(slot);
                set.insert(slot);
            }
            for step in steps {
                match step {
                    Step::Push(slot) if set.insert(slot) => postings.push(slot),
                    Step::Push(_) => {}
                    Step::Remove(divisor) => {
                        postings.remove(|slot| slot % divisor == 0);
                        set.retain(|slot| slot % divisor != 0);
                    }
                    Step::Tidy => postings.tidy(),
                }
                prop_assert_eq!(postings.len(), set.len());
                prop_assert_eq!(postings.slots(), set.iter().copied().collect::<Vec<u32>>());
            }
        }
    }

    #[test]
    fn neighbours_take_one_run() {
        let mut postings = Postings::Empty;
        (7..1007).for_each(|slot| postings.push(slot));
        (2000..2500).for_each(|slot| postings.push(slot));
        let runs = vec![(7, 1000), (2000, 500)];
        assert_eq!(postings, Postings::Runs { runs, len: 1500 });
    }
}

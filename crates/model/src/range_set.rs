//! A set of numbers as sorted, merged, half-open ranges.
//!
//! In: ranges in any order. Out: membership, gaps and the ranges. Bound: two words for each
//! range; the callers that hear from peers cap [`RangeSet::range_count`].

use std::ops::Range;

/// A set of `u64`. No two of its ranges overlap or touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeSet {
    ranges: Vec<Range<u64>>,
}

impl RangeSet {
    /// Returns the empty set.
    pub fn new() -> RangeSet {
        RangeSet::default()
    }

    /// Adds all numbers of `range`; the last `u64` can never be in the set.
    pub fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let from = self.ranges.partition_point(|r| r.end < range.start);
        let to = self.ranges.partition_point(|r| r.start <= range.end);
        let merged = match self.ranges.get(from..to) {
            Some([first, .., last]) => range.start.min(first.start)..range.end.max(last.end),
            Some([only]) => range.start.min(only.start)..range.end.max(only.end),
            _ => range,
        };
        self.ranges.splice(from..to, [merged]);
    }

    /// Tells whether `number` is in the set.
    pub fn contains(&self, number: u64) -> bool {
        let after = self.ranges.partition_point(|r| r.end <= number);
        self.ranges.get(after).is_some_and(|r| r.start <= number)
    }

    /// Tells whether all numbers of `range` are in the set.
    pub fn covers(&self, range: Range<u64>) -> bool {
        let after = self.ranges.partition_point(|r| r.end <= range.start);
        let inside = |r: &Range<u64>| r.start <= range.start && range.end <= r.end;
        range.is_empty() || self.ranges.get(after).is_some_and(inside)
    }

    /// Returns the parts of `range` that are not in the set.
    pub fn missing(&self, range: Range<u64>) -> Vec<Range<u64>> {
        let mut missing = Vec::new();
        let mut start = range.start;
        let from = self.ranges.partition_point(|r| r.end <= range.start);
        for present in &self.ranges[from..] {
            if present.start >= range.end {
                break;
            }
            if start < present.start {
                missing.push(start..present.start);
            }
            start = present.end;
        }
        if start < range.end {
            missing.push(start..range.end);
        }
        missing
    }

    /// Returns the end of the range that holds `number`, or `number` when none does.
    pub fn end_from(&self, number: u64) -> u64 {
        let at = self.ranges.partition_point(|r| r.end <= number);
        match self.ranges.get(at) {
            Some(range) if range.start <= number => range.end,
            _ => number,
        }
    }

    /// Returns the ranges in ascending order.
    pub fn ranges(&self) -> &[Range<u64>] {
        &self.ranges
    }

    /// Returns how many ranges there are.
    pub fn range_count(&self) -> usize {
        self.ranges.len()
    }

    /// Returns how many numbers are in the set.
    pub fn count(&self) -> u64 {
        self.ranges.iter().map(|r| r.end - r.start).sum()
    }

    /// Tells whether no number is in the set.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }
}

impl FromIterator<Range<u64>> for RangeSet {
    fn from_iter<I: IntoIterator<Item = Range<u64>>>(ranges: I) -> RangeSet {
        let mut set = RangeSet::new();
        for range in ranges {
            set.insert(range);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn touching_ranges_become_one() {
        let set: RangeSet = [5..7, 1..3, 3..5, 9..9].into_iter().collect();
        assert_eq!(set.ranges(), std::slice::from_ref(&(1..7)));
        assert_eq!(set.missing(0..10), [0..1, 7..10]);
        assert_eq!((set.end_from(2), set.end_from(7)), (7, 7));
    }

    #[test]
    fn the_ends_of_the_numbers_are_safe() {
        let set: RangeSet = [0..1, u64::MAX - 1..u64::MAX].into_iter().collect();
        assert!(set.contains(0) && set.contains(u64::MAX - 1));
        assert!(!set.contains(1) && !set.contains(u64::MAX));
        let missing = set.missing(0..u64::MAX);
        assert_eq!(missing, std::slice::from_ref(&(1..u64::MAX - 1)));
    }

    proptest! {
        #[test]
        fn a_range_set_is_a_set_of_numbers(
            inserts in proptest::collection::vec((0u64..60, 0u64..12), 0..24),
            probe in (0u64..70, 0u64..12),
        ) {
            let mut set = RangeSet::new();
            let mut model = BTreeSet::new();
            for (start, len) in inserts {
                set.insert(start..start + len);
                model.extend(start..start + len);
            }
            let listed: Vec<u64> = set.ranges().iter().cloned().flatten().collect();
            prop_assert_eq!(&listed, &model.iter().copied().collect::<Vec<_>>());
            prop_assert!(set.ranges().windows(2).all(|pair| pair[0].end < pair[1].start));
            prop_assert_eq!(set.count(), model.len() as u64);
            let range = probe.0..probe.0 + probe.1;
            prop_assert_eq!(set.covers(range.clone()), range.clone().all(|n| model.contains(&n)));
            prop_assert_eq!(set.contains(probe.0), model.contains(&probe.0));
            let missing: Vec<u64> = set.missing(range.clone()).into_iter().flatten().collect();
            prop_assert_eq!(missing, range.filter(|n| !model.contains(n)).collect::<Vec<_>>());
        }
    }
}

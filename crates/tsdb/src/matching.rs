//! Which series fulfil a list of matchers, by postings, in the head and in a part alike.
//!
//! In: matchers. Out: numbers of series, ascending. A matcher that a missing label fulfils takes
//! away the series with other values; any other one keeps the series with fitting values. Where
//! few series are left and a label has many values, the series are looked at one by one instead.

use weft_matcher::LabelMatcher;

use crate::error::PartError;

/// An index of series by label pairs; both sides of a store have one.
pub(crate) trait LabelIndex {
    /// Returns all series, ascending.
    fn all(&self) -> Vec<u32>;

    /// Returns one more than the greatest number of a series.
    fn numbers(&self) -> usize;

    /// Returns how many values a label has.
    fn values_count(&self, name: &str) -> usize;

    /// Appends the series with this pair, ascending.
    fn postings(&self, name: &str, value: &str, out: &mut Vec<u32>) -> Result<(), PartError>;

    /// Hands out all values of a label that begin with `prefix`, each with a number for
    /// [`LabelIndex::postings_of`].
    fn each_value(
        &self,
        name: &str,
        prefix: &str,
        each: &mut dyn FnMut(&str, u32),
    ) -> Result<(), PartError>;

    /// Appends the series with the pair of this number, ascending.
    fn postings_of(&self, pair: u32, out: &mut Vec<u32>) -> Result<(), PartError>;

    /// Keeps the series whose value of a label, empty if they have none, passes.
    fn retain(
        &self,
        series: &mut Vec<u32>,
        name: &str,
        pass: &mut dyn FnMut(&str) -> bool,
    ) -> Result<(), PartError>;
}

/// How many values are worth one look at a series' labels.
const VALUES_PER_LOOK: usize = 4;

/// Returns the series that fulfil all matchers, ascending.
pub(crate) fn matching(
    index: &dyn LabelIndex,
    matchers: &[LabelMatcher],
) -> Result<Vec<u32>, PartError> {
    let mut order: Vec<(&LabelMatcher, usize)> = matchers
        .iter()
        .map(|matcher| (matcher, cost(index, matcher)))
        .collect();
    order.sort_by_key(|(_, cost)| *cost);
    let mut found: Option<Vec<u32>> = None;
    let (keep, drop): (Vec<_>, Vec<_>) = order
        .into_iter()
        .partition(|(matcher, _)| !matcher.matches_empty());
    for (matcher, cost) in keep {
        let kept = match found {
            Some(found) if found.is_empty() => return Ok(found),
            Some(found) if found.len() * VALUES_PER_LOOK < cost => look(index, found, matcher)?,
            Some(found) => intersect(
                &found,
                &with_values(index, matcher, &|v| matcher.matches(v))?,
            ),
            None => with_values(index, matcher, &|value| matcher.matches(value))?,
        };
        found = Some(kept);
    }
    let mut found = found.unwrap_or_else(|| index.all());
    for (matcher, cost) in drop {
        found = if found.len() * VALUES_PER_LOOK < cost {
            look(index, found, matcher)?
        } else {
            subtract(
                &found,
                &with_values(index, matcher, &|value| !matcher.matches(value))?,
            )
        };
    }
    Ok(found)
}

/// Returns how many values must be looked at for a matcher.
fn cost(index: &dyn LabelIndex, matcher: &LabelMatcher) -> usize {
    let direct = matcher.is_negative() == matcher.matches_empty();
    match matcher.set() {
        Some(values) if direct => values.len(),
        _ => index.values_count(matcher.name()),
    }
}

/// Returns the series with a value, not empty, for which `pass` holds; `pass` is the matcher's
/// condition or its opposite.
fn with_values(
    index: &dyn LabelIndex,
    matcher: &LabelMatcher,
    pass: &dyn Fn(&str) -> bool,
) -> Result<Vec<u32>, PartError> {
    let name = matcher.name();
    let mut union = Union::default();
    // Values and prefix of a matcher speak of its positive condition. The opposite needs all.
    let positive = matcher.is_negative() == matcher.matches_empty();
    if let Some(values) = matcher.set().filter(|_| positive) {
        for value in values.iter().filter(|value| !value.is_empty()) {
            union.add(|out| index.postings(name, value, out))?;
        }
        return Ok(union.into_series(index.numbers()));
    }
    let prefix = if positive { matcher.prefix() } else { "" };
    let mut pairs = Vec::new();
    index.each_value(name, prefix, &mut |value, pair| {
        if pass(value) {
            pairs.push(pair);
        }
    })?;
    for pair in pairs {
        union.add(|out| index.postings_of(pair, out))?;
    }
    Ok(union.into_series(index.numbers()))
}

/// Looks at the labels of each series.
fn look(
    index: &dyn LabelIndex,
    mut found: Vec<u32>,
    matcher: &LabelMatcher,
) -> Result<Vec<u32>, PartError> {
    index.retain(&mut found, matcher.name(), &mut |value| {
        matcher.matches(value)
    })?;
    Ok(found)
}

/// Series of several lists.
#[derive(Default)]
struct Union {
    series: Vec<u32>,
    lists: usize,
}

impl Union {
    fn add(
        &mut self,
        append: impl FnOnce(&mut Vec<u32>) -> Result<(), PartError>,
    ) -> Result<(), PartError> {
        self.lists += 1;
        append(&mut self.series)
    }

    /// Returns the series, ascending. Different values of one label have no series in common.
    fn into_series(mut self, numbers: usize) -> Vec<u32> {
        if self.lists < 2 || self.series.is_sorted() {
            return self.series;
        }
        if self.series.len() < numbers / 64 {
            self.series.sort_unstable();
            return self.series;
        }
        let mut words = vec![0u64; numbers.div_ceil(64)];
        for series in &self.series {
            words[*series as usize / 64] |= 1 << (series % 64);
        }
        self.series.clear();
        for (at, word) in words.iter().enumerate() {
            let mut rest = *word;
            while rest != 0 {
                self.series.push(at as u32 * 64 + rest.trailing_zeros());
                rest &= rest - 1;
            }
        }
        self.series
    }
}

/// Returns what both have; both ascend.
fn intersect(a: &[u32], b: &[u32]) -> Vec<u32> {
    let (few, many) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let mut rest = many;
    let mut out = Vec::with_capacity(few.len());
    for series in few {
        rest = skip_below(rest, *series);
        match rest.first() {
            Some(first) if first == series => out.push(*series),
            Some(_) => {}
            None => break,
        }
    }
    out
}

/// Returns what only `a` has; both ascend.
fn subtract(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut rest = b;
    let mut out = Vec::with_capacity(a.len());
    for series in a {
        rest = skip_below(rest, *series);
        if rest.first() != Some(series) {
            out.push(*series);
        }
    }
    out
}

/// Skips what is below `bound`, by steps that double.
fn skip_below(list: &[u32], bound: u32) -> &[u32] {
    let mut step = 1;
    let mut low = 0;
    while low + step <= list.len() && list[low + step - 1] < bound {
        low += step;
        step *= 2;
    }
    let high = (low + step).min(list.len());
    let skipped = low + list[low..high].partition_point(|series| *series < bound);
    &list[skipped..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn lists_are_sets(
            a in prop::collection::btree_set(0u32..200, 0..100),
            b in prop::collection::btree_set(0u32..200, 0..100),
        ) {
            let list = |set: &BTreeSet<u32>| set.iter().copied().collect::<Vec<u32>>();
            let both: Vec<u32> = a.intersection(&b).copied().collect();
            let only_a: Vec<u32> = a.difference(&b).copied().collect();
            prop_assert_eq!(intersect(&list(&a), &list(&b)), both);
            prop_assert_eq!(subtract(&list(&a), &list(&b)), only_a);
        }
    }
}

//! How many series a selection has, without selecting: to refuse at once what is far too much.

use weft_matcher::LabelMatcher;

use super::Tsdb;
use crate::head::index::Index;

impl Tsdb {
    /// Returns how many series of the head fulfil all matchers at least, if that is known from the
    /// lengths of its postings and more than `most`. A selection has these and more.
    pub fn series_beyond(&self, matchers: &[LabelMatcher], most: usize) -> Option<usize> {
        let index = self.inner.head.index();
        let all = index.len();
        if all <= most {
            return None;
        }
        // What some matcher leaves out is left out by all of them together.
        let mut left = all;
        for matcher in matchers {
            left = left.saturating_sub(all.saturating_sub(count(&index, all, matcher)));
            if left <= most {
                return None;
            }
        }
        Some(left)
    }
}

/// Returns how many series fulfil one matcher.
fn count(index: &Index, all: usize, matcher: &LabelMatcher) -> usize {
    let of_values = |passes: &dyn Fn(&str) -> bool| -> usize {
        let pairs = index.pairs.of_name(matcher.name()).iter();
        let pairs = pairs.map(|id| index.pairs.get(*id));
        let passing = pairs.filter(|pair| passes(&pair.value));
        passing.map(|pair| pair.postings.len()).sum()
    };
    match matcher.matches_empty() {
        true => all.saturating_sub(of_values(&|value| !matcher.matches(value))),
        false => of_values(&|value| matcher.matches(value)),
    }
}

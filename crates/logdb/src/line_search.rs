//! Finds the lines of a block that contain the needles.

use memchr::memmem::Finder;

use crate::raw::RawBlock;
use crate::selection::{Case, Literal, Needle};

/// The needles, prepared once per question.
pub(crate) struct LineSearch {
    needles: Vec<Vec<Text>>,
}

enum Text {
    Exact(Box<Finder<'static>>),
    /// With small letters.
    Folded(Vec<u8>),
}

impl Text {
    fn of(literal: &Literal) -> Text {
        match literal.case {
            Case::Sensitive => {
                let finder = Finder::new(literal.text.as_bytes());
                Text::Exact(Box::new(finder.into_owned()))
            }
            Case::Insensitive => Text::Folded(literal.text.to_ascii_lowercase().into_bytes()),
        }
    }

    fn is_in(&self, line: &[u8]) -> bool {
        match self {
            Text::Exact(finder) => finder.find(line).is_some(),
            Text::Folded(folded) => find_folded(line, folded),
        }
    }
}

/// Searches without regard to the case of ASCII letters, by the needle's first byte.
fn find_folded(line: &[u8], folded: &[u8]) -> bool {
    let Some((&first, rest)) = folded.split_first() else {
        return true;
    };
    let upper = first.to_ascii_uppercase();
    memchr::memchr2_iter(first, upper, line).any(|at| {
        let after = &line[at + 1..];
        after.len() >= rest.len() && after[..rest.len()].eq_ignore_ascii_case(rest)
    })
}

impl LineSearch {
    pub(crate) fn new(needles: &[Needle]) -> LineSearch {
        let needles = needles.iter().filter(|needle| !needle.any.is_empty());
        LineSearch {
            needles: needles
                .map(|n| n.any.iter().map(Text::of).collect())
                .collect(),
        }
    }

    /// Collects the places of the lines that contain the needles, ascending.
    pub(crate) fn lines_of(&self, block: &RawBlock, places: &mut Vec<usize>) {
        places.clear();
        let text = block.text.as_bytes();
        if !self
            .needles
            .iter()
            .all(|any| any.iter().any(|needle| needle.is_in(text)))
        {
            return;
        }
        let holds = |at: &usize| {
            let line = block.line(*at).as_bytes();
            self.needles
                .iter()
                .all(|any| any.iter().any(|needle| needle.is_in(line)))
        };
        match self.leaper() {
            Some(finder) => leap(block, finder, places),
            None => {
                places.extend((0..block.len()).filter(holds));
                return;
            }
        }
        if self.needles.len() > 1 {
            places.retain(holds);
        }
    }

    /// Returns a needle whose every occurrence in the text lies within one line.
    fn leaper(&self) -> Option<&Finder<'static>> {
        self.needles.iter().find_map(|any| {
            let [Text::Exact(finder)] = any.as_slice() else {
                return None;
            };
            let needle = finder.needle();
            (!needle.is_empty() && !needle.contains(&b'\n')).then_some(&**finder)
        })
    }
}

/// Leaps from one occurrence to the next instead of asking every line.
fn leap(block: &RawBlock, finder: &Finder<'static>, places: &mut Vec<usize>) {
    let text = block.text.as_bytes();
    let mut from = 0;
    while let Some(found) = finder.find(&text[from..]) {
        let place = block
            .ends
            .partition_point(|end| (*end as usize) < from + found);
        let Some(end) = block.ends.get(place) else {
            return;
        };
        places.push(place);
        from = *end as usize + 1;
    }
}

#[cfg(test)]
mod tests {
    use weft_model::{Labels, Level, Nanos};

    use super::*;
    use crate::selection::StoredEntry;

    fn check(needles: &[(&str, Case)], expected: &[usize]) {
        let mut block = RawBlock::new(Labels::empty());
        for line in ["alpha beta", "", "BETA gamma\nsecond", "delta", "beta beta"] {
            block.push(&StoredEntry {
                time: Nanos(0),
                line,
                metadata: &[],
                level: Level::Unknown,
            });
        }
        let needle = |(text, case): &(&str, Case)| Needle {
            any: text
                .split('|')
                .map(|text| Literal {
                    text: text.to_owned(),
                    case: *case,
                })
                .collect(),
        };
        let needles: Vec<Needle> = needles.iter().map(needle).collect();
        let mut places = Vec::new();
        LineSearch::new(&needles).lines_of(&block, &mut places);
        assert_eq!(places, expected, "{needles:?}");
    }

    #[test]
    fn lines_with_all_needles_are_found() {
        use Case::{Insensitive, Sensitive};
        check(&[], &[0, 1, 2, 3, 4]);
        check(&[("beta", Sensitive)], &[0, 4]);
        check(&[("beta", Insensitive)], &[0, 2, 4]);
        check(&[("beta", Insensitive), ("gamma", Sensitive)], &[2]);
        check(&[("delta|alpha", Sensitive)], &[0, 3]);
        check(&[("gamma\nsec", Sensitive)], &[2]);
        check(&[("beta\n", Sensitive)], &[]);
        check(&[("second", Sensitive)], &[2]);
        check(&[("", Sensitive)], &[0, 1, 2, 3, 4]);
        check(&[("omega", Insensitive)], &[]);
    }
}

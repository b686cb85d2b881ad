//! How well names fit what somebody has typed: a number from 0 to 1.
//!
//! In: terms and names. Out: the score of the term that fits best, or nothing when none does.

/// How likeness is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Likeness {
    /// The letters of the term follow each other in the name, with gaps.
    #[default]
    Subsequence,
    /// The term is a part of the name, or is like it as Jaro and Winkler measure it.
    JaroWinkler,
}

/// Whether `A` is another letter than `a`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Case {
    #[default]
    Sensitive,
    Insensitive,
}

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// Any of these will do; all names fit when there is none.
    pub(super) terms: Vec<String>,
    pub(super) likeness: Likeness,
    pub(super) case: Case,
    /// The least score of a name that fits.
    pub(super) least: f64,
}

/// A part of a name scores at least this much, the more of it the better.
const PART: f64 = 0.8;

impl Wanted {
    /// Returns how well a name fits.
    pub(super) fn score(&self, name: &str) -> Option<f64> {
        if self.terms.is_empty() {
            return Some(1.0);
        }
        let terms = self.terms.iter();
        let scores = terms.filter_map(|term| match self.case {
            Case::Sensitive => self.score_of(term, name),
            Case::Insensitive => self.score_of(&term.to_lowercase(), &name.to_lowercase()),
        });
        scores
            .filter(|score| *score >= self.least)
            .max_by(f64::total_cmp)
    }

    fn score_of(&self, term: &str, name: &str) -> Option<f64> {
        if name.contains(term) {
            let share = term.len() as f64 / name.len().max(1) as f64;
            return Some(PART + (1.0 - PART) * share);
        }
        match self.likeness {
            Likeness::Subsequence => subsequence(term, name),
            Likeness::JaroWinkler => Some(jaro_winkler(term, name)),
        }
    }
}

/// Scores letters that follow each other by how little lies between the first and the last.
fn subsequence(term: &str, name: &str) -> Option<f64> {
    let mut letters = term.chars();
    let mut next = letters.next()?;
    let mut first = None;
    for (at, letter) in name.chars().enumerate() {
        if letter != next {
            continue;
        }
        let first = *first.get_or_insert(at);
        match letters.next() {
            Some(letter) => next = letter,
            None => {
                let span = at - first + 1;
                return Some(PART * term.chars().count() as f64 / span as f64);
            }
        }
    }
    None
}

/// How much a common prefix counts, and how long it is at most.
const PREFIX_WEIGHT: f64 = 0.1;
const PREFIX_MAX: usize = 4;

/// Returns the similarity that Winkler has made of Jaro's.
fn jaro_winkler(one: &str, other: &str) -> f64 {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let jaro = jaro(&one, &other);
    let same = one.iter().zip(&other).take(PREFIX_MAX);
    let prefix = same.take_while(|(a, b)| a == b).count();
    jaro + prefix as f64 * PREFIX_WEIGHT * (1.0 - jaro)
}

fn jaro(one: &[char], other: &[char]) -> f64 {
    let reach = (one.len().max(other.len()) / 2).saturating_sub(1);
    let mut taken = vec![false; other.len()];
    let mut matched = Vec::new();
    for (at, letter) in one.iter().enumerate() {
        let near = at.saturating_sub(reach)..(at + reach + 1).min(other.len());
        let free = near
            .into_iter()
            .find(|at| !taken[*at] && other[*at] == *letter);
        if let Some(free) = free {
            taken[free] = true;
            matched.push(*letter);
        }
    }
    if matched.is_empty() {
        return 0.0;
    }
    let there = other.iter().zip(&taken).filter(|(_, taken)| **taken);
    let moved = matched
        .iter()
        .zip(there)
        .filter(|(a, (b, _))| a != b)
        .count();
    let count = matched.len() as f64;
    let in_place = (count - moved as f64 / 2.0) / count;
    (count / one.len() as f64 + count / other.len() as f64 + in_place) / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_those_of_the_best_fit() {
        let check = |likeness, term: &str, name: &str, expected: Option<&str>| {
            let wanted = Wanted {
                terms: vec!["zzzz".to_owned(), term.to_owned()],
                likeness,
                least: 0.1,
                ..Wanted::default()
            };
            let score = wanted.score(name).map(|score| format!("{score:.3}"));
            assert_eq!(score.as_deref(), expected, "{term} in {name}");
        };
        let (subsequence, jaro) = (Likeness::Subsequence, Likeness::JaroWinkler);
        check(subsequence, "up", "up", Some("1.000"));
        check(subsequence, "cpu", "node_cpu", Some("0.875"));
        check(subsequence, "ncpu", "node_cpu", Some("0.400"));
        check(subsequence, "CPU", "node_cpu", None);
        check(subsequence, "upc", "node_cpu", None);
        // The examples of the paper.
        check(jaro, "MARTHA", "MARHTA", Some("0.961"));
        check(jaro, "DWAYNE", "DUANE", Some("0.840"));
        check(jaro, "DIXON", "DICKSONX", Some("0.813"));
    }

    #[test]
    fn case_and_threshold_are_minded() {
        let mut wanted = Wanted {
            terms: vec!["CPU".to_owned()],
            case: Case::Insensitive,
            ..Wanted::default()
        };
        assert!(wanted.score("node_cpu").is_some());
        wanted.least = 0.9;
        assert!(wanted.score("node_cpu").is_none());
    }
}

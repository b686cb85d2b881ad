//! The `drop` and `keep` stages.

use weft_matcher::LabelMatcher;

use super::row::{ERROR, ERROR_DETAILS, Row};
use crate::ast::LabelPick;

/// Labels that were named, with a condition or without.
#[derive(Clone, Debug)]
pub(super) struct Picks(Vec<Pick>);

#[derive(Clone, Debug)]
enum Pick {
    Name(String),
    Matcher(LabelMatcher),
}

impl Pick {
    fn name(&self) -> &str {
        match self {
            Pick::Name(name) => name,
            Pick::Matcher(matcher) => matcher.name(),
        }
    }

    fn holds(&self, value: &str) -> bool {
        match self {
            Pick::Name(_) => true,
            Pick::Matcher(matcher) => matcher.matches(value),
        }
    }
}

impl Picks {
    pub(super) fn compile(picks: &[LabelPick]) -> Result<Picks, String> {
        let compile = |pick: &LabelPick| match pick {
            LabelPick::Name(name) => Ok(Pick::Name(name.clone())),
            LabelPick::Matcher(matcher) => LabelMatcher::compile(matcher)
                .map(Pick::Matcher)
                .map_err(|e| e.to_string()),
        };
        picks
            .iter()
            .map(compile)
            .collect::<Result<_, _>>()
            .map(Picks)
    }

    /// Removes the labels that are named.
    pub(super) fn drop_from(&self, row: &mut Row<'_>) {
        for pick in &self.0 {
            if pick.holds(row.get(pick.name())) {
                row.hide(pick.name());
            }
        }
    }

    /// Removes the labels that are not named; the marks of errors stay.
    pub(super) fn keep_in(&self, row: &mut Row<'_>) {
        let mut removed = Vec::new();
        row.each_label(|name, value| {
            let is_kept = matches!(name, ERROR | ERROR_DETAILS)
                || self
                    .0
                    .iter()
                    .any(|pick| pick.name() == name && pick.holds(value));
            if !is_kept {
                removed.push(name.to_owned());
            }
        });
        for name in removed {
            row.hide(&name);
        }
    }
}

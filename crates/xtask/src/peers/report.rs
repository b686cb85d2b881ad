//! What is printed: the first differences in full, and counts of all.

use std::collections::{BTreeMap, HashSet};
use std::io::Write;

use anyhow::{Result, bail};

use super::answer::{Compared, Kind};
use super::ask::{Asked, Question};
use super::known::Known;

/// How many differences are printed in full.
const SHOWN_MAX: usize = 60;

/// How many characters of an answer are printed.
const SHOWN_CHARS_MAX: usize = 700;

/// Counts while questions are asked.
pub(super) struct Report {
    asked: usize,
    agreeing: usize,
    both_failed: usize,
    noted: usize,
    unexplained: usize,
    known: usize,
    shown: HashSet<(Kind, String)>,
    by_kind: BTreeMap<Kind, usize>,
    /// Of answers that agree: how many numbers are not the same to the last bit, and how far off.
    rounded: usize,
    ulps: u64,
}

impl Report {
    pub(super) fn new() -> Report {
        Report {
            asked: 0,
            agreeing: 0,
            both_failed: 0,
            noted: 0,
            unexplained: 0,
            known: 0,
            shown: HashSet::new(),
            by_kind: BTreeMap::new(),
            rounded: 0,
            ulps: 0,
        }
    }

    /// Counts an answer, and prints how it differs.
    pub(super) fn add(
        &mut self,
        question: &Question,
        asked: &Asked,
        compared: Compared,
        known: &mut Known,
    ) -> Result<()> {
        self.asked += 1;
        let body = &asked.theirs.body;
        self.both_failed += usize::from(asked.theirs.status >= 400 && asked.ours.status >= 400);
        self.noted += usize::from(!body["warnings"].is_null() || !body["infos"].is_null());
        self.rounded += usize::from(compared.ulps > 0);
        self.ulps = self.ulps.max(compared.ulps);
        self.agreeing += usize::from(compared.differences.is_empty());
        for difference in compared.differences {
            if known.reason(difference.kind, &question.text).is_some() {
                self.known += 1;
                continue;
            }
            self.unexplained += 1;
            *self.by_kind.entry(difference.kind).or_default() += 1;
            // One form of a query stands for the others.
            let first = self.shown.insert((difference.kind, question.text.clone()));
            if first && self.shown.len() <= SHOWN_MAX {
                let mut out = std::io::stdout().lock();
                let (kind, form) = (difference.kind.word(), question.form);
                writeln!(out, "{kind}, {form}: {}", question.text)?;
                writeln!(out, "  Prometheus: {}", shortened(&difference.theirs))?;
                writeln!(out, "  weft:       {}", shortened(&difference.ours))?;
            }
        }
        Ok(())
    }

    /// Prints both answers to one question.
    pub(super) fn show(&self, question: &Question, asked: &Asked) -> Result<()> {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}: {}", question.form, question.text)?;
        writeln!(out, "  Prometheus: {}", asked.theirs.body)?;
        writeln!(out, "  weft:       {}", asked.ours.body)?;
        Ok(())
    }

    /// Prints the counts; fails when there is a difference without a reason.
    pub(super) fn finish(&self, queries: usize, requests: usize, known: &Known) -> Result<()> {
        let mut out = std::io::stdout().lock();
        writeln!(
            out,
            "{queries} queries in four forms and {requests} requests: {} answers, {} agree \
             ({} of them errors on both sides), {} carry warnings or infos",
            self.asked, self.agreeing, self.both_failed, self.noted
        )?;
        writeln!(
            out,
            "{} answers have numbers off by up to {} units in the last place, where that is allowed",
            self.rounded, self.ulps
        )?;
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for (reason, used) in known.used() {
            *reasons.entry(reason).or_default() += used;
        }
        writeln!(out, "{} differences with a known reason:", self.known)?;
        for (reason, used) in reasons {
            writeln!(out, "  {used:5}  {reason}")?;
        }
        let unused: Vec<String> = known.unused().collect();
        for line in &unused {
            writeln!(out, "known, but there is no such difference: {line}")?;
        }
        if self.unexplained == 0 && unused.is_empty() {
            writeln!(out, "no unexplained difference")?;
            return Ok(());
        }
        let kinds = self
            .by_kind
            .iter()
            .map(|(kind, count)| format!("{} {count}", kind.word()));
        bail!(
            "{} unexplained differences ({}), {} stale lines of known.txt",
            self.unexplained,
            kinds.collect::<Vec<_>>().join(", "),
            unused.len()
        )
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{} ...", &text[..end]),
        None => text.to_owned(),
    }
}

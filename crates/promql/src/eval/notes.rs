//! Warnings and infos, with Prometheus's texts.
//!
//! In: notes by any task of the query. Out: the texts with their place in the query. Notes of the
//! same text count once. Bound: [`NOTES_MAX`] of each kind; what is over is counted and said.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use weft_model::Nanos;

use crate::ast::quote;
use crate::histogram::{Repair, format_general};
use crate::parse::line_column;

/// The notes of each kind that are kept.
const NOTES_MAX: usize = 100;

/// What is worth a note about a series. The texts are those of Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    MixedFloatsHistograms,
    MixedSchemas,
    NotCounter,
    NotNamedAsCounter,
    NotGauge,
    StartOverlap,
    HistogramsIgnored,
    CollisionInAggregation,
    BoundsInAddition,
    BoundsInSubtraction,
    BoundsInAggregation,
    NanResult,
    NanSkew,
    NanFraction,
    MixedClassicNative,
}

impl Note {
    fn is_info(self) -> bool {
        matches!(
            self,
            Note::NotNamedAsCounter
                | Note::HistogramsIgnored
                | Note::BoundsInAddition
                | Note::BoundsInSubtraction
                | Note::BoundsInAggregation
                | Note::NanResult
                | Note::NanSkew
                | Note::NanFraction
        )
    }

    fn text(self, name: &str) -> String {
        let (text, named) = match self {
            Note::MixedFloatsHistograms => (
                "encountered a mix of histograms and floats for metric name",
                Named::Always,
            ),
            Note::MixedSchemas => (
                "vector contains a mix of histograms with exponential and custom buckets schemas \
                 for metric name",
                Named::Always,
            ),
            Note::NotCounter => (
                "this native histogram metric is not a counter:",
                Named::Always,
            ),
            Note::NotNamedAsCounter => (
                "metric might not be a counter, name does not end in _total/_sum/_count/_bucket:",
                Named::Always,
            ),
            Note::NotGauge => (
                "this native histogram metric is not a gauge:",
                Named::Always,
            ),
            Note::StartOverlap => (
                "start timestamp overlaps with a previous sample for metric name",
                Named::Always,
            ),
            Note::HistogramsIgnored => (
                "ignored histograms in a range containing both floats and histograms for metric \
                 name",
                Named::Always,
            ),
            Note::CollisionInAggregation => (
                "conflicting counter resets during histogram aggregation",
                Named::Never,
            ),
            Note::BoundsInAddition => (
                "mismatched custom buckets were reconciled during addition",
                Named::Never,
            ),
            Note::BoundsInSubtraction => (
                "mismatched custom buckets were reconciled during subtraction",
                Named::Never,
            ),
            Note::BoundsInAggregation => (
                "mismatched custom buckets were reconciled during aggregation",
                Named::Never,
            ),
            Note::NanResult => (
                "input to histogram_quantile has NaN observations, result is NaN",
                Named::IfAny,
            ),
            Note::NanSkew => (
                "input to histogram_quantile has NaN observations, result is skewed higher",
                Named::IfAny,
            ),
            Note::NanFraction => (
                "input to histogram_fraction has NaN observations, which are excluded from all \
                 fractions",
                Named::IfAny,
            ),
            Note::MixedClassicNative => (
                "vector contains a mix of classic and native histograms",
                Named::IfAny,
            ),
        };
        match named {
            Named::Always => format!("{text} {}", quote(name)),
            Named::IfAny if !name.is_empty() => format!("{text} for metric name {}", quote(name)),
            Named::IfAny | Named::Never => text.to_owned(),
        }
    }
}

/// Whether a text ends with the metric's name.
#[derive(Clone, Copy)]
enum Named {
    Always,
    IfAny,
    Never,
}

/// All notes of a query.
#[derive(Default)]
pub(crate) struct Notes(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    warnings: Kind,
    infos: Kind,
    repairs: BTreeMap<String, Repaired>,
}

#[derive(Default)]
struct Kind {
    texts: BTreeMap<String, u32>,
    omitted: usize,
}

/// Repairs of buckets that were not monotonic, over several evaluations.
struct Repaired {
    at: u32,
    from: f64,
    to: f64,
    difference: f64,
    samples: usize,
    first: i64,
    last: i64,
}

impl Kind {
    fn add(&mut self, text: String, at: u32) {
        if self.texts.len() < NOTES_MAX || self.texts.contains_key(&text) {
            self.texts.entry(text).or_insert(at);
        } else {
            self.omitted += 1;
        }
    }

    fn texts(&self, kind: &str, query: &str) -> Vec<String> {
        let place = |(text, at): (&String, &u32)| {
            let (line, column) = line_column(query, *at);
            format!("PromQL {kind}: {text} ({line}:{column})")
        };
        let mut texts: Vec<String> = self.texts.iter().map(place).collect();
        if self.omitted > 0 {
            texts.push(format!("{} more {kind} annotations omitted", self.omitted));
        }
        texts
    }
}

impl Notes {
    pub(crate) fn warn(&self, at: u32, text: impl Into<String>) {
        self.with(|kept| kept.warnings.add(text.into(), at));
    }

    pub(crate) fn inform(&self, at: u32, text: impl Into<String>) {
        self.with(|kept| kept.infos.add(text.into(), at));
    }

    pub(crate) fn add(&self, at: u32, note: Note, name: &str) {
        if note.is_info() {
            self.inform(at, note.text(name));
        } else {
            self.warn(at, note.text(name));
        }
    }

    pub(crate) fn invalid_quantile(&self, at: u32, q: f64) {
        let q = format_general(q);
        self.warn(
            at,
            format!("quantile value should be between 0 and 1, got {q}"),
        );
    }

    /// Notes that buckets of a classic histogram had to be made monotonic at a time.
    pub(crate) fn repaired(&self, at: u32, name: &str, time: i64, repair: &Repair) {
        let mut text = "input to histogram_quantile needed to be fixed for monotonicity (see \
                        https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)"
            .to_owned();
        if !name.is_empty() {
            text += &format!(" for metric name {}", quote(name));
        }
        self.with(|kept| {
            if kept.repairs.len() >= NOTES_MAX && !kept.repairs.contains_key(&text) {
                kept.infos.omitted += 1;
                return;
            }
            let known = kept.repairs.entry(text).or_insert(Repaired {
                at,
                from: repair.from,
                to: repair.to,
                difference: repair.difference,
                samples: 0,
                first: time,
                last: time,
            });
            known.from = known.from.min(repair.from);
            known.to = known.to.max(repair.to);
            known.difference = known.difference.max(repair.difference);
            known.samples += 1;
            known.first = known.first.min(time);
            known.last = known.last.max(time);
        });
    }

    /// Returns the texts of warnings and infos, each with its place in the query.
    pub(crate) fn into_texts(self, query: &str) -> (Vec<String>, Vec<String>) {
        let mut kept = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        for (text, repaired) in std::mem::take(&mut kept.repairs) {
            kept.infos.add(repaired.text(&text), repaired.at);
        }
        let warnings = kept.warnings.texts("warning", query);
        (warnings, kept.infos.texts("info", query))
    }

    fn with(&self, change: impl FnOnce(&mut Kept)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Repaired {
    fn text(&self, text: &str) -> String {
        let (from, to) = (format_general(self.from), format_general(self.to));
        let difference = two_digits(self.difference);
        let time = |millis: i64| Nanos(millis.saturating_mul(1_000_000));
        let (samples, first, last) = (self.samples, time(self.first), time(self.last));
        format!(
            "{text}, from buckets {from} to {to}, with a max diff of {difference}, over {samples} \
             samples from {first} to {last}"
        )
    }
}

/// Returns a number with two significant digits.
fn two_digits(value: f64) -> String {
    let rounded = format!("{value:.1e}").parse::<f64>().unwrap_or(value);
    format_general(rounded)
}

/// Notes about one series; each kind is told once.
pub(crate) struct SeriesNotes<'a> {
    notes: &'a Notes,
    at: u32,
    /// Finds out the metric's name, which few series need.
    name: &'a dyn Fn() -> String,
    told: Cell<u32>,
}

impl<'a> SeriesNotes<'a> {
    pub(crate) fn new(notes: &'a Notes, at: u32, name: &'a dyn Fn() -> String) -> SeriesNotes<'a> {
        SeriesNotes {
            notes,
            at,
            name,
            told: Cell::new(0),
        }
    }

    pub(crate) fn add(&self, note: Note) {
        let bit = 1u32 << note as u32;
        if self.told.get() & bit == 0 {
            self.told.set(self.told.get() | bit);
            self.notes.add(self.at, note, &(self.name)());
        }
    }

    pub(crate) fn notes(&self) -> &'a Notes {
        self.notes
    }

    pub(crate) fn at(&self) -> u32 {
        self.at
    }
}

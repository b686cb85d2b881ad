//! Functions of histograms: parts of native ones, quantiles and fractions of native and classic.

use hashbrown::HashMap;

use weft_model::{FloatHistogram, Labels};

use crate::ast::{Call, FunctionId, quote};
use crate::error::QueryError;
use crate::histogram::{
    self, ClassicBucket, NanNote, buckets, classic_fraction, classic_quantile, format_general,
};
use crate::kahan::Kahan;

use super::call::arg;
use super::ledger::Charge;
use super::merge::{Merger, Overlap, strip_names, without_reserved};
use super::notes::Note;
use super::table::{Cell, CellRef, Table};
use super::{Evaluator, Steps};

/// The label that holds a classic bucket's upper bound.
const BUCKET_LABEL: &str = "le";

/// The classic histogram that some rows are the buckets of.
struct Classic {
    labels: Labels,
    /// Rows with the upper bounds of their buckets.
    rows: Vec<(usize, f64)>,
}

/// The histograms of a table.
struct Histograms<'a> {
    table: &'a Table,
    classic: Vec<Classic>,
    /// Rows with native histograms, with the classic histogram of the same labels.
    native: Vec<(usize, Option<usize>)>,
    /// Where notes point to.
    at: u32,
    held: Charge,
}

/// What is asked of each histogram.
trait Question {
    /// Answers for a native histogram.
    fn native(&self, histogram: &FloatHistogram, name: &str, step: usize) -> f64;
    /// Answers for a classic histogram.
    fn classic(&self, buckets: &mut Vec<ClassicBucket>, name: &str, step: usize) -> f64;
}

struct Quantile<'a> {
    evaluator: &'a Evaluator<'a>,
    steps: Steps,
    at: u32,
    q: &'a [f64],
}

impl Question for Quantile<'_> {
    fn native(&self, histogram: &FloatHistogram, name: &str, step: usize) -> f64 {
        let (value, note) = histogram::quantile(self.q[step], histogram);
        let notes = &self.evaluator.notes;
        match note {
            None => {}
            Some(NanNote::Result) => notes.add(self.at, Note::NanResult, name),
            Some(NanNote::Skew) => notes.add(self.at, Note::NanSkew, name),
        }
        value
    }

    fn classic(&self, buckets: &mut Vec<ClassicBucket>, name: &str, step: usize) -> f64 {
        let (value, repair) = classic_quantile(self.q[step], buckets);
        if let Some(repair) = repair {
            // Without its name a series cannot be told by it.
            let name = if self.evaluator.removes_names_at_once() {
                ""
            } else {
                name
            };
            let time = self.steps.time(step);
            self.evaluator.notes.repaired(self.at, name, time, &repair);
        }
        value
    }
}

struct Fraction<'a> {
    evaluator: &'a Evaluator<'a>,
    at: u32,
    lower: &'a [f64],
    upper: &'a [f64],
}

impl Question for Fraction<'_> {
    fn native(&self, histogram: &FloatHistogram, name: &str, step: usize) -> f64 {
        if histogram.sum.is_nan() {
            self.evaluator.notes.add(self.at, Note::NanFraction, name);
        }
        histogram::fraction(self.lower[step], self.upper[step], histogram)
    }

    fn classic(&self, buckets: &mut Vec<ClassicBucket>, _: &str, step: usize) -> f64 {
        classic_fraction(self.lower[step], self.upper[step], buckets)
    }
}

/// Returns what a function tells of a native histogram; nothing for other functions.
pub(super) fn histogram_part(function: FunctionId) -> Option<fn(&FloatHistogram) -> f64> {
    Some(match function {
        FunctionId::HistogramCount => |histogram| histogram.count,
        FunctionId::HistogramSum => |histogram| histogram.sum,
        FunctionId::HistogramAvg => |histogram| histogram.sum / histogram.count,
        FunctionId::HistogramStdvar => variance,
        FunctionId::HistogramStddev => |histogram| variance(histogram).sqrt(),
        _ => return None,
    })
}

impl Evaluator<'_> {
    pub(super) fn eval_histogram_quantile(
        &self,
        call: &Call,
        steps: Steps,
    ) -> Result<Table, QueryError> {
        let (q_arg, vector_arg) = (arg(call, 0)?, arg(call, 1)?);
        let q = self.eval_scalar(q_arg, steps)?;
        self.check_quantiles(&q, q_arg.span.start);
        let table = self.eval_vector(vector_arg, steps)?;
        let at = vector_arg.span.start;
        let question = Quantile {
            evaluator: self,
            steps,
            at,
            q: &q,
        };
        let histograms = self.histograms_of(&table, at)?;
        let mut answers = Merger::new(self.table(steps));
        self.ask(&histograms, &question, &mut answers, &|labels, _| {
            labels.clone()
        })?;
        self.answered(answers)
    }

    pub(super) fn eval_histogram_quantiles(
        &self,
        call: &Call,
        steps: Steps,
    ) -> Result<Table, QueryError> {
        let vector_arg = arg(call, 0)?;
        let label = self.text_arg(call, 1, steps)?;
        let label = label.to_str_lossy();
        let mut quantiles = Vec::new();
        for q_arg in &call.args[2..] {
            let q = self.eval_scalar(q_arg, steps)?;
            self.check_quantiles(&q, q_arg.span.start);
            quantiles.push(q);
        }
        let table = self.eval_vector(vector_arg, steps)?;
        let at = vector_arg.span.start;
        let histograms = self.histograms_of(&table, at)?;
        let mut answers = Merger::new(self.table(steps));
        for q in &quantiles {
            let question = Quantile {
                evaluator: self,
                steps,
                at,
                q,
            };
            let labeled = |labels: &Labels, step: usize| labels.with(&label, &with_point(q[step]));
            self.ask(&histograms, &question, &mut answers, &labeled)?;
        }
        self.answered(answers)
    }

    pub(super) fn eval_histogram_fraction(
        &self,
        call: &Call,
        steps: Steps,
    ) -> Result<Table, QueryError> {
        let lower = self.eval_scalar(arg(call, 0)?, steps)?;
        let upper = self.eval_scalar(arg(call, 1)?, steps)?;
        let vector_arg = arg(call, 2)?;
        let table = self.eval_vector(vector_arg, steps)?;
        let at = vector_arg.span.start;
        let question = Fraction {
            evaluator: self,
            at,
            lower: &lower,
            upper: &upper,
        };
        let histograms = self.histograms_of(&table, at)?;
        let mut answers = Merger::new(self.table(steps));
        self.ask(&histograms, &question, &mut answers, &|labels, _| {
            labels.clone()
        })?;
        self.answered(answers)
    }

    fn check_quantiles(&self, q: &[f64], at: u32) {
        for q in q.iter().filter(|q| q.is_nan() || !(0.0..=1.0).contains(*q)) {
            self.notes.invalid_quantile(at, *q);
        }
    }

    /// Finds out which rows are buckets of which classic histogram.
    fn histograms_of<'a>(&self, table: &'a Table, at: u32) -> Result<Histograms<'a>, QueryError> {
        let mut held = table.charge();
        let mut known: HashMap<Labels, usize> = HashMap::new();
        let mut classic: Vec<Classic> = Vec::new();
        for row in 0..table.len() {
            let has_floats = table
                .values(row)
                .iter()
                .any(|v| !super::table::is_absent(*v));
            if !has_floats {
                continue;
            }
            let bound = table.labels[row].get(BUCKET_LABEL);
            let Ok(upper) = bound.parse::<f64>() else {
                self.note_bad_bound(at, table.labels[row].name(), bound);
                continue;
            };
            let labels = table.labels[row].without(BUCKET_LABEL);
            let bytes = labels.as_bytes().len() + 2 * size_of::<Classic>();
            held.grow(bytes, 0)?;
            let index = *known.entry(labels).or_insert_with_key(|labels| {
                classic.push(Classic {
                    labels: labels.clone(),
                    rows: Vec::new(),
                });
                classic.len() - 1
            });
            classic[index].rows.push((row, upper));
        }
        let native = (0..table.len())
            .filter(|row| table.histograms(*row).is_some())
            .map(|row| (row, known.get(&table.labels[row]).copied()))
            .collect();
        Ok(Histograms {
            table,
            classic,
            native,
            at,
            held,
        })
    }

    fn note_bad_bound(&self, at: u32, name: &str, bound: &str) {
        let mut text = format!(
            "bucket label \"le\" is missing or has a malformed value of {}",
            quote(bound)
        );
        if !name.is_empty() {
            text += &format!(" for metric name {}", quote(name));
        }
        self.notes.warn(at, text);
    }

    /// Puts a question to each histogram at each step; where native and classic ones have the
    /// same labels, neither is asked.
    fn ask(
        &self,
        histograms: &Histograms<'_>,
        question: &dyn Question,
        answers: &mut Merger,
        labels_of: &dyn Fn(&Labels, usize) -> Labels,
    ) -> Result<(), QueryError> {
        let table = histograms.table;
        let cells = histograms.classic.len().saturating_mul(table.steps);
        let mut held = histograms.held.sibling();
        held.hold::<bool>(cells)?;
        let mut mixed = vec![false; cells];
        for (row, classic) in &histograms.native {
            self.check()?;
            let labels = &table.labels[*row];
            for step in 0..table.steps {
                let Some(CellRef::Histogram(histogram)) = table.get(*row, step) else {
                    continue;
                };
                let rival = classic.filter(|classic| {
                    let rows = &histograms.classic[*classic].rows;
                    rows.iter().any(|(row, _)| is_float(table, *row, step))
                });
                if let Some(rival) = rival {
                    mixed[rival * table.steps + step] = true;
                    self.notes
                        .add(histograms.at, Note::MixedClassicNative, labels.name());
                    continue;
                }
                let value = question.native(histogram, labels.name(), step);
                self.answer(answers, labels_of(labels, step), step, value)?;
            }
        }
        let mut buckets = Vec::new();
        for (index, classic) in histograms.classic.iter().enumerate() {
            self.check()?;
            for step in 0..table.steps {
                if mixed[index * table.steps + step] {
                    continue;
                }
                buckets.clear();
                for (row, upper) in &classic.rows {
                    if let Some(CellRef::Float(count)) = table.get(*row, step) {
                        let upper = *upper;
                        buckets.push(ClassicBucket { upper, count });
                    }
                }
                if !buckets.is_empty() {
                    let value = question.classic(&mut buckets, classic.labels.name(), step);
                    self.answer(answers, labels_of(&classic.labels, step), step, value)?;
                }
            }
        }
        Ok(())
    }

    fn answer(
        &self,
        answers: &mut Merger,
        labels: Labels,
        step: usize,
        value: f64,
    ) -> Result<(), QueryError> {
        let labels = if self.removes_names_at_once() {
            without_reserved(&labels)
        } else {
            labels
        };
        answers.set(labels, true, step, Cell::Float(value))
    }

    fn answered(&self, answers: Merger) -> Result<Table, QueryError> {
        let table = answers.finish()?;
        if self.removes_names_at_once() {
            return strip_names(table, Overlap::Allowed);
        }
        Ok(table)
    }
}

fn is_float(table: &Table, row: usize, step: usize) -> bool {
    matches!(table.get(row, step), Some(CellRef::Float(_)))
}

/// Returns the variance of observations, each taken to lie in the middle of its bucket.
fn variance(histogram: &FloatHistogram) -> f64 {
    let mean = histogram.sum / histogram.count;
    let mut variance = Kahan::default();
    for bucket in buckets(histogram)
        .iter()
        .filter(|bucket| bucket.count != 0.0)
    {
        let middle = if histogram::is_custom(histogram) {
            (bucket.upper + bucket.lower) / 2.0
        } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
            0.0
        } else {
            (bucket.upper * bucket.lower).sqrt().copysign(bucket.upper)
        };
        let delta = middle - mean;
        variance.add(bucket.count * delta * delta);
    }
    (variance.sum + variance.lost) / histogram.count
}

/// Returns a number as OpenMetrics writes label values: with a point or an exponent.
fn with_point(value: f64) -> String {
    let text = format_general(value);
    if value.is_finite() && !text.contains(['.', 'e']) {
        text + ".0"
    } else {
        text
    }
}

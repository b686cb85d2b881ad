//! `count_values`: how often each value occurs.

use hashbrown::HashMap;

use weft_model::LabelsBuilder;

use crate::ast::{Aggregate, Text};
use crate::error::QueryError;
use crate::eval::merge::Merger;
use crate::eval::table::{Cell, CellRef, Row, Table};
use crate::eval::{Evaluator, Operand, Steps, execution};
use crate::histogram;
use crate::print::format_float;

use super::fold::Fold;
use super::group::Histograms;
use super::{is_kept, param};

/// A value; all NaN are one.
#[derive(PartialEq, Eq, Hash)]
enum Occurring {
    Float(u64),
    Histogram(String),
}

impl Occurring {
    fn of(cell: CellRef<'_>) -> Occurring {
        match cell {
            CellRef::Float(value) if value.is_nan() => Occurring::Float(f64::NAN.to_bits()),
            CellRef::Float(value) => Occurring::Float(value.to_bits()),
            CellRef::Histogram(histogram) => Occurring::Histogram(histogram::to_text(histogram)),
        }
    }

    fn text(&self) -> String {
        match self {
            Occurring::Float(bits) => format_float(f64::from_bits(*bits)),
            Occurring::Histogram(text) => text.clone(),
        }
    }

    fn bytes(&self) -> usize {
        let text = match self {
            Occurring::Float(_) => 0,
            Occurring::Histogram(text) => text.len(),
        };
        // The value stands in a list and in a table.
        2 * (text + size_of::<Occurring>()) + size_of::<(usize, Vec<u64>)>()
    }
}

/// How often each value occurs at each step, in the order in which they came.
struct Occurrences {
    steps: usize,
    places: HashMap<Occurring, usize>,
    counts: Vec<Vec<u64>>,
    bytes: usize,
}

impl Occurrences {
    /// Returns where the counts of a value stand.
    fn place(&mut self, value: Occurring) -> usize {
        let known = self.counts.len();
        let bytes = value.bytes() + self.steps * size_of::<u64>();
        let place = *self.places.entry(value).or_insert(known);
        if place == known {
            self.counts.push(vec![0; self.steps]);
            self.bytes += bytes;
        }
        place
    }

    fn in_order(&self) -> Vec<(&Occurring, &[u64])> {
        let mut all: Vec<_> = self.places.iter().collect();
        all.sort_unstable_by_key(|(_, place)| **place);
        let counts = |place: &usize| self.counts[*place].as_slice();
        all.into_iter()
            .map(|(value, place)| (value, counts(place)))
            .collect()
    }
}

impl Fold for Occurrences {
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn add(&mut self, _at: usize, row: &Row) -> usize {
        let before = self.bytes;
        for step in 0..self.steps {
            if let Some(cell) = row.get(step) {
                let place = self.place(Occurring::of(cell));
                self.counts[place][step] += 1;
            }
        }
        self.bytes - before
    }

    fn merge(&mut self, later: Occurrences) {
        let mut all: Vec<_> = later.places.into_iter().collect();
        all.sort_unstable_by_key(|(_, place)| *place);
        for (value, from) in all {
            let place = self.place(value);
            let pairs = self.counts[place].iter_mut().zip(&later.counts[from]);
            pairs.for_each(|(count, times)| *count += times);
        }
    }

    fn finish(&self, _into: &mut Row) {}
}

impl Evaluator<'_> {
    pub(super) fn eval_count_values(
        &self,
        aggregate: &Aggregate,
        steps: Steps,
    ) -> Result<Table, QueryError> {
        let Operand::Text(label) = self.eval(param(aggregate)?, steps)? else {
            return Err(execution("expected a string"));
        };
        let label = label_name(&label)?;
        // What a series has in the label itself gives way to the value.
        let mut groups_by = aggregate.clone();
        if aggregate.without {
            groups_by.grouping.push(label.to_owned());
        } else {
            groups_by.grouping.retain(|name| name != label);
        }
        let tells_value = !aggregate.without || is_kept(aggregate, label);
        let vector = self.vector(&aggregate.expr, steps)?;
        let new = || Occurrences {
            steps: steps.count,
            places: HashMap::new(),
            counts: Vec::new(),
            bytes: 0,
        };
        let groups = self.groups(&groups_by, vector.rows(), Histograms::Counted, new)?;
        let groups = groups.ok_or_else(|| execution("histograms were met"))?;
        let mut counts = Merger::new(self.table(steps));
        for (labels, values) in groups.labels.iter().zip(&groups.folds) {
            self.check()?;
            for (value, times) in values.in_order() {
                let mut labels = LabelsBuilder::from(labels);
                if tells_value {
                    labels.set(label, &value.text());
                }
                let row = counts.row(labels.build(), false)?;
                for (step, times) in times.iter().enumerate().filter(|(_, times)| **times > 0) {
                    let known = match counts.cells(row).get(step) {
                        Some(CellRef::Float(count)) => count,
                        _ => 0.0,
                    };
                    let count = Cell::Float(known + *times as f64);
                    counts.cells(row).set(step, count);
                }
            }
        }
        self.named(counts.finish()?)
    }
}

fn label_name(text: &Text) -> Result<&str, QueryError> {
    let name = text.as_str().filter(|name| !name.is_empty());
    name.ok_or_else(|| execution(format!("invalid label name {}", text.quoted())))
}

//! `count_values`: how often each value occurs.

use weft_model::LabelsBuilder;

use crate::ast::{Aggregate, Text};
use crate::error::QueryError;
use crate::eval::merge::Merger;
use crate::eval::table::{Cell, CellRef, Table};
use crate::eval::{Evaluator, Operand, Steps, execution};
use crate::histogram;
use crate::print::format_float;

use super::{is_kept, not_a_text};

impl Evaluator<'_> {
    pub(super) fn eval_count_values(
        &self,
        aggregate: &Aggregate,
        steps: Steps,
    ) -> Result<Table, QueryError> {
        let param = aggregate.param.as_ref().ok_or_else(not_a_text)?;
        let Operand::Text(label) = self.eval(param, steps)? else {
            return Err(not_a_text());
        };
        let label = label_name(&label)?;
        let mut by_value = aggregate.clone();
        if !aggregate.without {
            by_value.grouping.push(label.to_owned());
        }
        let table = self.eval_vector(&aggregate.expr, steps)?;
        let mut counts = Merger::new(self.table(steps));
        for row in 0..table.len() {
            self.check()?;
            for step in 0..steps.count {
                let value = match table.get(row, step) {
                    None => continue,
                    Some(CellRef::Float(value)) => format_float(value),
                    Some(CellRef::Histogram(histogram)) => histogram::to_text(histogram),
                };
                let mut builder = LabelsBuilder::from(&table.labels[row]);
                builder.set(label, &value);
                let labels = builder.build().filtered(|name| is_kept(&by_value, name));
                let at = counts.row(labels, false)?;
                let counted = match counts.cells(at).get(step) {
                    Some(CellRef::Float(count)) => count + 1.0,
                    _ => 1.0,
                };
                counts.cells(at).set(step, Cell::Float(counted));
            }
        }
        let result = counts.finish()?;
        self.named(result)
    }
}

fn label_name(text: &Text) -> Result<&str, QueryError> {
    let name = text.as_str().filter(|name| !name.is_empty());
    name.ok_or_else(|| execution(format!("invalid label name {}", text.quoted())))
}

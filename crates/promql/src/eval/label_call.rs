//! `label_replace` and `label_join`: functions of labels, not of values.

use weft_model::{Labels, LabelsBuilder, METRIC_NAME};

use crate::ast::{Call, Text};
use crate::error::QueryError;

use super::call::arg;
use super::merge::{Overlap, merge_equal};
use super::table::Table;
use super::{Evaluator, Operand, Steps, execution};

impl Evaluator<'_> {
    pub(super) fn text_arg(
        &self,
        call: &Call,
        at: usize,
        steps: Steps,
    ) -> Result<Text, QueryError> {
        match self.eval(arg(call, at)?, steps)? {
            Operand::Text(text) => Ok(text),
            _ => Err(execution("expected a string")),
        }
    }

    pub(super) fn eval_label_replace(
        &self,
        call: &Call,
        steps: Steps,
    ) -> Result<Table, QueryError> {
        let text = |at| self.text_arg(call, at, steps);
        let (target, replacement, source, pattern) = (text(1)?, text(2)?, text(3)?, text(4)?);
        let regex = pattern
            .as_str()
            .and_then(|pattern| weft_matcher::anchored(pattern).ok())
            .ok_or_else(|| {
                let message = "invalid regular expression in label_replace()";
                execution(format!("{message}: {pattern}"))
            })?;
        let target = valid_name(&target).ok_or_else(|| {
            let message = "invalid destination label name in label_replace()";
            execution(format!("{message}: {target}"))
        })?;
        let (replacement, source) = (replacement.to_str_lossy(), source.to_str_lossy());
        let table = self.eval_vector(arg(call, 0)?, steps)?;
        relabeled(table, target, |labels| {
            let captures = regex.captures(labels.get(&source))?;
            let mut value = String::new();
            captures.expand(&replacement, &mut value);
            Some(value)
        })
    }

    pub(super) fn eval_label_join(&self, call: &Call, steps: Steps) -> Result<Table, QueryError> {
        let (target, separator) = (
            self.text_arg(call, 1, steps)?,
            self.text_arg(call, 2, steps)?,
        );
        let mut sources = Vec::new();
        for at in 3..call.args.len() {
            let source = self.text_arg(call, at, steps)?;
            let name = valid_name(&source).ok_or_else(|| {
                let message = "invalid source label name in label_join()";
                execution(format!("{message}: {source}"))
            })?;
            sources.push(name.to_owned());
        }
        let target = valid_name(&target).ok_or_else(|| {
            let message = "invalid destination label name in label_join()";
            execution(format!("{message}: {target}"))
        })?;
        let separator = separator.to_str_lossy();
        let table = self.eval_vector(arg(call, 0)?, steps)?;
        relabeled(table, target, |labels| {
            let values: Vec<&str> = sources.iter().map(|name| labels.get(name)).collect();
            Some(values.join(&separator))
        })
    }
}

fn valid_name(text: &Text) -> Option<&str> {
    text.as_str().filter(|name| !name.is_empty())
}

/// Sets a label of each row to what `value` says; nothing leaves the row as it is.
fn relabeled(
    mut table: Table,
    target: &str,
    value: impl Fn(&Labels) -> Option<String>,
) -> Result<Table, QueryError> {
    for row in 0..table.len() {
        let Some(value) = value(&table.labels[row]) else {
            continue;
        };
        let mut builder = LabelsBuilder::from(&table.labels[row]);
        builder.set(target, &value);
        table.relabel(row, builder.build())?;
        if target == METRIC_NAME {
            // A name that is given on purpose stays.
            table.drop_name[row] = false;
        }
    }
    merge_equal(table, Overlap::Allowed)
}

//! Operations between two vectors, whose series find each other by their labels.
//!
//! Rows are put into groups by the labels that must agree, once for all steps. Within a group each
//! step finds the one row of the "one" side and pairs it with each row of the "many" side.

use hashbrown::{HashMap, HashSet};

use weft_model::{Labels, LabelsBuilder, METRIC_NAME};

use crate::ast::{Binary, Cardinality, Span, VectorMatching};
use crate::error::QueryError;
use crate::eval::ledger::Charge;
use crate::eval::merge::{Merger, Overlap, is_reserved, strip_names};
use crate::eval::table::{CellRef, Table, is_absent};
use crate::eval::{Evaluator, execution};

use super::value::{float_op, operate};

/// Tells whether series must agree in a label to match.
pub(super) fn must_agree(matching: &VectorMatching, name: &str) -> bool {
    let listed = matching.labels.iter().any(|label| label == name);
    if matching.on {
        listed
    } else {
        !listed && name != METRIC_NAME
    }
}

/// Returns the labels in which series must agree to match.
fn signature(matching: &VectorMatching, labels: &Labels) -> Labels {
    labels.filtered(|name| must_agree(matching, name))
}

/// The sides of an operation as "many" and "one".
struct Sides<'a> {
    many: &'a Table,
    one: &'a Table,
    many_is_left: bool,
    /// What stands for a row that is missing on either side.
    fill_many: Option<f64>,
    fill_one: Option<f64>,
}

impl<'a> Sides<'a> {
    fn of(matching: &VectorMatching, left: &'a Table, right: &'a Table) -> Sides<'a> {
        let (fill_left, fill_right) = (matching.fill_left, matching.fill_right);
        if matching.cardinality == Cardinality::OneToMany {
            return Sides {
                many: right,
                one: left,
                many_is_left: false,
                fill_many: fill_right,
                fill_one: fill_left,
            };
        }
        Sides {
            many: left,
            one: right,
            many_is_left: true,
            fill_many: fill_left,
            fill_one: fill_right,
        }
    }
}

/// An operation on two vectors in progress.
struct Join<'a> {
    binary: &'a Binary,
    span: Span,
    sides: Sides<'a>,
    result: Merger,
    /// The result's row for each pair of rows that met; `None` stands for a filled side.
    pairs: HashMap<(Option<usize>, Option<usize>), usize>,
    held: Charge,
    /// Whether there is any value at each step.
    any_many: Vec<bool>,
    any_one: Vec<bool>,
}

impl Evaluator<'_> {
    pub(super) fn match_vectors(
        &self,
        binary: &Binary,
        span: Span,
        left: &Table,
        right: &Table,
    ) -> Result<Table, QueryError> {
        let matching = &binary.matching;
        let sides = Sides::of(matching, left, right);
        let groups = self.match_groups(matching, left, right)?;
        let (many_groups, one_groups) = if sides.many_is_left {
            (&groups.left, &groups.right)
        } else {
            (&groups.right, &groups.left)
        };
        let mut held = left.charge();
        held.hold::<Vec<usize>>(2 * groups.count)?;
        held.hold::<usize>(many_groups.len() + one_groups.len())?;
        let (many_rows, one_rows) = (
            by_group(many_groups, groups.count),
            by_group(one_groups, groups.count),
        );
        let fills = sides.fill_many.is_some() || sides.fill_one.is_some();
        let mut join = Join {
            binary,
            span,
            any_many: any_present(sides.many),
            any_one: any_present(sides.one),
            sides,
            result: Merger::new(left.sibling(left.steps)),
            pairs: HashMap::new(),
            held,
        };
        for one in one_rows.iter().filter(|one| one.len() > 1) {
            self.check()?;
            for step in 0..join.sides.many.steps {
                if fills || join.any_many[step] && join.any_one[step] {
                    self.single(&join, one, step)?;
                }
            }
        }
        for (many, one) in many_rows.iter().zip(&one_rows) {
            self.check()?;
            let joined = match (many.as_slice(), one.as_slice()) {
                ([many], [one]) => join.join_floats(*many, *one)?,
                _ => false,
            };
            if !joined {
                self.join_group(&mut join, many, one)?;
            }
        }
        let table = join.result.finish()?;
        if self.removes_names_at_once() {
            return strip_names(table, Overlap::Allowed);
        }
        Ok(table)
    }

    fn join_group(
        &self,
        join: &mut Join<'_>,
        many: &[usize],
        one: &[usize],
    ) -> Result<(), QueryError> {
        let fills = join.sides.fill_many.is_some() || join.sides.fill_one.is_some();
        for step in 0..join.sides.many.steps {
            let sides_present = join.any_many[step] && join.any_one[step];
            if !sides_present && !fills {
                continue;
            }
            let single = self.single(join, one, step)?;
            let mut matched: HashSet<usize> = HashSet::new();
            let mut met = false;
            for row in many {
                let Some(value) = join.sides.many.get(*row, step) else {
                    continue;
                };
                let (one_row, one_value) = match (single, join.sides.fill_one) {
                    (Some(row), _) => (Some(row), join.sides.one.get(row, step)),
                    (None, fill) => (None, fill.map(CellRef::Float)),
                };
                let Some(one_value) = one_value else {
                    continue;
                };
                let pair = ((Some(*row), value), (one_row, one_value));
                if let Some(result) = self.join_pair(join, pair, step, &matched)? {
                    join.claim(&mut matched, result)?;
                    met = true;
                }
                met |= one_row.is_some();
            }
            if let (Some(row), Some(fill), false) = (single, join.sides.fill_many, met)
                && let Some(value) = join.sides.one.get(row, step)
            {
                let pair = ((None, CellRef::Float(fill)), (Some(row), value));
                self.join_pair(join, pair, step, &matched)?;
            }
        }
        Ok(())
    }

    /// Returns the only row of the "one" side that has a value; fails when there are several.
    fn single(
        &self,
        join: &Join<'_>,
        rows: &[usize],
        step: usize,
    ) -> Result<Option<usize>, QueryError> {
        let one = join.sides.one;
        let mut present = rows
            .iter()
            .copied()
            .filter(|row| one.is_present(*row, step));
        let first = present.next();
        match (first, present.next()) {
            (Some(first), Some(second)) => {
                let side = if join.sides.many_is_left {
                    "right"
                } else {
                    "left"
                };
                let group = signature(&join.binary.matching, &one.labels[first]);
                Err(execution(format!(
                    "found duplicate series for the match group {} on the {side} hand-side of \
                     the operation: [{}, {}];many-to-many matching not allowed: matching labels \
                     must be unique on one side",
                    in_braces(&group),
                    in_braces(&one.labels[second]),
                    in_braces(&one.labels[first]),
                )))
            }
            _ => Ok(first),
        }
    }

    /// Returns the result's row if the operation yields a value.
    fn join_pair(
        &self,
        join: &mut Join<'_>,
        pair: Pair<'_>,
        step: usize,
        matched: &HashSet<usize>,
    ) -> Result<Option<usize>, QueryError> {
        let ((many_row, many), (one_row, one)) = pair;
        let (left, right) = if join.sides.many_is_left {
            (many, one)
        } else {
            (one, many)
        };
        let outcome = operate(join.binary.op, left, right);
        let Some(cell) = self.settle(join.binary, join.span, outcome) else {
            return Ok(None);
        };
        let result = join.result_row(many_row, one_row)?;
        let taken = join.result.cells(result).get(step).is_some();
        if taken && matched.contains(&result) {
            return Err(multiple_matches(join.binary.matching.cardinality));
        }
        // A cell that another group has taken is a fault of its own.
        join.result.set_at(result, step, cell)?;
        Ok(Some(result))
    }
}

/// A row of the "many" side with its value, and one of the "one" side.
type Pair<'a> = ((Option<usize>, CellRef<'a>), (Option<usize>, CellRef<'a>));

impl Join<'_> {
    /// Joins the only rows of a group if both hold numbers only; returns whether it did.
    fn join_floats(&mut self, many: usize, one: usize) -> Result<bool, QueryError> {
        let (op, returns_bool) = (self.binary.op, self.binary.returns_bool);
        let fills = self.sides.fill_many.is_some() || self.sides.fill_one.is_some();
        let has_histograms =
            self.sides.many.histograms(many).is_some() || self.sides.one.histograms(one).is_some();
        let known = self.result.len();
        if fills || has_histograms || op.is_trim() {
            return Ok(false);
        }
        let result = self.result_row(Some(many), Some(one))?;
        if result < known {
            // Another group yields the same labels: the steps have to be looked at one by one.
            return Ok(false);
        }
        let cells = self.result.cells(result);
        let pairs = self
            .sides
            .many
            .values(many)
            .iter()
            .zip(self.sides.one.values(one));
        for (step, (many, one)) in pairs.enumerate() {
            if is_absent(*many) || is_absent(*one) {
                continue;
            }
            let (left, right) = if self.sides.many_is_left {
                (many, one)
            } else {
                (one, many)
            };
            match float_op(op, *left, *right) {
                Some(_) if returns_bool => cells.set_float(step, 1.0),
                None if returns_bool => cells.set_float(step, 0.0),
                Some(value) => cells.set_float(step, value),
                None => {}
            }
        }
        Ok(true)
    }

    /// Fails when another match of the group was found at the same step.
    fn claim(&self, matched: &mut HashSet<usize>, result: usize) -> Result<(), QueryError> {
        let cardinality = self.binary.matching.cardinality;
        let one_to_one = cardinality == Cardinality::OneToOne;
        if !matched.insert(result) || one_to_one && matched.len() > 1 {
            return Err(multiple_matches(cardinality));
        }
        Ok(())
    }

    fn result_row(&mut self, many: Option<usize>, one: Option<usize>) -> Result<usize, QueryError> {
        if let Some(row) = self.pairs.get(&(many, one)) {
            return Ok(*row);
        }
        let matching = &self.binary.matching;
        let of = |table: &Table, row: Option<usize>, other: (&Table, Option<usize>)| match row {
            Some(row) => table.labels[row].clone(),
            // A series that is missing would have had the labels that must agree.
            None => other.1.map_or_else(Labels::empty, |row| {
                signature(matching, &other.0.labels[row])
            }),
        };
        let (many_side, one_side) = (self.sides.many, self.sides.one);
        let many_labels = of(many_side, many, (one_side, one));
        let one_labels = of(one_side, one, (many_side, many));
        let labels = self.result_labels(&many_labels, &one_labels);
        let dropped = many.is_some_and(|row| many_side.drop_name[row]);
        let row = self
            .result
            .row(labels, self.binary.returns_bool || dropped)?;
        self.held.hold::<[usize; 6]>(1)?;
        self.pairs.insert((many, one), row);
        Ok(row)
    }

    fn result_labels(&self, many: &Labels, one: &Labels) -> Labels {
        let matching = &self.binary.matching;
        let listed = |name: &str| matching.labels.iter().any(|label| label == name);
        let changes = self.binary.op.changes_metric();
        let one_to_one = matching.cardinality == Cardinality::OneToOne;
        let kept = many.filtered(|name| {
            let stays = !one_to_one || listed(name) == matching.on;
            stays && !(changes && is_reserved(name))
        });
        if matching.include.is_empty() {
            return kept;
        }
        let mut builder = LabelsBuilder::from(&kept);
        for name in &matching.include {
            builder.set(name, one.get(name));
        }
        builder.build()
    }
}

fn multiple_matches(cardinality: Cardinality) -> QueryError {
    execution(if cardinality == Cardinality::OneToOne {
        "multiple matches for labels: many-to-one matching must be explicit \
         (group_left/group_right)"
    } else {
        "multiple matches for labels: grouping labels must ensure unique matches"
    })
}

fn by_group(group_of: &[usize], groups: usize) -> Vec<Vec<usize>> {
    let mut rows = vec![Vec::new(); groups];
    for (row, group) in group_of.iter().enumerate() {
        rows[*group].push(row);
    }
    rows
}

fn any_present(table: &Table) -> Vec<bool> {
    let mut any = vec![false; table.steps];
    for row in 0..table.len() {
        for (step, any) in any.iter_mut().enumerate() {
            *any = *any || table.is_present(row, step);
        }
    }
    any
}

/// Returns labels as error messages show them, the name among them.
fn in_braces(labels: &Labels) -> String {
    let pairs: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}={}", crate::ast::quote(value)))
        .collect();
    format!("{{{}}}", pairs.join(", "))
}

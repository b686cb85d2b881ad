//! Series of things that come and go: interfaces, mounts, processors, named counters.
//!
//! In: in each tick, a row per thing that is there, found by its key. Out: values in the recorder;
//! the series of a row that was not touched in a tick are given back.
//! Bound: that of the recorder. A row that is known is found without allocation, usually at the
//! first look, since the kernel keeps its order.

use weft_model::MetricKind;

use super::recorder::{Recorder, Series};

/// What a column of a table measures.
#[derive(Debug)]
pub(super) struct Column {
    /// The metric's name.
    pub name: &'static str,
    /// What it is.
    pub kind: MetricKind,
    /// One sentence for people.
    pub help: &'static str,
    /// Labels beside those of the row.
    pub labels: &'static [(&'static str, &'static str)],
}

/// Returns a column that only grows.
pub(super) const fn counter(name: &'static str, help: &'static str) -> Column {
    Column {
        name,
        kind: MetricKind::Counter,
        help,
        labels: &[],
    }
}

/// Returns a column that goes up and down.
pub(super) const fn gauge(name: &'static str, help: &'static str) -> Column {
    Column {
        name,
        kind: MetricKind::Gauge,
        help,
        labels: &[],
    }
}

/// Returns a column of a metric whose columns differ by one label.
pub(super) const fn counter_with(
    name: &'static str,
    help: &'static str,
    labels: &'static [(&'static str, &'static str)],
) -> Column {
    Column {
        name,
        kind: MetricKind::Counter,
        help,
        labels,
    }
}

/// Values found by a key, kept while they are touched in every tick.
#[derive(Debug)]
pub(super) struct Rows<T> {
    rows: Vec<Row<T>>,
    /// Where the next key is expected.
    next: usize,
}

#[derive(Debug)]
struct Row<T> {
    key: Box<[u8]>,
    value: T,
    touched: bool,
}

impl<T> Default for Rows<T> {
    fn default() -> Rows<T> {
        Rows {
            rows: Vec::new(),
            next: 0,
        }
    }
}

impl<T> Rows<T> {
    /// Returns the value of `key`, and whether it was touched already since the last sweep; makes
    /// it when it is new.
    pub(super) fn touch(&mut self, key: &[u8], make: impl FnOnce() -> T) -> (&mut T, bool) {
        let is_key = |row: &Row<T>| *row.key == *key;
        let expected = self.rows.get(self.next).is_some_and(is_key);
        let found = if expected {
            Some(self.next)
        } else {
            self.rows.iter().position(is_key)
        };
        let at = found.unwrap_or_else(|| {
            let at = self.next.min(self.rows.len());
            let row = Row {
                key: key.into(),
                value: make(),
                touched: false,
            };
            self.rows.insert(at, row);
            at
        });
        self.next = at + 1;
        let row = &mut self.rows[at];
        let again = std::mem::replace(&mut row.touched, true);
        (&mut row.value, again)
    }

    /// Returns what was touched since the last sweep.
    pub(super) fn touched(&self) -> impl Iterator<Item = (&[u8], &T)> {
        let touched = self.rows.iter().filter(|row| row.touched);
        touched.map(|row| (&*row.key, &row.value))
    }

    /// Ends the tick: hands over what was not touched in it.
    pub(super) fn sweep(&mut self, mut gone: impl FnMut(T)) {
        self.next = 0;
        if self.rows.iter().all(|row| row.touched) {
            self.rows.iter_mut().for_each(|row| row.touched = false);
            return;
        }
        let mut kept = Vec::with_capacity(self.rows.len());
        for mut row in self.rows.drain(..) {
            if std::mem::replace(&mut row.touched, false) {
                kept.push(row);
            } else {
                gone(row.value);
            }
        }
        self.rows = kept;
    }
}

/// Rows of fixed columns.
#[derive(Debug)]
pub(super) struct Table {
    columns: &'static [Column],
    label_names: &'static [&'static str],
    rows: Rows<Vec<Option<Series>>>,
    key: Vec<u8>,
}

impl Table {
    /// Returns a table whose rows differ by the values of `label_names`.
    pub(super) fn new(columns: &'static [Column], label_names: &'static [&'static str]) -> Table {
        Table {
            columns,
            label_names,
            rows: Rows::default(),
            key: Vec::new(),
        }
    }

    /// Sets the values of the row with these labels, in order of the columns; a column without a
    /// value is left out. A row that was set in this tick already stays as it is.
    pub(super) fn set(
        &mut self,
        out: &mut Recorder,
        labels: &[&[u8]],
        values: impl IntoIterator<Item = Option<f64>>,
    ) {
        self.key.clear();
        for label in labels {
            self.key.extend_from_slice(label);
            self.key.push(0);
        }
        let (row, again) = self.rows.touch(&self.key, Vec::new);
        if again {
            return;
        }
        for (at, value) in values.into_iter().enumerate().take(self.columns.len()) {
            let Some(value) = value else { continue };
            if row.len() <= at {
                row.resize_with(at + 1, || None);
            }
            let series = row[at]
                .get_or_insert_with(|| define(out, &self.columns[at], self.label_names, labels));
            out.set(series, value);
        }
    }

    /// Ends the tick: gives back the series of rows that were not set in it.
    pub(super) fn sweep(&mut self, out: &mut Recorder) {
        self.rows.sweep(|row| {
            row.into_iter()
                .flatten()
                .for_each(|series| out.retire(series))
        });
    }
}

fn define(
    out: &mut Recorder,
    column: &Column,
    label_names: &[&'static str],
    labels: &[&[u8]],
) -> Series {
    let texts: Vec<_> = labels
        .iter()
        .map(|value| String::from_utf8_lossy(value))
        .collect();
    let mut all: Vec<(&str, &str)> = column.labels.to_vec();
    all.extend(
        label_names
            .iter()
            .zip(&texts)
            .map(|(name, value)| (*name, value.as_ref())),
    );
    out.define(column.name, column.kind, column.help, &all)
}

/// Metrics whose names the kernel makes, each with one series.
#[derive(Debug, Default)]
pub(super) struct Names {
    rows: Rows<Option<Series>>,
}

impl Names {
    /// Sets the metric that belongs to `key`; `describe` says its name, kind and help when the key
    /// is new, or nothing when it is not wanted.
    pub(super) fn set(
        &mut self,
        out: &mut Recorder,
        key: &[u8],
        value: f64,
        describe: impl FnOnce() -> Option<(String, MetricKind, String)>,
    ) {
        let make = || describe().map(|(name, kind, help)| out.define(&name, kind, &help, &[]));
        let (series, _) = self.rows.touch(key, make);
        if let Some(series) = series {
            out.set(series, value);
        }
    }

    /// Ends the tick: gives back the series that were not set in it.
    pub(super) fn sweep(&mut self, out: &mut Recorder) {
        self.rows
            .sweep(|series| series.into_iter().for_each(|series| out.retire(series)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_found_wherever_it_moved() {
        let mut rows = Rows::default();
        for order in [["a", "b", "c"], ["c", "a", "b"], ["b", "c", "a"]] {
            for key in order {
                let (value, again) = rows.touch(key.as_bytes(), || key);
                assert_eq!((*value, again), (key, false));
            }
            rows.sweep(|gone| panic!("{gone} was touched"));
        }
        let mut gone = Vec::new();
        rows.touch(b"b", || "new");
        rows.sweep(|value| gone.push(value));
        gone.sort_unstable();
        assert_eq!(gone, ["a", "c"]);
    }
}

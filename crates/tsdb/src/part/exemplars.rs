//! Exemplars of a part: pages of columns over a run of series, beside those of samples.
//!
//! In: exemplars, series by series, each by time, then labels. Out: frames, and the exemplars
//! again. What they take is mostly identifiers, which [`texts`] packs. Bound: so many of a page.

use weft_codec::varint::{put_run, put_uvarint, take_len, take_run};
use weft_codec::{float, int};
use weft_model::{Exemplar, Labels, Millis};

mod reader;
mod texts;
mod writer;

pub(crate) use reader::RecentExemplars;
pub(super) use writer::ExemplarWriter;

use crate::cache::Weigh;
use crate::error::Malformed;

/// The exemplars of a page at most.
pub(super) const EXEMPLARS_PER_PAGE: usize = 4096;

/// What an exemplar takes in memory beside its labels, about.
const EXEMPLAR_BYTES: usize = 64;

/// A page, decoded: one row for each exemplar.
#[derive(Default)]
pub(super) struct ExemplarPage {
    /// The series' distances from the first one of the page, ascending.
    series: Vec<u32>,
    exemplars: Vec<Exemplar>,
}

/// The label names that some exemplars have, and the values of each name.
struct Shape<'a> {
    names: Vec<&'a str>,
    values: Vec<Vec<&'a str>>,
}

impl ExemplarPage {
    fn push(&mut self, series: u32, exemplar: Exemplar) {
        self.series.push(series);
        self.exemplars.push(exemplar);
    }

    fn encode(&self) -> Vec<u8> {
        let mut content = Vec::new();
        put_uvarint(&mut content, self.series.len() as u64);
        let series: Vec<i64> = self.series.iter().map(|it| i64::from(*it)).collect();
        let times: Vec<i64> = self.exemplars.iter().map(|it| it.time.0).collect();
        let values: Vec<f64> = self.exemplars.iter().map(|it| it.value).collect();
        int::encode(&series, &mut content);
        int::encode(&times, &mut content);
        float::encode(&values, &mut content);
        self.encode_labels(&mut content);
        content
    }

    /// Writes the shapes, which exemplar has which, and the values of each shape's names.
    fn encode_labels(&self, content: &mut Vec<u8>) {
        let mut shapes: Vec<Shape<'_>> = Vec::new();
        let mut shape_of = Vec::with_capacity(self.exemplars.len());
        for exemplar in &self.exemplars {
            let names = || exemplar.labels.iter().map(|(name, _)| name);
            let known = shapes
                .iter()
                .position(|shape| shape.names.iter().copied().eq(names()));
            let at = known.unwrap_or_else(|| {
                shapes.push(Shape {
                    names: names().collect(),
                    values: vec![Vec::new(); names().count()],
                });
                shapes.len() - 1
            });
            for ((_, value), column) in exemplar.labels.iter().zip(&mut shapes[at].values) {
                column.push(value);
            }
            shape_of.push(at as i64);
        }
        put_uvarint(content, shapes.len() as u64);
        for shape in &shapes {
            put_uvarint(content, shape.names.len() as u64);
            for name in &shape.names {
                put_run(content, name.as_bytes());
            }
        }
        int::encode(&shape_of, content);
        for column in shapes.iter().flat_map(|shape| &shape.values) {
            texts::encode(column, content);
        }
    }

    pub(super) fn decode(content: &[u8]) -> Result<ExemplarPage, Malformed> {
        let bytes = &mut &*content;
        let count = take_len(bytes, EXEMPLARS_PER_PAGE)?;
        let (mut series, mut times, mut values) = (Vec::new(), Vec::new(), Vec::new());
        int::decode(bytes, count, &mut series)?;
        int::decode(bytes, count, &mut times)?;
        float::decode(bytes, count, &mut values)?;
        let labels = decode_labels(bytes, count)?;
        let mut page = ExemplarPage::default();
        for (((series, time), value), labels) in
            series.into_iter().zip(times).zip(values).zip(labels)
        {
            let series = u32::try_from(series).map_err(|_| Malformed("no such series"))?;
            let time = Millis(time);
            page.push(
                series,
                Exemplar {
                    labels,
                    value,
                    time,
                },
            );
        }
        let key = |at: usize| {
            (
                page.series[at],
                page.exemplars[at].time,
                &page.exemplars[at].labels,
            )
        };
        if !(1..count).all(|at| key(at - 1) < key(at)) {
            return Err(Malformed("exemplars do not ascend"));
        }
        Ok(page)
    }
}

/// Takes the label sets of `count` exemplars.
fn decode_labels(bytes: &mut &[u8], count: usize) -> Result<Vec<Labels>, Malformed> {
    let mut shapes: Vec<Vec<&str>> = Vec::new();
    for _ in 0..take_len(bytes, count)? {
        let len = take_len(bytes, bytes.len())?;
        let mut names = Vec::new();
        for _ in 0..len {
            let name = std::str::from_utf8(take_run(bytes)?);
            names.push(name.map_err(|_| Malformed("a name is not UTF-8"))?);
        }
        shapes.push(names);
    }
    let mut shape_of = Vec::new();
    int::decode(bytes, count, &mut shape_of)?;
    let mut of_shape = vec![0; shapes.len()];
    for shape in &shape_of {
        let at = usize::try_from(*shape).ok().filter(|at| *at < shapes.len());
        of_shape[at.ok_or(Malformed("no such shape"))?] += 1;
    }
    let mut columns = Vec::new();
    for (names, count) in shapes.iter().zip(of_shape) {
        let mut values = Vec::new();
        for _ in names {
            values.push(texts::decode(bytes, count)?.into_iter());
        }
        columns.push(values);
    }
    let mut scratch = Vec::new();
    let mut next = |shape: &i64| {
        let at = *shape as usize;
        let values: Vec<String> = columns[at].iter_mut().filter_map(Iterator::next).collect();
        let pairs = shapes[at]
            .iter()
            .copied()
            .zip(values.iter().map(String::as_str));
        Labels::from_ordered(pairs, &mut scratch)
            .ok_or(Malformed("an exemplar's labels are not in order"))
    };
    shape_of.iter().map(&mut next).collect()
}

impl Weigh for ExemplarPage {
    fn weight(&self) -> usize {
        let labels = self.exemplars.iter().map(|it| it.labels.as_bytes().len());
        labels.sum::<usize>() + EXEMPLAR_BYTES * self.exemplars.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    type Row = ((u32, i64, Vec<(String, String)>), f64);

    fn page(rows: &[Row]) -> ExemplarPage {
        let mut sorted = BTreeMap::new();
        for ((series, time, pairs), value) in rows {
            let labels = Labels::from_pairs(pairs.iter().map(|(name, value)| (name, value)));
            sorted.insert((*series, *time, labels), *value);
        }
        let mut page = ExemplarPage::default();
        for ((series, time, labels), value) in sorted {
            let time = Millis(time);
            page.push(
                series,
                Exemplar {
                    labels,
                    value,
                    time,
                },
            );
        }
        page
    }

    fn rows(page: &ExemplarPage) -> Vec<(u32, i64, u64, Labels)> {
        let row = |(series, it): (&u32, &Exemplar)| {
            (*series, it.time.0, it.value.to_bits(), it.labels.clone())
        };
        page.series.iter().zip(&page.exemplars).map(row).collect()
    }

    proptest! {
        #[test]
        fn exemplars_come_back(
            all in prop::collection::vec(
                (
                    (
                        0u32..9,
                        any::<i64>(),
                        prop::collection::vec(("[a-c]", "[0-9a-f]{0,4}|.{0,3}"), 0..3),
                    ),
                    any::<f64>(),
                ),
                1..60,
            ),
        ) {
            let page = page(&all);
            let back = ExemplarPage::decode(&page.encode()).unwrap();
            prop_assert_eq!(rows(&back), rows(&page));
        }

        #[test]
        fn hostile_bytes_do_not_panic(content in prop::collection::vec(any::<u8>(), 0..90)) {
            let _ = ExemplarPage::decode(&content);
        }
    }

    #[test]
    fn a_trace_takes_little_more_than_its_bytes() {
        let row = |at: u32| {
            let drawn = u64::from(at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let id = format!("{drawn:016x}{:016x}", drawn.rotate_left(31));
            let pairs = vec![("trace_id".to_owned(), id)];
            (
                (at / 8, 1_700_000_000_000 + i64::from(at) * 500, pairs),
                0.25,
            )
        };
        let all: Vec<Row> = (0..4000).map(row).collect();
        let bytes = page(&all).encode().len();
        assert!(bytes < 4000 * 18, "{bytes} bytes for 4,000 exemplars");
    }
}

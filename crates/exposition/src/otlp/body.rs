//! Writes a remote-write request of version 2: every text once, then series that refer to them.

use std::collections::HashMap;

use weft_model::{FloatHistogram, METRIC_NAME, MetricKind};

use super::exemplar::Example;
use super::labels::LabelMap;
use crate::remote_read::put_histogram;
use crate::wire::Writer;

/// A request that is being written.
#[derive(Debug)]
pub(super) struct Body {
    symbols: Symbols,
    series: Writer,
    /// References of the series that is being written.
    references: Vec<(u32, u32)>,
}

/// What a sample is.
pub(super) enum Sample<'a> {
    Float(f64),
    Histogram(&'a FloatHistogram),
}

/// What is known of a metric.
#[derive(Clone, Copy)]
pub(super) struct Described<'a> {
    pub(super) kind: MetricKind,
    pub(super) help: &'a str,
    pub(super) unit: &'a str,
}

/// One series with one sample.
pub(super) struct Row<'a> {
    /// The metric's name.
    pub(super) name: &'a str,
    pub(super) labels: &'a LabelMap<'a>,
    /// A label that the kind of metric adds.
    pub(super) extra: Option<(&'static str, &'a str)>,
    pub(super) time_ms: i64,
    pub(super) sample: Sample<'a>,
    pub(super) exemplars: &'a [Example],
    /// Only needed once for each name.
    pub(super) described: Option<Described<'a>>,
}

impl Body {
    pub(super) fn new() -> Body {
        Body {
            symbols: Symbols::new(),
            series: Writer::default(),
            references: Vec::new(),
        }
    }

    /// Adds a sample.
    pub(super) fn push(&mut self, row: &Row<'_>) {
        let Body {
            symbols,
            series,
            references,
        } = self;
        symbols.refer_all(row, references);
        series.message(5, |message| {
            let flat = references.iter().flat_map(|pair| [pair.0, pair.1]);
            message.packed_numbers(1, flat.map(u64::from));
            match &row.sample {
                Sample::Float(value) => message.message(2, |sample| {
                    sample.double(1, *value);
                    sample.number(2, row.time_ms as u64);
                }),
                Sample::Histogram(histogram) => message.message(3, |sample| {
                    put_histogram(sample, row.time_ms, histogram);
                }),
            }
            for exemplar in row.exemplars {
                message.message(4, |message| put_exemplar(message, exemplar, symbols));
            }
            if let Some(described) = &row.described {
                message.message(5, |message| {
                    message.number(1, number_of(described.kind));
                    message.number(3, u64::from(symbols.refer(described.help)));
                    message.number(4, u64::from(symbols.refer(described.unit)));
                });
            }
        });
    }

    /// Returns the request.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        let mut message = Writer::default();
        for symbol in self.symbols.in_order() {
            message.bytes_always(4, symbol.as_bytes());
        }
        let mut bytes = message.into_bytes();
        bytes.extend_from_slice(self.series.as_slice());
        bytes
    }
}

fn put_exemplar(message: &mut Writer, exemplar: &Example, symbols: &mut Symbols) {
    let references: Vec<u64> = exemplar
        .labels
        .iter()
        .flat_map(|(name, value)| [symbols.refer(name), symbols.refer(value)])
        .map(u64::from)
        .collect();
    message.packed_numbers(1, references);
    message.double(2, exemplar.value);
    message.number(3, exemplar.time_ms as u64);
}

/// Texts with their places in the request; the first one is empty, as the format wants it.
#[derive(Debug)]
struct Symbols(HashMap<String, u32>);

impl Symbols {
    fn new() -> Symbols {
        Symbols(HashMap::from([(String::new(), 0)]))
    }

    fn refer(&mut self, text: &str) -> u32 {
        if let Some(place) = self.0.get(text) {
            return *place;
        }
        let place = self.0.len() as u32;
        self.0.insert(text.to_owned(), place);
        place
    }

    /// Refers to the labels of a row in the order of their names.
    fn refer_all(&mut self, row: &Row<'_>, references: &mut Vec<(u32, u32)>) {
        references.clear();
        let added = [Some((METRIC_NAME, row.name)), row.extra];
        let mut added = added.into_iter().flatten().peekable();
        let mut own = row.labels.iter().peekable();
        loop {
            let next = match (added.peek(), own.peek()) {
                (None, None) => return,
                (Some((name, _)), Some((label, _))) if label.as_ref() == *name => {
                    // What the kind of metric says goes before an attribute of the same name.
                    own.next();
                    continue;
                }
                (Some((name, _)), Some((label, _))) if label.as_ref() < *name => own.next(),
                (None, Some(_)) => own.next(),
                (Some(_), _) => {
                    let pair = added.next();
                    references.extend(pair.map(|(n, v)| (self.refer(n), self.refer(v))));
                    continue;
                }
            };
            let filled = next.filter(|(_, value)| !value.is_empty());
            references.extend(filled.map(|(n, v)| (self.refer(n), self.refer(v))));
        }
    }

    fn in_order(self) -> Vec<String> {
        let mut ordered: Vec<(String, u32)> = self.0.into_iter().collect();
        ordered.sort_unstable_by_key(|(_, place)| *place);
        ordered.into_iter().map(|(symbol, _)| symbol).collect()
    }
}

fn number_of(kind: MetricKind) -> u64 {
    match kind {
        MetricKind::Unknown => 0,
        MetricKind::Counter => 1,
        MetricKind::Gauge => 2,
        MetricKind::Histogram => 3,
        MetricKind::GaugeHistogram => 4,
        MetricKind::Summary => 5,
        MetricKind::Info => 6,
        MetricKind::StateSet => 7,
    }
}

//! Reads a request from protobuf.

use std::borrow::Cow;

use super::message::{
    Attributes, Buckets, Common, Data, Exemplar, ExponentialPoint, HistogramPoint, Metric,
    NumberPoint, Request, Resource, Scope, SummaryPoint, Temporality, Text, Value,
};
use crate::wire::{self, Cursor, Flaw, Malformed};

/// The most messages of a request, attributes among them.
pub const ITEMS_MAX: usize = 1 << 21;

/// How deep values may nest.
pub const NESTING_MAX: usize = 16;

/// Reads a request.
pub fn decode(bytes: &[u8]) -> Result<Request<'_>, Malformed> {
    let mut decoder = Decoder {
        items_left: ITEMS_MAX,
    };
    let mut request = Request::default();
    let mut message = Cursor::new(bytes);
    while let Some((number, value)) = message.field()? {
        if number == 1 {
            let resource = value.bytes(&message)?;
            request.resources.push(decoder.resource(resource)?);
        }
    }
    Ok(request)
}

struct Decoder {
    items_left: usize,
}

impl Decoder {
    /// Counts a message against the limit.
    fn item(&mut self, at: &Cursor<'_>) -> Result<(), Malformed> {
        let left = self.items_left.checked_sub(1);
        self.items_left = left.ok_or_else(|| at.flawed(Flaw::TooMany))?;
        Ok(())
    }

    fn resource<'a>(&mut self, mut message: Cursor<'a>) -> Result<Resource<'a>, Malformed> {
        self.item(&message)?;
        let mut resource = Resource::default();
        while let Some((number, value)) = message.field()? {
            match number {
                1 => {
                    let mut inner = value.bytes(&message)?;
                    while let Some((number, value)) = inner.field()? {
                        if number == 1 {
                            let pair = value.bytes(&inner)?;
                            self.attribute(pair, 0, &mut resource.attributes)?;
                        }
                    }
                }
                2 => {
                    let scope = value.bytes(&message)?;
                    resource.scopes.push(self.scope(scope)?);
                }
                _ => {}
            }
        }
        Ok(resource)
    }

    fn scope<'a>(&mut self, mut message: Cursor<'a>) -> Result<Scope<'a>, Malformed> {
        self.item(&message)?;
        let mut scope = Scope::default();
        while let Some((number, value)) = message.field()? {
            match number {
                1 => {
                    let mut inner = value.bytes(&message)?;
                    while let Some((number, value)) = inner.field()? {
                        match number {
                            1 => scope.name = text(value, &inner)?,
                            2 => scope.version = text(value, &inner)?,
                            3 => {
                                let pair = value.bytes(&inner)?;
                                self.attribute(pair, 0, &mut scope.attributes)?;
                            }
                            _ => {}
                        }
                    }
                }
                2 => {
                    let metric = value.bytes(&message)?;
                    scope.metrics.push(self.metric(metric)?);
                }
                3 => scope.schema_url = text(value, &message)?,
                _ => {}
            }
        }
        Ok(scope)
    }

    fn metric<'a>(&mut self, mut message: Cursor<'a>) -> Result<Metric<'a>, Malformed> {
        self.item(&message)?;
        let mut metric = Metric::default();
        while let Some((number, value)) = message.field()? {
            match number {
                1 => metric.name = text(value, &message)?,
                2 => metric.description = text(value, &message)?,
                3 => metric.unit = text(value, &message)?,
                5 | 7 | 9 | 10 | 11 => {
                    metric.data = self.data(number, value.bytes(&message)?)?;
                }
                _ => {}
            }
        }
        Ok(metric)
    }

    /// Reads points with what is told about all of them, which may come behind.
    fn data<'a>(
        &mut self,
        kind: u32,
        mut message: Cursor<'a>,
    ) -> Result<Option<Data<'a>>, Malformed> {
        let (mut temporality, mut is_monotonic) = (Temporality::default(), false);
        let (mut numbers, mut histograms) = (Vec::new(), Vec::new());
        let (mut exponentials, mut summaries) = (Vec::new(), Vec::new());
        while let Some((number, value)) = message.field()? {
            match (number, kind) {
                (1, 5 | 7) => numbers.push(self.number_point(value.bytes(&message)?)?),
                (1, 9) => histograms.push(self.histogram_point(value.bytes(&message)?)?),
                (1, 10) => exponentials.push(self.exponential_point(value.bytes(&message)?)?),
                (1, 11) => summaries.push(self.summary_point(value.bytes(&message)?)?),
                (2, 7 | 9 | 10) => temporality = temporality_of(value.number(&message)?),
                (3, 7) => is_monotonic = value.number(&message)? != 0,
                _ => {}
            }
        }
        Ok(Some(match kind {
            5 => Data::Gauge(numbers),
            7 => Data::Sum {
                points: numbers,
                temporality,
                is_monotonic,
            },
            9 => Data::Histogram {
                points: histograms,
                temporality,
            },
            10 => Data::Exponential {
                points: exponentials,
                temporality,
            },
            11 => Data::Summary(summaries),
            _ => return Ok(None),
        }))
    }

    fn number_point<'a>(&mut self, mut message: Cursor<'a>) -> Result<NumberPoint<'a>, Malformed> {
        self.item(&message)?;
        let mut point = NumberPoint::default();
        while let Some((number, value)) = message.field()? {
            match number {
                3 => point.common.time_nanos = fixed(value, &message)?,
                4 => point.value = value.double(&message)?,
                5 => point.exemplars.push(self.exemplar(value.bytes(&message)?)?),
                6 => point.value = fixed(value, &message)? as i64 as f64,
                7 => self.attribute(value.bytes(&message)?, 0, &mut point.common.attributes)?,
                8 => point.common.set_flags(value.number(&message)?),
                _ => {}
            }
        }
        Ok(point)
    }

    fn histogram_point<'a>(
        &mut self,
        mut message: Cursor<'a>,
    ) -> Result<HistogramPoint<'a>, Malformed> {
        self.item(&message)?;
        let mut point = HistogramPoint::default();
        while let Some((number, value)) = message.field()? {
            match number {
                3 => point.common.time_nanos = fixed(value, &message)?,
                4 => point.count = fixed(value, &message)?,
                5 => point.sum = Some(value.double(&message)?),
                6 => push_fixed(&mut point.counts, value, &message, |bits| bits)?,
                7 => push_fixed(&mut point.bounds, value, &message, f64::from_bits)?,
                8 => point.exemplars.push(self.exemplar(value.bytes(&message)?)?),
                9 => self.attribute(value.bytes(&message)?, 0, &mut point.common.attributes)?,
                10 => point.common.set_flags(value.number(&message)?),
                _ => {}
            }
        }
        Ok(point)
    }

    fn exponential_point<'a>(
        &mut self,
        mut message: Cursor<'a>,
    ) -> Result<ExponentialPoint<'a>, Malformed> {
        self.item(&message)?;
        let mut point = ExponentialPoint::default();
        while let Some((number, value)) = message.field()? {
            match number {
                1 => self.attribute(value.bytes(&message)?, 0, &mut point.common.attributes)?,
                3 => point.common.time_nanos = fixed(value, &message)?,
                4 => point.count = fixed(value, &message)?,
                5 => point.sum = Some(value.double(&message)?),
                6 => point.scale = signed(value, &message)?,
                7 => point.zero_count = fixed(value, &message)?,
                8 => point.positive = buckets(value.bytes(&message)?)?,
                9 => point.negative = buckets(value.bytes(&message)?)?,
                10 => point.common.set_flags(value.number(&message)?),
                11 => point.exemplars.push(self.exemplar(value.bytes(&message)?)?),
                14 => point.zero_threshold = value.double(&message)?,
                _ => {}
            }
        }
        Ok(point)
    }

    fn summary_point<'a>(
        &mut self,
        mut message: Cursor<'a>,
    ) -> Result<SummaryPoint<'a>, Malformed> {
        self.item(&message)?;
        let mut point = SummaryPoint::default();
        while let Some((number, value)) = message.field()? {
            match number {
                3 => point.common.time_nanos = fixed(value, &message)?,
                4 => point.count = fixed(value, &message)?,
                5 => point.sum = value.double(&message)?,
                6 => {
                    self.item(&message)?;
                    point.quantiles.push(quantile(value.bytes(&message)?)?);
                }
                7 => self.attribute(value.bytes(&message)?, 0, &mut point.common.attributes)?,
                8 => point.common.set_flags(value.number(&message)?),
                _ => {}
            }
        }
        Ok(point)
    }

    fn exemplar<'a>(&mut self, mut message: Cursor<'a>) -> Result<Exemplar<'a>, Malformed> {
        self.item(&message)?;
        let mut exemplar = Exemplar::default();
        while let Some((number, value)) = message.field()? {
            match number {
                2 => exemplar.time_nanos = fixed(value, &message)?,
                3 => exemplar.value = value.double(&message)?,
                4 => exemplar.span_id = Cow::Borrowed(value.bytes(&message)?.rest()),
                5 => exemplar.trace_id = Cow::Borrowed(value.bytes(&message)?.rest()),
                6 => exemplar.value = fixed(value, &message)? as i64 as f64,
                7 => self.attribute(value.bytes(&message)?, 0, &mut exemplar.attributes)?,
                _ => {}
            }
        }
        Ok(exemplar)
    }

    fn attribute<'a>(
        &mut self,
        mut message: Cursor<'a>,
        depth: usize,
        into: &mut Attributes<'a>,
    ) -> Result<(), Malformed> {
        self.item(&message)?;
        let mut pair = (Text::default(), Value::default());
        while let Some((number, value)) = message.field()? {
            match number {
                1 => pair.0 = text(value, &message)?,
                2 => pair.1 = self.value(value.bytes(&message)?, depth)?,
                _ => {}
            }
        }
        into.push(pair);
        Ok(())
    }

    fn value<'a>(&mut self, mut message: Cursor<'a>, depth: usize) -> Result<Value<'a>, Malformed> {
        self.item(&message)?;
        if depth == NESTING_MAX {
            return Err(message.flawed(Flaw::TooMany));
        }
        let mut read = Value::Empty;
        while let Some((number, value)) = message.field()? {
            read = match number {
                1 => Value::Text(text(value, &message)?),
                2 => Value::Bool(value.number(&message)? != 0),
                3 => Value::Int(value.number(&message)? as i64),
                4 => Value::Double(value.double(&message)?),
                5 => {
                    let mut list = Vec::new();
                    let mut inner = value.bytes(&message)?;
                    while let Some((_, value)) = inner.field()? {
                        list.push(self.value(value.bytes(&inner)?, depth + 1)?);
                    }
                    Value::List(list)
                }
                6 => {
                    let mut map = Vec::new();
                    let mut inner = value.bytes(&message)?;
                    while let Some((_, value)) = inner.field()? {
                        self.attribute(value.bytes(&inner)?, depth + 1, &mut map)?;
                    }
                    Value::Map(map)
                }
                7 => Value::Bytes(Cow::Borrowed(value.bytes(&message)?.rest())),
                _ => read,
            };
        }
        Ok(read)
    }
}

impl Common<'_> {
    /// Takes in the flags of a point, of which one has a meaning.
    pub fn set_flags(&mut self, flags: u64) {
        self.is_absent = flags & 1 == 1;
    }
}

fn temporality_of(number: u64) -> Temporality {
    match number {
        1 => Temporality::Delta,
        2 => Temporality::Cumulative,
        _ => Temporality::Unspecified,
    }
}

fn quantile(mut message: Cursor<'_>) -> Result<(f64, f64), Malformed> {
    let mut pair = (0.0, 0.0);
    while let Some((number, value)) = message.field()? {
        match number {
            1 => pair.0 = value.double(&message)?,
            2 => pair.1 = value.double(&message)?,
            _ => {}
        }
    }
    Ok(pair)
}

fn buckets(mut message: Cursor<'_>) -> Result<Buckets, Malformed> {
    let mut buckets = Buckets::default();
    while let Some((number, value)) = message.field()? {
        match (number, value) {
            (1, value) => buckets.offset = signed(value, &message)?,
            (2, wire::Value::Bytes(mut packed)) => {
                while !packed.is_empty() {
                    buckets.counts.push(packed.varint()?);
                }
            }
            (2, value) => buckets.counts.push(value.number(&message)?),
            _ => {}
        }
    }
    Ok(buckets)
}

/// Reads text; what is not UTF-8 gets replacement characters.
fn text<'a>(value: wire::Value<'a>, at: &Cursor<'_>) -> Result<Text<'a>, Malformed> {
    Ok(String::from_utf8_lossy(value.bytes(at)?.rest()))
}

fn fixed(value: wire::Value<'_>, at: &Cursor<'_>) -> Result<u64, Malformed> {
    Ok(value.double(at)?.to_bits())
}

fn signed(value: wire::Value<'_>, at: &Cursor<'_>) -> Result<i32, Malformed> {
    let number = wire::zigzag(value.number(at)?);
    i32::try_from(number).map_err(|_| at.flawed(Flaw::Varint))
}

/// Takes in numbers of eight bytes, packed or one by one.
fn push_fixed<T>(
    list: &mut Vec<T>,
    value: wire::Value<'_>,
    at: &Cursor<'_>,
    of_bits: impl Fn(u64) -> T,
) -> Result<(), Malformed> {
    match value {
        wire::Value::Bytes(mut packed) => {
            while !packed.is_empty() {
                list.push(of_bits(packed.fixed64()?));
            }
        }
        value => list.push(of_bits(fixed(value, at)?)),
    }
    Ok(())
}

//! An export request as JSON.
//!
//! In: JSON as protobuf maps it, with names in camel case. Out: the same message as from protobuf.
//! Numbers may be text, which is how JSON carries 64 bits; fields that are not known are skipped.

mod number;

use std::borrow::Cow;

use number::{Float, Whole, Word, of_hex};
use serde::{Deserialize, Deserializer};
use weft_exposition::otlp::message as otlp;

use crate::Error;

/// Reads a request.
pub(super) fn read(bytes: &[u8]) -> Result<otlp::Request<'static>, Error> {
    let request: Request = serde_json::from_slice(bytes)
        .map_err(|error| Error::bad_data(format!("read JSON: {error}")))?;
    Ok(otlp::Request {
        resources: all(request.resource_metrics),
    })
}

/// Converts each item of a list.
fn all<T: Into<U>, U>(items: Vec<T>) -> Vec<U> {
    items.into_iter().map(Into::into).collect()
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Request {
    resource_metrics: Vec<ResourceMetrics>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ResourceMetrics {
    resource: Resource,
    scope_metrics: Vec<ScopeMetrics>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Resource {
    attributes: Vec<KeyValue>,
}

impl From<ResourceMetrics> for otlp::Resource<'static> {
    fn from(it: ResourceMetrics) -> Self {
        otlp::Resource {
            attributes: all(it.resource.attributes),
            scopes: all(it.scope_metrics),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ScopeMetrics {
    scope: Scope,
    metrics: Vec<Metric>,
    schema_url: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Scope {
    name: String,
    version: String,
    attributes: Vec<KeyValue>,
}

impl From<ScopeMetrics> for otlp::Scope<'static> {
    fn from(it: ScopeMetrics) -> Self {
        otlp::Scope {
            name: it.scope.name.into(),
            version: it.scope.version.into(),
            schema_url: it.schema_url.into(),
            attributes: all(it.scope.attributes),
            metrics: all(it.metrics),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metric {
    name: String,
    description: String,
    unit: String,
    gauge: Option<Points<NumberPoint>>,
    sum: Option<Points<NumberPoint>>,
    histogram: Option<Points<HistogramPoint>>,
    exponential_histogram: Option<Points<ExponentialPoint>>,
    summary: Option<Points<SummaryPoint>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Points<P> {
    #[serde(default = "Vec::new")]
    data_points: Vec<P>,
    #[serde(default)]
    aggregation_temporality: Temporality,
    #[serde(default)]
    is_monotonic: bool,
}

impl From<Metric> for otlp::Metric<'static> {
    fn from(it: Metric) -> Self {
        let data = if let Some(gauge) = it.gauge {
            Some(otlp::Data::Gauge(all(gauge.data_points)))
        } else if let Some(sum) = it.sum {
            Some(otlp::Data::Sum {
                points: all(sum.data_points),
                temporality: sum.aggregation_temporality.0,
                is_monotonic: sum.is_monotonic,
            })
        } else if let Some(histogram) = it.histogram {
            Some(otlp::Data::Histogram {
                points: all(histogram.data_points),
                temporality: histogram.aggregation_temporality.0,
            })
        } else if let Some(histogram) = it.exponential_histogram {
            Some(otlp::Data::Exponential {
                points: all(histogram.data_points),
                temporality: histogram.aggregation_temporality.0,
            })
        } else {
            let summary = it.summary.map(|summary| all(summary.data_points));
            summary.map(otlp::Data::Summary)
        };
        otlp::Metric {
            name: it.name.into(),
            description: it.description.into(),
            unit: it.unit.into(),
            data,
        }
    }
}

/// A temporality by its number or its name.
#[derive(Default)]
struct Temporality(otlp::Temporality);

impl<'de> Deserialize<'de> for Temporality {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = Word::deserialize(deserializer)?;
        Ok(Temporality(match word.as_text().as_ref() {
            "1" | "AGGREGATION_TEMPORALITY_DELTA" => otlp::Temporality::Delta,
            "2" | "AGGREGATION_TEMPORALITY_CUMULATIVE" => otlp::Temporality::Cumulative,
            _ => otlp::Temporality::Unspecified,
        }))
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct NumberPoint {
    attributes: Vec<KeyValue>,
    time_unix_nano: Whole,
    flags: Whole,
    as_double: Option<Float>,
    as_int: Option<Whole>,
    exemplars: Vec<Exemplar>,
}

impl From<NumberPoint> for otlp::NumberPoint<'static> {
    fn from(it: NumberPoint) -> Self {
        otlp::NumberPoint {
            common: common(it.attributes, &it.time_unix_nano, &it.flags),
            value: number(it.as_double, it.as_int),
            exemplars: all(it.exemplars),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct HistogramPoint {
    attributes: Vec<KeyValue>,
    time_unix_nano: Whole,
    flags: Whole,
    count: Whole,
    sum: Option<Float>,
    bucket_counts: Vec<Whole>,
    explicit_bounds: Vec<Float>,
    exemplars: Vec<Exemplar>,
}

impl From<HistogramPoint> for otlp::HistogramPoint<'static> {
    fn from(it: HistogramPoint) -> Self {
        otlp::HistogramPoint {
            common: common(it.attributes, &it.time_unix_nano, &it.flags),
            count: it.count.unsigned(),
            sum: it.sum.map(|sum| sum.0),
            counts: it.bucket_counts.iter().map(Whole::unsigned).collect(),
            bounds: it.explicit_bounds.iter().map(|bound| bound.0).collect(),
            exemplars: all(it.exemplars),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ExponentialPoint {
    attributes: Vec<KeyValue>,
    time_unix_nano: Whole,
    flags: Whole,
    count: Whole,
    sum: Option<Float>,
    scale: i32,
    zero_count: Whole,
    zero_threshold: Float,
    positive: Buckets,
    negative: Buckets,
    exemplars: Vec<Exemplar>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Buckets {
    offset: i32,
    bucket_counts: Vec<Whole>,
}

impl From<Buckets> for otlp::Buckets {
    fn from(it: Buckets) -> Self {
        otlp::Buckets {
            offset: it.offset,
            counts: it.bucket_counts.iter().map(Whole::unsigned).collect(),
        }
    }
}

impl From<ExponentialPoint> for otlp::ExponentialPoint<'static> {
    fn from(it: ExponentialPoint) -> Self {
        otlp::ExponentialPoint {
            common: common(it.attributes, &it.time_unix_nano, &it.flags),
            count: it.count.unsigned(),
            sum: it.sum.map(|sum| sum.0),
            scale: it.scale,
            zero_count: it.zero_count.unsigned(),
            zero_threshold: it.zero_threshold.0,
            positive: it.positive.into(),
            negative: it.negative.into(),
            exemplars: all(it.exemplars),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SummaryPoint {
    attributes: Vec<KeyValue>,
    time_unix_nano: Whole,
    flags: Whole,
    count: Whole,
    sum: Float,
    quantile_values: Vec<Quantile>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Quantile {
    quantile: Float,
    value: Float,
}

impl From<SummaryPoint> for otlp::SummaryPoint<'static> {
    fn from(it: SummaryPoint) -> Self {
        let quantiles = it.quantile_values.iter();
        otlp::SummaryPoint {
            common: common(it.attributes, &it.time_unix_nano, &it.flags),
            count: it.count.unsigned(),
            sum: it.sum.0,
            quantiles: quantiles.map(|it| (it.quantile.0, it.value.0)).collect(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Exemplar {
    filtered_attributes: Vec<KeyValue>,
    time_unix_nano: Whole,
    as_double: Option<Float>,
    as_int: Option<Whole>,
    trace_id: String,
    span_id: String,
}

impl From<Exemplar> for otlp::Exemplar<'static> {
    fn from(it: Exemplar) -> Self {
        otlp::Exemplar {
            attributes: all(it.filtered_attributes),
            time_nanos: it.time_unix_nano.unsigned(),
            value: number(it.as_double, it.as_int),
            trace_id: Cow::Owned(of_hex(&it.trace_id)),
            span_id: Cow::Owned(of_hex(&it.span_id)),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct KeyValue {
    key: String,
    value: AnyValue,
}

impl From<KeyValue> for (otlp::Text<'static>, otlp::Value<'static>) {
    fn from(it: KeyValue) -> Self {
        (it.key.into(), it.value.into())
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct AnyValue {
    string_value: Option<String>,
    bool_value: Option<bool>,
    int_value: Option<Whole>,
    double_value: Option<Float>,
    array_value: Option<List<AnyValue>>,
    kvlist_value: Option<List<KeyValue>>,
    /// In base 64 already, as it becomes a label.
    bytes_value: Option<String>,
}

#[derive(Deserialize)]
struct List<T> {
    #[serde(default = "Vec::new")]
    values: Vec<T>,
}

impl From<AnyValue> for otlp::Value<'static> {
    fn from(it: AnyValue) -> Self {
        let text = it.string_value.or(it.bytes_value);
        let text = text.map(|text| otlp::Value::Text(text.into()));
        text.or(it.bool_value.map(otlp::Value::Bool))
            .or(it.int_value.map(|value| otlp::Value::Int(value.0)))
            .or(it.double_value.map(|value| otlp::Value::Double(value.0)))
            .or(it
                .array_value
                .map(|list| otlp::Value::List(all(list.values))))
            .or(it
                .kvlist_value
                .map(|list| otlp::Value::Map(all(list.values))))
            .unwrap_or_default()
    }
}

fn common(attributes: Vec<KeyValue>, time: &Whole, flags: &Whole) -> otlp::Common<'static> {
    let mut common = otlp::Common {
        attributes: all(attributes),
        time_nanos: time.unsigned(),
        is_absent: false,
    };
    common.set_flags(flags.unsigned());
    common
}

fn number(double: Option<Float>, int: Option<Whole>) -> f64 {
    let int = int.map(|value| value.0 as f64);
    double.map(|value| value.0).or(int).unwrap_or_default()
}

#[cfg(test)]
mod tests;

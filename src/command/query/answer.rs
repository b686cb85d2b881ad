//! The answer of a query, read from JSON.

use serde_json::Value;
use weft_model::Labels;

/// An answer.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// A number or a text, with its time in seconds.
    Single { time: f64, value: String },
    /// One value for each series.
    Vector(Vec<Element>),
    /// Many values for each series.
    Matrix(Vec<Series>),
}

/// A series with one value.
#[derive(Clone, Debug)]
pub(super) struct Element {
    pub(super) labels: Labels,
    pub(super) time: f64,
    pub(super) value: String,
}

/// A series with its values, as they were written.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) labels: Labels,
    pub(super) points: Vec<(f64, String)>,
}

impl Answer {
    /// Reads the `data` of an answer.
    pub(super) fn of(data: &Value) -> Answer {
        let results = data["result"].as_array();
        let items = || results.into_iter().flatten();
        match data["resultType"].as_str() {
            Some("vector") => Answer::Vector(items().map(element).collect()),
            Some("matrix") => Answer::Matrix(items().map(series).collect()),
            _ => {
                let (time, value) = pair(&data["result"]);
                Answer::Single { time, value }
            }
        }
    }
}

fn element(item: &Value) -> Element {
    let (time, value) = match item.get("histogram") {
        Some(histogram) => histogram_of(histogram),
        None => pair(&item["value"]),
    };
    Element {
        labels: labels(&item["metric"]),
        time,
        value,
    }
}

fn series(item: &Value) -> Series {
    let floats = item["values"].as_array().into_iter().flatten().map(pair);
    let histograms = item["histograms"].as_array().into_iter().flatten();
    let mut points: Vec<(f64, String)> = floats.chain(histograms.map(histogram_of)).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    Series {
        labels: labels(&item["metric"]),
        points,
    }
}

fn pair(value: &Value) -> (f64, String) {
    (value[0].as_f64().unwrap_or_default(), text(&value[1]))
}

fn histogram_of(value: &Value) -> (f64, String) {
    let (count, sum) = (text(&value[1]["count"]), text(&value[1]["sum"]));
    let time = value[0].as_f64().unwrap_or_default();
    (time, format!("histogram count={count} sum={sum}"))
}

fn labels(metric: &Value) -> Labels {
    let pairs = metric.as_object().into_iter().flatten();
    Labels::from_pairs(pairs.map(|(name, value)| (name, text(value))))
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

//! Two answers to one question, compared.
//!
//! In: the JSON of both. Out: how they differ. Numbers must have the same bits, but where Prometheus
//! itself does not say in which order it adds, or leaves the last place to a library.

use std::collections::BTreeMap;

use serde_json::Value;

use super::ask::{Asked, Question};

/// In what two answers can differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    /// One fails, or both do with other words.
    Error,
    /// The types of the results.
    Type,
    /// Which series there are, or which times they have.
    Series,
    Value,
    Order,
    Warnings,
    Infos,
    /// The answer to a request that is no query.
    Data,
}

impl Kind {
    /// Returns the word that the list of known differences has for it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Error => "error",
            Kind::Type => "type",
            Kind::Series => "series",
            Kind::Value => "value",
            Kind::Order => "order",
            Kind::Warnings => "warnings",
            Kind::Infos => "infos",
            Kind::Data => "data",
        }
    }
}

/// One difference.
pub(super) struct Difference {
    pub(super) kind: Kind,
    pub(super) theirs: String,
    pub(super) ours: String,
}

/// What came of a comparison.
#[derive(Default)]
pub(super) struct Compared {
    pub(super) differences: Vec<Difference>,
    /// How many units in the last place numbers differ at most; within what is allowed.
    pub(super) ulps: u64,
}

/// Aggregations add series in the order in which Prometheus finds them, which it does not promise.
const UNORDERED: [&str; 6] = ["sum", "avg", "stddev", "stdvar", "histogram", "deriv"];

/// Functions whose last place is that of Go's mathematical library.
const LIBRARY: [&str; 29] = [
    "exp",
    "ln",
    "log2",
    "log10",
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
    "tanh",
    "asin",
    "acos",
    "atan",
    "asinh",
    "acosh",
    "atanh",
    "atan2",
    "^",
    "quantile",
    "predict",
    "smoothing",
    "stddev",
    "stdvar",
    "fraction",
    "coarse_seconds",
    "rpc_seconds",
    "custom_seconds",
    "queue_balance",
    "mixed",
];

/// How far apart numbers may be where either list says so, in units in the last place.
const ULPS_MAX: u64 = 16;

/// The same for variances, in which an error in the mean is squared.
const ULPS_OF_VARIANCE_MAX: u64 = 1 << 12;

/// Compares two answers.
pub(super) fn compare(question: &Question, asked: &Asked) -> Compared {
    let mut compared = Compared::default();
    let (theirs, ours) = (&asked.theirs.body, &asked.ours.body);
    let failed = asked.theirs.status / 100 != 2 || asked.ours.status / 100 != 2;
    if failed {
        let said = |status: u16, body: &Value| {
            format!("{status} {}: {}", body["errorType"], body["error"])
        };
        let theirs = said(asked.theirs.status, theirs);
        compared.check(Kind::Error, theirs, said(asked.ours.status, ours));
        return compared;
    }
    if theirs["data"]["resultType"].is_string() {
        compared.results(question, &theirs["data"], &ours["data"]);
    } else {
        compared.check(Kind::Data, listing(theirs), listing(ours));
    }
    for (kind, key) in [(Kind::Warnings, "warnings"), (Kind::Infos, "infos")] {
        let (theirs, ours) = (notes(theirs, key), notes(ours, key));
        // Which ten of more are told is not said.
        if !(is_cut(&theirs) && is_cut(&ours)) {
            compared.check(kind, theirs.join("; "), ours.join("; "));
        }
    }
    compared
}

/// Writes what was listed; the order of series and other objects is not said.
fn listing(body: &Value) -> String {
    let data = &without_later_keys(&body["data"]);
    let Some(items) = data.as_array() else {
        return data.to_string();
    };
    let mut items: Vec<String> = items.iter().map(Value::to_string).collect();
    items.sort_unstable();
    items.join(" ")
}

/// Returns an answer without what later versions of Prometheus tell of selectors and operators,
/// where they are as in this one.
fn without_later_keys(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let later = |(name, value): &(&String, &Value)| match name.as_str() {
                "anchored" | "smoothed" => **value == Value::Bool(false),
                "fillValues" => value["lhs"].is_null() && value["rhs"].is_null(),
                _ => false,
            };
            let kept = fields.iter().filter(|field| !later(field));
            kept.map(|(name, value)| (name.clone(), without_later_keys(value)))
                .collect()
        }
        Value::Array(items) => items.iter().map(without_later_keys).collect(),
        value => value.clone(),
    }
}

fn is_cut(notes: &[&str]) -> bool {
    notes
        .iter()
        .any(|note| note.ends_with("annotations omitted"))
}

/// Returns notes in an order of their own: Prometheus gives none.
fn notes<'a>(body: &'a Value, key: &str) -> Vec<&'a str> {
    let mut notes: Vec<&str> = body[key]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    notes.sort_unstable();
    notes
}

impl Compared {
    fn check(&mut self, kind: Kind, theirs: String, ours: String) {
        if theirs != ours {
            self.differences.push(Difference { kind, theirs, ours });
        }
    }

    fn results(&mut self, question: &Question, theirs: &Value, ours: &Value) {
        let (their_type, our_type) = (&theirs["resultType"], &ours["resultType"]);
        if their_type != our_type {
            self.check(Kind::Type, their_type.to_string(), our_type.to_string());
            return;
        }
        let ulps_max = ulps_max(&question.text);
        match their_type.as_str() {
            Some("vector" | "matrix") => {
                let (theirs, ours) = (series(&theirs["result"]), series(&ours["result"]));
                self.series(&theirs, &ours, ulps_max);
                if is_sorted(&question.text) {
                    self.check(Kind::Order, values(&theirs), values(&ours));
                } else if their_type == "matrix" {
                    let names = |all: &[(String, &Value)]| {
                        all.iter()
                            .map(|(name, _)| name.as_str())
                            .collect::<Vec<_>>()
                            .join(" ")
                    };
                    self.check(Kind::Order, names(&theirs), names(&ours));
                }
            }
            _ => self.points(&theirs["result"], &ours["result"], "", ulps_max),
        }
    }

    fn series(&mut self, theirs: &[(String, &Value)], ours: &[(String, &Value)], ulps_max: u64) {
        let by_name = |all: &[(String, &Value)]| -> BTreeMap<String, Value> {
            all.iter()
                .map(|(name, value)| (name.clone(), (*value).clone()))
                .collect()
        };
        let (theirs, ours) = (by_name(theirs), by_name(ours));
        let only = |mine: &BTreeMap<String, Value>, other: &BTreeMap<String, Value>| {
            let names = mine.keys().filter(|name| !other.contains_key(*name));
            names.cloned().collect::<Vec<_>>().join(" ")
        };
        let (only_theirs, only_ours) = (only(&theirs, &ours), only(&ours, &theirs));
        self.check(Kind::Series, only_theirs, only_ours);
        for (name, their) in &theirs {
            let Some(our) = ours.get(name) else { continue };
            for key in ["value", "values", "histogram", "histograms"] {
                self.points(&their[key], &our[key], name, ulps_max);
            }
        }
    }

    /// Compares numbers at any depth.
    fn points(&mut self, theirs: &Value, ours: &Value, name: &str, ulps_max: u64) {
        match (theirs, ours) {
            (Value::Array(their), Value::Array(our)) if their.len() == our.len() => {
                for (their, our) in their.iter().zip(our) {
                    self.points(their, our, name, ulps_max);
                }
            }
            (Value::Object(their), Value::Object(our)) if their.len() == our.len() => {
                for (key, their) in their {
                    self.points(their, our.get(key).unwrap_or(&Value::Null), name, ulps_max);
                }
            }
            (Value::String(their), Value::String(our)) => {
                let distance = distance(their, our);
                if distance > ulps_max {
                    let shown = |value: &str| format!("{name} {value}");
                    self.check(Kind::Value, shown(their), shown(our));
                } else {
                    self.ulps = self.ulps.max(distance);
                }
            }
            _ if theirs == ours => {}
            _ => {
                let shown = |value: &Value| format!("{name} {value:.300}");
                self.check(Kind::Series, shown(theirs), shown(ours));
            }
        }
    }
}

/// Returns the series of a result under their labels, written in one order.
fn series(result: &Value) -> Vec<(String, &Value)> {
    let name = |series: &Value| {
        let labels = series["metric"].as_object().into_iter().flatten();
        let sorted: BTreeMap<_, _> = labels.collect();
        let written = sorted.iter().map(|(name, value)| format!("{name}={value}"));
        format!("{{{}}}", written.collect::<Vec<_>>().join(","))
    };
    let all = result.as_array().into_iter().flatten();
    all.map(|series| (name(series), series)).collect()
}

/// Tells whether a query sorts by value; which of equal values comes first is not said.
fn is_sorted(text: &str) -> bool {
    let functions = ["sort(", "sort_desc(", "topk", "bottomk"];
    functions.iter().any(|function| text.starts_with(function))
}

/// Returns the values of an instant vector in their order; zero has no sign among them.
fn values(all: &[(String, &Value)]) -> String {
    let value =
        |(_, series): &(String, &Value)| series["value"][1].to_string().replace("-0\"", "0\"");
    all.iter().map(value).collect::<Vec<_>>().join(" ")
}

fn ulps_max(text: &str) -> u64 {
    let mut words = UNORDERED.iter().chain(&LIBRARY);
    if text.contains("stddev") || text.contains("stdvar") {
        ULPS_OF_VARIANCE_MAX
    } else if words.any(|word| text.contains(word)) {
        ULPS_MAX
    } else {
        0
    }
}

/// Returns how many numbers lie between two, written as text.
fn distance(theirs: &str, ours: &str) -> u64 {
    if theirs == ours {
        return 0;
    }
    let (Ok(theirs), Ok(ours)) = (theirs.parse::<f64>(), ours.parse::<f64>()) else {
        return u64::MAX;
    };
    if !theirs.is_finite() || !ours.is_finite() {
        return u64::MAX;
    }
    // Bits in the order of the numbers they stand for.
    let rank = |value: f64| {
        let bits = value.to_bits() as i64;
        i128::from(if bits < 0 {
            i64::MIN.wrapping_sub(bits)
        } else {
            bits
        })
    };
    u64::try_from((rank(theirs) - rank(ours)).unsigned_abs()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_counted_in_units_of_the_last_place() {
        for (theirs, ours, expected) in [
            ("1", "1", 0),
            ("1", "1.0000000000000002", 1),
            ("-5e-324", "5e-324", 2),
            ("0", "-0", 0),
            ("NaN", "1", u64::MAX),
            ("+Inf", "-Inf", u64::MAX),
        ] {
            assert_eq!(distance(theirs, ours), expected, "{theirs} {ours}");
        }
    }
}

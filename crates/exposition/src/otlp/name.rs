//! Names of metrics, labels and units as Prometheus writes them.

use std::borrow::Cow;

/// What decides about the suffix of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A sum that only grows: `_total`.
    Counter,
    /// A gauge, which is a `_ratio` if it has the unit 1.
    Gauge,
    /// Anything else.
    Other,
}

/// Units of UCUM with their names in Prometheus.
const UNITS: &[(&str, &str)] = &[
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tebibytes"),
    ("kBy", "kilobytes"),
    ("KBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
    ("1", ""),
    ("%", "percent"),
];

/// Units behind a slash.
const UNITS_PER: &[(&str, &str)] = &[
    ("s", "second"),
    ("m", "minute"),
    ("h", "hour"),
    ("d", "day"),
    ("w", "week"),
    ("mo", "month"),
    ("y", "year"),
];

/// Returns the name of a metric, with the suffixes of its unit and its kind; empty if nothing of
/// it can be kept.
pub(super) fn metric(name: &str, unit: &str, kind: Kind) -> String {
    let (main, per) = unit_words(unit);
    let mut words: Vec<&str> = name
        .split(|c| !is_kept(c))
        .filter(|it| !it.is_empty())
        .collect();
    for suffix in [&main, &per] {
        if !suffix.is_empty() && !words.contains(&suffix.as_str()) {
            words.push(suffix);
        }
    }
    let last = match kind {
        Kind::Counter => Some("total"),
        Kind::Gauge if unit == "1" => Some("ratio"),
        Kind::Gauge | Kind::Other => None,
    };
    if let Some(last) = last {
        words.retain(|word| *word != last);
        words.push(last);
    }
    let name = words.join("_");
    match name.starts_with(|c: char| c.is_ascii_digit()) {
        true => format!("_{name}"),
        false => name,
    }
}

/// Returns the name of a unit; empty when there is none.
pub(super) fn unit(unit: &str) -> String {
    let (main, per) = unit_words(unit);
    let separator = if main.is_empty() || per.is_empty() {
        ""
    } else {
        "_"
    };
    format!("{main}{separator}{per}")
}

/// Returns the words for a unit and for what stands behind its slash. What stands in braces is a
/// remark.
fn unit_words(unit: &str) -> (String, String) {
    let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
    let main = word(main, UNITS);
    let per = word(per, UNITS_PER);
    match per.is_empty() {
        true => (main, per),
        false => (main, format!("per_{per}")),
    }
}

fn word(unit: &str, known: &[(&str, &str)]) -> String {
    let unit = unit.trim();
    if unit.contains(['{', '}']) {
        return String::new();
    }
    let found = known.iter().find(|(ucum, _)| *ucum == unit);
    let word = found.map_or(unit, |(_, word)| word);
    let words: Vec<&str> = word
        .split(|c| !is_kept(c))
        .filter(|it| !it.is_empty())
        .collect();
    words.join("_")
}

fn is_kept(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == ':'
}

/// Returns the name of a label; nothing if nothing of it can be kept.
pub(super) fn label(name: &str) -> Option<Cow<'_, str>> {
    let is_valid = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts_well = !name.starts_with(|c: char| c.is_ascii_digit());
    let is_reserved = name.starts_with("__");
    if name.chars().all(is_valid) && starts_well && (is_reserved || !name.starts_with('_')) {
        return (!name.is_empty()).then_some(Cow::Borrowed(name));
    }
    let valid: String = name
        .chars()
        .map(|c| if is_valid(c) { c } else { '_' })
        .collect();
    if valid.chars().all(|c| c == '_') {
        return None;
    }
    Some(Cow::Owned(match valid.as_bytes() {
        [b'0'..=b'9', ..] => format!("key_{valid}"),
        [b'_', second, ..] if *second != b'_' => format!("key{valid}"),
        _ => valid,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_get_the_suffixes_of_unit_and_kind() {
        for (name, unit, kind, expected) in [
            (
                "http.server.duration",
                "s",
                Kind::Other,
                "http_server_duration_seconds",
            ),
            ("requests", "", Kind::Counter, "requests_total"),
            ("total.requests", "1", Kind::Counter, "requests_total"),
            ("memory.usage", "By", Kind::Gauge, "memory_usage_bytes"),
            ("memory_bytes_used", "By", Kind::Gauge, "memory_bytes_used"),
            ("cpu", "1", Kind::Gauge, "cpu_ratio"),
            ("cpu", "1", Kind::Other, "cpu"),
            (
                "disk.io",
                "By/s",
                Kind::Counter,
                "disk_io_bytes_per_second_total",
            ),
            ("queue", "{message}", Kind::Gauge, "queue"),
            ("hits", "{hit}/m", Kind::Gauge, "hits_per_minute"),
            ("5xx", "", Kind::Gauge, "_5xx"),
            ("speed", "km/h", Kind::Gauge, "speed_km_per_hour"),
            ("a__b--c:d", "", Kind::Other, "a_b_c:d"),
            ("größe", "%", Kind::Gauge, "gr_e_percent"),
            ("---", "", Kind::Other, ""),
        ] {
            assert_eq!(metric(name, unit, kind), expected, "{name}");
        }
    }

    #[test]
    fn labels_are_made_valid() {
        for (name, expected) in [
            ("http.method", Some("http_method")),
            ("plain", Some("plain")),
            ("1st", Some("key_1st")),
            ("_private", Some("key_private")),
            ("__reserved__", Some("__reserved__")),
            ("a..b", Some("a__b")),
            ("", None),
            ("---", None),
        ] {
            assert_eq!(label(name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn units_have_names() {
        assert_eq!(unit("s"), "seconds");
        assert_eq!(unit("By/s"), "bytes_per_second");
        assert_eq!(unit("{x}"), "");
    }
}

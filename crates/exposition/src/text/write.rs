//! Writes metrics as text.
//!
//! In: families and their samples, in the order they are to stand. Out: lines appended to a
//! buffer of the caller's.

use std::fmt::Write as _;

use weft_model::{MetricKind, Millis};

use super::Dialect;

/// Appends lines to a text.
pub struct Writer<'o> {
    out: &'o mut String,
    dialect: Dialect,
}

impl<'o> Writer<'o> {
    /// Returns a writer that appends to `out`.
    pub fn new(dialect: Dialect, out: &'o mut String) -> Writer<'o> {
        Writer { out, dialect }
    }

    /// Begins a metric: its help, when there is one, and its type.
    pub fn family(&mut self, name: &str, kind: MetricKind, help: &str) {
        if !help.is_empty() {
            self.out.push_str("# HELP ");
            self.name(name);
            self.out.push(' ');
            let quotes = self.dialect == Dialect::OpenMetrics;
            escape(self.out, help, quotes);
            self.out.push('\n');
        }
        self.out.push_str("# TYPE ");
        self.name(name);
        self.out.push(' ');
        self.out.push_str(self.word_for(kind));
        self.out.push('\n');
    }

    /// Writes a sample; a label named `__name__` is left out.
    pub fn sample<'l>(
        &mut self,
        name: &str,
        labels: impl IntoIterator<Item = (&'l str, &'l str)>,
        value: f64,
        time: Option<Millis>,
    ) {
        let plain = is_plain(name, ':');
        if plain {
            self.out.push_str(name);
        }
        let mut separator = '{';
        if !plain {
            self.out.push('{');
            self.quoted(name);
            separator = ',';
        }
        for (label, text) in labels.into_iter().filter(|(label, _)| *label != "__name__") {
            self.out.push(separator);
            separator = ',';
            match is_plain(label, '_') {
                true => self.out.push_str(label),
                false => self.quoted(label),
            }
            self.out.push('=');
            self.quoted(text);
        }
        if separator == ',' {
            self.out.push('}');
        }
        self.out.push(' ');
        push_number(self.out, value);
        self.time(time);
        self.out.push('\n');
    }

    /// Marks the end, where the format has such a mark.
    pub fn end(&mut self) {
        if self.dialect == Dialect::OpenMetrics {
            self.out.push_str("# EOF\n");
        }
    }

    fn time(&mut self, time: Option<Millis>) {
        let Some(Millis(millis)) = time else { return };
        let written = match self.dialect {
            Dialect::Prometheus => write!(self.out, " {millis}"),
            Dialect::OpenMetrics => {
                let sign = if millis < 0 { "-" } else { "" };
                let (seconds, rest) = (millis.unsigned_abs() / 1000, millis.unsigned_abs() % 1000);
                write!(self.out, " {sign}{seconds}.{rest:03}")
            }
        };
        written.expect("a string takes every text");
    }

    fn name(&mut self, name: &str) {
        match is_plain(name, ':') {
            true => self.out.push_str(name),
            false => self.quoted(name),
        }
    }

    fn quoted(&mut self, text: &str) {
        self.out.push('"');
        escape(self.out, text, true);
        self.out.push('"');
    }

    fn word_for(&self, kind: MetricKind) -> &'static str {
        match (self.dialect, kind) {
            (Dialect::Prometheus, MetricKind::Unknown) => "untyped",
            (Dialect::Prometheus, MetricKind::Info | MetricKind::StateSet) => "gauge",
            (Dialect::Prometheus, MetricKind::GaugeHistogram) => "histogram",
            _ => kind.as_str(),
        }
    }
}

/// Tells whether a name needs no quotes; `extra` is admitted beside letters, digits and `_`.
fn is_plain(name: &str, extra: char) -> bool {
    let admitted = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == extra;
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(admitted)
}

fn escape(out: &mut String, text: &str, quotes: bool) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quotes => out.push_str("\\\""),
            _ => out.push(c),
        }
    }
}

/// Writes the shortest text that reads back as the same number.
fn push_number(out: &mut String, value: f64) {
    let size = value.abs();
    let written = if value.is_nan() {
        write!(out, "NaN")
    } else if value.is_infinite() {
        write!(out, "{}Inf", if value > 0.0 { '+' } else { '-' })
    } else if size != 0.0 && !(1e-6..1e17).contains(&size) {
        write!(out, "{value:e}")
    } else {
        write!(out, "{value}")
    };
    written.expect("a string takes every text");
}

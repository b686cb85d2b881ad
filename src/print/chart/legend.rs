//! What a chart shows, in words: the series with their colours, and some of their values.

use weft_model::{Labels, METRIC_NAME, Millis};
use weft_stdx::text;

use super::{Plot, Span, paint};
use crate::print::number;

/// Returns what all series have in common, and the times.
pub(super) fn title(plots: &[Plot], span: Span) -> String {
    let time = |seconds: f64| Millis((seconds * 1000.0) as i64 / 1000 * 1000).to_string();
    let clean = |text: String| text.replace('T', " ").replace('Z', "");
    let (start, end) = (clean(time(span.start)), clean(time(span.end)));
    let end = match (start.split_once(' '), end.split_once(' ')) {
        (Some((day, _)), Some((same, hour))) if day == same => hour.to_owned(),
        _ => end,
    };
    let step = text::duration(std::time::Duration::from_secs_f64(span.step.max(0.001)));
    let when = format!("{start} to {end} UTC, every {step}");
    match named(&common(plots)).as_str() {
        "{}" => when,
        what => format!("{what}   {when}"),
    }
}

/// Returns a line for each series, and one for those that are not drawn.
pub(super) fn lines(plots: &[Plot], all: usize, width: usize) -> Vec<String> {
    let shared = common(plots);
    let mut rows: Vec<[String; 4]> = plots.iter().map(|plot| row(plot, &shared)).collect();
    let numbers = 3 * 10 + 4;
    let names_max = width.saturating_sub(numbers + 3).max(12);
    for row in &mut rows {
        row[0] = shortened(&row[0], names_max);
    }
    let widest = |at: usize, head: &str| {
        let widths = rows.iter().map(|row| row[at].chars().count());
        widths.max().unwrap_or(0).max(head.len())
    };
    let heads = ["", "min", "max", "last"];
    let widths: Vec<usize> = (0..4).map(|at| widest(at, heads[at])).collect();
    let cells = |row: [&str; 4]| {
        format!(
            "{:<w0$}  {:>w1$}  {:>w2$}  {:>w3$}",
            row[0],
            row[1],
            row[2],
            row[3],
            w0 = widths[0],
            w1 = widths[1],
            w2 = widths[2],
            w3 = widths[3],
        )
    };
    let mut lines = vec![format!("   {}", cells(heads))];
    for (color, row) in rows.iter().enumerate() {
        let mut line = String::new();
        paint(&mut line, color, "━━");
        line.push(' ');
        line += &cells([&row[0], &row[1], &row[2], &row[3]]);
        lines.push(line);
    }
    if all > plots.len() {
        let more = all - plots.len();
        lines.push(format!(
            "   and {more} more series, not drawn: see them with --csv"
        ));
    }
    lines
}

fn row(plot: &Plot, shared: &Labels) -> [String; 4] {
    let own = plot.labels.filtered(|name| shared.get(name).is_empty());
    let name = match (own.is_empty(), shared.is_empty()) {
        (true, false) => named(shared),
        _ => named(&own),
    };
    let finite = || {
        plot.points
            .iter()
            .map(|(_, value)| *value)
            .filter(|value| value.is_finite())
    };
    let least = finite().fold(f64::INFINITY, f64::min);
    let greatest = finite().fold(f64::NEG_INFINITY, f64::max);
    let last = plot.points.last().map_or(f64::NAN, |(_, value)| *value);
    let told = |value: f64| match finite().next() {
        Some(_) => number::short(value),
        None => "-".to_owned(),
    };
    [name, told(least), told(greatest), number::short(last)]
}

/// Returns the labels that all series share, when there are several.
fn common(plots: &[Plot]) -> Labels {
    let [first, others @ ..] = plots else {
        return Labels::empty();
    };
    if others.is_empty() {
        return Labels::empty();
    }
    first.labels.filtered(|name| {
        let value = first.labels.get(name);
        others.iter().all(|plot| plot.labels.get(name) == value)
    })
}

fn named(labels: &Labels) -> String {
    match labels.name() {
        "" => labels.to_string(),
        name if labels.len() == 1 => name.to_owned(),
        name => format!("{name}{}", labels.without(METRIC_NAME)),
    }
}

fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    kept + "…"
}

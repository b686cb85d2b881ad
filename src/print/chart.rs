//! Series over time as a chart in the terminal: dots of braille, axes with values and times, and a
//! legend with the least, the greatest and the last value.
//!
//! In: series and a size. Out: lines. Bound: [`PLOTS_MAX`] series are drawn; the rest is counted.

mod axis;
mod canvas;
mod legend;
pub(crate) mod spark;

use std::fmt::Write as _;

use weft_model::Labels;

use axis::{TimeAxis, ValueAxis};
use canvas::Canvas;

/// The most series that are told apart by colour.
pub(crate) const PLOTS_MAX: usize = 12;

/// A series to draw.
#[derive(Clone, Debug)]
pub(crate) struct Plot {
    pub(crate) labels: Labels,
    /// Seconds since the epoch and values, ascending.
    pub(crate) points: Vec<(f64, f64)>,
}

/// How much room there is, in characters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// The times of a range, in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) start: f64,
    pub(crate) end: f64,
    pub(crate) step: f64,
}

/// Draws series, each in a colour of its own.
pub(crate) fn draw(plots: &[Plot], span: Span, room: Room) -> Vec<String> {
    let drawn = &plots[..plots.len().min(PLOTS_MAX)];
    let Some(values) = ValueAxis::of(drawn, room.height) else {
        return vec!["no number to draw".to_owned()];
    };
    let margin = values.width() + 2;
    let columns = room.width.saturating_sub(margin + 1).max(10);
    let mut canvas = Canvas::new(columns, values.rows());
    for (color, plot) in drawn.iter().enumerate() {
        put(&mut canvas, color, plot, span, &values);
    }
    let mut lines = vec![legend::title(drawn, span)];
    for row in 0..values.rows() {
        let (label, sign) = match values.label(row) {
            Some(label) => (label, '┤'),
            None => (String::new(), '│'),
        };
        let mut line = format!("{label:>width$} {sign}", width = values.width());
        canvas.write_row(row, &mut line);
        lines.push(line);
    }
    lines.extend(TimeAxis::of(span, columns).lines(margin));
    lines.extend(legend::lines(drawn, plots.len(), room.width));
    lines
}

fn put(canvas: &mut Canvas, color: usize, plot: &Plot, span: Span, values: &ValueAxis) {
    let (width, height) = canvas.dots();
    let across = (span.end - span.start).max(span.step).max(1e-9);
    let place = |(time, value): (f64, f64)| {
        let x = (time - span.start) / across * (width - 1) as f64;
        let y = (1.0 - values.share(value)) * (height - 1) as f64;
        (x.round() as i64, y.round() as i64)
    };
    let mut before: Option<(f64, (i64, i64))> = None;
    for point in plot.points.iter().filter(|(_, value)| value.is_finite()) {
        let here = place(*point);
        match before {
            // A gap stays a gap.
            Some((time, from)) if point.0 - time <= span.step * 1.5 => {
                canvas.line(from, here, color);
            }
            _ => canvas.dot(here, color),
        }
        before = Some((point.0, here));
    }
}

/// Writes a text in one of the colours.
fn paint(out: &mut String, color: usize, text: &str) {
    const COLORS: [u8; PLOTS_MAX] = [36, 33, 35, 32, 34, 31, 96, 93, 95, 92, 94, 91];
    let code = COLORS[color % PLOTS_MAX];
    write!(out, "\x1b[{code}m{text}\x1b[0m").expect("a string takes every text");
}

#[cfg(test)]
mod tests;

//! The axes of a chart: round values on the left, round times below.

use weft_model::time::civil_from_days;

use super::{Plot, Span};
use crate::print::number;

/// The values on the left, from the least at the bottom to the greatest at the top.
pub(super) struct ValueAxis {
    least: f64,
    greatest: f64,
    /// The rows with a value, counted from the top, and their texts.
    labels: Vec<(usize, String)>,
    rows: usize,
}

impl ValueAxis {
    /// Returns an axis of at most so many rows that all finite values fit on; nothing without any.
    pub(super) fn of(plots: &[Plot], rows_max: usize) -> Option<ValueAxis> {
        let values = plots
            .iter()
            .flat_map(|plot| &plot.points)
            .map(|(_, value)| *value);
        let finite = values.filter(|value| value.is_finite());
        let (least, greatest) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), value| {
            (a.min(value), b.max(value))
        });
        if least > greatest {
            return None;
        }
        let (least, greatest) = with_zero(least, greatest);
        let intervals_max = (rows_max.max(5) - 1) / 3;
        let step = round_step((greatest - least) / intervals_max as f64);
        let (from, to) = ((least / step).floor(), (greatest / step).ceil());
        let intervals = (to - from).max(1.0) as usize;
        let rows_each = ((rows_max.max(5) - 1) / intervals).max(1);
        let (least, greatest) = (from * step, (from + intervals as f64) * step);
        let (prefix, scale) = number::scale_of(least.abs().max(greatest.abs()));
        let decimals = (-(step / scale).log10().floor()).clamp(0.0, 9.0) as usize;
        let decimals = decimals + usize::from(needs_half(step / scale, decimals));
        let label = |at: usize| {
            let value = (from + (intervals - at) as f64) * step / scale;
            (at * rows_each, format!("{value:.decimals$}{prefix}"))
        };
        Some(ValueAxis {
            least,
            greatest,
            labels: (0..=intervals).map(label).collect(),
            rows: intervals * rows_each + 1,
        })
    }

    /// Returns how many rows there are.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Returns how wide the widest text is.
    pub(super) fn width(&self) -> usize {
        let widths = self.labels.iter().map(|(_, text)| text.chars().count());
        widths.max().unwrap_or(0)
    }

    /// Returns the text of a row, if it has one.
    pub(super) fn label(&self, row: usize) -> Option<String> {
        let label = self.labels.iter().find(|(at, _)| *at == row);
        label.map(|(_, text)| text.clone())
    }

    /// Returns how high a value is: 0 at the bottom, 1 at the top.
    pub(super) fn share(&self, value: f64) -> f64 {
        (value - self.least) / (self.greatest - self.least)
    }
}

/// Widens a range to one with an extent, and down to zero where that is not far.
fn with_zero(least: f64, greatest: f64) -> (f64, f64) {
    if least == greatest {
        return match least {
            0.0 => (0.0, 1.0),
            value if value > 0.0 => (0.0, value),
            value => (value, 0.0),
        };
    }
    match least > 0.0 && least < greatest * 0.5 {
        true => (0.0, greatest),
        false => (least, greatest),
    }
}

/// Returns the next of 1, 2, 2.5, 5 times a power of ten.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let round = [1.0, 2.0, 2.5, 5.0, 10.0];
    let factor = round
        .into_iter()
        .find(|factor| factor * power >= step * 0.999_999);
    factor.unwrap_or(10.0) * power
}

/// Tells whether a step such as 2.5 needs one more digit.
fn needs_half(step: f64, decimals: usize) -> bool {
    let shifted = step * 10f64.powi(decimals as i32);
    (shifted - shifted.round()).abs() > 1e-6
}

/// Distances of two times on the axis, in seconds.
const STEPS: [i64; 23] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400,
    172_800, 604_800, 1_209_600, 2_592_000, 31_536_000,
];

/// The times below, in UTC.
pub(super) struct TimeAxis {
    columns: usize,
    /// Columns and texts.
    labels: Vec<(usize, String)>,
}

impl TimeAxis {
    /// Returns an axis of so many columns.
    pub(super) fn of(span: Span, columns: usize) -> TimeAxis {
        let across = (span.end - span.start).max(1.0);
        let apart = across / (columns as f64 / 14.0).max(1.0);
        let step = STEPS.into_iter().find(|step| *step as f64 >= apart);
        let step = step.unwrap_or(STEPS[STEPS.len() - 1]);
        let mut labels = Vec::new();
        let mut time = (span.start / step as f64).ceil() as i64 * step;
        while time as f64 <= span.end {
            let column = (time as f64 - span.start) / across * (columns - 1) as f64;
            labels.push((column.round() as usize, text_of(time, step)));
            time += step;
        }
        TimeAxis { columns, labels }
    }

    /// Returns the axis and the line of texts below it, behind a margin.
    pub(super) fn lines(&self, margin: usize) -> [String; 2] {
        let is_tick = |column| self.labels.iter().any(|(at, _)| *at == column);
        let axis: String = (0..self.columns)
            .map(|column| if is_tick(column) { '┬' } else { '─' })
            .collect();
        let mut texts = String::new();
        for (column, text) in &self.labels {
            let from = (margin + column + 1).saturating_sub(text.len() / 2);
            let used = texts.chars().count();
            if used == 0 || from > used + 1 {
                texts += &" ".repeat(from - used);
                texts += text;
            }
        }
        [format!("{}└{axis}", " ".repeat(margin - 1)), texts]
    }
}

fn text_of(time: i64, step: i64) -> String {
    let of_day = time.rem_euclid(86_400);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    if step >= 86_400 {
        let (_, month, day) = civil_from_days(time.div_euclid(86_400));
        return format!("{month:02}-{day:02}");
    }
    match step < 60 {
        true => format!("{hour:02}:{minute:02}:{second:02}"),
        false => format!("{hour:02}:{minute:02}"),
    }
}

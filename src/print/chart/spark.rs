//! A series of numbers as a line of blocks, for a range on a terminal.

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Draws the values in at most `width` characters; where there is none, a space. Values that fall
/// into one character are averaged.
pub(crate) fn spark(values: &[Option<f64>], width: usize) -> String {
    let finite = || {
        values
            .iter()
            .flatten()
            .copied()
            .filter(|value| value.is_finite())
    };
    let (least, most) = finite().fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(v), b.max(v)));
    let columns = values.len().min(width.max(1));
    let mut line = String::new();
    for column in 0..columns {
        let from = column * values.len() / columns;
        let to = ((column + 1) * values.len() / columns).max(from + 1);
        let inside: Vec<f64> = values[from..to]
            .iter()
            .flatten()
            .copied()
            .filter(|v| v.is_finite())
            .collect();
        if inside.is_empty() {
            line.push(' ');
            continue;
        }
        let mean = inside.iter().sum::<f64>() / inside.len() as f64;
        let height = if most > least {
            (mean - least) / (most - least)
        } else {
            0.0
        };
        line.push(BLOCKS[((height * 7.0).round() as usize).min(7)]);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn low_is_low_and_high_is_high() {
        let values: Vec<_> = (0..8).map(|i| Some(f64::from(i))).collect();
        assert_eq!(spark(&values, 80), "▁▂▃▄▅▆▇█");
        assert_eq!(spark(&values, 4), "▂▄▆█");
        assert_eq!(
            spark(&[Some(1.0), None, Some(f64::NAN), Some(1.0)], 80),
            "▁  ▁"
        );
        assert_eq!(spark(&[], 80), "");
    }
}

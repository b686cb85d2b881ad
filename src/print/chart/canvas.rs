//! Dots on a grid of characters: braille has two by four of them in each.

use super::paint;

/// The bits of a braille character, by column and row of its dots.
const DOTS: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

/// Where the braille characters begin.
const BRAILLE: u32 = 0x2800;

/// A grid; a character has the colour of what was drawn in it last.
pub(super) struct Canvas {
    columns: usize,
    cells: Vec<(u32, usize)>,
}

impl Canvas {
    /// Returns an empty grid of so many characters.
    pub(super) fn new(columns: usize, rows: usize) -> Canvas {
        Canvas {
            columns,
            cells: vec![(0, 0); columns * rows],
        }
    }

    /// Returns how many dots there are across and down.
    pub(super) fn dots(&self) -> (usize, usize) {
        (self.columns * 2, self.cells.len() / self.columns * 4)
    }

    /// Draws a dot; what is outside is left out.
    pub(super) fn dot(&mut self, (x, y): (i64, i64), color: usize) {
        let (width, height) = self.dots();
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else {
            return;
        };
        if x < width && y < height {
            let cell = &mut self.cells[y / 4 * self.columns + x / 2];
            *cell = (cell.0 | DOTS[x % 2][y % 4], color);
        }
    }

    /// Draws a line between two dots (Bresenham's algorithm).
    pub(super) fn line(&mut self, from: (i64, i64), to: (i64, i64), color: usize) {
        let (dx, dy) = ((to.0 - from.0).abs(), -(to.1 - from.1).abs());
        let (sx, sy) = ((to.0 - from.0).signum(), (to.1 - from.1).signum());
        let (mut x, mut y) = from;
        let mut error = dx + dy;
        loop {
            self.dot((x, y), color);
            if (x, y) == to {
                return;
            }
            let doubled = 2 * error;
            if doubled >= dy {
                error += dy;
                x += sx;
            }
            if doubled <= dx {
                error += dx;
                y += sy;
            }
        }
    }

    /// Appends a row of characters, without spaces at its end.
    pub(super) fn write_row(&self, row: usize, out: &mut String) {
        let cells = &self.cells[row * self.columns..(row + 1) * self.columns];
        let used = cells.iter().rposition(|(bits, _)| *bits != 0);
        let mut rest = &cells[..used.map_or(0, |last| last + 1)];
        while let Some((bits, color)) = rest.first() {
            let same = |cell: &(u32, usize)| (cell.0 == 0) == (*bits == 0) && cell.1 == *color;
            let run = rest.iter().take_while(|cell| same(cell)).count();
            let text: String = rest[..run]
                .iter()
                .map(|(bits, _)| character(*bits))
                .collect();
            match bits {
                0 => out.push_str(&text),
                _ => paint(out, *color, &text),
            }
            rest = &rest[run..];
        }
    }
}

fn character(bits: u32) -> char {
    match bits {
        0 => ' ',
        bits => char::from_u32(BRAILLE + bits).unwrap_or(' '),
    }
}

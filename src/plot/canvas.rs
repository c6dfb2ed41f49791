//! A grid of characters, each of 2 by 4 Braille dots or a symbol of its own.

use super::text::{colour, painted};

/// Columns and rows of dots in a character.
pub(super) const DOTS: (usize, usize) = (2, 4);

#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    dots: u8,
    symbol: Option<char>,
    /// The layer that drew here last.
    layer: usize,
}

impl Cell {
    fn character(self) -> char {
        match (self.symbol, self.dots) {
            (Some(symbol), _) => symbol,
            (None, 0) => ' ',
            (None, dots) => char::from_u32(0x2800 + u32::from(dots)).unwrap_or(' '),
        }
    }
}

#[derive(Debug)]
pub(super) struct Canvas {
    columns: usize,
    cells: Vec<Cell>,
}

impl Canvas {
    pub(super) fn new(columns: usize, rows: usize) -> Self {
        Self { columns, cells: vec![Cell::default(); columns * rows] }
    }

    fn cell(&mut self, column: usize, row: usize) -> Option<&mut Cell> {
        if column >= self.columns {
            return None;
        }
        self.cells.get_mut(row * self.columns + column)
    }

    /// Sets the dot at `x` from the left and `y` from the top. What lies outside is left out.
    pub(super) fn dot(&mut self, (x, y): (usize, usize), layer: usize) {
        let bit = match (x % DOTS.0, y % DOTS.1) {
            (0, 3) => 0x40,
            (0, row) => 0x01 << row,
            (_, 3) => 0x80,
            (_, row) => 0x08 << row,
        };
        if let Some(cell) = self.cell(x / DOTS.0, y / DOTS.1) {
            *cell = Cell { dots: cell.dots | bit, symbol: None, layer };
        }
    }

    /// The dots from one to the other, by Bresenham's algorithm.
    pub(super) fn line(&mut self, from: (usize, usize), to: (usize, usize), layer: usize) {
        let (width, height) = (from.0.abs_diff(to.0), from.1.abs_diff(to.1));
        let steps = width.max(height).max(1);
        let between = |from: usize, to: usize, distance: usize, step: usize| {
            let moved = (distance * step * 2 + steps) / (steps * 2);
            if to >= from { from + moved } else { from - moved }
        };
        for step in 0..=steps {
            let x = between(from.0, to.0, width, step);
            self.dot((x, between(from.1, to.1, height, step)), layer);
        }
    }

    pub(super) fn symbol(&mut self, column: usize, row: usize, symbol: char, layer: usize) {
        if let Some(cell) = self.cell(column, row) {
            *cell = Cell { symbol: Some(symbol), layer, ..*cell };
        }
    }

    /// Writes the symbol over the layer's topmost dots in every so many-th column, or in the first
    /// that has any where none of those has.
    pub(super) fn mark(&mut self, layer: usize, symbol: char, first: usize, every: usize) {
        let drawn = |cell: &Cell| cell.layer == layer && cell.dots != 0 && cell.symbol.is_none();
        let column = |at: &usize| at % self.columns;
        let cells = self.cells.iter().enumerate();
        let mut places: Vec<usize> =
            cells.filter(|(_, cell)| drawn(cell)).map(|(at, _)| at).collect();
        places.sort_by_key(column);
        places.dedup_by_key(|at| column(at));
        let regular = |at: &usize| column(at) % every == first % every;
        if places.iter().any(regular) {
            places.retain(regular);
        } else {
            places.truncate(1);
        }
        for at in places {
            self.cells.get_mut(at).into_iter().for_each(|cell| cell.symbol = Some(symbol));
        }
    }

    /// The text of a row, without spaces at its end.
    pub(super) fn row(&self, row: usize, colours: bool) -> String {
        let cells = self.cells.chunks(self.columns.max(1)).nth(row).unwrap_or_default();
        let used = cells.iter().rposition(|cell| cell.character() != ' ').map_or(0, |at| at + 1);
        let same = |a: &Cell, b: &Cell| {
            (a.character() == ' ') == (b.character() == ' ') && a.layer == b.layer
        };
        let mut text = String::new();
        for run in cells.get(..used).unwrap_or_default().chunk_by(same) {
            let characters: String = run.iter().map(|cell| cell.character()).collect();
            let blank = characters.starts_with(' ');
            let layer = run.first().map_or(0, |cell| cell.layer);
            text.push_str(&painted(&characters, colour(layer), colours && !blank));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_has_two_by_four_dots() {
        let mut canvas = Canvas::new(3, 1);
        for dot in [(0, 0), (1, 3), (2, 3), (3, 0), (7, 1), (1, 9)] {
            canvas.dot(dot, 0);
        }
        assert_eq!(canvas.row(0, false), "⢁⡈");
    }

    #[test]
    fn a_line_is_drawn_both_ways_alike() {
        let (mut there, mut back) = (Canvas::new(4, 2), Canvas::new(4, 2));
        there.line((0, 7), (7, 0), 0);
        back.line((7, 0), (0, 7), 0);
        let rows = [0, 1].map(|row| there.row(row, false));
        assert_eq!(rows, ["  ⡠⠊", "⡠⠊"]);
        assert_eq!(rows, [0, 1].map(|row| back.row(row, false)));
    }

    #[test]
    fn a_line_is_marked_at_least_once() {
        let mut canvas = Canvas::new(8, 1);
        canvas.line((0, 0), (15, 0), 0);
        canvas.mark(0, 'x', 2, 4);
        canvas.line((2, 3), (3, 3), 1);
        canvas.mark(1, 'o', 0, 4);
        assert_eq!(canvas.row(0, false), "⠉ox⠉⠉⠉x⠉");
    }

    #[test]
    fn each_run_of_a_layer_has_its_colour() {
        let mut canvas = Canvas::new(4, 1);
        canvas.symbol(0, 0, 'a', 0);
        canvas.symbol(2, 0, 'b', 1);
        canvas.symbol(3, 0, 'c', 1);
        assert_eq!(canvas.row(0, true), "\x1b[36ma\x1b[0m \x1b[33mbc\x1b[0m");
    }
}

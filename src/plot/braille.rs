//! Plots of Braille dots and block elements for a terminal.

use super::bars::number_labels;
use super::canvas::{Canvas, DOTS};
use super::range::{Range, drawable, ranges};
use super::text::{BOLD, COLOURS, DIM, NOTHING, legend, painted, shortened};
use super::thin::{Point, runs};
use super::ticks::{Placed, Ruler, Tick, placed, rounded};
use super::{Layer, Mark, Plot};

/// Symbols of the layers without colours, or where there are more layers than colours.
const SYMBOLS: [char; 24] = [
    '●', '×', '+', '○', '◆', '△', '■', '◇', '▲', '□', '▼', '▽', '★', '☆', '◀', '▷', '◐', '◒', 'a',
    'b', 'c', 'd', 'e', 'f',
];
/// Of fields, the weakest first.
const SHADES: [char; 4] = ['░', '▒', '▓', '█'];
const UP: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// So many columns lie between two symbols on a line.
const SYMBOL_GAP: usize = 12;
/// A frame of fewer columns has no labels at its left.
const NARROWEST: usize = 6;

/// The part of the plot in which the layers are drawn.
struct Frame {
    x: Range,
    y: Range,
    columns: usize,
    rows: usize,
    canvas: Canvas,
    /// Layers are told apart by symbols.
    symbols: bool,
    /// So are points.
    point_symbols: bool,
}

pub(super) fn render(plot: &Plot, width: usize, height: usize, colours: bool) -> String {
    let Some((x, y)) = ranges(plot).filter(|_| width > 0 && height > 0) else {
        return nothing(plot, width, height, colours);
    };
    let parts = Parts::new(plot, height);
    let (y, y_ticks) = rounded(&plot.y.scale, y, (parts.rows / 2 + 1).clamp(2, 8));
    let mut margin = Margin::new(&y_ticks, y, parts.rows, width);
    if width < margin.width() + NARROWEST {
        margin = Margin { labels: Vec::new(), width: 0 };
    }
    let columns = even_columns(plot, x, width - margin.width());
    let symbols = plot.layers.len() > if colours { COLOURS.len() } else { 1 };
    let has_intervals =
        plot.layers.iter().any(|layer| matches!(layer.mark, Mark::Intervals { .. }));
    let clouds = plot.layers.iter().filter(|layer| layer.mark == Mark::Points).count();
    let mut frame = Frame {
        x,
        y,
        columns,
        rows: parts.rows,
        canvas: Canvas::new(columns, parts.rows),
        symbols,
        // A dot does not show on the line of its interval.
        point_symbols: (symbols && clouds > 1) || has_intervals,
    };
    let symbols = frame.draw(plot, colours);
    let start = margin.width();
    let mut lines = Vec::new();
    lines.extend(title_line(plot, start, width, colours).filter(|_| parts.title));
    if parts.y_label {
        lines.push(line_at(start, &plot.y.label, width, DIM, colours));
    }
    for row in 0..parts.rows {
        let line = format!("{}{}", margin.row(row), frame.canvas.row(row, colours));
        lines.push(line.trim_end().to_owned());
    }
    if parts.x_axis {
        let start = start as f64;
        let ruler = Ruler { start, length: columns as f64, total: width as f64, letter: 1.0 };
        lines.extend(frame.x_axis(&margin, &placed(&plot.x.scale, x, ruler)));
    }
    if parts.x_label {
        let room = (start + columns).min(width);
        let label = shortened(&plot.x.label, room);
        let centred = start + columns.saturating_sub(label.chars().count()) / 2;
        lines.push(line_at(centred, &label, room, DIM, colours));
    }
    lines.extend(legend_line(plot, &symbols, width, colours).filter(|_| parts.legend));
    lines.join("\n")
}

/// Says that there is nothing to draw, below the title if there is room.
pub(super) fn nothing(plot: &Plot, width: usize, height: usize, colours: bool) -> String {
    if width == 0 || height == 0 {
        return String::new();
    }
    let title = title_line(plot, 0, width, colours).filter(|_| height > 1);
    let lines = [title, Some(shortened(NOTHING, width))];
    lines.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

/// The title from the `start`-th column on, or further left where it is long.
pub(super) fn title_line(plot: &Plot, start: usize, width: usize, colours: bool) -> Option<String> {
    let title = shortened(&plot.title, width);
    (!title.is_empty()).then(|| line_at(start, &title, width, BOLD, colours))
}

/// The names of the layers, where there are several, or the ends of what fields show.
pub(super) fn legend_line(
    plot: &Plot,
    symbols: &[char],
    width: usize,
    colours: bool,
) -> Option<String> {
    if let Some((low, high)) = plot.strengths() {
        let ends = number_labels(&[low, high]);
        let shades = [SHADES[0], SHADES[SHADES.len() - 1]];
        let ends: Vec<(char, &str)> = shades.into_iter().zip(ends.iter().map(|s| &**s)).collect();
        return Some(legend(&ends, width, false)).filter(|line| !line.is_empty());
    }
    let names = plot.layers.iter().map(|layer| layer.name.as_str());
    let layers: Vec<(char, &str)> = symbols.iter().copied().zip(names).collect();
    let line = legend(&layers, width, colours);
    (layers.len() > 1 && !line.is_empty()).then_some(line)
}

fn line_at(start: usize, text: &str, width: usize, style: &str, colours: bool) -> String {
    let text = shortened(text, width);
    let start = start.min(width - text.chars().count());
    format!("{}{}", " ".repeat(start), painted(&text, style, colours))
}

/// Which parts of the plot have a line.
struct Parts {
    title: bool,
    y_label: bool,
    x_axis: bool,
    x_label: bool,
    legend: bool,
    /// Lines left for the layers.
    rows: usize,
}

impl Parts {
    /// Leaves out what matters least until the layers have enough lines.
    fn new(plot: &Plot, height: usize) -> Self {
        let mut parts = Self {
            title: !shortened(&plot.title, 1).is_empty(),
            y_label: !shortened(&plot.y.label, 1).is_empty(),
            x_axis: true,
            x_label: !shortened(&plot.x.label, 1).is_empty(),
            legend: plot.layers.len() > 1 || plot.strengths().is_some(),
            rows: 0,
        };
        let fits = |parts: &Self, rows: usize| height >= parts.lines() + rows;
        parts.y_label &= fits(&parts, 5);
        parts.x_label &= fits(&parts, 5);
        parts.legend &= fits(&parts, 4);
        parts.title &= fits(&parts, 3);
        parts.x_axis &= fits(&parts, 2);
        parts.rows = height.saturating_sub(parts.lines()).max(1);
        parts
    }

    fn lines(&self) -> usize {
        let single = [self.title, self.y_label, self.x_label, self.legend];
        single.into_iter().map(usize::from).sum::<usize>() + 2 * usize::from(self.x_axis)
    }
}

/// The labels of y, and the line of the axis.
struct Margin {
    /// Of each row.
    labels: Vec<Option<String>>,
    width: usize,
}

impl Margin {
    fn new(ticks: &[Tick], y: Range, rows: usize, width: usize) -> Self {
        let mut labels = vec![None; rows];
        let longest = width / 3;
        for Tick { at, label } in ticks {
            let row = dot(1.0 - y.position(*at), rows * DOTS.1) / DOTS.1;
            if let Some(place) = labels.get_mut(row) {
                place.get_or_insert(shortened(label, longest));
            }
        }
        let width = labels.iter().flatten().map(|label| label.chars().count()).max().unwrap_or(0);
        Self { labels, width }
    }

    fn width(&self) -> usize {
        if self.labels.is_empty() { 0 } else { self.width + 2 }
    }

    fn row(&self, row: usize) -> String {
        match self.labels.get(row) {
            None => String::new(),
            Some(None) => format!("{:1$} │", "", self.width),
            Some(Some(label)) => format!("{label:>0$} ┤", self.width),
        }
    }
}

/// The dot of so many that has a position from 0 to 1.
fn dot(position: f64, dots: usize) -> usize {
    // A position on the edge of a dot, where bars end, shall not fall below it by rounding.
    let place = (position * dots as f64 + 1e-9).max(0.0) as usize;
    place.min(dots.saturating_sub(1))
}

/// Columns for the frame: such that adjoining bars are of equal width, where that costs little.
fn even_columns(plot: &Plot, x: Range, columns: usize) -> usize {
    let widths = plot.layers.iter().map(Layer::half_width).filter(|half| *half > 0.0);
    let Some(half) = widths.reduce(f64::min) else { return columns };
    let bars = (x.span() / (2.0 * half)).round() as usize;
    let even = columns / bars.max(1) * bars;
    if even * 3 >= columns * 2 { even } else { columns }
}

impl Frame {
    /// Draws all layers; their symbols for a legend.
    fn draw(&mut self, plot: &Plot, colours: bool) -> Vec<char> {
        let mut symbols = vec!['●'; plot.layers.len()];
        let mut blocks = false;
        for (at, layer) in plot.by_depth() {
            let mut symbol = SYMBOLS.get(at % SYMBOLS.len()).copied().unwrap_or('●');
            match &layer.mark {
                Mark::Line => self.lines(layer, at),
                Mark::Thin => {
                    symbol = '·';
                    self.lines(layer, at);
                }
                Mark::Intervals { .. } => {
                    symbol = '│';
                    self.intervals(layer, at);
                }
                Mark::Fields { .. } => self.fields(layer, at),
                Mark::Points => {
                    self.points(layer, at, symbol);
                    symbol = if self.point_symbols { symbol } else { '∴' };
                }
                // A character holds the blocks of one layer; those of the others are outlined.
                Mark::Bars { .. } if blocks => self.outline(layer, at),
                Mark::Bars { .. } => {
                    blocks = true;
                    symbol = '█';
                    self.blocks(layer, at);
                }
                Mark::Band { .. } | Mark::Spans { .. } => {
                    symbol = '░';
                    self.band(layer, at);
                }
            }
            let plain = colours
                && !self.symbols
                && !self.point_symbols
                && !matches!(symbol, '░' | '∴' | '│');
            if let Some(place) = symbols.get_mut(at) {
                *place = if plain { '●' } else { symbol };
            }
        }
        if self.symbols {
            for (at, layer) in plot.layers.iter().enumerate() {
                let symbol = symbols.get(at).copied().unwrap_or('●');
                let lines = matches!(layer.mark, Mark::Line | Mark::Bars { .. });
                if lines && symbol != '█' {
                    let offset = SYMBOL_GAP / 2 + at * SYMBOL_GAP / plot.layers.len();
                    self.canvas.mark(at, symbol, offset, SYMBOL_GAP);
                }
            }
        }
        symbols
    }

    fn place(&self, x: f64, y: f64) -> (usize, usize) {
        let column = dot(self.x.position(x), self.columns * DOTS.0);
        (column, dot(1.0 - self.y.position(y), self.rows * DOTS.1))
    }

    fn lines(&mut self, layer: &Layer, at: usize) {
        let (dots, rows) = (self.columns * DOTS.0, self.rows * DOTS.1);
        let spans: Vec<(f64, f64, f64)> = layer.spans().collect();
        for piece in spans.split(|span| !drawable(*span)) {
            // In columns of dots, so that a run is what falls on one of them.
            let column = |x: f64| dot(self.x.position(x), dots) as f64;
            let points: Vec<Point> = piece.iter().map(|(x, y, _)| (column(*x), *y)).collect();
            let places: Vec<(usize, usize)> = runs(&points, 1.0)
                .into_iter()
                .map(|(x, y)| (x.max(0.0) as usize, dot(1.0 - self.y.position(y), rows)))
                .collect();
            if let [single] = places.as_slice() {
                self.canvas.dot(*single, at);
            }
            for pair in places.windows(2) {
                if let [from, to] = pair {
                    self.canvas.line(*from, *to, at);
                }
            }
        }
    }

    fn points(&mut self, layer: &Layer, at: usize, symbol: char) {
        for (x, y, _) in layer.spans().filter(|span| drawable(*span)) {
            let (column, row) = self.place(x, y);
            self.canvas.dot((column, row), at);
            if self.point_symbols {
                self.canvas.symbol(column / DOTS.0, row / DOTS.1, symbol, at);
            }
        }
    }

    fn intervals(&mut self, layer: &Layer, at: usize) {
        for (x, low, high) in layer.spans().filter(|span| drawable(*span)) {
            self.canvas.line(self.place(x, low), self.place(x, high), at);
        }
    }

    /// The character of each value, all over its field.
    fn fields(&mut self, layer: &Layer, at: usize) {
        let values = || layer.fields().map(|(_, value)| value);
        let low = values().fold(f64::INFINITY, f64::min);
        let span = values().fold(f64::NEG_INFINITY, f64::max) - low;
        let row =
            |y: f64| ((1.0 - self.y.position(y)) * self.rows as f64).round().max(0.0) as usize;
        let mut fields = Vec::new();
        for ((x, y), value) in layer.fields() {
            let strength = ((value - low) / span * SHADES.len() as f64) as usize;
            let symbol = SHADES.get(strength.min(SHADES.len() - 1)).copied().unwrap_or('█');
            let top = row(y + 0.5).min(self.rows.saturating_sub(1));
            let rows = top..row(y - 0.5).clamp(top + 1, self.rows.max(top + 1));
            let (from, to) = self.bar_columns(x, 0.5);
            fields.extend(rows.flat_map(|row| (from..to).map(move |c| (c, row, symbol))));
        }
        for (column, row, symbol) in fields {
            self.canvas.symbol(column, row, symbol, at);
        }
    }

    /// Every other dot of the area.
    fn band(&mut self, layer: &Layer, at: usize) {
        let spans: Vec<(f64, f64, f64)> = layer.spans().collect();
        for piece in spans.split(|span| !drawable(*span)) {
            let edge = |value: fn(&(f64, f64, f64)) -> f64| -> Vec<(usize, usize)> {
                piece.iter().map(|span| self.place(span.0, value(span))).collect()
            };
            let (low, high) = (edge(|span| span.1), edge(|span| span.2));
            for (nth, (&a, &c)) in low.iter().zip(&high).enumerate() {
                // The last has no next.
                let b = low.get(nth + 1).copied().unwrap_or(a);
                let d = high.get(nth + 1).copied().unwrap_or(c);
                for x in a.0.min(b.0)..=a.0.max(b.0) {
                    let (one, other) = (between(a, b, x), between(c, d, x));
                    for y in one.min(other)..=one.max(other) {
                        if one == other || (x + y) % 2 == 0 {
                            self.canvas.dot((x, y), at);
                        }
                    }
                }
            }
        }
    }

    /// The columns of a bar.
    fn bar_columns(&self, x: f64, half: f64) -> (usize, usize) {
        let edge = |x: f64| (self.x.position(x) * self.columns as f64).round().max(0.0) as usize;
        let from = edge(x - half).min(self.columns.saturating_sub(1));
        (from, edge(x + half).clamp(from + 1, self.columns))
    }

    fn blocks(&mut self, layer: &Layer, at: usize) {
        let half = layer.half_width();
        let eighths = |part: f64| (part * (self.rows * 8) as f64).round().max(0.0) as usize;
        let zero = eighths(self.y.position(0.0).clamp(0.0, 1.0)).div_ceil(8).min(self.rows);
        let mut bars = Vec::new();
        for (x, _, y) in layer.spans().filter(|span| drawable(*span) && span.2 != 0.0) {
            let size = eighths(y.abs() / self.y.span()).max(1);
            bars.push((self.bar_columns(x, half), y > 0.0, size));
        }
        for ((from, to), up, size) in bars {
            let room = if up { self.rows - zero } else { zero };
            let size = size.min(room * 8);
            for cell in 0..size.div_ceil(8) {
                let part = (size - cell * 8).min(8);
                let row = if up {
                    self.rows.checked_sub(zero + cell + 1)
                } else {
                    Some(self.rows - zero + cell)
                };
                let symbol = match part {
                    8 => '█',
                    _ if up => UP.get(part - 1).copied().unwrap_or('█'),
                    1..4 => '▔',
                    _ => '▀',
                };
                for column in from..to {
                    row.into_iter().for_each(|row| self.canvas.symbol(column, row, symbol, at));
                }
            }
        }
    }

    fn outline(&mut self, layer: &Layer, at: usize) {
        let half = layer.half_width();
        let mut last: Option<(usize, usize)> = None;
        for (x, zero, y) in layer.spans().filter(|span| drawable(*span)) {
            let (from, to) = self.bar_columns(x, half);
            let (left, right) = (from * DOTS.0, to * DOTS.0 - 1);
            let (top, base) = (self.place(x, y).1, self.place(x, zero).1);
            let joined = last.filter(|(column, _)| left.abs_diff(*column) <= 1);
            self.canvas.line((left, joined.map_or(base, |(_, row)| row)), (left, top), at);
            self.canvas.line((left, top), (right, top), at);
            last = Some((right, top));
        }
    }

    /// The line of the axis and the labels below.
    fn x_axis(&self, margin: &Margin, labels: &[Placed]) -> Vec<String> {
        let start = margin.width();
        let mut axis = vec!['─'; self.columns];
        let mut line = String::new();
        for Placed { at, start: label, label: text } in labels {
            let position = (at - start as f64) / self.columns.max(1) as f64;
            let column = dot(position, self.columns * DOTS.0) / DOTS.0;
            axis.get_mut(column).into_iter().for_each(|place| *place = '┬');
            let gap = (label.round() as usize).saturating_sub(line.chars().count());
            line.push_str(&" ".repeat(gap));
            line.push_str(text);
        }
        line.truncate(line.trim_end().len());
        let corner = if start > 0 { format!("{:1$}└", "", start - 1) } else { String::new() };
        vec![format!("{corner}{}", axis.into_iter().collect::<String>()), line]
    }
}

/// The row at column `x` of the line from `a` to `b`.
fn between(a: (usize, usize), b: (usize, usize), x: usize) -> usize {
    if a.0 == b.0 {
        return b.1;
    }
    let part = (x as f64 - a.0 as f64) / (b.0 as f64 - a.0 as f64);
    (a.1 as f64 + part * (b.1 as f64 - a.1 as f64)).round().max(0.0) as usize
}

//! Plots: what is drawn is said once, and drawn in a terminal or as an SVG picture.

mod bars;
mod braille;
mod canvas;
mod histogram;
mod marks;
mod range;
mod sheet;
mod svg;
mod text;
mod thin;
mod ticks;
mod time;

pub use histogram::histogram;

/// What is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    pub layers: Vec<Layer>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    pub label: String,
    pub scale: Scale,
}

/// What the numbers of an axis mean.
#[derive(Debug, Clone, PartialEq)]
pub enum Scale {
    Number,
    /// Seconds since 1970 UTC.
    Time,
    /// The names of the categories; a value is an index of them.
    Category(Vec<String>),
}

/// A series of points, drawn by one mark. Points that are not finite are not drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    pub name: String,
    pub mark: Mark,
    pub points: Vec<(f64, f64)>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// Broken where a point is not finite.
    Line,
    Points,
    /// From 0 to y; `width` is in units of x.
    Bars {
        width: f64,
    },
    /// From a value of its own for each point to y; a range is told by both, another by how long it is.
    Spans {
        width: f64,
        from: Vec<f64>,
        is_range: bool,
    },
    /// The area between y and `upper`, which has a value for each point.
    Band {
        upper: Vec<f64>,
    },
}

/// Between which values a bar lies, where there is one.
type Ends = Option<(f64, f64)>;

impl Plot {
    /// The plot in at most `height` lines of at most `width` characters. With `colours` it has ANSI
    /// colours. Bars of categories lie; all others stand.
    pub fn braille(&self, width: usize, height: usize, colours: bool) -> String {
        if self.has_lying_bars() {
            bars::render(self, width, height, colours)
        } else {
            braille::render(self, width, height, colours)
        }
    }

    /// The plot as an SVG picture of so many pixels. A long series is thinned to what can be seen.
    ///
    /// # Errors
    /// What the drawing library says.
    pub fn svg(&self, width: u32, height: u32) -> Result<String, String> {
        svg::render(self, width, height)
    }

    /// Names of categories are often long, so their bars lie, with the names on the left.
    fn has_lying_bars(&self) -> bool {
        matches!(self.x.scale, Scale::Category(_))
            && self
                .layers
                .iter()
                .all(|layer| matches!(layer.mark, Mark::Bars { .. } | Mark::Spans { .. }))
    }

    /// Of each category, between which values the bar of each layer lies.
    fn values_by_category(&self) -> Vec<(&str, Vec<Ends>)> {
        let Scale::Category(names) = &self.x.scale else { return Vec::new() };
        let mut values: Vec<_> =
            names.iter().map(|name| (name.as_str(), vec![None; self.layers.len()])).collect();
        for (at, layer) in self.layers.iter().enumerate() {
            for (x, from, y) in layer.spans().filter(|span| range::drawable(*span) && span.0 > -0.5)
            {
                let category = values.get_mut(x.round() as usize);
                if let Some(value) = category.and_then(|(_, values)| values.get_mut(at)) {
                    *value = Some((from, y));
                }
            }
        }
        values
    }
}

impl Layer {
    /// x, and the two values of y between which the mark lies.
    fn spans(&self) -> impl Iterator<Item = (f64, f64, f64)> {
        self.points.iter().enumerate().map(|(at, (x, y))| match &self.mark {
            Mark::Line | Mark::Points => (*x, *y, *y),
            Mark::Bars { .. } => (*x, 0.0, *y),
            Mark::Spans { from, .. } => (*x, from.get(at).copied().unwrap_or(f64::NAN), *y),
            Mark::Band { upper } => (*x, *y, upper.get(at).copied().unwrap_or(f64::NAN)),
        })
    }

    /// Half the width of a bar, 0 for other marks.
    fn half_width(&self) -> f64 {
        match self.mark {
            Mark::Bars { width } | Mark::Spans { width, .. }
                if width > 0.0 && width <= range::LIMIT =>
            {
                width / 2.0
            }
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests;

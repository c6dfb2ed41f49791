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
    /// As a line, of many that lie thin and pale under all else.
    Thin,
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
    /// From y to `upper` at each point alone, where nothing lies between two of them.
    Intervals {
        upper: Vec<f64>,
    },
    /// A field round each point, between categories on both axes, as strong as its value.
    Fields {
        values: Vec<f64>,
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

    /// The bars of the first so many categories, and a name that counts the others.
    fn shortened_to(&self, shown: usize) -> Self {
        let mut plot = self.clone();
        let Scale::Category(names) = &mut plot.x.scale else { return plot };
        let left = names.len().saturating_sub(shown);
        names.truncate(shown);
        names.push(format!("+{left} more"));
        for layer in &mut plot.layers {
            // What is not finite is not drawn, and others keep their places.
            let hidden = layer.points.iter_mut().filter(|(x, _)| x.round() >= shown as f64);
            hidden.for_each(|(x, _)| *x = f64::NAN);
        }
        plot
    }

    /// Names of categories are often long, so their bars lie, with the names on the left.
    fn has_lying_bars(&self) -> bool {
        matches!(self.x.scale, Scale::Category(_))
            && self
                .layers
                .iter()
                .all(|layer| matches!(layer.mark, Mark::Bars { .. } | Mark::Spans { .. }))
    }

    /// The layers and their numbers, the lowest first: lines of many, then areas, then all else.
    fn by_depth(&self) -> Vec<(usize, &Layer)> {
        let depth = |layer: &Layer| match layer.mark {
            Mark::Thin => 0,
            Mark::Band { .. } | Mark::Intervals { .. } => 1,
            _ => 2,
        };
        let mut layers: Vec<(usize, &Layer)> = self.layers.iter().enumerate().collect();
        layers.sort_by_key(|(_, layer)| depth(layer));
        layers
    }

    /// The least and the greatest value of fields, where they are all that is drawn.
    fn strengths(&self) -> Option<(f64, f64)> {
        let [layer] = self.layers.as_slice() else { return None };
        let values = layer.fields().map(|(_, value)| value);
        let ends = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        (ends.0 <= ends.1).then_some(ends)
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
            Mark::Line | Mark::Thin | Mark::Points => (*x, *y, *y),
            // A field without a value takes no room.
            Mark::Fields { values } => {
                let has_value = values.get(at).is_some_and(|v| range::drawable((*x, *y, *v)));
                let y = if has_value { *y } else { f64::NAN };
                (*x, y, y)
            }
            Mark::Bars { .. } => (*x, 0.0, *y),
            Mark::Spans { from, .. } => (*x, from.get(at).copied().unwrap_or(f64::NAN), *y),
            Mark::Band { upper } | Mark::Intervals { upper } => {
                (*x, *y, upper.get(at).copied().unwrap_or(f64::NAN))
            }
        })
    }

    /// Where each field that can be drawn lies, and its value.
    fn fields(&self) -> impl Iterator<Item = ((f64, f64), f64)> {
        let values: &[f64] = match &self.mark {
            Mark::Fields { values } => values,
            _ => &[],
        };
        let fields = self.points.iter().copied().zip(values.iter().copied());
        fields.filter(|((x, y), value)| range::drawable((*x, *y, *value)))
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

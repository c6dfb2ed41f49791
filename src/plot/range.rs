//! The range of values that an axis shows.

use super::{Plot, Scale};

/// Values beyond this are not drawn, so that no sum or difference overflows.
pub(super) const LIMIT: f64 = 1e300;
/// Below this part of its values a range has no width.
const RELATIVE: f64 = 1e-12;
const SMALLEST: f64 = 1e-290;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Range {
    pub low: f64,
    pub high: f64,
    /// Whether all values are whole numbers, so that ticks between them say nothing.
    pub whole: bool,
}

impl Range {
    const NONE: Self = Self { low: f64::INFINITY, high: f64::NEG_INFINITY, whole: true };

    pub(super) fn span(&self) -> f64 {
        self.high - self.low
    }

    /// 0 at the low end, 1 at the high end.
    pub(super) fn position(&self, value: f64) -> f64 {
        (value - self.low) / self.span()
    }

    /// With so much of the span added at each end, but not beyond 0.
    pub(super) fn padded(self, part: f64) -> Self {
        let more = self.span() * part;
        let low = if self.low == 0.0 { 0.0 } else { self.low - more };
        let high = if self.high == 0.0 { 0.0 } else { self.high + more };
        Self { low, high, ..self }
    }

    fn include(&mut self, value: f64) {
        self.low = self.low.min(value);
        self.high = self.high.max(value);
    }

    fn add(&mut self, value: f64) {
        self.include(value);
        self.whole &= value.fract() == 0.0;
    }

    /// A range of some width, also for a constant.
    fn widened(self) -> Self {
        let largest = self.low.abs().max(self.high.abs());
        if largest < SMALLEST {
            return Self { low: -1.0, high: 1.0, ..self };
        }
        if self.span() > largest * RELATIVE {
            return self;
        }
        let more = if self.whole && largest < 1e6 { 1.0 } else { largest * 0.1 };
        Self { low: self.low - more, high: self.high + more, ..self }
    }
}

/// Whether x and both values of y can be drawn.
pub(super) fn drawable((x, low, high): (f64, f64, f64)) -> bool {
    x.abs() <= LIMIT && low.abs() <= LIMIT && high.abs() <= LIMIT
}

/// The ranges of x and y that show all layers; `None` where there is nothing to draw.
pub(super) fn ranges(plot: &Plot) -> Option<(Range, Range)> {
    let (mut x_range, mut y_range) = (Range::NONE, Range::NONE);
    for layer in &plot.layers {
        let half = layer.half_width();
        for (x, low, high) in layer.spans().filter(|span| drawable(*span)) {
            x_range.add(x);
            if half > 0.0 {
                x_range.include(x - half);
                x_range.include(x + half);
            }
            y_range.add(low);
            y_range.add(high);
        }
    }
    if x_range.low > x_range.high {
        return None;
    }
    if plot.has_lying_bars() {
        // The line from which they begin, also where all begin elsewhere.
        y_range.include(0.0);
    }
    for (range, axis) in [(&mut x_range, &plot.x), (&mut y_range, &plot.y)] {
        if let Scale::Category(names) = &axis.scale {
            range.include(-0.5);
            range.include(names.len() as f64 - 0.5);
        }
        *range = range.widened();
    }
    Some((x_range, y_range))
}

//! The marks of a plot's layers in an SVG picture.

use plotters::style::text_anchor::HPos;
use plotters::style::{Color, RGBAColor, WHITE};

use super::bars::number_labels;
use super::range::{Range, drawable};
use super::sheet::{Drawn, Font, INK, PALE, Sheet, colour, shade, text_width};
use super::thin::{self, Point};
use super::{Layer, Mark, Plot, Scale};

/// What a picture has at most, of all layers together.
const CIRCLES: usize = 4_500;
const VERTICES: usize = 20_000;
const BARS: usize = 4_000;
/// Of a line.
const WIDTH: f64 = 1.8;
/// Of a line over many thin ones, and of those.
const THICK: f64 = 2.8;
const THIN: f64 = 0.8;
/// Of the value in a field, in pixels.
const VALUE: f64 = 11.0;
/// Of a broken line.
const PIECES: usize = 1_500;

/// Where the layers are drawn, in pixels.
pub(super) struct Frame {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
    /// What the horizontal side shows.
    pub across: Range,
    /// What the vertical side shows.
    pub up: Range,
    /// Categories run down the left side and their bars to the right.
    pub lying: bool,
}

impl Frame {
    /// Where a value of the vertical side lies.
    pub(super) fn height_of(&self, value: f64) -> f64 {
        let position = self.up.position(value);
        let down = if self.lying { position } else { 1.0 - position };
        self.top + down * (self.bottom - self.top)
    }

    /// Where a point of the plot lies.
    pub(super) fn place(&self, x: f64, y: f64) -> Point {
        let (across, up) = if self.lying { (y, x) } else { (x, y) };
        let right = self.across.position(across) * (self.right - self.left);
        (self.left + right, self.height_of(up))
    }

    pub(super) fn layers(&self, sheet: &mut Sheet<'_>, plot: &Plot) -> Drawn {
        let count = |mark: fn(&Mark) -> bool| plot.layers.iter().filter(|l| mark(&l.mark)).count();
        let bars = count(|mark| matches!(mark, Mark::Bars { .. } | Mark::Spans { .. }));
        let circles = CIRCLES / count(|mark| matches!(mark, Mark::Points)).max(1);
        let lines = count(|mark| matches!(mark, Mark::Line | Mark::Thin));
        let thin = count(|mark| matches!(mark, Mark::Thin));
        let width = if thin > 0 { THICK } else { WIDTH };
        let vertices = VERTICES / (lines + 2 * (plot.layers.len() - bars)).max(1);
        let mut bar = 0;
        for (at, layer) in plot.by_depth() {
            let colour = colour(at).to_rgba();
            match &layer.mark {
                Mark::Line => self.line(sheet, layer, (colour, width), vertices)?,
                Mark::Thin => self.line(sheet, layer, (PALE.to_rgba(), THIN), vertices)?,
                Mark::Intervals { .. } => self.intervals(sheet, layer, colour)?,
                Mark::Fields { .. } => self.fields(sheet, layer)?,
                Mark::Points => self.points(sheet, layer, colour, circles)?,
                Mark::Band { .. } => self.band(sheet, layer, colour, vertices)?,
                Mark::Spans { .. } => {
                    self.spans(sheet, layer, colour.mix(0.9))?;
                    bar += 1;
                }
                Mark::Bars { .. } => {
                    let grouped = matches!(plot.x.scale, Scale::Category(_));
                    let place = if grouped { (bar, bars) } else { (0, 1) };
                    let alpha = if grouped || bars == 1 { 0.9 } else { 0.55 };
                    self.bars(sheet, layer, colour.mix(alpha), place)?;
                    bar += 1;
                }
            }
        }
        Ok(())
    }

    fn line(
        &self,
        sheet: &mut Sheet<'_>,
        layer: &Layer,
        (colour, width): (RGBAColor, f64),
        most: usize,
    ) -> Drawn {
        let spans: Vec<(f64, f64, f64)> = layer.spans().collect();
        for piece in pieces(&spans) {
            let most = share(most, piece.len(), spans.len());
            let points = piece.iter().map(|(x, y, _)| self.place(*x, *y)).collect();
            match thin::line(points, most).as_slice() {
                [single] => sheet.circle(*single, width, colour)?,
                points => sheet.path(points, colour, width)?,
            }
        }
        Ok(())
    }

    fn points(
        &self,
        sheet: &mut Sheet<'_>,
        layer: &Layer,
        colour: RGBAColor,
        most: usize,
    ) -> Drawn {
        let drawn = layer.spans().filter(|span| drawable(*span));
        let points = thin::points(drawn.map(|(x, y, _)| self.place(x, y)).collect(), most);
        let (radius, alpha) = match points.len() {
            0..=200 => (3.5, 0.8),
            201..=1_000 => (2.5, 0.6),
            _ => (1.8, 0.45),
        };
        points.into_iter().try_for_each(|point| sheet.circle(point, radius, colour.mix(alpha)))
    }

    fn band(&self, sheet: &mut Sheet<'_>, layer: &Layer, colour: RGBAColor, most: usize) -> Drawn {
        let spans: Vec<(f64, f64, f64)> = layer.spans().collect();
        for piece in pieces(&spans) {
            let most = share(most, piece.len(), spans.len());
            let low = piece.iter().map(|(x, low, _)| self.place(*x, *low)).collect();
            let high = piece.iter().map(|(x, _, high)| self.place(*x, *high)).collect();
            let mut outline = thin::line(low, most);
            outline.extend(thin::line(high, most).into_iter().rev());
            match outline.as_slice() {
                [low, high] => sheet.path(&[*low, *high], colour.mix(0.5), WIDTH)?,
                outline => sheet.polygon(outline, colour.mix(0.25))?,
            }
        }
        Ok(())
    }

    /// Upright lines between two short ones.
    fn intervals(&self, sheet: &mut Sheet<'_>, layer: &Layer, colour: RGBAColor) -> Drawn {
        const END: f64 = 5.0;
        for (x, low, high) in layer.spans().filter(|span| drawable(*span)).take(BARS) {
            let ends = [self.place(x, low), self.place(x, high)];
            sheet.path(&ends, colour, WIDTH)?;
            for (x, y) in ends {
                sheet.path(&[(x - END, y), (x + END, y)], colour, WIDTH)?;
            }
        }
        Ok(())
    }

    /// Fields as dark as their values are great, with these where they have room.
    fn fields(&self, sheet: &mut Sheet<'_>, layer: &Layer) -> Drawn {
        let values: Vec<f64> = layer.fields().map(|(_, value)| value).collect();
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let span = values.iter().copied().fold(f64::NEG_INFINITY, f64::max) - low;
        let inside =
            |(x, y): Point| (x.clamp(self.left, self.right), y.clamp(self.top, self.bottom));
        for (((x, y), value), text) in layer.fields().zip(number_labels(&values)) {
            let a = inside(self.place(x - 0.5, y - 0.5));
            let b = inside(self.place(x + 0.5, y + 0.5));
            let strength = if span > 0.0 { (value - low) / span } else { 0.0 };
            sheet.rectangle(a, b, shade(strength).to_rgba())?;
            let has_room = (b.0 - a.0).abs() > text_width(text.chars().count(), VALUE) + 6.0
                && (b.1 - a.1).abs() > VALUE + 3.0;
            if has_room {
                let ink = if strength > 0.5 { WHITE } else { INK };
                let font = Font { size: VALUE, colour: ink, side: HPos::Center, ..Font::PLAIN };
                sheet.text(&text, ((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0), font)?;
            }
        }
        Ok(())
    }

    /// Bars that begin anywhere.
    fn spans(&self, sheet: &mut Sheet<'_>, layer: &Layer, colour: RGBAColor) -> Drawn {
        let half = layer.half_width();
        let drawn = layer.spans().filter(|span| drawable(*span)).take(BARS);
        for (x, from, to) in drawn {
            sheet.rectangle(self.place(x - half, from), self.place(x + half, to), colour)?;
        }
        Ok(())
    }

    /// The bars of the layer that is the first or a later one of several in a group.
    fn bars(
        &self,
        sheet: &mut Sheet<'_>,
        layer: &Layer,
        colour: RGBAColor,
        (nth, of): (usize, usize),
    ) -> Drawn {
        /// Space between two bars, where they are wide enough.
        const SPACE: f64 = 0.6;
        let half = layer.half_width();
        let width = 2.0 * half / of.max(1) as f64;
        let drawn = layer.spans().filter(|span| drawable(*span) && span.2 != 0.0);
        let bars: Vec<Point> = drawn.map(|(x, _, y)| (x, y)).collect();
        for (x, y) in highest(bars, if self.lying { self.up } else { self.across }) {
            let from = x - half + nth as f64 * width;
            let (mut a, mut b) = (self.place(from, 0.0), self.place(from + width, y));
            let (start, end) = if self.lying { (&mut a.1, &mut b.1) } else { (&mut a.0, &mut b.0) };
            if (*end - *start).abs() > 8.0 * SPACE {
                *start += SPACE / 2.0;
                *end -= SPACE / 2.0;
            }
            sheet.rectangle(a, b, colour)?;
        }
        Ok(())
    }
}

/// What lies between points that cannot be drawn; of very many pieces, each so many-th.
fn pieces(spans: &[(f64, f64, f64)]) -> impl Iterator<Item = &[(f64, f64, f64)]> {
    let all = || spans.split(|span| !drawable(*span)).filter(|piece| !piece.is_empty());
    all().step_by(all().count().div_ceil(PIECES).max(1))
}

/// The part of `most` that is due to a piece of a line.
fn share(most: usize, piece: usize, all: usize) -> usize {
    (most as f64 * piece as f64 / all.max(1) as f64).ceil() as usize + 2
}

/// Of very many bars, the highest of those that fall on one place.
fn highest(mut bars: Vec<Point>, range: Range) -> Vec<Point> {
    if bars.len() <= BARS {
        return bars;
    }
    let place = |x: f64| (range.position(x) * BARS as f64).floor();
    bars.sort_by(|a, b| place(a.0).total_cmp(&place(b.0)).then(b.1.abs().total_cmp(&a.1.abs())));
    bars.dedup_by(|a, b| place(a.0) == place(b.0));
    bars
}

//! Plots as SVG pictures.

use plotters::style::text_anchor::HPos;
use plotters::style::{Color, WHITE};

use super::bars::{bar_labels, number_labels};
use super::marks::Frame;
use super::range::{Range, ranges};
use super::sheet::{
    AXIS, Drawn, Font, GRID, INK, PALE, Sheet, colour, letters, picture, shade, text_width,
};
use super::text::{NOTHING, shortened};
use super::thin::Point;
use super::ticks::{Ruler, Tick, placed, rounded, ticks};
use super::{Axis, Mark, Plot, Scale};

/// Smaller pictures are drawn at this size and shrunk.
const SMALLEST: (u32, u32) = (240, 160);
const LARGEST: u32 = 20_000;
const TITLE: f64 = 15.0;
const LABEL: f64 = 12.0;
const PLAIN: Font = Font::PLAIN;
const TICK: f64 = PLAIN.size;
const EDGE: f64 = 16.0;
const LEGEND_LINE: f64 = 20.0;
/// Between the name of a bar and its number, since XML makes one of two usual spaces.
const APART: char = '\u{2003}';
/// Height of a line of small text, which a lying bar needs at least.
const LINE: f64 = 14.0;

pub(super) fn render(plot: &Plot, width: u32, height: u32) -> Result<String, String> {
    let size = (width.clamp(SMALLEST.0, LARGEST), height.clamp(SMALLEST.1, LARGEST));
    picture((width.max(1), height.max(1)), size, |sheet| {
        let (width, height) = (f64::from(size.0), f64::from(size.1));
        sheet.rectangle((0.0, 0.0), (width, height), WHITE.to_rgba())?;
        let Some((x, y)) = ranges(plot) else {
            let font = Font { size: LABEL, side: HPos::Center, ..PLAIN };
            sheet.text(NOTHING, (width / 2.0, height / 2.0), font)?;
            let font = Font { size: TITLE, colour: INK, bold: true, ..PLAIN };
            let title = shortened(&plot.title, letters(width - 2.0 * EDGE, TITLE));
            return sheet.text(&title, (EDGE, EDGE + TITLE / 2.0), font);
        };
        draw(plot, sheet, (width, height), (x, y))
    })
}

/// An entry of the legend.
struct Entry {
    at: Point,
    name: String,
    /// `None` for the count of what has no room.
    layer: Option<usize>,
}

/// The ticks along both sides.
struct Sides {
    left: Vec<Tick>,
    left_label: String,
    bottom_scale: Scale,
    bottom_label: String,
}

fn draw(
    plot: &Plot,
    sheet: &mut Sheet<'_>,
    (width, height): (f64, f64),
    (x, y): (Range, Range),
) -> Drawn {
    let title = shortened(&plot.title, letters(width - 2.0 * EDGE, TITLE));
    let mut top = EDGE;
    if !title.is_empty() {
        let font = Font { size: TITLE, colour: INK, bold: true, ..PLAIN };
        sheet.text(&title, (EDGE, top + TITLE / 2.0), font)?;
        top += TITLE + 8.0;
    }
    let entries = legend(plot, top, width, height);
    let mut below = entries.last().map_or(top + 8.0, |entry| entry.at.1 + LEGEND_LINE / 2.0 + 6.0);
    if let Some(ends) = plot.strengths() {
        key(sheet, ends, top + LEGEND_LINE / 2.0)?;
        below = top + LEGEND_LINE + 6.0;
    }
    let top = below;

    let lying = plot.has_lying_bars();
    let (across, up) = if lying { (&plot.y, &plot.x) } else { (&plot.x, &plot.y) };
    let bottom = height - EDGE - 16.0 - if across.label.is_empty() { 0.0 } else { LABEL + 8.0 };
    let shown = if lying { fitting(plot, bottom - top) } else { None };
    let plot = shown.as_ref().unwrap_or(plot);
    let up = if lying { &plot.x } else { up };
    let (x, y) = if shown.is_some() { ranges(plot).unwrap_or((x, y)) } else { (x, y) };
    let (across_range, up_range) = if lying { (y, x) } else { (x, y) };
    let (across_range, _) = match (lying, has_points(plot)) {
        (true, _) => rounded(&across.scale, across_range, (width / 120.0) as usize),
        (false, true) if across.scale == Scale::Number => (across_range.padded(0.02), Vec::new()),
        (false, _) => (across_range, Vec::new()),
    };
    let (up_range, left) = left_ticks(up, up_range, bottom - top);
    let left = cut(plot, left, width);
    let longest = left.iter().map(|tick| tick.label.chars().count()).max().unwrap_or(0);
    let start = EDGE + text_width(longest, TICK) + 8.0;
    let start = start + if up.label.is_empty() { 0.0 } else { LABEL + 8.0 };
    let frame = Frame {
        left: start,
        top,
        right: width - EDGE,
        bottom,
        across: across_range,
        up: up_range,
        lying,
    };
    let sides = Sides {
        left,
        left_label: up.label.clone(),
        bottom_scale: across.scale.clone(),
        bottom_label: across.label.clone(),
    };
    axes(sheet, &frame, &sides, (width, height))?;
    zero_line(sheet, &frame)?;
    frame.layers(sheet, plot)?;
    base_line(sheet, &frame)?;
    draw_legend(sheet, plot, &entries)
}

fn has_points(plot: &Plot) -> bool {
    plot.layers.iter().any(|layer| layer.mark == Mark::Points)
}

fn left_ticks(axis: &Axis, range: Range, height: f64) -> (Range, Vec<Tick>) {
    const SPACE: f64 = 45.0;
    match &axis.scale {
        Scale::Category(_) => (range, ticks(&axis.scale, range, (height / LINE) as usize)),
        scale => rounded(scale, range, ((height / SPACE) as usize).clamp(2, 10)),
    }
}

/// As many lying bars as have a line each in `height`, and how many more there are; none where all have one.
fn fitting(plot: &Plot, height: f64) -> Option<Plot> {
    let Scale::Category(names) = &plot.x.scale else { return None };
    let room = ((height / LINE) as usize).max(2);
    (names.len() > room).then(|| plot.shortened_to(room - 1))
}

/// Names at the left take at most two fifths of the picture. Beside the name of one lying bar stands its
/// number.
fn cut(plot: &Plot, mut ticks: Vec<Tick>, width: f64) -> Vec<Tick> {
    let numbers = if plot.has_lying_bars() { bar_labels(plot) } else { Vec::new() };
    let is_single = |texts: &Vec<String>| texts.iter().filter(|text| !text.is_empty()).count() < 2;
    let has_numbers = numbers.iter().all(is_single);
    for tick in &mut ticks {
        let number = numbers.get(tick.at as usize).filter(|_| has_numbers);
        let number = number.map(|texts| texts.concat()).unwrap_or_default();
        let room = letters(width * 0.4, TICK).saturating_sub(number.chars().count());
        let name = shortened(&tick.label, room);
        tick.label = if number.is_empty() { name } else { format!("{name}{APART}{number}") };
    }
    ticks
}

/// The shades of fields between the ends of what they mean.
fn key(sheet: &mut Sheet<'_>, (low, high): Point, y: f64) -> Drawn {
    const SHADES: usize = 8;
    const WIDE: f64 = 16.0;
    let ends = number_labels(&[low, high]);
    let [low, high] = [0, 1].map(|at| ends.get(at).map_or("", String::as_str));
    let font = Font { colour: INK, ..PLAIN };
    sheet.text(low, (EDGE, y), font)?;
    let mut x = EDGE + text_width(low.chars().count(), TICK) + 6.0;
    for at in 0..SHADES {
        let colour = shade(at as f64 / (SHADES - 1) as f64).to_rgba();
        sheet.rectangle((x, y - 5.0), (x + WIDE, y + 5.0), colour)?;
        x += WIDE;
    }
    sheet.text(high, (x + 6.0, y), font)
}

/// Grid, labels of the ticks, and labels of the axes.
fn axes(sheet: &mut Sheet<'_>, frame: &Frame, sides: &Sides, (width, height): Point) -> Drawn {
    let (left, right, bottom) = (frame.left, frame.right, frame.bottom);
    for tick in &sides.left {
        let y = frame.height_of(tick.at);
        if !frame.lying {
            sheet.path(&[(left, y), (right, y)], GRID.to_rgba(), 1.0)?;
        }
        let font = Font { side: HPos::Right, ..PLAIN };
        sheet.text(&tick.label, (left - 8.0, y), font)?;
    }
    let letter = text_width(1, TICK);
    let ruler = Ruler { start: left, length: right - left, total: width - 4.0, letter };
    let named = matches!(sides.bottom_scale, Scale::Category(_));
    for label in placed(&sides.bottom_scale, frame.across, ruler) {
        if !named {
            sheet.path(&[(label.at, frame.top), (label.at, bottom)], GRID.to_rgba(), 1.0)?;
        }
        let middle = label.start + text_width(label.label.chars().count(), TICK) / 2.0;
        let font = Font { side: HPos::Center, ..PLAIN };
        sheet.text(&label.label, (middle, bottom + 14.0), font)?;
    }
    let font = Font { size: LABEL, colour: INK, side: HPos::Center, ..PLAIN };
    let text = shortened(&sides.bottom_label, letters(right - left, LABEL));
    sheet.text(&text, ((left + right) / 2.0, height - EDGE + 2.0), font)?;
    let text = shortened(&sides.left_label, letters(bottom - frame.top, LABEL));
    let middle = (frame.top + bottom) / 2.0;
    sheet.text(&text, (EDGE, middle), Font { upwards: true, ..font })
}

/// Where the vertical side is 0, if that is not an edge.
fn zero_line(sheet: &mut Sheet<'_>, frame: &Frame) -> Drawn {
    let zero = frame.height_of(0.0);
    if frame.lying || zero <= frame.top || zero >= frame.bottom {
        return Ok(());
    }
    sheet.path(&[(frame.left, zero), (frame.right, zero)], AXIS.to_rgba().mix(0.6), 1.0)
}

/// The line from which lying bars begin, or the lower edge.
fn base_line(sheet: &mut Sheet<'_>, frame: &Frame) -> Drawn {
    let (left, right, bottom) = (frame.left, frame.right, frame.bottom);
    let line = if frame.lying {
        let x = frame.place(0.0, 0.0).0;
        [(x, frame.top), (x, bottom)]
    } else {
        [(left, bottom), (right, bottom)]
    };
    sheet.path(&line, AXIS.to_rgba(), 1.0)
}

/// Names of several layers in lines from left to right; what takes too many lines is counted.
fn legend(plot: &Plot, top: f64, width: f64, height: f64) -> Vec<Entry> {
    const SWATCH: f64 = 22.0;
    const GAP: f64 = 16.0;
    let mut entries: Vec<Entry> = Vec::new();
    if plot.layers.len() < 2 {
        return entries;
    }
    let lowest = top + height * 0.25;
    let (mut x, mut y) = (EDGE, top + LEGEND_LINE / 2.0);
    for (at, layer) in plot.layers.iter().enumerate() {
        let name = shortened(&layer.name, letters((width - 2.0 * EDGE - SWATCH).min(240.0), TICK));
        let size = SWATCH + text_width(name.chars().count(), TICK);
        if x > EDGE && x + size > width - EDGE {
            (x, y) = (EDGE, y + LEGEND_LINE);
        }
        if y > lowest && at > 0 {
            let left = plot.layers.len() - at + 1;
            if let Some(last) = entries.last_mut() {
                *last = Entry { name: format!("+{left} more"), layer: None, at: last.at };
            }
            break;
        }
        entries.push(Entry { at: (x, y), name, layer: Some(at) });
        x += size + GAP;
    }
    entries
}

fn draw_legend(sheet: &mut Sheet<'_>, plot: &Plot, entries: &[Entry]) -> Drawn {
    let font = Font { colour: INK, ..PLAIN };
    for Entry { at: (x, y), name, layer } in entries {
        let Some((layer, at)) = layer.and_then(|at| Some((plot.layers.get(at)?, at))) else {
            sheet.text(name, (*x, *y), font)?;
            continue;
        };
        let colour = colour(at).to_rgba();
        match &layer.mark {
            Mark::Line => sheet.path(&[(*x, *y), (x + 16.0, *y)], colour, 2.5)?,
            Mark::Thin => sheet.path(&[(*x, *y), (x + 16.0, *y)], PALE.to_rgba(), 1.2)?,
            Mark::Intervals { .. } => {
                sheet.path(&[(x + 8.0, y - 6.0), (x + 8.0, y + 6.0)], colour, 1.8)?;
            }
            Mark::Points => sheet.circle((x + 8.0, *y), 4.0, colour)?,
            Mark::Bars { .. } | Mark::Spans { .. } | Mark::Fields { .. } => {
                sheet.rectangle((x + 2.0, y - 5.0), (x + 14.0, y + 5.0), colour)?
            }
            Mark::Band { .. } => {
                sheet.rectangle((x + 2.0, y - 5.0), (x + 14.0, y + 5.0), colour.mix(0.25))?;
            }
        }
        sheet.text(name, (x + 22.0, *y), font)?;
    }
    Ok(())
}

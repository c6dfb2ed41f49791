//! An SVG picture, drawn in pixels and kept in tenths of them.

use std::fmt::Display;

use plotters::backend::{DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, FontTransform, IntoFont, RGBAColor, RGBColor, TextStyle};

use super::thin::Point;

/// Fails as the library fails, which says why.
pub(super) type Drawn = Result<(), String>;

pub(super) const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
pub(super) const GREY: RGBColor = RGBColor(0x55, 0x55, 0x55);
pub(super) const AXIS: RGBColor = RGBColor(0x88, 0x88, 0x88);
pub(super) const GRID: RGBColor = RGBColor(0xE6, 0xE6, 0xE6);
/// Of lines of many, under all else.
pub(super) const PALE: RGBColor = RGBColor(0xB8, 0xB8, 0xB8);
/// The colours of Okabe and Ito, which the colour-blind tell apart, less a yellow that is too
/// light for white paper.
const PALETTE: [RGBColor; 7] = [
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0xE6, 0x9F, 0x00),
    RGBColor(0x56, 0xB4, 0xE9),
    RGBColor(0x00, 0x00, 0x00),
];

/// Parts of a pixel in which the library counts, which only knows whole numbers.
const PARTS: f64 = 10.0;
/// Without these, sharp bends of a line end in spikes.
const JOINS: &str = "stroke-linejoin=\"round\" stroke-linecap=\"round\"";
/// The library divides the size of a font by this.
const FONT: f64 = 1.24;
/// Mean width of a character as part of its font's size.
const LETTER: f64 = 0.62;

pub(super) struct Sheet<'a> {
    backend: SVGBackend<'a>,
}

/// How a text is written.
#[derive(Clone, Copy)]
pub(super) struct Font {
    pub size: f64,
    pub colour: RGBColor,
    pub bold: bool,
    pub side: HPos,
    /// Upwards, at the left of what it names.
    pub upwards: bool,
}

impl Font {
    pub(super) const PLAIN: Self =
        Self { size: 11.0, colour: GREY, bold: false, side: HPos::Left, upwards: false };
}

/// The colour of a field, from the weakest, 0, to the strongest, 1.
pub(super) fn shade(strength: f64) -> RGBColor {
    let between = |light: f64, dark: f64| (light + (dark - light) * strength).round() as u8;
    RGBColor(between(236.0, 0.0), between(244.0, 74.0), between(250.0, 128.0))
}

/// Layers that are told apart: those of the palette, darker ones whose lines are dashed, and lighter ones whose lines
/// are dotted.
#[cfg(test)]
pub(super) const TOLD_APART: usize = 3 * PALETTE.len();

pub(super) fn colour(layer: usize) -> RGBColor {
    let RGBColor(red, green, blue) = PALETTE.get(layer % PALETTE.len()).copied().unwrap_or(INK);
    let shade: fn(u8) -> u8 = match layer / PALETTE.len() % 3 {
        0 => |part| part,
        1 => |part| (u16::from(part) * 5 / 9 + 38) as u8,
        _ => |part| (u16::from(part) * 5 / 9 + 112) as u8,
    };
    RGBColor(shade(red), shade(green), shade(blue))
}

/// How lines of a layer are broken, in pixels that are drawn and left out.
fn dashes(layer: usize) -> Option<(f64, f64)> {
    match layer / PALETTE.len() % 3 {
        0 => None,
        1 => Some((8.0, 5.0)),
        _ => Some((1.0, 4.0)),
    }
}

/// A picture whose lines are dashed by their colours, which the library has no word for.
fn dashed(text: &str) -> String {
    const LINE: &str = "<polyline ";
    let parts: Vec<(String, String)> = (0..3 * PALETTE.len())
        .filter_map(|layer| {
            let (drawn, left) = dashes(layer)?;
            let RGBColor(red, green, blue) = colour(layer);
            let stroke = format!("stroke=\"#{red:02X}{green:02X}{blue:02X}\"");
            let dashes =
                format!("{stroke} stroke-dasharray=\"{} {}\"", drawn * PARTS, left * PARTS);
            Some((stroke, dashes))
        })
        .collect();
    let mut lines = text.split(LINE);
    let mut picture = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        picture.push_str(LINE);
        let dashed = parts.iter().find(|(stroke, _)| line.contains(stroke.as_str()));
        match dashed {
            Some((stroke, dashes)) => picture.push_str(&line.replacen(stroke, dashes, 1)),
            None => picture.push_str(line),
        }
    }
    picture
}

/// The width in pixels of so many characters.
pub(super) fn text_width(characters: usize, size: f64) -> f64 {
    characters as f64 * size * LETTER
}

/// So many characters of a text have room in `width` pixels.
pub(super) fn letters(width: f64, size: f64) -> usize {
    (width / size / LETTER).max(0.0) as usize
}

/// A picture of `asked` pixels, drawn as if it had `size`.
pub(super) fn picture(
    asked: (u32, u32),
    size: (u32, u32),
    draw: impl FnOnce(&mut Sheet<'_>) -> Drawn,
) -> Result<String, String> {
    let fine = (size.0 * PARTS as u32, size.1 * PARTS as u32);
    let mut text = String::new();
    let mut sheet = Sheet { backend: SVGBackend::with_string(&mut text, fine) };
    draw(&mut sheet)?;
    sheet.backend.present().map_err(said)?;
    drop(sheet);
    let drawn = format!("width=\"{}\" height=\"{}\"", fine.0, fine.1);
    let (width, height) = asked;
    let wanted = format!("width=\"{width}\" height=\"{height}\" {JOINS}");
    Ok(dashed(&text).replacen(&drawn, &wanted, 1))
}

fn said(error: impl Display) -> String {
    format!("the plot could not be drawn: {error}")
}

/// Pixels as the library counts them.
fn parts((x, y): Point) -> (i32, i32) {
    ((x * PARTS).round() as i32, (y * PARTS).round() as i32)
}

fn style(colour: RGBAColor, width: f64) -> plotters::style::ShapeStyle {
    colour.stroke_width((width * PARTS).round() as u32)
}

impl Sheet<'_> {
    pub(super) fn text(&mut self, text: &str, at: Point, font: Font) -> Drawn {
        if text.is_empty() {
            return Ok(());
        }
        let weight = if font.bold { FontStyle::Bold } else { FontStyle::Normal };
        let family = ("sans-serif", font.size * PARTS * FONT).into_font().style(weight);
        let turned = if font.upwards { FontTransform::Rotate270 } else { FontTransform::None };
        let style = TextStyle::from(family.transform(turned))
            .color(&font.colour)
            .pos(Pos::new(font.side, VPos::Center));
        self.backend.draw_text(text, &style, parts(at)).map_err(said)
    }

    pub(super) fn path(&mut self, points: &[Point], colour: RGBAColor, width: f64) -> Drawn {
        self.backend
            .draw_path(points.iter().copied().map(parts), &style(colour, width))
            .map_err(said)
    }

    pub(super) fn polygon(&mut self, points: &[Point], colour: RGBAColor) -> Drawn {
        self.backend
            .fill_polygon(points.iter().copied().map(parts), &style(colour, 0.0))
            .map_err(said)
    }

    /// The filled rectangle between two corners, at least half a pixel wide and high.
    pub(super) fn rectangle(&mut self, a: Point, b: Point, colour: RGBAColor) -> Drawn {
        let from = parts((a.0.min(b.0), a.1.min(b.1)));
        let to =
            parts((a.0.max(b.0).max(a.0.min(b.0) + 0.5), a.1.max(b.1).max(a.1.min(b.1) + 0.5)));
        self.backend.draw_rect(from, to, &style(colour, 0.0), true).map_err(said)
    }

    pub(super) fn circle(&mut self, centre: Point, radius: f64, colour: RGBAColor) -> Drawn {
        let radius = (radius * PARTS).round() as u32;
        self.backend.draw_circle(parts(centre), radius, &style(colour, 0.0), true).map_err(said)
    }
}

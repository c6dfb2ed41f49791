//! Lying bars of categories in a terminal, a line each.

use super::braille::{legend_line, nothing, title_line};
use super::text::{COLOURS, DIM, colour, painted, shortened};
use super::ticks::{labels, nice};
use super::{Ends, Mark, Plot};

/// Fills of the layers without colours.
const FILLS: [char; 12] = ['█', '▒', '░', '▚', '▓', '▞', '▤', '▥', '▦', '▧', '▨', '▩'];
const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];
/// Narrower bars say nothing.
const NARROWEST: usize = 4;

/// Where the parts of a line stand, in characters.
struct Columns {
    names: usize,
    values: usize,
    bars: usize,
    low: f64,
    high: f64,
}

pub(super) fn render(plot: &Plot, width: usize, height: usize, colours: bool) -> String {
    let categories = plot.values_by_category();
    let all = || categories.iter().flat_map(|(_, values)| values.iter().flatten().copied());
    if all().next().is_none() || width == 0 || height == 0 {
        return nothing(plot, width, height, colours);
    }
    let texts = bar_labels(plot);
    let ends = all().flat_map(|(from, to)| [from, to]);
    let columns = Columns::new(plot, &texts.concat(), width, ends);
    let symbols: Vec<char> = (0..plot.layers.len()).map(|layer| symbol(layer, colours)).collect();
    let mut groups: Vec<Vec<String>> = Vec::new();
    for ((name, values), texts) in categories.iter().zip(&texts) {
        let mut group = Vec::new();
        let is_bare = values.iter().all(Option::is_none);
        for (layer, (value, text)) in values.iter().zip(texts).enumerate() {
            // A layer that says nothing of a category has no line there, if another has one.
            if value.is_none() && (!is_bare || layer > 0) {
                continue;
            }
            let name = if group.is_empty() { *name } else { "" };
            let fill = symbols.get(layer).copied().unwrap_or('█');
            let (indent, below, above) = match value {
                Some((from, to)) if *from != 0.0 => columns.span(*from, *to, fill),
                value => columns.bar(value.map_or(0.0, |(_, to)| to), fill),
            };
            let [below, above] = [below, above].map(|bar| painted(&bar, colour(layer), colours));
            group.push(format!("{}{indent}{below}│{above}", columns.head(name, text)));
        }
        groups.push(group);
    }
    let above: Vec<String> = [title_line(plot, 0, width, colours), header(plot, &columns, colours)]
        .into_iter()
        .flatten()
        .collect();
    let below = legend_line(plot, &symbols, width, colours);
    fitted(above, groups, below, width, height).join("\n")
}

fn symbol(layer: usize, colours: bool) -> char {
    if colours && layer < COLOURS.len() {
        '█'
    } else {
        FILLS.get(layer % FILLS.len()).copied().unwrap_or('█')
    }
}

/// The lines that have room; the categories that have none are counted.
fn fitted(
    above: Vec<String>,
    groups: Vec<Vec<String>>,
    below: Option<String>,
    width: usize,
    height: usize,
) -> Vec<String> {
    let needed: usize = groups.iter().map(Vec::len).sum();
    let spare = |used: usize| height.saturating_sub(used);
    // The bars come first, then title and legend.
    let above = if spare(above.len()) >= needed.min(3) { above } else { Vec::new() };
    let below = below.filter(|_| spare(above.len() + 1) >= needed.min(3));
    let room = spare(above.len() + usize::from(below.is_some()));
    let total = groups.len();
    let mut lines = above;
    let mut body: Vec<String> = Vec::new();
    let mut shown = 0;
    for group in groups {
        let last = usize::from(shown + 1 < total);
        if body.len() + group.len() + last > room {
            break;
        }
        body.extend(group);
        shown += 1;
    }
    if shown < total && room > 0 {
        body.push(shortened(&format!("… and {} more", total - shown), width));
    }
    lines.append(&mut body);
    lines.extend(below);
    lines
}

/// The axes' labels over what they name.
fn header(plot: &Plot, columns: &Columns, colours: bool) -> Option<String> {
    let start = columns.start();
    let names = start.saturating_sub(2);
    let x = shortened(&plot.x.label, names);
    let y = shortened(&plot.y.label, columns.bars);
    let line = format!("{x:>names$}{:gap$}{y}", "", gap = start + 1 - names);
    let line = line.trim_end();
    let indent = line.chars().take_while(|c| *c == ' ').count();
    (!line.is_empty())
        .then(|| format!("{}{}", " ".repeat(indent), painted(line.trim_start(), DIM, colours)))
}

impl Columns {
    fn new(plot: &Plot, texts: &[String], width: usize, all: impl Iterator<Item = f64>) -> Self {
        let (low, high) =
            all.fold((0.0_f64, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
        let longest = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
        let categories = plot.values_by_category();
        let names = longest(&mut categories.iter().map(|(name, _)| name.chars().count()));
        let values = longest(&mut texts.iter().map(|text| text.chars().count()));
        let names = names.min(width * 2 / 5);
        let fits = |names: usize, values: usize| {
            let gaps = 2 * usize::from(values > 0) + usize::from(names > 0);
            width.checked_sub(names + values + gaps + 1).filter(|bars| *bars >= NARROWEST)
        };
        let choices = [(names, values), (names, 0), (width / 5, 0), (0, 0)];
        let chosen = choices.into_iter().find_map(|(n, v)| Some((n, v, fits(n, v)?)));
        let (names, values, bars) = chosen.unwrap_or((0, 0, width.saturating_sub(1)));
        Self { names, values, bars, low, high }
    }

    /// Where the bars' part begins.
    fn start(&self) -> usize {
        self.head("", "").chars().count()
    }

    /// Name and value.
    fn head(&self, name: &str, value: &str) -> String {
        let mut text = format!("{:>1$}", shortened(name, self.names), self.names);
        if self.values > 0 {
            text.push_str(&format!("  {value:>0$}", self.values));
        }
        if self.names > 0 {
            text.push(' ');
        }
        text
    }

    /// Where the axis lies, in characters.
    fn zero(&self) -> usize {
        let span = (self.high - self.low).max(f64::MIN_POSITIVE);
        let zero = (-self.low / span * self.bars as f64).round().max(0.0) as usize;
        if self.low < 0.0 { zero.max(1).min(self.bars) } else { 0 }
    }

    /// As [`Columns::bar`], of a bar that does not begin at the axis: whole characters, one at least where
    /// there is room for any.
    fn span(&self, from: f64, to: f64, fill: char) -> (String, String, String) {
        let span = (self.high - self.low).max(f64::MIN_POSITIVE);
        let place = |value: f64| ((value - self.low) / span * self.bars as f64).round() as usize;
        let (start, end) = (place(from.min(to)), place(from.max(to)));
        let start = start.min(self.bars.saturating_sub(1));
        let end = end.max(start + 1).min(self.bars);
        let zero = self.zero();
        let fills = |count: usize| fill.to_string().repeat(count);
        let below = fills(end.min(zero).saturating_sub(start.min(zero)));
        let indent = start.min(zero);
        let below = match below.is_empty() {
            true => " ".repeat(zero - indent),
            false => format!("{below}{}", " ".repeat(zero - end.min(zero))),
        };
        let above = match end > zero {
            true => {
                let first = start.max(zero);
                format!("{}{}", " ".repeat(first - zero), fills(end - first))
            }
            false => String::new(),
        };
        (" ".repeat(indent), below, above)
    }

    /// An indent and a bar to the left of the axis and one to its right, to an eighth of a
    /// character, or half of one where no eighths exist.
    fn bar(&self, value: f64, fill: char) -> (String, String, String) {
        let span = (self.high - self.low).max(f64::MIN_POSITIVE);
        let zero = self.zero();
        let length = value.abs() / span * self.bars as f64;
        if value < 0.0 {
            let halves = ((length * 2.0).round() as usize).max(1).min(zero * 2);
            let tip = if halves % 2 == 1 && (fill == '█' || halves == 1) { "▐" } else { "" };
            let bar = format!("{tip}{}", fill.to_string().repeat(halves / 2));
            return (" ".repeat(zero - bar.chars().count()), bar, String::new());
        }
        let most = (self.bars - zero) * 8;
        let least = usize::from(value > 0.0).min(most);
        let eighths = ((length * 8.0).round() as usize).clamp(least, most);
        let mut bar = fill.to_string().repeat(eighths / 8);
        if fill == '█' || eighths < 8 {
            bar.extend((eighths % 8).checked_sub(1).and_then(|at| EIGHTHS.get(at)));
        }
        (" ".repeat(zero), String::new(), bar)
    }
}

/// What stands beside each bar, by category and layer: how long it is, or both ends of a range; empty where there is
/// none. Where all bars are spans, one that does not begin at 0 is a change, and has a sign.
pub(super) fn bar_labels(plot: &Plot) -> Vec<Vec<String>> {
    let is_range = |layer: usize| {
        let mark = plot.layers.get(layer).map(|layer| &layer.mark);
        matches!(mark, Some(Mark::Spans { is_range: true, .. }))
    };
    let categories = plot.values_by_category();
    let all = categories.iter().flat_map(|(_, values)| values.iter().enumerate());
    let numbers = all.filter_map(|(layer, ends)| {
        let (from, to) = (*ends)?;
        Some(if is_range(layer) { vec![from, to] } else { vec![to - from] })
    });
    let mut labels = number_labels(&numbers.flatten().collect::<Vec<f64>>()).into_iter();
    let mut next = || labels.next().unwrap_or_default();
    let are_changes = plot.layers.iter().all(|layer| matches!(layer.mark, Mark::Spans { .. }));
    let mut text = |(layer, ends): (usize, &Ends)| match ends {
        None => String::new(),
        Some(_) if is_range(layer) => format!("{}–{}", next(), next()),
        Some((from, to)) if are_changes && *from != 0.0 && to > from => format!("+{}", next()),
        Some(_) => next(),
    };
    categories
        .iter()
        .map(|(_, values)| values.iter().enumerate().map(&mut text).collect())
        .collect()
}

/// The values with the decimals that tell them apart on the scale of the greatest.
pub(super) fn number_labels(values: &[f64]) -> Vec<String> {
    const PARTS: f64 = 150.0;
    let largest = values.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    let step = if largest > 1e-290 { nice(largest / PARTS) } else { 1.0 };
    let whole = values.iter().all(|value| value.fract() == 0.0) && largest < 1e4;
    labels(values, if whole { step.max(1.0) } else { step })
}

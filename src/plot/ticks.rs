//! Ticks at round values, and their labels.

use super::range::Range;
use super::text::shortened;
use super::{Scale, time};

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    pub at: f64,
    pub label: String,
}

/// A line along which labels stand, in characters or pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ruler {
    /// Where the axis begins.
    pub start: f64,
    pub length: f64,
    /// Labels lie between 0 and this.
    pub total: f64,
    /// Width of a character.
    pub letter: f64,
}

/// A label on a ruler.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    /// Where the tick stands.
    pub at: f64,
    /// Where the label begins.
    pub start: f64,
    pub label: String,
}

/// Space between two labels, in characters.
const GAP: f64 = 3.0;
/// A tick has so many characters of the axis.
const DENSITY: f64 = 5.0;
/// A category's name is not cut to less than this.
const NAME: f64 = 8.0;

/// At most `most` ticks.
pub(super) fn ticks(scale: &Scale, range: Range, most: usize) -> Vec<Tick> {
    match scale {
        _ if most == 0 => Vec::new(),
        Scale::Category(names) => {
            let stride = names.len().div_ceil(most).max(1);
            let tick = |(at, name): (usize, &String)| Tick { at: at as f64, label: name.clone() };
            names.iter().enumerate().step_by(stride).map(tick).collect()
        }
        Scale::Time if time::covers(range) => time::ticks(range, most),
        Scale::Number | Scale::Time => numbers(range, step(range, most)),
    }
}

/// About `most` ticks and the range from the first to the last of them, where that wastes little
/// of it; else a range somewhat wider than the values.
pub(super) fn rounded(scale: &Scale, range: Range, most: usize) -> (Range, Vec<Tick>) {
    const WASTE: f64 = 1.3;
    const PADDING: f64 = 0.03;
    if !matches!(scale, Scale::Number) {
        return (range, ticks(scale, range, most));
    }
    let most = most.max(2);
    let mut step = step(range, most);
    let outer = |step: f64| Range {
        low: (range.low / step + 1e-9).floor() * step,
        high: (range.high / step - 1e-9).ceil() * step,
        ..range
    };
    while count(outer(step), step) > most && step < range.span() {
        step = nice(step * 1.5);
    }
    let wide = outer(step);
    if wide.span() <= WASTE * range.span() {
        return (wide, numbers(wide, step));
    }
    let padded = range.padded(PADDING);
    (padded, ticks(scale, padded, most))
}

/// The ticks whose labels have room side by side.
pub(super) fn placed(scale: &Scale, range: Range, ruler: Ruler) -> Vec<Placed> {
    let most = match scale {
        Scale::Category(names) => names.len().min((ruler.length / ruler.letter / 3.0) as usize),
        _ => ((ruler.length / ruler.letter / DENSITY) as usize).clamp(4, 10),
    };
    (1..=most).rev().find_map(|most| side_by_side(scale, range, ruler, most)).unwrap_or_default()
}

fn side_by_side(scale: &Scale, range: Range, ruler: Ruler, most: usize) -> Option<Vec<Placed>> {
    let mut ticks = ticks(scale, range, most);
    if let Scale::Category(names) = scale {
        let slot = ruler.length / ruler.letter / range.span();
        let stride = names.len().div_ceil(most).max(1) as f64;
        let room = slot * stride - GAP;
        let longest = ticks.iter().map(|tick| tick.label.chars().count()).max().unwrap_or(0);
        if room < NAME.min(longest as f64) {
            return None;
        }
        for tick in &mut ticks {
            tick.label = shortened(&tick.label, room as usize);
        }
    }
    let mut end = f64::NEG_INFINITY;
    let mut labels = Vec::new();
    for Tick { at, label } in ticks {
        let width = label.chars().count() as f64 * ruler.letter;
        let at = ruler.start + range.position(at) * ruler.length;
        let start = (at - width / 2.0).min(ruler.total - width).max(0.0);
        if start < end + GAP * ruler.letter || start + width > ruler.total {
            return None;
        }
        end = start + width;
        labels.push(Placed { at, start, label });
    }
    Some(labels)
}

/// The least step of 1, 2 or 5 times a power of ten that is not below `least`.
pub(super) fn nice(least: f64) -> f64 {
    let power = 10_f64.powi(least.log10().floor() as i32);
    let steps = [1.0, 2.0, 5.0].map(|digit| digit * power);
    steps.into_iter().find(|step| *step >= least * (1.0 - 1e-9)).unwrap_or(10.0 * power)
}

fn step(range: Range, most: usize) -> f64 {
    let least = nice(range.span() / most as f64);
    let mut step = if range.whole { least.max(1.0) } else { least };
    while count(range, step) > most {
        step = nice(step * 1.5);
    }
    step
}

/// The first and last multiple of the step within the range.
fn multiples(range: Range, step: f64) -> (f64, f64) {
    ((range.low / step - 1e-9).ceil(), (range.high / step + 1e-9).floor())
}

fn count(range: Range, step: f64) -> usize {
    let (first, last) = multiples(range, step);
    (last - first + 1.0).max(0.0) as usize
}

fn numbers(range: Range, step: f64) -> Vec<Tick> {
    let (first, _) = multiples(range, step);
    let values: Vec<f64> = (0..count(range, step)).map(|i| (first + i as f64) * step).collect();
    let labels = labels(&values, step);
    values.into_iter().zip(labels).map(|(at, label)| Tick { at, label }).collect()
}

/// Numbers that differ by `step` or more, all in the same unit and with as many decimals as they
/// need: `0`, `0.5M`, `1.0M`.
pub(super) fn labels(values: &[f64], step: f64) -> Vec<String> {
    let largest = values.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    let (mut unit, mut suffix) = match largest {
        l if l > 0.0 && !(1e-4..1e15).contains(&l) => {
            let exponent = l.log10().floor() as i32;
            (10_f64.powi(exponent), format!("e{exponent}"))
        }
        l if l >= 1e12 => (1e12, "T".to_owned()),
        l if l >= 1e9 => (1e9, "B".to_owned()),
        l if l >= 1e6 => (1e6, "M".to_owned()),
        l if l >= 1e4 => (1e3, "k".to_owned()),
        _ => (1.0, String::new()),
    };
    if decimals(step / unit) > 2 && (1e4..1e15).contains(&largest) {
        (unit, suffix) = (1.0, String::new());
    }
    let places = decimals(step / unit);
    values
        .iter()
        .map(|value| {
            if value.abs() < step * 1e-6 {
                return "0".to_owned();
            }
            let text = format!("{:.places$}", value / unit);
            format!("{}{suffix}", if largest >= 1e4 { grouped(&text) } else { text })
        })
        .collect()
}

/// So many decimals tell two numbers apart that differ by `step`.
fn decimals(step: f64) -> usize {
    (-(step.log10() + 1e-9).floor()).clamp(0.0, 17.0) as usize
}

/// `20,000.5` of `20000.5`.
fn grouped(number: &str) -> String {
    let whole = number.find('.').unwrap_or(number.len());
    let mut text = String::new();
    for (at, digit) in number.char_indices() {
        let before =
            number.get(..at).is_some_and(|text| text.ends_with(|c: char| c.is_ascii_digit()));
        if before && at < whole && (whole - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(low: f64, high: f64) -> Range {
        Range { low, high, whole: false }
    }

    fn texts(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    fn number_ticks(low: f64, high: f64) -> Vec<String> {
        let ticks = ticks(&Scale::Number, range(low, high), 5);
        ticks.into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn labels_have_the_digits_that_tell_them_apart() {
        assert_eq!(number_ticks(0.0, 1.0), ["0", "0.5", "1.0"]);
        assert_eq!(number_ticks(0.0, 0.8), ["0", "0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(number_ticks(-3.0, 4.9), ["-2", "0", "2", "4"]);
        assert_eq!(number_ticks(2013.0, 2017.5), ["2013", "2014", "2015", "2016", "2017"]);
        assert_eq!(number_ticks(0.0, 45_000.0), ["0", "10k", "20k", "30k", "40k"]);
        assert_eq!(number_ticks(0.0, 1_200_000.0), ["0", "0.5M", "1.0M"]);
        assert_eq!(number_ticks(0.0, 2e-7), ["0", "0.5e-7", "1.0e-7", "1.5e-7", "2.0e-7"]);
        let close = ["1,000,000", "1,000,002", "1,000,004", "1,000,006", "1,000,008"];
        assert_eq!(number_ticks(1_000_000.0, 1_000_008.0), close);
    }

    #[test]
    fn whole_numbers_have_no_ticks_between_them() {
        let epochs = Range { low: 1.0, high: 3.0, whole: true };
        assert_eq!(texts(&ticks(&Scale::Number, epochs, 9)), ["1", "2", "3"]);
    }

    #[test]
    fn a_range_is_rounded_where_that_wastes_little() {
        let (wide, ticks) = rounded(&Scale::Number, range(0.02, 0.97), 6);
        assert_eq!((wide.low, wide.high), (0.0, 1.0));
        assert_eq!(texts(&ticks), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        let (narrow, _) = rounded(&Scale::Number, range(0.49, 1.01), 3);
        assert!(narrow.low > 0.4 && narrow.high < 1.1, "{narrow:?}");
    }

    #[test]
    fn labels_never_touch() {
        let names =
            ["employment_length", "income", "term", "purpose_of_the_loan"].map(String::from);
        let scales = [Scale::Number, Scale::Time, Scale::Category(names.to_vec())];
        for (scale, length) in scales.iter().flat_map(|s| (1..120).map(move |l| (s, l))) {
            let length = f64::from(length);
            let ruler = Ruler { start: 3.0, length, total: length + 3.0, letter: 1.0 };
            let labels = placed(scale, range(-0.5, 3.5), ruler);
            for pair in labels.windows(2) {
                let end = pair[0].start + pair[0].label.chars().count() as f64;
                assert!(pair[1].start >= end + GAP, "{labels:?}");
            }
        }
    }

    #[test]
    fn names_are_shortened_before_they_are_left_out() {
        let names: Vec<String> = (0..4).map(|i| format!("{i}_a_long_name_of_a_column")).collect();
        let ruler = Ruler { start: 0.0, length: 50.0, total: 50.0, letter: 1.0 };
        let labels = placed(&Scale::Category(names), range(-0.5, 3.5), ruler);
        let labels: Vec<&str> = labels.iter().map(|placed| placed.label.as_str()).collect();
        assert_eq!(labels, ["0_a_long…", "1_a_long…", "2_a_long…", "3_a_long…"]);
    }
}

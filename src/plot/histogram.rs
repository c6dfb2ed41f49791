//! How often values occur.

use super::range::LIMIT;
use super::ticks::nice;
use super::{Axis, Layer, Mark, Plot, Scale};

const LEAST: f64 = 5.0;
const MOST: f64 = 60.0;
/// Bins that a caller may ask for.
const ASKED: usize = 1_000;

/// The counts of the finite `values` in bins of equal width. Without `bins` the width follows
/// Freedman and Diaconis, rounded so that bins begin at round numbers, in 5 to 60 bins; those of
/// whole numbers are centred on them. With `bins` there are so many from the least to the greatest
/// value.
pub fn histogram(title: &str, label: &str, values: &[f64], bins: Option<usize>) -> Plot {
    let finite = values.iter().filter(|value| value.is_finite());
    let mut sorted: Vec<f64> = finite.map(|value| value.clamp(-LIMIT, LIMIT)).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let (start, width, bins) = match bins {
        None => round_bins(&sorted),
        Some(bins) => equal_bins(&sorted, bins.clamp(1, ASKED)),
    };
    let mut counts = vec![0_u64; bins];
    for value in &sorted {
        let bin = ((value - start) / width + 1e-9).max(0.0) as usize;
        if let Some(count) = counts.get_mut(bin.min(bins.saturating_sub(1))) {
            *count += 1;
        }
    }
    let centre = |bin: usize| start + (bin as f64 + 0.5) * width;
    let points = counts.iter().enumerate().map(|(bin, n)| (centre(bin), *n as f64)).collect();
    Plot {
        title: title.to_owned(),
        x: Axis { label: label.to_owned(), scale: Scale::Number },
        y: Axis { label: "count".to_owned(), scale: Scale::Number },
        layers: vec![Layer { name: label.to_owned(), mark: Mark::Bars { width }, points }],
    }
}

/// The least and greatest value, apart also where all are the same.
fn ends(sorted: &[f64]) -> Option<(f64, f64)> {
    let (low, high) = (*sorted.first()?, *sorted.last()?);
    let largest = low.abs().max(high.abs());
    if high - low > largest * 1e-9 && high - low > 1e-290 {
        return Some((low, high));
    }
    let more = if largest < 1e-280 { 0.5 } else { largest * 0.05 };
    Some((low - more, high + more))
}

/// Start, width and number of bins.
fn equal_bins(sorted: &[f64], bins: usize) -> (f64, f64, usize) {
    let Some((low, high)) = ends(sorted) else { return (0.0, 1.0, 0) };
    (low, (high - low) / bins as f64, bins)
}

fn round_bins(sorted: &[f64]) -> (f64, f64, usize) {
    let Some((low, high)) = ends(sorted) else { return (0.0, 1.0, 0) };
    let span = high - low;
    let quartile = |part: f64| sorted.get((part * (sorted.len() - 1) as f64).round() as usize);
    let spread = quartile(0.75).zip(quartile(0.25)).map_or(0.0, |(high, low)| high - low);
    let n = sorted.len() as f64;
    let freedman = 2.0 * spread / n.cbrt();
    // Where half of the values are the same there is no spread to go by: Sturges.
    let wanted = if freedman > 0.0 { freedman } else { span / (n.log2().ceil() + 1.0) };
    // Rounded bins may stick out by one at each end.
    let least = span / (MOST - 2.0);
    let whole = sorted.iter().all(|value| value.fract() == 0.0) && high.abs().max(low.abs()) < 1e15;
    let least = if whole && span >= LEAST - 1.0 { least.max(1.0) } else { least };
    let mut width = nearest(wanted.clamp(least, (span / LEAST).max(least)), least);
    let edges = |width: f64| {
        let shift = if whole { width.min(1.0) / 2.0 } else { 0.0 };
        let first = ((low + shift) / width + 1e-9).floor();
        let last = ((high + shift) / width - 1e-9).ceil();
        (first * width - shift, width, (last - first).max(1.0) as usize)
    };
    while edges(width).2 < LEAST as usize && lower(width) >= least * (1.0 - 1e-9) {
        width = lower(width);
    }
    edges(width)
}

/// The step of 1, 2 or 5 times a power of ten that is nearest by ratio and not below `least`.
fn nearest(wanted: f64, least: f64) -> f64 {
    let (above, below) = (nice(wanted), lower(nice(wanted)));
    let nearer = wanted / below < above / wanted && below >= least * (1.0 - 1e-9);
    if nearer { below } else { above }
}

/// The next lower step of 1, 2 or 5 times a power of ten.
fn lower(step: f64) -> f64 {
    nice(step * 0.4)
}

//! Columns that say when a row was made rather than what it is.

use super::{FittedFeatures, Group, Matrix};

/// Most bins of a number, and fewest rows of either part for each.
const BINS: usize = 20;
const ROWS_PER_BIN: usize = 10;
/// A column is taken to have drifted where it is easier to tell from its value which part a row is
/// of than to be wrong.
const DRIFTED: f64 = 0.5;
/// How seldom chance alone may be taken for it: there may be hundreds of columns.
const BY_CHANCE: f64 = 1e-4;

/// A column whose later values are other ones.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Drift {
    pub(crate) column: String,
    /// Total variation distance between its earlier and its later values: 0 where they are spread
    /// alike, 1 where none of them occurs in both.
    pub(crate) distance: f64,
}

/// The columns that have drifted from earlier to later rows, of which these are the inputs.
pub(crate) fn drifted(features: &FittedFeatures, earlier: &Matrix, later: &Matrix) -> Vec<Drift> {
    let layout = features.layout();
    let of_group = |group: &Group| {
        let cells = cells(group, earlier, later);
        let distance = distance(&cells);
        let is_drift = distance > DRIFTED && distance > by_chance(&cells, earlier.rows, later.rows);
        is_drift.then_some(distance)
    };
    let of_column = |(name, inputs): (&str, std::ops::Range<usize>)| {
        let groups = layout.groups().iter().filter(|group| inputs.contains(&group.first()));
        let distance = groups.filter_map(of_group).reduce(f64::max)?;
        Some(Drift { column: name.to_owned(), distance })
    };
    features.spans().filter_map(of_column).collect()
}

/// Shares of the earlier and of the later rows in each of the cells that a column's values fall
/// into.
fn cells(group: &Group, earlier: &Matrix, later: &Matrix) -> Vec<(f64, f64)> {
    let shares = |input: usize| (share(earlier, input), share(later, input));
    let with_rest = |mut cells: Vec<(f64, f64)>| {
        let (a, b) = cells.iter().fold((1.0, 1.0), |(a, b), cell| (a - cell.0, b - cell.1));
        cells.push((a, b));
        cells
    };
    match group {
        Group::Number { input, .. } | Group::Ordered { input, .. } => {
            of_number(earlier, later, *input)
        }
        Group::Flag(input) => with_rest(vec![shares(*input)]),
        // None of them is 1 in the other rows.
        Group::Category(inputs) | Group::Code(inputs) => {
            with_rest(inputs.clone().map(shares).collect())
        }
    }
}

fn distance(cells: &[(f64, f64)]) -> f64 {
    cells.iter().map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0
}

/// The distance that is exceeded with a probability of [`BY_CHANCE`] at most where so many earlier
/// and later rows are drawn from the same values.
///
/// Of few rows the distance is large by itself: in simulations of columns that do not drift it was
/// above 0.5 for 15 % of the numbers of 12 and 3 rows, for nearly all columns of 60 categories of
/// 154 and 6 rows and for all of them of 770 and 30. On average it is at most half the sum of the
/// standard deviations of the cells' differences (Jensen's inequality); how far it lies above is
/// bounded for any distribution, since another value of one row changes it by at most one over the
/// rows of its part (McDiarmid 1989). In the same simulations no column was above this bound, and a
/// number that runs with the time was from 200 rows on.
fn by_chance(cells: &[(f64, f64)], earlier: usize, later: usize) -> f64 {
    let (n, m) = (earlier.max(1) as f64, later.max(1) as f64);
    let spread = 1.0 / n + 1.0 / m;
    let deviation = |(a, b): &(f64, f64)| {
        let both = (a * n + b * m) / (n + m);
        // A share that is no share is one of rounding.
        (both * (1.0 - both) * spread).max(0.0).sqrt()
    };
    let expected = cells.iter().map(deviation).sum::<f64>() / 2.0;
    expected + (-BY_CHANCE.ln() * spread / 2.0).sqrt()
}

/// Mean of an input.
fn share(rows: &Matrix, input: usize) -> f64 {
    column(rows, input).sum::<f64>() / rows.rows.max(1) as f64
}

fn column(rows: &Matrix, input: usize) -> impl Iterator<Item = f64> {
    rows.data.iter().skip(input).step_by(rows.width.max(1)).map(|value| f64::from(*value))
}

/// Bins that hold about as many of the earlier rows each; what is rare falls in with its
/// neighbours.
fn of_number(earlier: &Matrix, later: &Matrix, input: usize) -> Vec<(f64, f64)> {
    let mut sorted: Vec<f64> = column(earlier, input).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let bins = (earlier.rows.min(later.rows) / ROWS_PER_BIN).clamp(2, BINS);
    // A bin ends with the last of equal values, or all later ones between two of them would be lost.
    let mut edges: Vec<f64> = (1..bins).map(|bin| sorted[bin * sorted.len() / bins]).collect();
    edges.dedup();
    let shares = |rows: &Matrix| {
        // Twice as many: what is equal to an edge is told from what lies beside it.
        let mut counts = vec![0.0; 2 * edges.len() + 1];
        for value in column(rows, input) {
            let below = edges.partition_point(|edge| *edge < value);
            let is_edge = edges.get(below) == Some(&value);
            counts[2 * below + usize::from(is_edge)] += 1.0 / rows.rows.max(1) as f64;
        }
        counts
    };
    shares(earlier).into_iter().zip(shares(later)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::training::PreprocessingSpec;
    use crate::engine::testing::{frame, noise, uniform};
    use crate::frame::{Frame, Values};

    fn drifts(values: Values) -> Vec<f64> {
        drifts_of(700, 1000, 3, values)
    }

    /// Of so many earlier rows and so many in all, beside noise of a seed.
    fn drifts_of(earlier: usize, rows: usize, seed: u64, values: Values) -> Vec<f64> {
        let x = noise(rows, 1, seed);
        let frame = frame(&x, values);
        let names: Vec<String> = frame.columns().iter().map(|c| c.name.clone()).collect();
        let take = |rows: std::ops::Range<usize>| -> Frame {
            frame.take(&rows.collect::<Vec<_>>()).unwrap()
        };
        let (earlier, later) = (take(0..earlier), take(earlier..rows));
        let spec = PreprocessingSpec::default();
        let (features, _) =
            FittedFeatures::fit(&earlier, &names, &spec, 0, None, &BTreeMap::new()).unwrap();
        let inputs = |frame: &Frame| features.transform(frame).unwrap();
        let found = drifted(&features, &inputs(&earlier), &inputs(&later));
        assert!(found.iter().all(|drift| drift.column == "y"), "noise does not drift: {found:?}");
        found.into_iter().map(|drift| drift.distance).collect()
    }

    #[test]
    fn what_tells_the_time_has_drifted() {
        let number = |f: fn(usize) -> f64| Values::Float64((0..1000).map(|r| Some(f(r))).collect());
        let running = drifts(number(|row| row as f64));
        assert!(running.len() == 1 && running[0] > 0.9, "{running:?}");
        assert_eq!(drifts(number(|row| (row % 50) as f64)), [0.0; 0]);
        assert_eq!(drifts(number(|row| (row / 400) as f64 + (row % 2) as f64)).len(), 1);
        let text = |f: fn(usize) -> &'static str| {
            Values::String((0..1000).map(|row| Some(f(row).to_owned())).collect())
        };
        let seasons = drifts(text(|row| ["spring", "summer", "autumn", "winter"][row / 250]));
        assert!(seasons.len() == 1 && seasons[0] > 0.8, "{seasons:?}");
        assert_eq!(drifts(text(|row| ["a", "b"][row % 2])), [0.0; 0]);
    }

    #[test]
    fn a_step_between_two_values_is_seen() {
        // Most earlier rows hold one value, most later ones another that lies between two edges.
        let step = |row: usize| if row < 690 { (row % 2 * 10) as f64 } else { 5.0 };
        let found = drifts(Values::Float64((0..1000).map(|row| Some(step(row))).collect()));
        assert!(found.len() == 1 && found[0] > 0.95, "{found:?}");
    }
    #[test]
    fn chance_is_no_drift_however_few_the_rows() {
        for (earlier, rows, kinds) in [(12, 15, 3), (19, 23, 7), (64, 80, 3), (770, 800, 60)] {
            for seed in 0..if rows < 100 { 200 } else { 20 } {
                let draw = |kinds: usize| {
                    uniform(rows, seed).into_iter().map(move |u| (u * kinds as f64).floor())
                };
                let numbers = Values::Float64(draw(kinds).map(Some).collect());
                assert_eq!(drifts_of(earlier, rows, seed, numbers), [0.0; 0], "{rows} {seed}");
                let texts = draw(kinds).map(|kind| Some(format!("k{kind}"))).collect();
                let found = drifts_of(earlier, rows, seed, Values::String(texts));
                assert_eq!(found, [0.0; 0], "{rows} {seed}");
            }
        }
    }

    #[test]
    fn few_rows_are_enough_for_what_is_plain() {
        let running = Values::Float64((0..160).map(|row| Some(f64::from(row))).collect());
        let found = drifts_of(128, 160, 3, running);
        assert!(found.len() == 1 && found[0] > 0.6, "{found:?}");
        let season = |row: usize| {
            let season = if row < 64 { ["spring", "summer"][row % 2] } else { "autumn" };
            Some(season.to_owned())
        };
        let found = drifts_of(64, 80, 3, Values::String((0..80).map(season).collect()));
        assert_eq!(found.len(), 1, "{found:?}");
    }
}

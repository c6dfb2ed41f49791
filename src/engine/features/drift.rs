//! Columns that say when a row was made rather than what it is.

use super::{FittedFeatures, Group, Matrix};

/// Most bins of a number, and fewest rows of either part for each.
const BINS: usize = 20;
const ROWS_PER_BIN: usize = 20;
/// A column is taken to have drifted where it is easier to tell from its value which part a row is
/// of than to be wrong.
const DRIFTED: f64 = 0.5;

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
    let distance = |group: &Group| match group {
        Group::Number { input, .. } => of_number(earlier, later, *input),
        Group::Flag(input) => (share(earlier, *input) - share(later, *input)).abs(),
        Group::Category(inputs) | Group::Code(inputs) => {
            let apart = |input| share(earlier, input) - share(later, input);
            let sum: f64 = inputs.clone().map(apart).sum();
            // None of them is 1 in the other rows.
            (inputs.clone().map(|input| apart(input).abs()).sum::<f64>() + sum.abs()) / 2.0
        }
    };
    let of_column = |(name, inputs): (&str, std::ops::Range<usize>)| {
        let groups = layout.groups().iter().filter(|group| inputs.contains(&group.first()));
        let distance = groups.map(distance).fold(0.0, f64::max);
        (distance > DRIFTED).then(|| Drift { column: name.to_owned(), distance })
    };
    features.spans().filter_map(of_column).collect()
}

/// Mean of an input.
fn share(rows: &Matrix, input: usize) -> f64 {
    column(rows, input).sum::<f64>() / rows.rows.max(1) as f64
}

fn column(rows: &Matrix, input: usize) -> impl Iterator<Item = f64> {
    rows.data.iter().skip(input).step_by(rows.width.max(1)).map(|value| f64::from(*value))
}

/// Of bins that hold about as many of the earlier rows each; what is rare falls in with its
/// neighbours.
fn of_number(earlier: &Matrix, later: &Matrix, input: usize) -> f64 {
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
    let (earlier, later) = (shares(earlier), shares(later));
    earlier.iter().zip(&later).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::training::PreprocessingSpec;
    use crate::engine::testing::{frame, noise};
    use crate::frame::{Frame, Values};

    fn drifts(values: Values) -> Vec<f64> {
        let x = noise(1000, 1, 3);
        let frame = frame(&x, values);
        let names: Vec<String> = frame.columns().iter().map(|c| c.name.clone()).collect();
        let take = |rows: std::ops::Range<usize>| -> Frame {
            frame.take(&rows.collect::<Vec<_>>()).unwrap()
        };
        let (earlier, later) = (take(0..700), take(700..1000));
        let spec = PreprocessingSpec::default();
        let (features, _) = FittedFeatures::fit(&earlier, &names, &spec, 0, None).unwrap();
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
}

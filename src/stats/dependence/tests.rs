use proptest::prelude::*;

use super::*;

#[test]
fn a_grid_has_all_values_or_quantiles() {
    assert_eq!(numeric_grid(&[3.0, 1.0, f64::NAN, 1.0, -0.0, 0.0], 20), Some(vec![0.0, 1.0, 3.0]));
    let many: Vec<f64> = (0..=100).map(f64::from).collect();
    let grid = numeric_grid(&many, 10).unwrap();
    let pairs = grid.iter().zip(0..);
    assert!(
        grid.len() == 10
            && pairs.into_iter().all(|(v, i)| (v - f64::from(5 + 10 * i)).abs() < 1e-9)
    );
    assert_eq!(numeric_grid(&many, 1), Some(vec![50.0]));
    let mut mostly = vec![0.0; 900];
    mostly.extend(&many);
    let grid = numeric_grid(&mostly, 20).unwrap();
    assert!(grid.len() < 20 && grid.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(numeric_grid(&[f64::NAN, f64::INFINITY], 20), None);
    assert_eq!(numeric_grid(&[1.0], 0), None);
}

#[test]
fn levels_come_by_frequency() {
    assert_eq!(categorical_grid(&[4, 1, 4, 2, 2, 9], 9), [2, 4, 1, 9]);
    assert_eq!(categorical_grid(&(0..50).collect::<Vec<u32>>(), 20).len(), 20);
    assert!(categorical_grid(&[], 20).is_empty());
}

/// 10 x + 2 z over three rows with x of 1, 2, 6 and a grid of z of 0, 1, 3.
#[test]
fn a_linear_model_has_straight_lines() {
    let score = |x: f64| [0.0, 1.0, 3.0].map(|z| 10.0 * x + 2.0 * z);
    let scores = [1.0, 2.0, 6.0].map(score).concat();
    let found = partial_dependence(&scores, 3, false, 2).unwrap();
    assert_eq!(found.mean, [30.0, 32.0, 36.0]);
    assert_eq!(found.lines[1], Line { row: 1, scores: vec![20.0, 22.0, 26.0] });
    let half_width = Z_95 * 700.0_f64.sqrt() / 3.0_f64.sqrt();
    let band = found.band.unwrap()[1];
    assert!((band.high - 32.0 - half_width).abs() < 1e-9 && (band.low + band.high) == 64.0);
    let found = partial_dependence(&scores, 3, true, 9).unwrap();
    assert_eq!((found.mean, found.lines.len()), (vec![0.0, 2.0, 6.0], 3));
    // Without interaction all centred lines are one.
    assert!(found.band.unwrap().iter().all(|band| band.low == band.high));
}

#[test]
fn what_is_not_defined_is_none() {
    let of = |scores: &[f64], points| partial_dependence(scores, points, false, 0);
    assert!(of(&[], 3).is_none());
    assert!(of(&[0.5; 3], 0).is_none());
    assert!(of(&[0.5; 3], 2).is_none());
    assert!(of(&[0.5, f64::NAN], 2).is_none());
    assert_eq!(of(&[0.5; 3], 3).unwrap().band, None, "of one row");
    assert!(partial_dependence(&[f64::MAX, f64::MIN], 2, true, 0).is_none());
}

proptest! {
    #[test]
    fn a_grid_rises_within_the_values(
        values in prop::collection::vec(-100.0..100.0_f64, 1..80),
        points in 1..30_usize,
    ) {
        let grid = numeric_grid(&values, points).unwrap();
        prop_assert!(!grid.is_empty() && grid.len() <= points);
        prop_assert!(grid.windows(2).all(|pair| pair[0] < pair[1]));
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        prop_assert!(least <= grid[0] && grid[grid.len() - 1] <= greatest);
    }

    #[test]
    fn the_mean_lies_in_its_band_and_among_the_lines(
        scores in prop::collection::vec(-9.0..9.0_f64, 12),
        is_centred: bool,
    ) {
        let found = partial_dependence(&scores, 3, is_centred, 4).unwrap();
        for (point, band) in found.band.unwrap().iter().enumerate() {
            prop_assert!(band.low <= found.mean[point] && found.mean[point] <= band.high);
            let mean = found.lines.iter().map(|line| line.scores[point]).sum::<f64>() / 4.0;
            prop_assert!((mean - found.mean[point]).abs() < 1e-12);
        }
    }
}

use proptest::prelude::*;

use super::merging::Merging;
use super::prebins::Cell;
use super::*;
use crate::{Fault, Scaling};

fn cells(counts: &[(u64, u64)]) -> Vec<Cell> {
    counts.iter().map(|(good, bad)| Cell { good: *good, bad: *bad }).collect()
}

fn all(cells: &[Cell]) -> (u64, u64) {
    cells.iter().fold((0, 0), |(good, bad), cell| (good + cell.good, bad + cell.bad))
}

/// Whether shares of bad rows go the way of a trend.
fn goes(trend: Trend, rates: &[f64]) -> bool {
    let rising = |rates: &[f64]| rates.windows(2).all(|pair| pair[0] <= pair[1] + 1e-15);
    let falling = |rates: &[f64]| rates.windows(2).all(|pair| pair[0] >= pair[1] - 1e-15);
    let turns = |first: &dyn Fn(&[f64]) -> bool, then: &dyn Fn(&[f64]) -> bool| {
        (0..rates.len()).any(|at| first(&rates[..=at]) && then(&rates[at..]))
    };
    match trend {
        Trend::Rising => rising(rates),
        Trend::Falling => falling(rates),
        Trend::Auto => rising(rates) || falling(rates),
        Trend::Peak => turns(&rising, &falling),
        Trend::Valley => turns(&falling, &rising),
        Trend::Free => true,
    }
}

/// The greatest information value of all ways to merge, each tried.
fn exhaustive(merging: &Merging<'_>, trend: Trend) -> f64 {
    let count = merging.cells.len();
    let mut best = f64::NEG_INFINITY;
    for mask in 0..1_u32 << (count - 1) {
        let mut bins = vec![merging.cells[0]];
        for at in 1..count {
            match mask >> (at - 1) & 1 {
                1 => bins.push(merging.cells[at]),
                _ => *bins.last_mut().unwrap() = bins.last().unwrap().with(merging.cells[at]),
            }
        }
        let rates: Vec<f64> = bins.iter().map(|bin| bin.bad_rate()).collect();
        let one = bins.len() == 1;
        let large = bins.iter().all(|bin| bin.rows() >= merging.least);
        if one || (bins.len() <= merging.most && large && goes(trend, &rates)) {
            let iv = bins.iter().map(|bin| Bin::new((bin.good, bin.bad), merging.all).iv).sum();
            best = f64::max(best, iv);
        }
    }
    best
}

proptest! {
    /// Nothing that is allowed has a greater information value, and what is found is allowed.
    #[test]
    fn merging_is_exact(
        counts in prop::collection::vec(
            (0_u64..30, 0_u64..30).prop_filter("rows", |(good, bad)| good + bad > 0),
            2..9,
        ),
        most in 2_usize..7,
        least in 1_u64..60,
    ) {
        let cells = cells(&counts);
        let (good, bad) = all(&cells);
        prop_assume!(good > 0 && bad > 0);
        let merging = Merging { cells: &cells, all: all(&cells), most, least };
        let trends = [
            Trend::Auto, Trend::Rising, Trend::Falling, Trend::Peak, Trend::Valley, Trend::Free,
        ];
        for trend in trends {
            let found = merging.best(trend);
            let expected = exhaustive(&merging, trend);
            prop_assert!((found.iv - expected).abs() < 1e-9, "{trend:?} {found:?} {expected}");
            let starts = std::iter::once(0).chain(found.cuts.iter().copied());
            let ends = found.cuts.iter().copied().chain([cells.len()]);
            let rates: Vec<f64> = starts
                .zip(ends)
                .map(|(from, to)| {
                    let bin = cells[from..to].iter().copied().fold(Cell::default(), Cell::with);
                    bin.bad_rate()
                })
                .collect();
            prop_assert!(goes(trend, &rates), "{trend:?} {rates:?}");
            prop_assert!(rates.len() <= most);
        }
    }

    /// Whatever the rows: every row is in one bin, nothing is infinite, and a trend holds.
    #[test]
    fn bins_hold_every_row(
        rows in prop::collection::vec((prop::option::of(-20_i32..20), prop::bool::weighted(0.3)), 2..200),
        bins in 2_usize..10,
    ) {
        let values: Vec<f64> = rows.iter().map(|(v, _)| v.map_or(f64::NAN, f64::from)).collect();
        let bad: Vec<bool> = rows.iter().map(|(_, bad)| *bad).collect();
        let options = Options { bins, ..Options::default() };
        match bin_numbers(&values, &bad, &options) {
            Err(Fault { pointer, .. }) => {
                prop_assert_eq!(pointer, "/target");
                prop_assert!(bad.iter().all(|b| *b) || !bad.iter().any(|b| *b));
            }
            Ok(found) => {
                let of_bins: u64 = found.bins.iter().chain(&found.missing).map(Bin::rows).sum();
                prop_assert_eq!(of_bins, rows.len() as u64);
                prop_assert!(found.iv.is_finite() && found.iv >= 0.0);
                for value in &values {
                    prop_assert!(found.woe_of_number(*value).is_finite());
                }
                let rates: Vec<f64> = found.bins.iter().filter_map(Bin::bad_rate).collect();
                prop_assert!(goes(found.trend, &rates), "{:?}", found);
            }
        }
    }

    /// The slopes of the penalised loss are 0 where it has converged.
    #[test]
    fn a_regression_ends_where_nothing_is_better(
        rows in prop::collection::vec((-2.0..2.0_f64, -2.0..2.0_f64, any::<bool>()), 12..80),
    ) {
        let inputs: Vec<f64> = rows.iter().flat_map(|(a, b, _)| [*a, *b]).collect();
        let bad: Vec<bool> = rows.iter().map(|(_, _, bad)| *bad).collect();
        let weights: Vec<f64> = (0..bad.len()).map(|row| 0.5 + (row % 3) as f64).collect();
        let weights = weights.as_slice();
        let problem =
            Problem { inputs: &inputs, columns: 2, bad: &bad, weights: Some(weights), l2: 0.5 };
        if bad.iter().all(|b| *b) || !bad.iter().any(|b| *b) {
            prop_assert!(fit(problem).is_err());
            return Ok(());
        }
        let found = fit(problem).unwrap();
        let mut slopes = [0.0, 0.5 * found.coefficients[0], 0.5 * found.coefficients[1]];
        for (row, bad) in bad.iter().enumerate() {
            let x = &inputs[2 * row..2 * row + 2];
            let logit = found.intercept + found.coefficients[0] * x[0] + found.coefficients[1] * x[1];
            let apart = 1.0 / (1.0 + (-logit).exp()) - f64::from(u8::from(*bad));
            let apart = apart * weights[row];
            slopes[0] += apart;
            slopes[1] += apart * x[0];
            slopes[2] += apart * x[1];
        }
        prop_assert!(slopes.iter().all(|slope| slope.abs() < 1e-7), "{slopes:?}");
    }
}

#[test]
fn what_is_rare_or_unknown_counts_as_the_rare_ones() {
    let mut values = Vec::new();
    let mut bad = Vec::new();
    for (name, rows, of_bad) in [("a", 100, 10), ("b", 100, 50), ("c", 2, 1), ("d", 3, 2)] {
        for row in 0..rows {
            values.push(Some(name));
            bad.push(row < of_bad);
        }
    }
    let options = CategoryOptions { bins: 5, least_share: 0.01, least_count: 5, most: 64 };
    let found = bin_categories(&values, &bad, &options).unwrap();
    let Cuts::Categories { bins, rare } = &found.cuts else { panic!("numbers") };
    assert_eq!(*bins, [vec!["a".to_owned()], vec!["b".to_owned()], Vec::new()]);
    assert_eq!(*rare, Some(2));
    assert_eq!((found.bins[2].good, found.bins[2].bad), (2, 3));
    let rare = found.woe_of_category(Some("c"));
    assert_eq!(rare, found.bins[2].woe);
    assert_eq!(found.woe_of_category(Some("unheard of")), rare);
    assert_eq!(found.woe_of_category(None), 0.0, "no training row missed it");
    // Without rare ones what is not known has the average odds.
    let options = CategoryOptions { least_count: 1, ..options };
    let found = bin_categories(&values, &bad, &options).unwrap();
    assert_eq!(found.woe_of_category(Some("unheard of")), 0.0);
    assert!(found.woe_of_category(Some("a")) > 0.0, "few of them are bad");
}

#[test]
fn a_bin_of_one_outcome_has_half_a_row_of_the_other() {
    let values = [1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, f64::NAN];
    let bad = [false, false, false, false, true, true, false, true];
    let options = Options { edges: Some(vec![1.5]), ..Options::default() };
    let found = bin_numbers(&values, &bad, &options).unwrap();
    let woe = f64::ln((4.5 / 5.0) / (0.5 / 3.0));
    assert!((found.bins[0].woe - woe).abs() < 1e-12);
    assert!((found.missing.unwrap().woe - f64::ln((0.5 / 5.0) / (1.5 / 3.0))).abs() < 1e-12);
    // A value at an edge lies above it.
    assert_eq!(found.woe_of_number(1.5), found.bins[1].woe);
    assert_eq!(found.woe_of_number(f64::INFINITY), found.missing.unwrap().woe);
}

#[test]
fn what_tells_the_outcomes_apart_is_found() {
    let bad: Vec<bool> = (0..1000).map(|row| row % 4 == 0).collect();
    let kinds: Vec<Option<&str>> = bad.iter().map(|b| Some(if *b { "b" } else { "a" })).collect();
    let plain = CategoryOptions { bins: 6, least_share: 0.05, least_count: 5, most: 64 };
    let found = bin_categories(&kinds, &bad, &plain).unwrap();
    let names = vec![vec!["a".to_owned()], vec!["b".to_owned()]];
    assert_eq!(found.cuts, Cuts::Categories { bins: names, rare: None });
    assert!(found.separates() && found.strength() == Strength::Suspect && found.iv.is_finite());
    let values: Vec<f64> =
        bad.iter().zip(0..).map(|(b, row)| f64::from(row % 10 + 20 * i32::from(*b))).collect();
    let by_number = bin_numbers(&values, &bad, &Options::default()).unwrap();
    assert_eq!(by_number.cuts, Cuts::Numbers(vec![14.5]));
    assert!(by_number.separates() && (by_number.iv - found.iv).abs() < 1e-12);
}

#[test]
fn a_bin_of_one_outcome_is_not_lost_among_ordinary_ones() {
    let (mut values, mut kinds, mut bad) = (Vec::new(), Vec::new(), Vec::new());
    for (name, value, rows, of_bad) in [
        ("vip", 0.0, 500, 0),
        ("m1", 1.0, 2000, 420),
        ("m2", 2.0, 2000, 400),
        ("fraud", 3.0, 500, 500),
    ] {
        for row in 0..rows {
            values.push(value);
            kinds.push(Some(name));
            bad.push(row < of_bad);
        }
    }
    let plain = CategoryOptions { bins: 6, least_share: 0.05, least_count: 5, most: 64 };
    let found = bin_categories(&kinds, &bad, &plain).unwrap();
    let rates: Vec<f64> = found.bins.iter().filter_map(Bin::bad_rate).collect();
    assert_eq!((rates[0], *rates.last().unwrap()), (0.0, 1.0), "{found:?}");
    let found = bin_numbers(&values, &bad, &Options::default()).unwrap();
    // m1 and m2 fall, and all else rises.
    assert_eq!(found.cuts, Cuts::Numbers(vec![0.5, 2.5]));
    assert!(found.iv > 2.0 && !found.separates(), "{}", found.iv);
    // A bin is as large as it has to be all the same.
    let large = CategoryOptions { least_share: 0.25, ..plain };
    let found = bin_categories(&kinds, &bad, &large).unwrap();
    assert!(found.bins.iter().all(|bin| bin.rows() >= 1250), "{found:?}");
}

#[test]
fn a_number_that_tells_nothing_is_one_bin() {
    let bad: Vec<bool> = (0..100).map(|row| row % 4 == 0).collect();
    let found = bin_numbers(&[3.0; 100], &bad, &Options::default()).unwrap();
    assert_eq!((found.bins.len(), found.iv), (1, 0.0));
    assert_eq!(found.strength(), Strength::None);
    // Neighbours between which there is no number are cut all the same.
    let next = f64::from_bits(1.0_f64.to_bits() + 1);
    let values: Vec<f64> = (0..100).map(|row| if row % 2 == 0 { 1.0 } else { next }).collect();
    let bad: Vec<bool> = (0..100).map(|row| row % 2 == 0 && row % 3 > 0 || row == 1).collect();
    let found = bin_numbers(&values, &bad, &Options::default()).unwrap();
    assert_eq!(found.cuts, Cuts::Numbers(vec![next]));
    assert!(found.woe_of_number(1.0) < found.woe_of_number(next));
}

#[test]
fn options_are_checked() {
    let pointer = |options: Options| {
        let found = bin_numbers(&[1.0, 2.0], &[true, false], &options);
        found.map(|_| String::new()).unwrap_or_else(|fault| fault.pointer)
    };
    let plain = Options::default;
    assert_eq!(pointer(Options { bins: 1, ..plain() }), "/bins");
    assert_eq!(pointer(Options { bins: 21, ..plain() }), "/bins");
    assert_eq!(pointer(Options { least_share: 0.0, ..plain() }), "/least_share");
    assert_eq!(pointer(Options { least_share: f64::NAN, ..plain() }), "/least_share");
    for edges in [vec![], vec![2.0, 1.0], vec![1.0, 1.0], vec![f64::NAN], vec![0.0; 51]] {
        assert_eq!(pointer(Options { edges: Some(edges), ..plain() }), "/edges");
    }
    assert_eq!(pointer(plain()), "");
}

#[test]
fn outcomes_that_are_separate_have_no_coefficients_but_with_a_penalty() {
    let inputs: Vec<f64> = (0..40).map(|row| f64::from(row) / 10.0).collect();
    let bad: Vec<bool> = (0..40).map(|row| row >= 20).collect();
    let problem = |l2| Problem { inputs: &inputs, columns: 1, bad: &bad, weights: None, l2 };
    let fault = fit(problem(0.0)).unwrap_err();
    assert_eq!(fault.pointer, "/l2");
    assert!(fault.detail.contains("without error"), "{fault}");
    assert!(fit(problem(1.0)).unwrap().coefficients[0] > 0.0);
    // One value is of both outcomes, and all others are separate: the best coefficient is infinite.
    let bad: Vec<bool> = (0..40).map(|row| row >= 20 || row == 19).collect();
    let inputs: Vec<f64> = (0..40).map(|row| f64::from(i32::min(i32::max(row, 18), 21))).collect();
    let inputs: Vec<f64> = inputs.iter().map(|v| f64::from(u8::from(*v > 20.0))).collect();
    let quasi = Problem { inputs: &inputs, columns: 1, bad: &bad, weights: None, l2: 0.0 };
    assert_eq!(fit(quasi).unwrap_err().pointer, "/l2");
    // Two columns that say the same.
    let twice: Vec<f64> = (0..80).map(|at| f64::from(at / 2 % 7)).collect();
    let bad: Vec<bool> = (0..40).map(|row| row % 3 == 0).collect();
    let same = Problem { inputs: &twice, columns: 2, bad: &bad, weights: None, l2: 0.0 };
    let fault = fit(same).unwrap_err();
    assert!(fault.detail.contains("the same"), "{fault}");
}

#[test]
fn a_column_of_the_wrong_sign_is_left_out() {
    // The second column is the first with a twist: given the first, it speaks the other way.
    let rows = 400;
    let first = |row: usize| ((row * 37) % 100) as f64 / 50.0 - 1.0;
    let twist = |row: usize| ((row * 53) % 100) as f64 / 50.0 - 1.0;
    let inputs: Vec<f64> =
        (0..rows).flat_map(|row| [first(row), first(row) + 0.5 * twist(row)]).collect();
    let chance = |row: usize| ((row * 71 + 13) % 100) as f64 / 100.0;
    let logit = |row: usize| -2.0 * first(row) + 1.0 * twist(row);
    let bad: Vec<bool> =
        (0..rows).map(|row| chance(row) < 1.0 / (1.0 + (-logit(row)).exp())).collect();
    let problem = Problem { inputs: &inputs, columns: 2, bad: &bad, weights: None, l2: 0.0 };
    assert!(fit(problem).unwrap().coefficients[1] > 0.0);
    let mut steps = 0;
    let found = fit_signed::<Fault>(problem, &[true; 2], &mut |_, _| {
        steps += 1;
        Ok(())
    });
    let found = found.unwrap();
    assert_eq!(found.kept, [true, false]);
    assert!(found.coefficients[0] < 0.0 && found.errors[0] > 0.0);
    assert_eq!((found.coefficients[1], found.errors[1]), (0.0, 0.0));
    assert!(steps > found.steps, "of both fits");
    let free = fit_signed::<Fault>(problem, &[true, false], &mut |_, _| Ok(()));
    assert_eq!(free.unwrap(), fit(problem).unwrap());
    let stopped = fit_signed(problem, &[true; 2], &mut |_, _| Err(Fault::new("", "stop")));
    assert_eq!(stopped.unwrap_err().detail, "stop");
}

#[test]
fn points_add_up_to_the_score_of_the_logit() {
    let scaling = Scaling { points: 500.0, points_to_double: 40.0, odds: 10.0 };
    let card = Card { intercept: -1.3, columns: 3, scaling, rounded: false };
    let terms = [(-0.8, 0.4), (-1.1, -0.7), (-0.5, 1.2)];
    let points: f64 = terms.iter().map(|(b, woe)| points_of_bin(&card, *b, *woe)).sum();
    let logit = -1.3 + terms.iter().map(|(b, woe)| b * woe).sum::<f64>();
    assert!((points - scaling.points_of(1.0 / (1.0 + (-logit).exp()))).abs() < 1e-9);
    let of_zero: f64 = terms.iter().map(|(b, _)| points_of_bin(&card, *b, 0.0)).sum();
    assert!((of_zero - base_points(&card)).abs() < 1e-9);
    let rounded = Card { rounded: true, ..card };
    let whole = points_of_bin(&rounded, -0.8, 0.4);
    assert_eq!(whole, whole.round());
}

#[test]
fn turned_bins_are_those_of_the_turned_outcome() {
    let values: Vec<f64> = (0..400).map(|row| f64::from(row * 37 % 101)).collect();
    let bad: Vec<bool> =
        values.iter().enumerate().map(|(row, v)| v + (row * 53 % 60) as f64 > 90.0).collect();
    let good: Vec<bool> = bad.iter().map(|bad| !bad).collect();
    let options = Options { trend: Trend::Rising, ..Options::default() };
    let found = bin_numbers(&values, &bad, &options).unwrap();
    assert!(found.bins.len() > 2, "{found:?}");
    let options = Options { trend: Trend::Falling, ..options };
    let turned = bin_numbers(&values, &good, &options).unwrap();
    let by_hand = found.turned();
    assert_eq!((&turned.cuts, turned.trend), (&by_hand.cuts, by_hand.trend));
    for (a, b) in turned.bins.iter().zip(&by_hand.bins) {
        assert_eq!((a.good, a.bad), (b.good, b.bad));
        assert!((a.woe - b.woe).abs() < 1e-12 && (a.iv - b.iv).abs() < 1e-12);
    }
    assert_eq!(by_hand.turned(), found);
    // What tells nothing tells nothing of the other outcome either, and is shown so: 0, not -0.
    let mut average = found;
    average.bins[0].woe = 0.0;
    assert!(average.turned().bins[0].woe.is_sign_positive());
}

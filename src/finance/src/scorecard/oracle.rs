//! Held against optbinning, statsmodels and scikit-learn: `examples/oracles/scorecard.py`.

use serde_json::Value;

use super::merging::{Merged, Merging};
use super::prebins::{Cell, cuts};
use super::*;
use crate::Scaling;

fn fixture() -> Value {
    serde_json::from_str(include_str!("oracle.json")).unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap_or(f64::NAN)).collect()
}

fn outcomes(value: &Value) -> Vec<bool> {
    value.as_array().unwrap().iter().map(|v| v.as_u64() == Some(1)).collect()
}

fn near(found: f64, expected: f64, within: f64) {
    let apart = (found - expected).abs();
    assert!(apart <= within * expected.abs().max(1.0), "{found} is not {expected}");
}

fn same_bins(found: &Binning, expected: &Value) {
    let bins = expected["bins"].as_array().unwrap();
    assert_eq!(found.bins.len(), bins.len(), "{found:?}");
    for (bin, expected) in found.bins.iter().zip(bins) {
        assert_eq!(bin.good, expected["good"].as_u64().unwrap());
        assert_eq!(bin.bad, expected["bad"].as_u64().unwrap());
        near(bin.woe, expected["woe"].as_f64().unwrap(), 1e-12);
        near(bin.iv, expected["iv"].as_f64().unwrap(), 1e-12);
    }
    near(found.iv, expected["iv"].as_f64().unwrap(), 1e-9);
}

fn same_edges(found: &Binning, expected: &Value) {
    let Cuts::Numbers(edges) = &found.cuts else { panic!("no numbers") };
    let expected = floats(&expected["edges"]);
    assert_eq!(edges.len(), expected.len(), "{edges:?} {expected:?}");
    edges.iter().zip(&expected).for_each(|(found, expected)| near(*found, *expected, 1e-9));
}

fn trend(name: &Value) -> Trend {
    serde_json::from_value(name.clone()).unwrap()
}

fn options(edges: Vec<f64>) -> Options {
    Options { edges: Some(edges), ..Options::default() }
}

/// A number cut where a case of optbinning says before it merges, and merged by us; and which trend it has.
fn merged(values: &[f64], bad: &[bool], case: &Value) -> (Binning, Trend) {
    let prebins = floats(&case["prebins"]);
    let found = bin_numbers(values, bad, &options(prebins.clone())).unwrap();
    let cells: Vec<Cell> =
        found.bins.iter().map(|bin| Cell { good: bin.good, bad: bin.bad }).collect();
    let known: u64 = cells.iter().map(|cell| cell.rows()).sum();
    let of_bad = bad.iter().filter(|bad| **bad).count() as u64;
    let merging = Merging {
        cells: &cells,
        all: (bad.len() as u64 - of_bad, of_bad),
        most: case["most"].as_u64().map_or(MAX_BINS, |most| most as usize),
        least: (known as f64 * 0.05).ceil() as u64,
    };
    let Merged { cuts, trend, .. } = merging.best(trend(&case["trend"]));
    let edges: Vec<f64> = cuts.into_iter().map(|cut| prebins[cut - 1]).collect();
    if edges.is_empty() {
        // One bin of all, which can't be asked for: there is nothing above the greatest number.
        let mut one = bin_numbers(values, bad, &options(vec![f64::MAX])).unwrap();
        one.bins.truncate(1);
        one.cuts = Cuts::Numbers(Vec::new());
        return (one, trend);
    }
    (bin_numbers(values, bad, &options(edges)).unwrap(), trend)
}

#[test]
fn a_tree_cuts_where_that_of_scikit_learn_does() {
    let fixture = fixture();
    let bad = outcomes(&fixture["bad"]);
    for (name, values) in fixture["columns"].as_object().unwrap() {
        let mut rows: Vec<(f64, bool)> = floats(values).into_iter().zip(bad.clone()).collect();
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        let runs: Vec<&[(f64, bool)]> = rows.chunk_by(|a, b| a.0 == b.0).collect();
        let cell = |run: &&[(f64, bool)]| {
            let of_bad = run.iter().filter(|(_, bad)| *bad).count() as u64;
            Cell { good: run.len() as u64 - of_bad, bad: of_bad }
        };
        let cells: Vec<Cell> = runs.iter().map(cell).collect();
        let least = (rows.len() as f64 * 0.05).ceil() as u64;
        let found: Vec<f64> = cuts(&cells, MAX_BINS, least)
            .into_iter()
            .map(|cut| f64::midpoint(runs[cut - 1][0].0, runs[cut][0].0))
            .collect();
        let expected = floats(&fixture["trees"][name]);
        assert_eq!(found.len(), expected.len(), "{name}: {found:?} {expected:?}");
        found.iter().zip(&expected).for_each(|(found, expected)| near(*found, *expected, 1e-9));
    }
}

#[test]
fn numbers_are_merged_as_optbinning_merges_them() {
    let fixture = fixture();
    let bad = outcomes(&fixture["bad"]);
    let mut cases = 0;
    for (name, values) in fixture["columns"].as_object().unwrap() {
        let values = floats(values);
        for case in fixture["numbers"][name].as_array().unwrap() {
            let (found, _) = merged(&values, &bad, case);
            same_edges(&found, case);
            same_bins(&found, case);
            cases += 1;
        }
    }
    assert_eq!(cases, 30);
}

/// The figures that optbinning's own tests hold it to.
#[test]
fn mean_radius_has_the_published_cuts() {
    let fixture = fixture();
    let values = floats(&fixture["columns"]["mean radius"]);
    let bad = outcomes(&fixture["bad"]);
    let mut case = fixture["numbers"]["mean radius"][0].clone();
    case["trend"] = "auto".into();
    let (found, trend) = merged(&values, &bad, &case);
    let Cuts::Numbers(edges) = &found.cuts else { panic!("no numbers") };
    let published = [11.425, 12.33, 13.095, 13.705, 15.045, 16.925];
    assert_eq!(edges.len(), published.len());
    edges.iter().zip(published).for_each(|(found, published)| near(*found, published, 1e-6));
    near(found.iv, 5.043_925_466, 1e-9);
    assert_eq!((trend, found.strength()), (Trend::Falling, Strength::Suspect));
    // It drops bins of one outcome before it merges. With them nothing is lost, and more is known.
    let options = Options { bins: MAX_BINS, ..Options::default() };
    let with_pure = bin_numbers(&values, &bad, &options).unwrap();
    assert!(with_pure.iv > found.iv, "{} {}", with_pure.iv, found.iv);
    assert!(with_pure.bins.iter().any(|bin| bin.good == 0 || bin.bad == 0));
}

#[test]
fn given_edges_and_missing_values_have_the_evidence_of_optbinning() {
    let fixture = fixture();
    let case = &fixture["given"];
    let values = floats(&fixture["columns"]["mean radius"]);
    let of_case = options(floats(&case["edges"]));
    let found = bin_numbers(&values, &outcomes(&fixture["bad"]), &of_case).unwrap();
    same_edges(&found, case);
    same_bins(&found, case);
    assert_eq!(found.missing, None);

    let case = &fixture["with_missing"];
    let bad = outcomes(&fixture["outcome"]);
    let (found, _) = merged(&floats(&fixture["amount"]), &bad, case);
    same_edges(&found, case);
    same_bins(&found, case);
    let missing = found.missing.unwrap();
    assert_eq!(missing.good, case["missing"]["good"].as_u64().unwrap());
    near(missing.woe, case["missing"]["woe"].as_f64().unwrap(), 1e-12);
    assert_eq!(found.woe_of_number(f64::NAN), missing.woe);
}

#[test]
fn categories_are_put_together_as_by_optbinning() {
    let fixture = fixture();
    let kinds: Vec<Option<&str>> =
        fixture["kind"].as_array().unwrap().iter().map(Value::as_str).collect();
    let bad = outcomes(&fixture["outcome"]);
    for case in fixture["categories"].as_array().unwrap() {
        let bins = case["most"].as_u64().unwrap() as usize;
        let options = CategoryOptions { bins, least_share: 0.05, least_count: 1, most: 64 };
        let found = bin_categories(&kinds, &bad, &options).unwrap();
        let Cuts::Categories { bins: names, rare: None } = &found.cuts else { panic!("rare") };
        let expected: Vec<Vec<String>> = serde_json::from_value(case["groups"].clone()).unwrap();
        assert_eq!(*names, expected);
        same_bins(&found, case);
    }
}

/// The weights of evidence of the columns, row after row.
fn evidence_of(fixture: &Value, edges: &[Vec<f64>]) -> (Vec<Binning>, Vec<f64>) {
    let bad = outcomes(&fixture["bad"]);
    let columns: Vec<Vec<f64>> =
        fixture["columns"].as_object().unwrap().values().map(floats).collect();
    let binnings: Vec<Binning> = columns
        .iter()
        .zip(edges)
        .map(|(values, edges)| bin_numbers(values, &bad, &options(edges.clone())).unwrap())
        .collect();
    let row = |row: usize| {
        let columns = columns.iter().zip(&binnings);
        columns.map(move |(values, binning)| binning.woe_of_number(values[row])).collect::<Vec<_>>()
    };
    let inputs = (0..bad.len()).flat_map(row).collect();
    (binnings, inputs)
}

#[test]
fn coefficients_are_those_of_statsmodels() {
    let fixture = fixture();
    let bad = outcomes(&fixture["bad"]);
    // Falling, with any number of bins.
    let edges: Vec<_> = fixture["numbers"]
        .as_object()
        .unwrap()
        .values()
        .map(|cases| floats(&cases[1]["edges"]))
        .collect();
    let (_, inputs) = evidence_of(&fixture, &edges);
    let problem = Problem { inputs: &inputs, columns: 5, bad: &bad, weights: None, l2: 0.0 };
    let found = fit(problem).unwrap();
    let (coefficients, errors) =
        (floats(&fixture["logit"]["coefficients"]), floats(&fixture["logit"]["errors"]));
    near(found.intercept, coefficients[0], 1e-8);
    near(found.intercept_error, errors[0], 1e-8);
    for at in 0..5 {
        near(found.coefficients[at], coefficients[at + 1], 1e-8);
        near(found.errors[at], errors[at + 1], 1e-8);
    }
    near(found.loss, fixture["logit"]["loss"].as_f64().unwrap(), 1e-9);
}

#[test]
fn points_are_those_of_optbinning() {
    let fixture = fixture();
    let expected = &fixture["scorecard"];
    let bad = outcomes(&fixture["bad"]);
    let columns = expected["columns"].as_array().unwrap();
    let edges: Vec<_> = columns.iter().map(|column| floats(&column["edges"])).collect();
    let (binnings, inputs) = evidence_of(&fixture, &edges);
    let problem = Problem { inputs: &inputs, columns: 5, bad: &bad, weights: None, l2: 1.0 };
    let found = fit(problem).unwrap();
    near(found.intercept, expected["intercept"].as_f64().unwrap(), 1e-8);
    let (intercept, scaling) = (found.intercept, Scaling::default());
    let card = Card { intercept, columns: 5, scaling, rounded: false };
    let (mut least, mut greatest) = (0.0, 0.0);
    for ((column, binning), coefficient) in columns.iter().zip(&binnings).zip(&found.coefficients) {
        near(*coefficient, column["coefficient"].as_f64().unwrap(), 1e-8);
        let points: Vec<f64> =
            binning.bins.iter().map(|bin| points_of_bin(&card, *coefficient, bin.woe)).collect();
        let wanted = floats(&column["points"]);
        points.iter().zip(&wanted).for_each(|(found, wanted)| near(*found, *wanted, 1e-6));
        least += points.iter().copied().fold(f64::INFINITY, f64::min);
        greatest += points.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    }
    near(least, expected["least"].as_f64().unwrap(), 1e-6);
    near(greatest, expected["greatest"].as_f64().unwrap(), 1e-6);
    for (row, score) in floats(&expected["scores"]).into_iter().enumerate() {
        let terms = inputs[row * 5..].iter().zip(&found.coefficients);
        let points: f64 = terms.map(|(woe, b)| points_of_bin(&card, *b, *woe)).sum();
        near(points, score, 1e-6);
        let logit: f64 = found.intercept
            + inputs[row * 5..].iter().zip(&found.coefficients).map(|(w, b)| w * b).sum::<f64>();
        near(points, scaling.points_of(1.0 / (1.0 + (-logit).exp())), 1e-6);
    }
}

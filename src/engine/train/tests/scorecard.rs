//! Points scorecards.

use actuary_finance::scorecard::{
    CategoryOptions, Logistic, Options, Problem as Regression, bin_categories, bin_numbers, fit,
};
use serde_json::{Value as Json, json};

use super::simpler::{method, registered};
use super::*;
use crate::domain::scorecard::ScorecardNetwork;
use crate::engine::train::scorecard::ScorecardWeights;

/// Loans of which some are bad: by their income, age, kind and whether they are new.
struct Loans {
    income: Vec<Option<f64>>,
    age: Vec<Option<i64>>,
    kind: Vec<Option<String>>,
    new: Vec<Option<bool>>,
    bad: Vec<bool>,
}

impl Loans {
    fn new(rows: usize, seed: u64) -> Self {
        let (x, chance) = (noise(rows, 5, seed), uniform(rows, seed + 1));
        let kind = |r: usize| ((x[2][r] + 1.0) * 2.0) as usize % 4;
        let logit = |r: usize| {
            let kind = [0.0, 1.0, -0.5, 0.4][kind(r)];
            -1.0 - 1.2 * x[0][r] + 1.5 * x[1][r] * x[1][r] + kind + 0.8 * (x[3][r]).signum()
        };
        let bad = (0..rows).map(|r| chance[r] < 1.0 / (1.0 + f64::exp(-logit(r)))).collect();
        let some = |value: f64, at: usize| (x[4][at] > -0.9).then_some(value);
        Self {
            income: (0..rows).map(|r| some((3e4 + 2e4 * x[0][r]).round(), r)).collect(),
            age: (0..rows).map(|r| Some((45.0 + 20.0 * x[1][r]) as i64)).collect(),
            kind: (0..rows)
                .map(|r| Some(["car", "home", "shop", "tool"][kind(r)].to_owned()))
                .collect(),
            new: (0..rows).map(|r| Some(x[3][r] > 0.0)).collect(),
            bad,
        }
    }

    fn columns(&self) -> Vec<(String, Values)> {
        vec![
            ("income".to_owned(), Values::Float64(self.income.clone())),
            ("age".to_owned(), Values::Int64(self.age.clone())),
            ("kind".to_owned(), Values::String(self.kind.clone())),
            ("new".to_owned(), Values::Bool(self.new.clone())),
        ]
    }

    fn frame(&self) -> Frame {
        let mut columns = self.columns();
        columns.push(("y".to_owned(), Values::Bool(self.bad.iter().map(|b| Some(*b)).collect())));
        Frame::new(self.bad.len(), columns).unwrap()
    }
}

fn asked(network: Json, more: Json) -> TrainingSpec {
    let mut given = json!({"dataset": {"name": "d"}, "target": "y", "network": network});
    given["network"]["kind"] = json!("scorecard");
    given.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(given).unwrap()
}

fn weights(trained: &Trained) -> ScorecardWeights {
    ScorecardWeights::read(&trained.weights).unwrap()
}

/// What is said of a version of so many training rows.
fn is_as_carried_out(trained: &Trained, regression: &Logistic, rows: usize) {
    // As many epochs as steps, the last of which is kept.
    assert_eq!(trained.curve.len(), regression.steps);
    assert_eq!(trained.best_epoch as usize, regression.steps);
    let last = trained.curve.last().unwrap();
    assert!((last.train_loss - regression.loss / rows as f64).abs() < 1e-9);
    assert_eq!(trained.parameters, 5);
    assert!(trained.baselines.is_empty() && trained.signature.calibrator.is_none());
    assert_eq!(trained.spec.calibration, CalibrationSpec::None);
    assert!(auc(trained) > 0.7, "{}", auc(trained));
}

/// What is served is the regression of the training rows on the evidence of their bins.
#[test]
fn it_is_a_logistic_regression_of_the_evidence() {
    let loans = Loans::new(3000, 1);
    let card = json!({"trends": {"age": "valley"}, "l2": 0, "wrong_signs": "keep"});
    let trained = run(&loans.frame(), &asked(card, json!({})));
    assert_eq!(trained.features.names().collect::<Vec<_>>(), ["income", "age", "kind", "new"]);
    // The training rows are found by how often each bin has them.
    let binned = trained.features.binned().unwrap();
    let rows = |at: usize| -> u64 {
        binned[at].binning.bins.iter().chain(&binned[at].binning.missing).map(|b| b.rows()).sum()
    };
    assert!((0..4).all(|at| rows(at) == trained.rows.train));
    let parts = crate::engine::parts::Parts::split(
        &PartsSpec::default(),
        &loans.frame(),
        Some(&loans.bad.iter().map(|b| usize::from(*b)).collect::<Vec<_>>()),
        0,
    )
    .unwrap();
    let pick = |row: &usize| *row;
    let train: Vec<usize> = parts.train.iter().map(pick).collect();
    let bad: Vec<bool> = train.iter().map(|r| loans.bad[*r]).collect();
    let numbers =
        |of: &dyn Fn(usize) -> f64| -> Vec<f64> { train.iter().map(|r| of(*r)).collect() };
    let income = numbers(&|r| loans.income[r].unwrap_or(f64::NAN));
    let age = numbers(&|r| loans.age[r].unwrap() as f64);
    let new = numbers(&|r| f64::from(u8::from(loans.new[r].unwrap())));
    let kind: Vec<Option<&str>> = train.iter().map(|r| loans.kind[*r].as_deref()).collect();
    let valley = Options { trend: actuary_finance::scorecard::Trend::Valley, ..Options::default() };
    let halves = Options { edges: Some(vec![0.5]), ..Options::default() };
    let categories = CategoryOptions { bins: 6, least_share: 0.05, least_count: 5, most: 64 };
    let expected = [
        bin_numbers(&income, &bad, &Options::default()).unwrap(),
        bin_numbers(&age, &bad, &valley).unwrap(),
        bin_categories(&kind, &bad, &categories).unwrap(),
        bin_numbers(&new, &bad, &halves).unwrap(),
    ];
    assert!(binned.iter().zip(&expected).all(|(found, expected)| found.binning == expected));
    let narrow = |woe: f64| f64::from(woe as f32);
    let row = |at: usize| {
        [
            narrow(expected[0].woe_of_number(income[at])),
            narrow(expected[1].woe_of_number(age[at])),
            narrow(expected[2].woe_of_category(kind[at])),
            narrow(expected[3].woe_of_number(new[at])),
        ]
    };
    let inputs: Vec<f64> = (0..train.len()).flat_map(row).collect();
    let problem = Regression { inputs: &inputs, columns: 4, bad: &bad, weights: None, l2: 0.0 };
    let regression = fit(problem).unwrap();
    let found = weights(&trained);
    assert!((found.intercept - regression.intercept).abs() < 1e-6);
    for at in 0..4 {
        assert!((found.coefficients[at] - regression.coefficients[at]).abs() < 1e-6);
        assert!((found.errors[at] - regression.errors[at]).abs() < 1e-6);
        assert!(found.coefficients[at] < -0.5, "{found:?}");
    }
    is_as_carried_out(&trained, &regression, train.len());
    let model = trained.model();
    let outputs = model.unwrap().predict(&loans.frame().take(&train).unwrap()).unwrap();
    for (at, answer) in outputs.values.chunks(2).enumerate() {
        let terms = row(at).into_iter().zip(&regression.coefficients).map(|(woe, b)| woe * b);
        let logit = regression.intercept + terms.sum::<f64>();
        assert!((answer[1] - 1.0 / (1.0 + (-logit).exp())).abs() < 1e-6);
    }
}

#[test]
fn the_same_is_asked_for_again_by_what_was_carried_out() {
    let frame = Loans::new(900, 2).frame();
    let first = run(&frame, &asked(json!({}), json!({})));
    let NetworkSpec::Scorecard(card) = first.spec.network.clone().unwrap() else { panic!() };
    assert_eq!(card, ScorecardNetwork::default().filled());
    assert_eq!((first.spec.optimiser.as_ref(), first.spec.epochs), (None, None));
    let mut hooks = Record::default();
    let again = train(&frame, &first.spec, None, &mut hooks).unwrap();
    assert_eq!(again.weights, first.weights);
    assert_eq!(again.features, first.features);
    assert_eq!(hooks.reports.last().unwrap().loss, first.curve.last().unwrap().clone());
    // Nothing of it is by chance but the parts.
    let mut hooks = Record { stop_after: Some(2), ..Record::default() };
    let error = train(&frame, &first.spec, None, &mut hooks).unwrap_err();
    assert_eq!(error.code(), Code::Cancelled);
}

#[test]
fn what_tells_little_is_left_out_and_says_why() {
    let loans = Loans::new(2000, 3);
    let mut columns = loans.columns();
    let chance = noise(2000, 1, 9);
    columns
        .push(("chance".to_owned(), Values::Float64(chance[0].iter().map(|v| Some(*v)).collect())));
    columns.push(("same".to_owned(), Values::Float64(vec![Some(1.0); 2000])));
    let rare = (0..2000).map(|r| Some(r == 3)).collect();
    columns.push(("rare".to_owned(), Values::Bool(rare)));
    columns.push(("y".to_owned(), Values::Bool(loans.bad.iter().map(|b| Some(*b)).collect())));
    let frame = Frame::new(2000, columns).unwrap();
    let trained = run(&frame, &asked(json!({}), json!({})));
    assert_eq!(trained.features.names().collect::<Vec<_>>(), ["income", "age", "kind", "new"]);
    let told = |column: &str, why: &str| {
        let is =
            |w: &String| w.contains(&format!("column {column} is left out")) && w.contains(why);
        assert!(trained.warnings.iter().any(is), "{:?}", trained.warnings);
    };
    told("chance", "information value");
    told("same", "one value");
    told("rare", "rarer value");
    // Edges are taken as they are given, however little they tell.
    let edges = json!({"edges": {"chance": [-0.5, 0.0, 0.5], "income": [20_000, 30_000]}});
    let trained = run(&frame, &asked(edges, json!({})));
    assert!(trained.features.names().any(|name| name == "chance"));
    let error = refused(&frame, &asked(json!({"min_iv": 10}), json!({})));
    assert_eq!(pointers(&error), ["/features"], "{error}");
}

#[test]
fn an_order_decides_about_trends_and_edges() {
    let loans = Loans::new(2000, 4);
    let order = |way: &str| json!({"monotone": {"income": way}, "features": ["income", "kind"]});
    let trained = run(&loans.frame(), &asked(json!({}), order("decreasing")));
    let binned = trained.features.binned().unwrap();
    assert!(binned[0].binning.bins.windows(2).all(|pair| pair[0].woe < pair[1].woe));
    // The rows go the other way.
    let wrong = run(
        &loans.frame(),
        &asked(
            json!({}),
            json!({"monotone": {"income": "increasing",
        "new": "increasing"}}),
        ),
    );
    assert!(!wrong.features.names().any(|name| name == "income"), "{:?}", wrong.warnings);
    let edges = json!({"edges": {"income": [20_000, 30_000]}});
    let error = refused(&loans.frame(), &asked(edges, order("increasing")));
    assert_eq!(pointers(&error), ["/network/edges/income"], "{error}");
    let alone = json!({"monotone": {"new": "decreasing"}, "features": ["new", "kind"]});
    let error = refused(&loans.frame(), &asked(json!({}), alone));
    assert_eq!(pointers(&error), ["/monotone"], "{error}");
}

#[test]
fn what_means_nothing_for_it_is_refused() {
    let frame = Loans::new(300, 5).frame();
    let pointers_of = |network: Json, more: Json| -> Vec<String> {
        let error = check_spec(&asked(network.clone(), more.clone()))
            .map_or_else(|error| error, |()| refused(&frame, &asked(network, more)));
        pointers(&error).into_iter().map(str::to_owned).collect()
    };
    let steps = json!({"optimiser": {"kind": "adam"}, "epochs": 3, "batch_size": 8, "patience": 1,
        "average": 0.9, "accumulation": 2, "ensemble": {"seeds": 2}, "calibration": "platt",
        "device": "cuda:0", "monitor": "auc", "search": {"minutes": 1}});
    assert_eq!(
        pointers_of(json!({}), steps),
        [
            "/optimiser",
            "/average",
            "/monitor",
            "/epochs",
            "/batch_size",
            "/accumulation",
            "/patience",
            "/search",
            "/ensemble",
            "/calibration",
            "/device"
        ]
    );
    let card = json!({"bins": 1, "least_share": 0.6, "min_iv": -1, "l2": -0.1,
        "edges": {"a": [2, 1], "b": [1]}, "trends": {"b": "peak", "c": "free"}});
    assert_eq!(
        pointers_of(card, json!({"monotone": {"c": "increasing"}, "task": "regression"})),
        [
            "/network/bins",
            "/network/least_share",
            "/network/min_iv",
            "/network/l2",
            "/network/edges/a",
            "/network/trends/b",
            "/network/trends/c",
            "/network"
        ]
    );
    let columns = json!({"edges": {"kind": [1], "incom": [1]}, "trends": {"new": "rising"}});
    assert_eq!(
        pointers_of(columns, json!({})),
        ["/network/trends/new", "/network/edges/incom", "/network/edges/kind"]
    );
    assert_eq!(pointers_of(json!({}), json!({"target": "kind"})), ["/network"]);
}

#[test]
fn rows_that_are_told_apart_without_error_need_a_penalty() {
    let x = noise(400, 1, 6);
    let frame = frame(&[x[0].clone()], bools((0..400).map(|r| x[0][r] > 0.2)));
    // Given edges part what a tree would not.
    let card = |l2: f64| json!({"edges": {"x0": [0.2]}, "l2": l2});
    let error = refused(&frame, &asked(card(0.0), json!({})));
    assert_eq!(pointers(&error), ["/network/l2"], "{error}");
    assert!(auc(&run(&frame, &asked(card(1.0), json!({})))) > 0.99);
}

#[test]
fn later_rows_are_read_as_well_where_time_parts_them() {
    let loans = Loans::new(2000, 7);
    let mut columns = loans.columns();
    columns.push(("at".to_owned(), Values::Int64((0..2000).map(Some).collect())));
    columns.push(("y".to_owned(), Values::Bool(loans.bad.iter().map(|b| Some(*b)).collect())));
    let frame = Frame::new(2000, columns).unwrap();
    let trained = run(&frame, &asked(json!({}), json!({"parts": {"by": "time", "column": "at"}})));
    assert_eq!(trained.spec.refit, Some(true));
    let binned = trained.features.binned().unwrap();
    let rows: u64 =
        binned[0].binning.bins.iter().chain(&binned[0].binning.missing).map(|b| b.rows()).sum();
    assert_eq!(rows, trained.rows.train + trained.rows.validation);
}

#[test]
fn nothing_makes_it_simpler() {
    let frame = Loans::new(400, 8).frame();
    let parent = registered(run(&frame, &asked(json!({}), json!({}))));
    for asked in [
        json!({"kind": "quantise"}),
        json!({"kind": "prune", "sparsity": 0.5}),
        json!({"kind": "distil", "network": {"kind": "mlp"}}),
    ] {
        let made = simplify(&frame, &parent, &method(asked), None, &mut Record::default());
        assert_eq!(pointers(&made.unwrap_err()), ["/method/kind"]);
    }
    let mlp = TrainingSpec { network: Some(mlp(&[4])), epochs: Some(1), ..spec("y") };
    let parent = registered(run(&frame, &mlp));
    let student = method(json!({"kind": "distil", "network": {"kind": "scorecard"}}));
    let made = simplify(&frame, &parent, &student, None, &mut Record::default());
    assert_eq!(pointers(&made.unwrap_err()), ["/method/network"]);
}

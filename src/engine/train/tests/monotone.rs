//! Answers that keep to an order of columns.

use serde_json::{Value as Json, json};

use super::simpler::{method, registered};
use super::*;
use crate::domain::monotone::Direction;
use crate::engine::networks::parameters::Parameters;
use crate::engine::random::{Purpose, keyed, symmetric};
use crate::engine::weights::{self, Form};

const DAY: i64 = 86_400_000_000;
/// What is asked of every column that has an order.
const ORDER: [(&str, Direction); 5] = [
    ("debt", Direction::Increasing),
    ("income", Direction::Decreasing),
    ("late", Direction::Increasing),
    ("owner", Direction::Decreasing),
    ("since", Direction::Decreasing),
];

/// Raw columns, of which a frame is made with any of them replaced.
pub(super) struct Table {
    debt: Vec<Option<f64>>,
    income: Vec<Option<f64>>,
    late: Vec<Option<i64>>,
    owner: Vec<Option<bool>>,
    since: Vec<Option<i64>>,
    age: Vec<Option<f64>>,
    region: Vec<Option<String>>,
    truth: Vec<f64>,
}

impl Table {
    /// The true order is violated: risk falls for a while where debt rises, at three times late, and in
    /// some months. What is free bends, and meets what is ordered.
    pub(super) fn new(rows: usize, seed: u64) -> Self {
        let x = noise(rows, 7, seed);
        let late: Vec<i64> = x[2].iter().map(|v| ((v + 1.0) * 3.0) as i64).collect();
        let since: Vec<i64> = x[4].iter().map(|v| ((v + 1.0) * 1000.0) as i64).collect();
        let logit = |r: usize| {
            let wave = 0.5 * (7.0 * x[0][r]).sin();
            let dip = if late[r] == 3 { -0.8 } else { 0.0 };
            let months = 0.3 * (since[r] as f64 / 30.0).sin();
            let meets = (1.0 + x[5][r]) * x[0][r] + 1.5 * x[5][r] * x[5][r];
            let falls = -1.2 * x[1][r] - f64::from(u8::from(x[3][r] > 0.0)) - 0.6 * x[4][r];
            meets + wave + dip + months + falls + 0.4 * late[r] as f64 - 1.5
        };
        let some = |values: &[f64], missing: f64, of: &[f64]| {
            values.iter().zip(of).map(|(v, u)| (*u > missing).then_some(*v)).collect()
        };
        Self {
            debt: some(
                &x[0].iter().map(|v| 5e4 * (v + 1.0).powi(3)).collect::<Vec<_>>(),
                -0.9,
                &x[6],
            ),
            income: some(&x[1].iter().map(|v| 4e3 + 3e3 * v).collect::<Vec<_>>(), -1.0, &x[6]),
            owner: x[3].iter().map(|v| Some(*v > 0.0)).collect(),
            since: since.iter().map(|days| Some(days * DAY)).collect(),
            age: x[5].iter().map(|v| Some(45.0 + 20.0 * v)).collect(),
            region: x[6].iter().map(|v| Some(["n", "s"][usize::from(*v > 0.2)].into())).collect(),
            truth: (0..rows).map(|r| 1.0 / (1.0 + (-logit(r)).exp())).collect(),
            late: late.into_iter().map(Some).collect(),
        }
    }

    fn rows(&self) -> usize {
        self.truth.len()
    }

    fn classes(&self) -> Vec<bool> {
        self.truth.iter().zip(uniform(self.rows(), 5)).map(|(p, u)| u < *p).collect()
    }

    fn columns(&self) -> Vec<(String, Values)> {
        vec![
            ("debt".into(), Values::Float64(self.debt.clone())),
            ("income".into(), Values::Float64(self.income.clone())),
            ("late".into(), Values::Int64(self.late.clone())),
            ("owner".into(), Values::Bool(self.owner.clone())),
            ("since".into(), Values::Timestamp(self.since.clone())),
            ("age".into(), Values::Float64(self.age.clone())),
            ("region".into(), Values::String(self.region.clone())),
        ]
    }

    pub(super) fn frame(&self) -> Frame {
        self.with_target(bools(self.classes().into_iter()))
    }

    fn with_target(&self, target: Values) -> Frame {
        let mut columns = self.columns();
        columns.push(("y".into(), target));
        Frame::new(self.rows(), columns).unwrap()
    }

    /// The first rows with one column at the same place of a grid of 41 in all of them.
    fn at(&self, rows: usize, column: &str, place: usize) -> Frame {
        let share = place as f64 / 40.0;
        let wide = |low: f64, high: f64| low + share * (high - low);
        let values = match column {
            // Beyond what was trained on, too.
            "debt" => Values::Float64(vec![Some(wide(-1e5, 6e5)); rows]),
            "income" => Values::Float64(vec![Some(wide(-500.0, 9000.0)); rows]),
            "late" => Values::Int64(vec![Some(wide(-5.0, 15.0) as i64); rows]),
            "owner" => Values::Bool(vec![Some(place >= 20); rows]),
            "since" => Values::Timestamp(vec![Some(wide(-100.0, 2300.0) as i64 * DAY); rows]),
            _ => panic!("{column} has no order"),
        };
        let all = Frame::new(self.rows(), self.columns()).unwrap().part(0, rows).unwrap();
        let names: Vec<String> = all.columns().iter().map(|c| c.name.clone()).collect();
        let mut values = Some(values);
        let mut of = |name: &String| match name == column {
            true => values.take().unwrap(),
            false => self.part(name, rows),
        };
        Frame::new(rows, names.iter().map(|name| (name.clone(), of(name))).collect()).unwrap()
    }

    fn part(&self, name: &str, rows: usize) -> Values {
        match name {
            "debt" => Values::Float64(self.debt[..rows].to_vec()),
            "income" => Values::Float64(self.income[..rows].to_vec()),
            "late" => Values::Int64(self.late[..rows].to_vec()),
            "owner" => Values::Bool(self.owner[..rows].to_vec()),
            "since" => Values::Timestamp(self.since[..rows].to_vec()),
            "age" => Values::Float64(self.age[..rows].to_vec()),
            _ => Values::String(self.region[..rows].to_vec()),
        }
    }
}

/// What is answered to each row: the probability of `true`, or the number.
fn answers(model: &LoadedModel, frame: &Frame) -> Vec<f64> {
    let outputs = model.predict(frame).unwrap();
    outputs.values.chunks(outputs.width).map(|row| row[outputs.width - 1]).collect()
}

/// The longest step against the order, of so many rows through a grid of 41 values of every ordered
/// column, and the longest one with it.
fn steps(model: &LoadedModel, table: &Table, rows: usize) -> (f64, f64) {
    let (mut against, mut along) = (0_f64, 0_f64);
    for (column, direction) in ORDER {
        let at = |place| answers(model, &table.at(rows, column, place));
        let mut before = at(0);
        for place in 1..41 {
            let after = at(place);
            for (before, after) in before.iter().zip(&after) {
                let step = (after - before) * f64::from(direction.sign());
                (against, along) = (against.max(-step), along.max(step));
            }
            before = after;
        }
    }
    (against, along)
}

fn keeps(trained: &Trained, table: &Table, rows: usize, unit: f64) {
    let (against, along) = steps(&trained.model().unwrap(), table, rows);
    let network = &trained.spec.network;
    // On a CPU not even the last bit goes the wrong way; a calibrator's own arithmetic may.
    let bound = if trained.signature.calibrator.is_some() { 1e-6 * unit } else { 0.0 };
    assert!(against <= bound, "{against} against the order: {network:?}");
    assert!(along > 1e-3 * unit, "nothing moves: {network:?}");
}

/// A specification with these fields, which asks for the order.
pub(super) fn asked(fields: Json) -> TrainingSpec {
    let order: serde_json::Map<String, Json> =
        ORDER.iter().map(|(name, way)| ((*name).to_owned(), json!(way))).collect();
    let mut given = json!({
        "dataset": {"name": "d"}, "target": "y", "monotone": order, "baselines": false
    });
    given.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    serde_json::from_value(given).unwrap()
}

pub(super) fn small() -> Json {
    json!({"kind": "monotone", "width": 16, "members": 4, "kept_members": 3, "embedding": 4})
}

#[test]
fn a_signal_that_breaks_the_order_is_smoothed_and_little_is_lost() {
    let table = Table::new(3000, 1);
    let frame = table.frame();
    let trained = run(&frame, &asked(json!({"baselines": true})));
    assert_eq!(trained.spec.network_kind(), "monotone");
    assert_eq!(trained.spec.monotone.len(), 5);
    keeps(&trained, &table, 500, 1.0);
    let best = crate::stats::auc(&table.truth, &table.classes()).unwrap();
    assert!(auc(&trained) > best - 0.05, "{} of {best}", auc(&trained));
    let names: Vec<&str> = trained.baselines.iter().map(|b| b.network.as_str()).collect();
    assert_eq!(names, ["linear", "mlp"]);
    // Without being asked for the order is not kept, and the test would tell.
    let mut free = asked(json!({"epochs": 10}));
    free.monotone.clear();
    let free = run(&frame, &free);
    let (against, _) = steps(&free.model().unwrap(), &table, 100);
    assert!(against > 0.01, "{against}");
    assert!(auc(&trained) > auc(&free) - 0.02, "{} {}", auc(&trained), auc(&free));
}

#[rstest]
#[case::folds(json!({"ensemble": {"folds": 2}}))]
#[case::seeds_and_mean_weights(json!({"ensemble": {"seeds": 2}, "average": 0.9}))]
#[case::temperature(json!({"calibration": "temperature"}))]
#[case::platt(json!({"calibration": "platt", "loss": {"focal_gamma": 2.0}}))]
#[case::isotonic(json!({"calibration": "isotonic", "loss": {"label_smoothing": 0.1}}))]
#[case::standard(json!({"preprocessing": {"scaling": "standard"}}))]
#[case::refitted(json!({"refit": true, "class_weights": {"by": "balanced"}}))]
#[case::linear(json!({"network": {"kind": "linear"}, "epochs": 8}))]
#[case::scorecard(json!({"network": {"kind": "scorecard", "min_iv": 0}, "epochs": null}))]
#[case::refitted_scorecard(json!({"network": {"kind": "scorecard", "min_iv": 0, "wrong_signs": "keep"},
    "epochs": null, "refit": true, "class_weights": {"by": "balanced"}}))]
#[case::linear_standard(json!({"network": {"kind": "linear"}, "preprocessing": {"scaling": "standard"}}))]
fn the_order_holds_however_it_is_trained(#[case] fields: Json) {
    let table = Table::new(1500, 2);
    let mut spec = json!({"network": small(), "epochs": 3});
    spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    keeps(&run(&table.frame(), &asked(spec)), &table, 150, 1.0);
}

#[test]
fn numbers_keep_to_it_as_well() {
    let table = Table::new(1500, 3);
    let numbers = table.truth.iter().map(|p| Some(1000.0 * p)).collect();
    let frame = table.with_target(Values::Float64(numbers));
    for network in [small(), json!({"kind": "linear"})] {
        let trained = run(&frame, &asked(json!({"network": network, "epochs": 6})));
        let Metrics::Regression(metrics) = &trained.metrics else { panic!("no number") };
        assert!(metrics.r2.unwrap() > 0.3, "{metrics:?}");
        keeps(&trained, &table, 150, 1000.0);
    }
}

#[test]
fn any_weights_keep_to_it() {
    let table = Table::new(1200, 4);
    for network in [small(), json!({"kind": "linear"})] {
        let mut trained = run(
            &table.frame(),
            &asked(json!({"network": network, "epochs": 1, "ensemble": {"seeds": 2}})),
        );
        let known = weights::decode(&trained.weights).unwrap();
        let mut moves = 0;
        for seed in 0..6 {
            let mut rng = keyed(seed, Purpose::Sample, 0, 0);
            let mut drawn: Parameters = known.clone();
            for parameter in drawn.values_mut() {
                parameter.values.iter_mut().for_each(|v| *v += symmetric(&mut rng, 0.5));
            }
            trained.weights = weights::encode(&drawn, Form::Whole).unwrap();
            let (against, along) = steps(&trained.model().unwrap(), &table, 40);
            assert_eq!(against, 0.0, "{network} {seed}");
            moves += usize::from(along > 1e-3);
        }
        assert_eq!(moves, 6, "answers that never move keep to any order: {network}");
    }
}

#[test]
fn simpler_versions_keep_to_it_and_students_have_to() {
    let table = Table::new(1500, 5);
    let frame = table.frame();
    let parent = registered(run(&frame, &asked(json!({"network": small(), "epochs": 4}))));
    for asked in [
        json!({"kind": "quantise"}),
        json!({"kind": "prune", "sparsity": 0.6, "epochs": 2}),
        json!({"kind": "prune", "sparsity": 0.9, "epochs": 0}),
        json!({"kind": "distil", "epochs": 3}),
        json!({"kind": "distil", "epochs": 3, "network": {"kind": "linear"}}),
    ] {
        let made = simplify(&frame, &parent, &method(asked.clone()), None, &mut Record::default());
        keeps(&made.unwrap_or_else(|e| panic!("{asked}: {e}")), &table, 100, 1.0);
    }
    let mlp = method(json!({"kind": "distil", "network": {"kind": "mlp"}}));
    let error = simplify(&frame, &parent, &mlp, None, &mut Record::default()).unwrap_err();
    assert_eq!(pointers(&error), ["/method/network"], "{error}");
    assert!(error.to_string().contains("take monotone, linear or scorecard"), "{error}");
}

#[test]
fn what_is_left_out_needs_no_order() {
    let x = noise(600, 2, 6);
    let constant = vec![vec![7.0; 600], x[0].clone(), x[1].clone()];
    let frame = frame(&constant, bools((0..600).map(|r| x[0][r] > 0.1)));
    let order = |names: &[&str]| -> Json {
        names.iter().map(|name| ((*name).to_owned(), json!("increasing"))).collect()
    };
    let mut spec = asked(json!({"monotone": order(&["x0", "x1"]), "epochs": 2}));
    let trained = run(&frame, &spec);
    assert_eq!(trained.features.names().collect::<Vec<_>>(), ["x1", "x2"]);
    assert!(trained.warnings.iter().any(|w| w.contains("column x0 is left out")));
    for network in [None, Some(linear())] {
        spec = TrainingSpec { network, ..asked(json!({"monotone": order(&["x0"]), "epochs": 2})) };
        let error = refused(&frame, &spec);
        assert_eq!(pointers(&error), ["/monotone"], "{error}");
    }
    // Nothing is free.
    let alone = asked(json!({"monotone": order(&["x1"]), "features": ["x1"], "epochs": 8}));
    assert!(auc(&run(&frame, &alone)) > 0.95);
}

#[test]
fn a_search_finds_only_what_keeps_to_it() {
    let table = Table::new(900, 7);
    let networks = |of: &[&str]| -> Json {
        let kinds: Vec<Json> = of.iter().map(|kind| json!({"kind": kind})).collect();
        json!({"trials": 9, "space": {"/network": {"by": "choice", "values": kinds},
            "/optimiser/learning_rate": {"by": "log_uniform", "low": 1e-4, "high": 0.02}}})
    };
    let base = |search: Json| asked(json!({"network": small(), "epochs": 2, "search": search}));
    let trained = run(&table.frame(), &base(networks(&["monotone", "linear"])));
    assert!(trained.search.is_some());
    keeps(&trained, &table, 60, 1.0);
    for unfit in ["mlp", "scorecard"] {
        let error = refused(&table.frame(), &base(networks(&["monotone", unfit])));
        assert_eq!(pointers(&error), ["/search/space/~1network/values/1"], "{error}");
    }
}

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::domain::optimiser::OptimiserSpec;

/// A specification with these fields over `dataset` and `target`.
fn parse(fields: Value) -> TrainingSpec {
    let mut spec = json!({ "dataset": { "name": "loans" }, "target": "default" });
    for (key, value) in fields.as_object().unwrap() {
        spec[key] = value.clone();
    }
    serde_json::from_value(spec).unwrap()
}

fn pointers(outcome: Result<()>) -> Vec<String> {
    match outcome {
        Ok(()) => Vec::new(),
        Err(Error::Problem { code: Code::InvalidSpec, errors, .. }) => {
            errors.into_iter().map(|e| e.pointer).collect()
        }
        Err(other) => panic!("{other}"),
    }
}

#[rstest]
#[case(json!({}), &[])]
#[case(json!({ "target": "" }), &["/target"])]
#[case(json!({ "features": [] }), &["/features"])]
#[case(json!({ "features": ["a", "default", "a"] }), &["/features/1", "/features/2"])]
#[case(json!({ "features": ["a"], "exclude": ["b"] }), &["/exclude"])]
#[case(json!({ "network": { "kind": "mlp", "hidden": [] } }), &["/network/hidden"])]
#[case(json!({ "network": { "kind": "mlp", "hidden": [0, 8, 4097] } }),
    &["/network/hidden/0", "/network/hidden/2"])]
#[case(json!({ "network": { "kind": "mlp", "dropout": 1.0 } }), &["/network/dropout"])]
#[case(json!({ "network": { "kind": "mlp", "dropout": 0 } }), &[])]
#[case(json!({ "optimiser": { "kind": "sgd", "learning_rate": 0, "momentum": 1 } }),
    &["/optimiser/momentum", "/optimiser/learning_rate"])]
#[case(json!({ "optimiser": { "kind": "adam", "beta_1": -0.1, "beta_2": 1 } }),
    &["/optimiser/beta_1", "/optimiser/beta_2"])]
#[case(json!({ "optimiser": { "kind": "adamw", "learning_rate": 1e6, "weight_decay": 1.5 } }),
    &["/optimiser/weight_decay"])]
#[case(json!({ "optimiser": { "kind": "adamw", "learning_rate": 2e6 } }),
    &["/optimiser/learning_rate"])]
#[case(json!({ "epochs": 0, "batch_size": 0, "patience": 10_001 }),
    &["/epochs", "/batch_size", "/patience"])]
#[case(json!({ "seed": 9_007_199_254_740_992u64 }), &["/seed"])]
#[case(json!({ "device": "tpu" }), &["/device"])]
#[case(json!({ "device": "cuda:7" }), &[])]
#[case(json!({ "precision": "bf16" }), &[])]
#[case(json!({ "precision": "bf16", "device": "cuda:7", "network": { "kind": "mlp" } }), &[])]
#[case(json!({ "precision": "f32", "device": "cpu" }), &[])]
#[case(json!({ "precision": "bf16", "device": "cpu" }), &["/precision"])]
#[case(json!({ "precision": "bf16", "network": { "kind": "linear" } }), &[])]
#[case(json!({ "parts": { "by": "random", "validation": 0, "test": 1 } }),
    &["/parts/validation", "/parts/test"])]
#[case(json!({ "parts": { "by": "random", "validation": 0.5, "test": 0.5 } }), &["/parts"])]
#[case(json!({ "parts": { "by": "time", "column": "default" } }), &["/parts/column"])]
#[case(json!({ "parts": { "by": "column", "column": "a" }, "features": ["a"] }), &["/features/0"])]
#[case(json!({ "threshold": { "by": "value", "value": 1.01 } }), &["/threshold/value"])]
#[case(json!({ "threshold": { "by": "cost", "false_positive": 0, "false_negative": -1 } }),
    &["/threshold/false_positive", "/threshold/false_negative"])]
#[case(json!({ "class_weights": { "by": "given", "weights": { "a/b~c": 0, "d": 1 } } }),
    &["/class_weights/weights/a~1b~0c"])]
#[case(json!({ "task": "regression", "class_weights": { "by": "balanced" }, "positive_class": "1" }),
    &["/class_weights", "/positive_class"])]
#[case(json!({ "preprocessing": { "max_categories": 0, "min_category_count": 0 } }),
    &["/preprocessing/max_categories", "/preprocessing/min_category_count"])]
#[case(json!({ "monotone": { "a": "increasing" } }), &[])]
#[case(json!({ "monotone": { "a": "decreasing" }, "network": { "kind": "linear" } }), &[])]
#[case(json!({ "monotone": { "a": "increasing" }, "network": { "kind": "monotone", "width": 8 } }), &[])]
#[case(json!({ "network": { "kind": "monotone" } }), &["/network"])]
#[case(json!({ "monotone": { "a": "increasing" }, "network": { "kind": "tabm" } }), &["/network"])]
#[case(json!({ "monotone": { "a": "increasing" }, "task": "multiclass" }), &["/monotone"])]
#[case(json!({ "monotone": { "default": "increasing" } }), &["/monotone/default"])]
#[case(json!({ "monotone": { "a/b": "increasing" }, "exclude": ["a/b"] }), &["/monotone/a~1b"])]
#[case(json!({ "monotone": { "a": "increasing", "b": "decreasing" }, "features": ["b"] }),
    &["/monotone/a"])]
#[case(json!({ "monotone": { "part": "increasing" }, "parts": { "by": "column", "column": "part" } }),
    &["/monotone/part"])]
#[case(json!({ "monotone": { "a": "increasing" }, "preprocessing": { "text": {} } }), &["/monotone"])]
#[case(json!({ "monotone": { "a": "increasing" },
    "network": { "kind": "monotone", "members": 2, "kept_members": 3, "width": 1, "dropout": 1 } }),
    &["/network/kept_members", "/network/width", "/network/dropout"])]
fn bad_fields_are_named(#[case] fields: Value, #[case] expected: &[&str]) {
    assert_eq!(pointers(check_spec(&parse(fields))), expected);
}

#[test]
fn numbers_that_are_none_are_refused() {
    let mut spec = parse(json!({}));
    spec.optimiser = Some(OptimiserSpec::AdamW(crate::domain::optimiser::AdamW {
        learning_rate: Some(f64::NAN),
        beta_1: f64::INFINITY,
        ..Default::default()
    }));
    assert_eq!(pointers(check_spec(&spec)), ["/optimiser/beta_1", "/optimiser/learning_rate"]);
}

fn column(name: &str, kind: ColumnType, distinct: u64, nulls: u64) -> ColumnSummary {
    ColumnSummary {
        name: name.into(),
        kind,
        nulls,
        distinct,
        distinct_is_lower_bound: false,
        min: None,
        max: None,
        mean: None,
        std: None,
        top: Vec::new(),
        sizes: None,
        note: None,
    }
}

#[rstest]
#[case(json!({}), &[])]
#[case(json!({ "target": "defualt" }), &["/target"])]
#[case(json!({ "features": ["income", "agee"] }), &["/features/1"])]
#[case(json!({ "exclude": ["nothing"] }), &["/exclude/0"])]
#[case(json!({ "exclude": ["income", "age", "opened", "part"] }), &["/exclude"])]
#[case(json!({ "target": "constant" }), &["/target"])]
#[case(json!({ "target": "opened" }), &["/target"])]
#[case(json!({ "target": "income", "task": "binary" }), &["/task"])]
#[case(json!({ "parts": { "by": "time", "column": "part" } }), &["/parts/column"])]
#[case(json!({ "parts": { "by": "time", "column": "opened" } }), &["/parts/column"])]
#[case(json!({ "parts": { "by": "column", "column": "age" } }), &["/parts/column"])]
#[case(json!({ "parts": { "by": "column", "column": "part" } }), &[])]
#[case(json!({ "monotone": { "income": "increasing", "opened": "decreasing" } }), &[])]
#[case(json!({ "monotone": { "incme": "increasing" } }), &["/monotone/incme"])]
#[case(json!({ "monotone": { "part": "increasing" } }), &["/monotone/part"])]
#[case(json!({ "monotone": { "age": "increasing" }, "target": "part" }), &["/monotone"])]
fn columns_are_checked(#[case] fields: Value, #[case] expected: &[&str]) {
    let mut columns = vec![
        column("default", ColumnType::Int64, 2, 0),
        column("income", ColumnType::Float64, 900, 3),
        column("age", ColumnType::Int64, 40, 0),
        column("opened", ColumnType::Timestamp, 700, 1),
        column("part", ColumnType::String, 3, 0),
    ];
    if fields["target"] == "constant" {
        columns.push(column("constant", ColumnType::Float64, 1, 0));
    }
    assert_eq!(pointers(check_columns(&parse(fields), &columns)), expected);
}

#[test]
fn a_near_name_is_suggested() {
    let columns =
        [column("income", ColumnType::Float64, 9, 0), column("age", ColumnType::Int64, 9, 0)];
    let error = check_columns(&parse(json!({ "target": "incom" })), &columns).unwrap_err();
    assert!(error.to_string().contains("did you mean income?"), "{error}");
}

/// A search over one part of a space beside a valid one.
fn searched(network: Value, space: Value) -> TrainingSpec {
    parse(json!({ "network": network, "search": { "space": space } }))
}

#[rstest]
#[case(json!({ "search": {} }), &[])]
#[case(json!({ "search": { "minutes": 0, "trials": 8, "eta": 1 } }),
    &["/search/minutes", "/search/trials", "/search/eta"])]
#[case(json!({ "search": { "minutes": 10_081, "trials": 730, "eta": 10 } }),
    &["/search/minutes", "/search/trials", "/search/eta"])]
#[case(json!({ "search": { "space": {} } }), &["/search/space"])]
// What is wrong elsewhere is told first.
#[case(json!({ "epochs": 0, "search": { "space": {} } }), &["/epochs"])]
fn a_search_has_bounds(#[case] fields: Value, #[case] expected: &[&str]) {
    assert_eq!(pointers(check_spec(&parse(fields))), expected);
}

#[rstest]
#[case(json!({ "/optimizer/learning_rate": { "by": "uniform", "low": 0.1, "high": 1 } }),
    &["/search/space/~1optimizer~1learning_rate"])]
#[case(json!({ "/dataset": { "by": "choice", "values": ["a"] } }), &["/search/space/~1dataset"])]
#[case(json!({ "/seed": { "by": "integer", "low": 0, "high": 9 } }), &["/search/space/~1seed"])]
#[case(json!({ "/search/eta": { "by": "integer", "low": 2, "high": 9 } }),
    &["/search/space/~1search~1eta"])]
#[case(json!({ "/network/bins": { "by": "integer", "low": 2, "high": 9 } }),
    &["/search/space/~1network~1bins"])]
#[case(json!({ "/network/widht": { "by": "integer", "low": 2, "high": 9 } }),
    &["/search/space/~1network~1widht"])]
#[case(json!({ "/optimiser/learning_rate": { "by": "uniform", "low": 0.1, "high": 0.1 } }),
    &["/search/space/~1optimiser~1learning_rate"])]
#[case(json!({ "/optimiser/learning_rate": { "by": "log_uniform", "low": 0, "high": 0.1 } }),
    &["/search/space/~1optimiser~1learning_rate/low"])]
#[case(json!({ "/optimiser/learning_rate": { "by": "uniform", "low": 0.1, "high": 2e6 } }),
    &["/search/space/~1optimiser~1learning_rate/high"])]
#[case(json!({ "/optimiser/learning_rate": { "by": "choice", "values": [0.1, "fast", -1] } }),
    &["/search/space/~1optimiser~1learning_rate/values/1",
      "/search/space/~1optimiser~1learning_rate/values/2"])]
#[case(json!({ "/batch_size": { "by": "integer", "low": 0, "high": 64 } }),
    &["/search/space/~1batch_size/low"])]
#[case(json!({ "/batch_size": { "by": "integer", "low": 0, "high": 64, "log": true } }),
    &["/search/space/~1batch_size/low"])]
#[case(json!({ "/batch_size": { "by": "uniform", "low": 8.5, "high": 64.5 } }),
    &["/search/space/~1batch_size"])]
#[case(json!({ "/batch_size": { "by": "choice", "values": [] } }),
    &["/search/space/~1batch_size/values"])]
#[case(json!({ "/network/dropout": { "by": "uniform", "low": 0, "high": 0.9 },
               "/optimiser/learning_rate": { "by": "log_uniform", "low": 1e-5, "high": 1.0 } }), &[])]
#[case(json!({ "/network": { "by": "choice", "values": [{ "kind": "mlp" }, { "kind": "linear" }] } }),
    &[])]
// A linear network has no width, whatever else is drawn.
#[case(json!({ "/network": { "by": "choice", "values": [{ "kind": "tabm" }, { "kind": "linear" }] },
               "/network/width": { "by": "choice", "values": [8, 16] } }),
    &["/search/space/~1network/values/1"])]
#[case(json!({ "/network": { "by": "choice", "values": [{ "kind": "tabm", "bins": 9 }] } }),
    &["/search/space/~1network"])]
// Only some of the widths are multiples of the heads, and there are some for either number.
#[case(json!({ "/network": { "by": "choice", "values": [{ "kind": "transformer" }] },
               "/network/heads": { "by": "choice", "values": [4, 8] },
               "/network/width": { "by": "integer", "low": 32, "high": 64 } }), &[])]
#[case(json!({ "/schedule/warm_up": { "by": "uniform", "low": 0, "high": 0.5 } }),
    &["/search/space/~1schedule~1warm_up"])]
#[case(json!({ "/loss/label_smoothing": { "by": "uniform", "low": 0, "high": 0.2 } }), &[])]
fn a_space_has_to_be_possible(#[case] space: Value, #[case] expected: &[&str]) {
    assert_eq!(pointers(check_spec(&searched(json!({ "kind": "tabm" }), space))), expected);
}

#[test]
fn a_space_says_what_is_wrong_with_it() {
    let told = |network: Value, space: Value| {
        check_spec(&searched(network, space)).unwrap_err().to_string()
    };
    let width = json!({ "/network/width": { "by": "integer", "low": 8, "high": 16 } });
    let error = told(Value::Null, width.clone());
    assert!(error.contains("names no network"), "{error}");
    let error = told(json!({ "kind": "linear" }), width);
    assert!(error.contains("unknown field `width`"), "{error}");
    let rate = json!({ "/optimiser/learning_rate": { "by": "uniform", "low": 0.1, "high": 2e6 } });
    let error = told(json!({ "kind": "linear" }), rate);
    assert!(error.contains("2000000") && error.contains("at most 1000000"), "{error}");
    let tabm = json!({ "/network": { "by": "choice", "values": [{ "kind": "tabm" }] } });
    let error = told(json!({ "kind": "mlp" }), tabm);
    assert!(error.contains("name tabm as the network"), "{error}");
}

#[test]
fn a_space_is_held_against_the_columns() {
    let columns =
        [column("default", ColumnType::Int64, 2, 0), column("income", ColumnType::Float64, 9, 0)];
    let of = |values: Value| {
        let space = json!({ "/network": { "by": "choice", "values": values } });
        pointers(check_columns(&searched(json!({ "kind": "mlp" }), space), &columns))
    };
    assert_eq!(of(json!([{ "kind": "linear" }, { "kind": "transformer" }])), [""; 0]);
    assert_eq!(
        of(json!([{ "kind": "linear" }, { "kind": "cnn" }])),
        ["/search/space/~1network/values/1"]
    );
    assert_eq!(of(json!([{ "kind": "lstm" }])), ["/search/space/~1network"]);
    let space = json!({ "/loss/focal_gamma": { "by": "uniform", "low": 0, "high": 2 } });
    let mut number = searched(json!({ "kind": "mlp" }), space);
    (number.target, number.features) = ("income".into(), Some(vec!["default".into()]));
    let refused = pointers(check_columns(
        &TrainingSpec { exclude: Vec::new(), ..number },
        &[
            column("default", ColumnType::Int64, 2, 0),
            column("income", ColumnType::Float64, 900, 0),
        ],
    ));
    assert_eq!(refused, ["/search/space/~1loss~1focal_gamma"]);
}

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

use super::*;
use crate::domain::analysis::{AnalysisMetric, ColumnImportance, ImportanceResult};
use crate::domain::version::Metrics;
use crate::engine::testing::random_walk;

fn of_importance(result: AnalysisResult) -> ImportanceResult {
    let AnalysisResult::Importance(found) = result else { panic!("{result:?}") };
    found
}

fn importance(frame: &Frame, subject: &Subject, request: &AnalysisRequest) -> ImportanceResult {
    of_importance(run(frame, subject, request).unwrap().result)
}

fn of<'a>(found: &'a ImportanceResult, name: &str) -> &'a ColumnImportance {
    found.columns.iter().find(|c| c.columns == [name]).unwrap()
}

fn asked(analysis: Value, more: Value) -> AnalysisRequest {
    let mut analysis = analysis;
    analysis["kind"] = json!("importance");
    request(&analysis, &more)
}

#[test]
fn columns_that_matter_are_told_from_one_that_does_not() {
    let frame = table(3000, 1);
    let subject = subject(&frame, &json!({"network": {"kind": "mlp"}}));
    let analysed = run(&frame, &subject, &asked(json!({}), json!({}))).unwrap();
    let Metrics::Binary(metrics) = &subject.version.metrics else { panic!() };
    assert_eq!(analysed.rows, metrics.n, "its own test rows");
    let found = of_importance(analysed.result.clone());
    assert_eq!((found.metric, found.repeats), (AnalysisMetric::LogLoss, 10));
    assert!((found.base - metrics.log_loss).abs() < 1e-9, "as the version's own");
    let names: Vec<&str> = found.columns.iter().map(|c| c.columns[0].as_str()).collect();
    assert_eq!(names, ["x0", "x1", "region", "x2"], "the most important first");
    for name in ["x0", "x1", "region"] {
        let true_one = of(&found, name);
        assert!(true_one.mean > 10.0 * true_one.standard_error, "{true_one:?}");
        assert!(of(&found, "x2").mean.abs() < 0.1 * true_one.mean, "{found:?}");
    }
    let error = of(&found, "x0").standard_deviation / 10f64.sqrt();
    assert!((of(&found, "x0").standard_error - error).abs() < 1e-12);
    // The same again, and others by another seed, as far apart as they say.
    assert_eq!(run(&frame, &subject, &asked(json!({}), json!({}))).unwrap(), analysed);
    let other = importance(&frame, &subject, &asked(json!({}), json!({"seed": 1})));
    let (ours, theirs) = (of(&found, "x0"), of(&other, "x0"));
    let apart = (ours.mean - theirs.mean).abs();
    assert!(apart > 0.0 && apart < 5.0 * (ours.standard_error + theirs.standard_error));
}

/// What breaks all ties of the columns with the answer costs as much as answers of other rows do.
#[test]
fn columns_are_shuffled_together() {
    let frame = table(1500, 5);
    let subject = subject(&frame, &fast_line(20));
    let groups = json!({"metric": "auc", "groups": [["x0", "x1", "region", "x2"]], "repeats": 20});
    let found = importance(&frame, &subject, &asked(groups, json!({})));
    let [all] = found.columns.as_slice() else { panic!("{found:?}") };
    assert_eq!(all.columns, ["x0", "x1", "region", "x2"]);
    // An AUC of one half is left.
    assert!((found.base - all.mean - 0.5).abs() < 4.0 * all.standard_error, "{found:?}");
    let two = json!({"metric": "auc", "groups": [["x0", "x1"]]});
    let two = importance(&frame, &subject, &asked(two, json!({})));
    assert_eq!(two.columns.len(), 3);
    assert_eq!(two.columns[0].columns, ["x0", "x1"]);
}

#[test]
fn rows_of_another_dataset_are_held_against_what_came_true() {
    let frame = table(1500, 1);
    let subject = subject(&frame, &fast_line(20));
    let elsewhere = json!({"dataset": {"name": "other"}, "rows": 700});
    let other = table(2000, 40);
    let analysed =
        run(&other, &subject, &asked(json!({"metric": "ks"}), elsewhere.clone())).unwrap();
    assert_eq!((analysed.rows, analysed.warnings.len()), (700, 0));
    let found = of_importance(analysed.result);
    assert!(of(&found, "x0").mean > 0.1 && of(&found, "x2").mean.abs() < 0.05, "{found:?}");
    // Rows without a target are left out, which is said.
    let y: Vec<Option<bool>> = (0..10).map(|row| (row < 8).then_some(row % 2 == 0)).collect();
    let mut columns: Vec<(String, Values)> = (0..3)
        .map(|i| (format!("x{i}"), Values::Float64(vec![Some(0.1 * f64::from(i)); 10])))
        .collect();
    columns.push(("region".into(), Values::String(vec![Some("east".into()); 10])));
    columns.push(("y".into(), Values::Bool(y)));
    let few = Frame::new(10, columns).unwrap();
    let analysed = run(&few, &subject, &asked(json!({}), elsewhere.clone())).unwrap();
    assert_eq!(
        (analysed.rows, analysed.warnings),
        (8, vec!["2 rows without a y are left out".into()])
    );
    let found = of_importance(analysed.result);
    assert!(found.columns.iter().all(|c| c.mean == 0.0), "all rows are alike: {found:?}");
    // One class has no AUC.
    let one = other.take(&[]).unwrap();
    let (pointers, detail) = problem(run(&one, &subject, &asked(json!({}), elsewhere.clone())));
    assert_eq!(pointers, ["/dataset"], "{detail}");
    let yes: Vec<usize> = other
        .labels("y")
        .unwrap()
        .iter()
        .enumerate()
        .filter(|(_, label)| label.as_deref() == Some("true"))
        .map(|(row, _)| row)
        .collect();
    let one = other.take(&yes).unwrap();
    let (pointers, _) = problem(run(&one, &subject, &asked(json!({"metric": "auc"}), elsewhere)));
    assert_eq!(pointers, ["/analysis/metric"]);
}

#[test]
fn numbers_and_classes_have_metrics_of_their_own() {
    let x = noise(800, 2, 3);
    let y: Vec<f64> = (0..800).map(|row| 100.0 + 30.0 * x[0][row]).collect();
    let numbers = |y: &[f64]| Values::Float64(y.iter().copied().map(Some).collect());
    let frame = crate::engine::testing::frame(&x, numbers(&y));
    let regression = subject(&frame, &fast_line(30));
    let Metrics::Regression(metrics) = &regression.version.metrics else { panic!() };
    for (metric, base) in [
        (json!(null), metrics.rmse),
        (json!("mae"), metrics.mae),
        (json!("r2"), metrics.r2.unwrap()),
    ] {
        let found = importance(&frame, &regression, &asked(json!({"metric": metric}), json!({})));
        assert!((found.base - base).abs() < 1e-9, "{found:?}");
        assert!(of(&found, "x0").mean > 10.0 * of(&found, "x1").mean.abs(), "{found:?}");
    }
    let class =
        |row: usize| Some(["low", "middle", "high"][((x[0][row] + 1.0) * 1.5) as usize].into());
    let frame = crate::engine::testing::frame(&x, Values::String((0..800).map(class).collect()));
    let classes = subject(&frame, &json!({"network": {"kind": "mlp"}}));
    let Metrics::Multiclass(metrics) = &classes.version.metrics else { panic!() };
    for (metric, base) in [("log_loss", metrics.log_loss), ("macro_f1", metrics.macro_f1)] {
        let found = importance(&frame, &classes, &asked(json!({"metric": metric}), json!({})));
        assert!((found.base - base).abs() < 1e-9, "{found:?}");
        assert_eq!(found.columns[0].columns, ["x0"]);
    }
}

#[test]
fn of_windows_whole_stretches_are_exchanged() {
    let walk = random_walk(600, 4);
    let frame = series(&[walk]);
    let more = json!({"window": {"time": "time", "look_back": 8, "horizon": 2},
        "network": {"kind": "nlinear"}, "epochs": 3});
    let forecast = subject(&frame, &more);
    let Metrics::Forecast(metrics) = &forecast.version.metrics else { panic!() };
    let analysed = run(&frame, &forecast, &asked(json!({}), json!({}))).unwrap();
    assert_eq!(analysed.rows, metrics.n);
    let found = of_importance(analysed.result);
    assert_eq!(found.metric, AnalysisMetric::Mse);
    assert!((found.base - metrics.mse).abs() < 1e-9 * metrics.mse, "{found:?}");
    assert!(of(&found, "y").mean > found.base, "another stretch forecasts nothing: {found:?}");
    // All windows of the series, as another dataset.
    let all = asked(json!({"metric": "mae"}), json!({"dataset": {"name": "d"}, "rows": 100}));
    assert_eq!(run(&frame, &forecast, &all).unwrap().rows, 100);
}

#[test]
fn what_can_not_hold_is_named() {
    let frame = table(300, 1);
    let subject = subject(&frame, &json!({"network": {"kind": "linear"}, "epochs": 1}));
    for (analysis, more, pointer) in [
        (json!({"metric": "rmse"}), json!({}), "/analysis/metric"),
        (json!({"repeats": 1}), json!({}), "/analysis/repeats"),
        (json!({"groups": [["x0", "x9"]]}), json!({}), "/analysis/groups/0/1"),
        (json!({"groups": [["x0"], ["x1", "x0"]]}), json!({}), "/analysis/groups/1/1"),
        (json!({"groups": [[]]}), json!({}), "/analysis/groups/0"),
        (json!({}), json!({"rows": 1}), "/rows"),
        (json!({}), json!({"seed": 1_u64 << 53}), "/seed"),
    ] {
        let (pointers, detail) = problem(run(&frame, &subject, &asked(analysis, more)));
        assert_eq!(pointers, [pointer], "{detail}");
    }
}

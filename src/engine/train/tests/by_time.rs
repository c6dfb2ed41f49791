//! Tables whose later rows validate.

use super::*;
use crate::domain::training::DriftRule;

/// Rows in the order of `x2`, whose first two columns tell the target.
fn in_time() -> Frame {
    let rows = 600;
    let mut x = noise(rows, 2, 11);
    let truth = uniform(rows, 12);
    let y: Vec<bool> = (0..rows).map(|r| 4.0 * x[0][r] - 3.0 * x[1][r] > truth[r] - 0.5).collect();
    x.push((0..rows).map(|row| row as f64).collect());
    x.push((0..rows).map(|row| (row / 7) as f64).collect());
    frame(&x, bools(y.into_iter()))
}

fn by_time() -> TrainingSpec {
    let mut spec = spec("y");
    let parts = TimeParts { column: "x2".into(), validation: 0.2, test: 0.2 };
    spec.parts = Some(PartsSpec::Time(parts));
    spec
}

fn columns(trained: &Trained) -> Vec<&str> {
    trained.features.names().collect()
}

#[test]
fn a_column_that_tells_the_time_is_left_out_unless_it_is_named() {
    let frame = in_time();
    let mut spec = TrainingSpec { parts: by_time().parts, ..short(OptimiserSpec::default()) };
    let trained = run(&frame, &spec);
    assert_eq!(columns(&trained), ["x0", "x1"]);
    assert_eq!(trained.spec.preprocessing.drift, Some(DriftRule::LeaveOut));
    let warning =
        |trained: &Trained| trained.warnings.iter().any(|w| w.contains("column x3 tells"));
    assert!(warning(&trained), "{:?}", trained.warnings);

    spec.preprocessing.drift = Some(DriftRule::Keep);
    let kept = run(&frame, &spec);
    assert_eq!(columns(&kept), ["x0", "x1", "x3"]);
    assert!(warning(&kept), "{:?}", kept.warnings);
    spec.preprocessing.drift = None;
    spec.features = Some(vec!["x0".into(), "x3".into()]);
    assert_eq!(columns(&run(&frame, &spec)), ["x0", "x3"]);
    spec.features = Some(vec!["x3".into()]);
    spec.preprocessing.drift = Some(DriftRule::LeaveOut);
    assert_eq!(columns(&run(&frame, &spec)), ["x3"], "something has to be left");
    // At random no rows are the later ones.
    spec.preprocessing.drift = None;
    spec.features = None;
    spec.parts = None;
    assert_eq!(columns(&run(&frame, &spec)), ["x0", "x1", "x2", "x3"]);
}

#[test]
fn the_validation_rows_are_learnt_from_in_the_end() {
    let frame = in_time();
    let mut spec = TrainingSpec { parts: by_time().parts, ..short(OptimiserSpec::default()) };
    let mut hooks = Record::default();
    let refitted = train(&frame, &spec, None, &mut hooks).unwrap();
    assert_eq!(refitted.spec.refit, Some(true));
    let names: Vec<&str> = hooks.reports.iter().map(|r| r.run.name.as_str()).collect();
    let best = refitted.best_epoch as usize;
    assert_eq!(names[..4], ["mlp"; 4]);
    assert_eq!(names[4..], vec!["mlp, validation rows too"; best]);
    assert!(hooks.reports.iter().all(|report| report.run.of == 2));

    spec.refit = Some(false);
    let plain = run(&frame, &spec);
    assert_eq!(refitted.curve.len(), plain.curve.len());
    assert!(refitted.curve.iter().zip(&plain.curve).all(|(a, b)| a.train_loss == b.train_loss));
    assert_ne!(refitted.weights, plain.weights);
    // The threshold is of weights that have not seen the rows that set it.
    assert_eq!(refitted.signature.threshold, plain.signature.threshold);

    // As trained on those rows from the start, for as many epochs: the seed and the rows decide.
    spec.refit = Some(true);
    spec.parts = None;
    assert_ne!(run(&frame, &spec).weights, refitted.weights);
    assert_eq!(run(&frame, &spec).weights, run(&frame, &spec).weights);
}

#[test]
fn a_refit_goes_on_where_it_was_interrupted() {
    let frame = in_time();
    let mut spec = TrainingSpec { parts: by_time().parts, ..short(OptimiserSpec::default()) };
    spec.baselines = true;
    let mut hooks = Record { every_batch: true, ..Record::default() };
    let whole = train(&frame, &spec, None, &mut hooks).unwrap();
    assert!(hooks.checkpoints.len() > 8, "{}", hooks.checkpoints.len());
    for checkpoint in hooks.checkpoints.iter().step_by(hooks.checkpoints.len() / 4) {
        let resumed = train(&frame, &spec, Some(checkpoint), &mut Record::default()).unwrap();
        assert_eq!(resumed.weights, whole.weights);
        assert_eq!(resumed.metrics, whole.metrics);
    }
}

#[test]
fn the_simplest_of_the_default_networks_is_served_that_does_as_well() {
    let trained = run(&in_time(), &by_time());
    assert_eq!(trained.spec.network, Some(linear()));
    let others: Vec<&str> = trained.baselines.iter().map(|b| b.network.as_str()).collect();
    assert_eq!(others, ["mlp", "tabm"]);
    let said = trained.warnings.iter().any(|w| w.starts_with("linear is served"));
    assert!(said, "{:?}", trained.warnings);
    assert!(auc(&trained) > 0.9, "{}", auc(&trained));
    let weights = crate::engine::weights::decode(&trained.weights).unwrap();
    assert_eq!(trained.parameters, weights.values().map(|p| p.values.len() as u64).sum::<u64>());
    // What is stored asks for the same again, and so does what is left open of it.
    let again = run(&in_time(), &trained.spec);
    assert_eq!(again.weights, trained.weights);
    let open = run(&in_time(), &left_open(trained.spec.clone()));
    assert_eq!(open.weights, trained.weights);
    assert_eq!(open.baselines.len(), 2);

    let named = TrainingSpec { network: Some(mlp(&[4])), epochs: Some(2), ..by_time() };
    let trained = run(&in_time(), &named);
    assert_eq!(trained.spec.network_kind(), "mlp");
}

#[test]
fn what_means_nothing_is_refused() {
    let mut spec = spec("y");
    spec.preprocessing.drift = Some(DriftRule::Keep);
    spec.refit = Some(true);
    spec.ensemble = Some(EnsembleSpec { folds: 3, seeds: 1 });
    let error = refused(&in_time(), &spec);
    assert_eq!(pointers(&error), ["/refit", "/preprocessing/drift"]);
}

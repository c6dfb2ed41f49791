mod by_time;
mod calibrating;
mod diverging;
mod estimate;
mod gpu;
mod images;
mod monotone;
mod precision;
mod prior;
mod scorecard;
mod search;
mod simpler;
mod texts;
mod threads;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use burn::backend::Autodiff;
use burn::{Dispatch, DispatchDevice};
use rstest::rstest;

use super::fit::Problem;
use super::*;
use crate::domain::calibration::CalibrationSpec;
use crate::domain::network::{LinearNetwork, MlpNetwork, NetworkSpec};
use crate::domain::optimiser::{Adam, AdamW, ConstantSchedule, OptimiserSpec, ScheduleSpec, Sgd};
use crate::domain::threshold::{ThresholdCost, ThresholdSpec, ThresholdValue};
use crate::domain::training::{
    ClassWeights, ColumnParts, DivergenceRule, EnsembleSpec, GivenWeights, PartsSpec, TimeParts,
};
use crate::engine::testing::{Record, frame, noise, spec, uniform};
use crate::error::{Code, Error};
use crate::frame::Values;

fn mlp(hidden: &[u32]) -> NetworkSpec {
    NetworkSpec::Mlp(MlpNetwork { hidden: Some(hidden.to_vec()), dropout: None })
}

fn linear() -> NetworkSpec {
    NetworkSpec::Linear(LinearNetwork {})
}

fn run(frame: &Frame, spec: &TrainingSpec) -> Trained {
    train(frame, spec, None, &mut Record::default()).unwrap()
}

fn refused(frame: &Frame, spec: &TrainingSpec) -> Error {
    train(frame, spec, None, &mut Record::default()).unwrap_err()
}

fn auc(trained: &Trained) -> f64 {
    let Metrics::Binary(metrics) = &trained.metrics else { panic!("not binary") };
    metrics.auc.unwrap()
}

fn pointers(error: &Error) -> Vec<&str> {
    let Error::Problem { errors, .. } = error else { panic!("{error}") };
    errors.iter().map(|e| e.pointer.as_str()).collect()
}

fn bools(values: impl Iterator<Item = bool>) -> Values {
    Values::Bool(values.map(Some).collect())
}

/// A logistic relation, and the AUC of the true probability, which none can beat.
fn logistic(rows: usize) -> (Frame, f64) {
    let x = noise(rows, 4, 1);
    let p: Vec<f64> = (0..rows)
        .map(|r| 1.0 / (1.0 + (-(3.0 * x[0][r] - 2.0 * x[1][r] + x[2][r])).exp()))
        .collect();
    let y: Vec<bool> = p.iter().zip(uniform(rows, 1)).map(|(p, u)| u < *p).collect();
    let best = crate::stats::auc(&p, &y).unwrap();
    (frame(&x, bools(y.into_iter())), best)
}

/// A training of few steps, dropout included.
fn short(optimiser: OptimiserSpec) -> TrainingSpec {
    let mut spec = spec("y");
    spec.network = Some(mlp(&[8, 4]));
    spec.baselines = false;
    spec.optimiser = Some(optimiser);
    spec.epochs = Some(4);
    spec.batch_size = Some(50);
    spec.patience = Some(0);
    spec
}

#[test]
fn a_linear_relation_is_learnt_by_both_networks() {
    let (frame, best) = logistic(3000);
    for network in [linear(), NetworkSpec::Mlp(MlpNetwork::default())] {
        let mut spec = spec("y");
        spec.network = Some(network);
        spec.baselines = false;
        let trained = run(&frame, &spec);
        assert!(auc(&trained) > best - 0.03, "{} of {best}", auc(&trained));
        assert!(trained.warnings.is_empty(), "{:?}", trained.warnings);
        assert_eq!(trained.rows, PartRows { train: 1920, validation: 480, test: 600 });
    }
}

#[test]
fn only_a_hidden_layer_learns_xor() {
    let x = noise(2000, 2, 3);
    let frame = frame(&x, bools((0..2000).map(|r| (x[0][r] > 0.0) != (x[1][r] > 0.0))));
    let mut spec = spec("y");
    spec.network = Some(mlp(&[32]));
    assert!(auc(&run(&frame, &spec)) > 0.97);
    spec.network = Some(linear());
    assert!(auc(&run(&frame, &spec)) < 0.6);
}

#[test]
fn several_classes_are_learnt() {
    let x = noise(1500, 3, 4);
    let label = |r: usize| {
        let (a, b) = (x[0][r], x[1][r]);
        if a > 0.3 {
            "high"
        } else if b > 0.0 {
            "left"
        } else {
            "low"
        }
    };
    let y = Values::String((0..1500).map(|r| Some(label(r).to_owned())).collect());
    let trained = run(&frame(&x, y), &spec("y"));
    let Metrics::Multiclass(metrics) = &trained.metrics else { panic!("not multiclass") };
    assert!(metrics.accuracy > 0.93, "{}", metrics.accuracy);
    assert_eq!(trained.signature.classes, ["high", "left", "low"]);
    assert_eq!(trained.signature.threshold, None);
    assert!(trained.curve.last().unwrap().validation_metric.unwrap() > 0.9);
}

#[test]
fn a_number_is_learnt_in_its_own_unit() {
    let x = noise(2000, 3, 5);
    let y = (0..2000).map(|r| Some(1e6 + 1e5 * (x[0][r] + x[1][r] * x[2][r]))).collect();
    let trained = run(&frame(&x, Values::Float64(y)), &spec("y"));
    let Metrics::Regression(metrics) = &trained.metrics else { panic!("not a regression") };
    assert!(metrics.r2.unwrap() > 0.5, "{metrics:?}");
    assert!((1e3..3e4).contains(&metrics.rmse), "{metrics:?}");
    assert!(trained.curve.last().unwrap().validation_metric.unwrap() > 0.9);
}

#[test]
fn equal_seeds_give_equal_bits() {
    let (frame, _) = logistic(400);
    let mut spec = short(OptimiserSpec::default());
    let first = run(&frame, &spec);
    assert_eq!(first.weights, run(&frame, &spec).weights);
    spec.seed = 1;
    assert_ne!(first.weights, run(&frame, &spec).weights);
}

#[test]
fn a_resumed_training_ends_in_the_same_bits() {
    let (frame, _) = logistic(400);
    for optimiser in [
        OptimiserSpec::default(),
        OptimiserSpec::Adam(Adam::default()),
        OptimiserSpec::Sgd(Sgd::default()),
    ] {
        let spec = short(optimiser);
        let mut hooks = Record { every_batch: true, ..Record::default() };
        let unbroken = train(&frame, &spec, None, &mut hooks).unwrap();
        // 256 rows in batches of 50 are 6 a epoch: 5 checkpoints within, 1 after all but the last.
        assert_eq!(hooks.checkpoints.len(), 4 * 6 - 1);
        for (i, checkpoint) in hooks.checkpoints.iter().enumerate() {
            let mut rest = Record::default();
            let resumed = train(&frame, &spec, Some(checkpoint), &mut rest).unwrap();
            assert_eq!(resumed.weights, unbroken.weights, "checkpoint {i}");
            assert_eq!(resumed.curve, unbroken.curve, "checkpoint {i}");
            assert_eq!(resumed.best_epoch, unbroken.best_epoch);
            assert_eq!(resumed.metrics, unbroken.metrics);
            assert_eq!(rest.reports.len(), 4 - (i + 1) / 6);
        }
    }
}

/// What a step depends on besides the weights comes back, too.
#[rstest]
#[case::tabm(serde_json::json!({}))]
#[case::rmsprop(serde_json::json!({"optimiser": {"kind": "rmsprop", "momentum": 0.5}}))]
#[case::average(serde_json::json!({"average": 0.9}))]
#[case::slices(serde_json::json!({"accumulation": 3}))]
#[case::plateau(serde_json::json!({"schedule": {"kind": "plateau", "epochs": 1}}))]
#[case::monotone(serde_json::json!({"monotone": {"x0": "increasing", "x1": "decreasing"},
    "network": {"kind": "monotone", "width": 8}}))]
#[case::monotone_linear(serde_json::json!({"monotone": {"x0": "increasing"},
    "network": {"kind": "linear"}}))]
fn every_kind_of_step_is_resumed(#[case] options: serde_json::Value) {
    let (frame, _) = logistic(300);
    let mut given = serde_json::json!({
        "dataset": {"name": "d"}, "target": "y", "epochs": 3, "batch_size": 50, "baselines": false,
        "network": {"kind": "tabm", "width": 8}
    });
    given.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    let spec: TrainingSpec = serde_json::from_value(given).unwrap();
    let mut hooks = Record { every_batch: true, ..Record::default() };
    let unbroken = train(&frame, &spec, None, &mut hooks).unwrap();
    assert!(unbroken.weights == run(&frame, &spec).weights, "it is not the same twice");
    for (i, checkpoint) in hooks.checkpoints.iter().enumerate() {
        let resumed = train(&frame, &spec, Some(checkpoint), &mut Record::default()).unwrap();
        assert!(resumed.weights == unbroken.weights, "checkpoint {i}");
        assert_eq!(resumed.curve, unbroken.curve, "checkpoint {i}");
    }
}

#[test]
fn a_step_in_slices_is_the_same_step() {
    let (frame, _) = logistic(300);
    let mut spec = short(OptimiserSpec::Sgd(Sgd::default()));
    spec.network = Some(linear());
    let whole = run(&frame, &spec);
    spec.accumulation = 4;
    let sliced = run(&frame, &spec);
    for (a, b) in whole.curve.iter().zip(&sliced.curve) {
        assert!((a.train_loss - b.train_loss).abs() < 1e-5, "{a:?} {b:?}");
        assert!((a.validation_loss - b.validation_loss).abs() < 1e-5, "{a:?} {b:?}");
    }
}

#[test]
fn a_job_of_several_trainings_is_resumed_in_each_of_them() {
    let (frame, _) = logistic(300);
    let mut spec = short(OptimiserSpec::default());
    spec.epochs = Some(2);
    spec.baselines = true;
    spec.ensemble = Some(EnsembleSpec { folds: 2, seeds: 1 });
    let mut hooks = Record { every_batch: true, ..Record::default() };
    let unbroken = train(&frame, &spec, None, &mut hooks).unwrap();
    assert_eq!(unbroken.baselines.len(), 1);
    let names: Vec<&str> = hooks.reports.iter().map(|r| r.run.name.as_str()).collect();
    assert_eq!(names[1..3], ["mlp, fold 1 of 2", "mlp, fold 2 of 2"]);
    assert_eq!(names.last(), Some(&"linear baseline"));
    for (i, checkpoint) in hooks.checkpoints.iter().enumerate().step_by(7) {
        let mut rest = Record::default();
        let resumed = train(&frame, &spec, Some(checkpoint), &mut rest).unwrap();
        assert!(resumed.weights == unbroken.weights, "checkpoint {i}");
        assert_eq!(resumed.curve, unbroken.curve, "checkpoint {i}");
        let figures = |trained: &Trained| -> Vec<_> {
            trained.baselines.iter().map(|b| (b.value, b.difference)).collect()
        };
        assert_eq!(figures(&resumed), figures(&unbroken), "checkpoint {i}");
        assert!(rest.reports.len() < hooks.reports.len() || i < 8);
    }
}

#[test]
fn a_version_tells_what_it_is_better_than() {
    let x = noise(2000, 2, 3);
    let frame = frame(&x, bools((0..2000).map(|r| (x[0][r] > 0.0) != (x[1][r] > 0.0))));
    let trained = run(&frame, &spec("y"));
    let Metrics::Binary(metrics) = &trained.metrics else { panic!("not binary") };
    let linear = trained.baselines.iter().find(|b| b.network == "linear").unwrap();
    assert_eq!(linear.metric, "auc");
    let difference = metrics.auc.unwrap() - linear.value.unwrap();
    assert!((linear.difference.unwrap() - difference).abs() < 1e-12);
    assert!(linear.interval.unwrap().low > 0.2, "{linear:?}");
    assert!(!trained.warnings.iter().any(|w| w.contains("linear baseline")));
}

/// Also of a search, whose winner is trained in folds.
#[test]
fn a_job_that_many_processes_carry_out_ends_in_the_same_bits() {
    let (frame, _) = logistic(200);
    let spec: TrainingSpec = serde_json::from_value(serde_json::json!({
        "dataset": {"name": "d"}, "target": "y", "epochs": 4, "batch_size": 50,
        "network": {"kind": "mlp", "hidden": [4]}, "ensemble": {"folds": 2},
        "search": {"minutes": 10, "trials": 9, "space": {
            "/optimiser/learning_rate": {"by": "log_uniform", "low": 1e-4, "high": 0.3}}}
    }))
    .unwrap();
    let mut unbroken = Record::default();
    let whole = train(&frame, &spec, None, &mut unbroken).unwrap();
    let mut runs: Vec<usize> = unbroken.reports.iter().map(|report| report.run.number).collect();
    runs.dedup();
    let (mut checkpoint, mut processes) = (None, 1);
    let broken = loop {
        let mut hooks = Record { trainings_per_process: NonZeroUsize::new(2), ..Record::default() };
        match train(&frame, &spec, checkpoint.as_deref(), &mut hooks) {
            Ok(trained) => break trained,
            Err(Error::Internal { source, .. }) if source.is::<Relieved>() => {
                checkpoint = hooks.checkpoints.pop();
                processes += 1;
            }
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(broken.weights, whole.weights);
    assert_eq!(broken.metrics, whole.metrics);
    assert_eq!(processes, runs.len().div_ceil(2), "{runs:?}");
}

#[test]
fn a_checkpoint_of_another_training_is_not_resumed() {
    let (frame, _) = logistic(400);
    let mut spec = short(OptimiserSpec::default());
    let mut hooks = Record::default();
    train(&frame, &spec, None, &mut hooks).unwrap();
    spec.seed = 1;
    let anew = train(&frame, &spec, None, &mut Record::default()).unwrap();
    let other = hooks.checkpoints.first().map(Vec::as_slice);
    for checkpoint in [other, Some(b"junk".as_slice())] {
        let trained = train(&frame, &spec, checkpoint, &mut Record::default()).unwrap();
        assert_eq!(trained.weights, anew.weights);
    }
}

#[test]
fn the_hooks_can_stop_it() {
    let (frame, _) = logistic(400);
    let mut hooks = Record { stop_after: Some(0), ..Record::default() };
    let error = train(&frame, &short(OptimiserSpec::default()), None, &mut hooks).unwrap_err();
    assert_eq!(error.code(), Code::Cancelled);
    assert!(hooks.reports.is_empty());
}

#[test]
fn patience_ends_it_early_and_the_best_epoch_is_kept() {
    let (frame, _) = logistic(300);
    let mut spec = spec("y");
    spec.network = Some(mlp(&[16]));
    spec.baselines = false;
    spec.epochs = Some(200);
    spec.patience = Some(5);
    let mut hooks = Record::default();
    let trained = train(&frame, &spec, None, &mut hooks).unwrap();
    assert_eq!(trained.curve.len() as u32, trained.best_epoch + 5);
    let best = &trained.curve[trained.best_epoch as usize - 1];
    assert!(trained.curve.iter().all(|l| l.validation_loss >= best.validation_loss));
    let last = hooks.reports.last().unwrap();
    assert_eq!((last.epoch, last.epochs), (trained.best_epoch + 5, 200));
    assert!(last.rows_per_second > 0.0 && last.seconds_left > 0.0);
}

#[test]
fn rows_without_a_target_are_left_out() {
    let x = noise(300, 2, 6);
    let y = (0..300).map(|r| (r % 3 > 0).then_some(x[0][r] > 0.0)).collect();
    let trained = run(&frame(&x, Values::Bool(y)), &short(OptimiserSpec::default()));
    assert_eq!(trained.rows.train + trained.rows.validation + trained.rows.test, 200);
    assert!(trained.warnings.contains(&"100 rows without a target are left out".to_owned()));
}

#[test]
fn a_column_that_knows_the_answer_is_named() {
    let x = noise(300, 2, 7);
    let answer = frame(&x, bools(x[0].iter().map(|v| *v > 0.1)));
    let trained = run(&answer, &short(OptimiserSpec::default()));
    assert!(trained.warnings.iter().any(|w| w.contains("x0 alone")), "{:?}", trained.warnings);
    let number = frame(&x, Values::Float64(x[1].iter().map(|v| Some(5.0 - v)).collect()));
    let mut spec = short(OptimiserSpec::default());
    spec.preprocessing.scaling = crate::domain::training::Scaling::Standard;
    let trained = run(&number, &spec);
    assert!(trained.warnings.iter().any(|w| w.contains("x1 alone")), "{:?}", trained.warnings);
}

#[test]
fn columns_that_tell_nothing_are_called_out() {
    let x = noise(300, 2, 8);
    let frame = frame(&x, bools(uniform(300, 9).into_iter().map(|u| u < 0.5)));
    let trained =
        run(&frame, &short(OptimiserSpec::Sgd(Sgd { learning_rate: Some(3.0), ..Sgd::default() })));
    assert!(
        trained.warnings.iter().any(|w| w.contains("hardly better than")),
        "{:?}",
        trained.warnings
    );
}

#[test]
fn the_threshold_is_set_as_asked() {
    let (frame, _) = logistic(400);
    let threshold = |threshold: ThresholdSpec| {
        let mut spec = short(OptimiserSpec::default());
        spec.threshold = threshold;
        run(&frame, &spec).signature.threshold.unwrap()
    };
    assert_eq!(threshold(ThresholdSpec::Value(ThresholdValue { value: 0.3 })), 0.3);
    let costs = |false_positive, false_negative| {
        let (true_positive, true_negative) = (0.0, 0.0);
        ThresholdCost { false_positive, false_negative, true_positive, true_negative }
    };
    assert!((threshold(ThresholdSpec::Cost(costs(1.0, 4.0))) - 0.2).abs() < 1e-12);
    assert!((threshold(ThresholdSpec::Cost(costs(1e308, 1e308))) - 0.5).abs() < 1e-12);
    assert!((0.05..0.7).contains(&threshold(ThresholdSpec::F1)));
}

#[test]
fn class_weights_leave_the_probabilities() {
    let x = noise(2000, 2, 10);
    let u = uniform(2000, 10);
    let frame = frame(&x, bools((0..2000).map(|r| u[r] < 0.05 + 0.1 * f64::from(x[0][r] > 0.0))));
    let mean = |weights: ClassWeights| {
        let mut spec = spec("y");
        spec.network = Some(linear());
        spec.class_weights = weights;
        // Which would make up for them by itself.
        spec.calibration = CalibrationSpec::None;
        let trained = run(&frame, &spec);
        let model = trained.model();
        let values = model.unwrap().predict(&frame).unwrap().values;
        report::positive_scores(&values, 1).iter().sum::<f64>() / 2000.0
    };
    assert!((mean(ClassWeights::None) - 0.1).abs() < 0.03);
    assert!((mean(ClassWeights::Balanced) - 0.1).abs() < 0.03);
    let weights = BTreeMap::from([("true".to_owned(), 9.0)]);
    assert!((mean(ClassWeights::Given(GivenWeights { weights })) - 0.1).abs() < 0.03);
    let mut spec = spec("y");
    let weights = BTreeMap::from([("tru/e".to_owned(), 9.0)]);
    spec.class_weights = ClassWeights::Given(GivenWeights { weights });
    let error = refused(&frame, &spec);
    assert_eq!(pointers(&error), ["/class_weights/weights/tru~1e"]);
    assert!(error.to_string().contains("did you mean true?"), "{error}");
}

#[test]
fn a_part_without_a_class_is_refused_where_it_matters() {
    let x = noise(100, 1, 11);
    let build = |positive: &dyn Fn(usize) -> bool| {
        let columns = vec![
            ("x0".to_owned(), Values::Float64(x[0].iter().copied().map(Some).collect())),
            ("when".to_owned(), Values::Int64((0..100).map(Some).collect())),
            ("y".to_owned(), bools((0..100).map(positive))),
        ];
        Frame::new(100, columns).unwrap()
    };
    let mut spec = short(OptimiserSpec::default());
    spec.parts =
        Some(PartsSpec::Time(TimeParts { column: "when".into(), validation: 0.2, test: 0.2 }));
    let late = refused(&build(&|r| r >= 60), &spec);
    assert_eq!((late.code(), pointers(&late)), (Code::InvalidSpec, vec!["/parts"]));
    assert!(late.to_string().contains("train part has no row of class 'true'"), "{late}");
    let early = refused(&build(&|r| r < 60 && r % 2 == 0), &spec);
    assert!(early.to_string().contains("validation part"), "{early}");
    // A test part of one class can still be reported on.
    let trained = run(&build(&|r| r < 80 && r % 2 == 0), &spec);
    let Metrics::Binary(metrics) = &trained.metrics else { panic!("not binary") };
    assert_eq!((metrics.n, metrics.auc), (20, None));
    assert!(trained.warnings.iter().any(|w| w.contains("test part has no row of class 'true'")));
    assert_eq!(trained.signature.inputs.len(), 1, "the time is no input");
}

#[test]
fn what_the_data_refute_is_named() {
    let (frame, _) = logistic(100);
    let mut unknown = spec("yy");
    unknown.features = Some(vec!["x0".into(), "X1".into()]);
    let parts = ColumnParts { column: "part".into(), validation: 0.16 };
    unknown.parts = Some(PartsSpec::Column(parts));
    let error = refused(&frame, &unknown);
    assert_eq!(pointers(&error), ["/target", "/features/1", "/parts/column"]);
    let few = frame.take(&(0..19).collect::<Vec<_>>()).unwrap();
    assert!(refused(&few, &spec("y")).to_string().contains("at least 20"));
}

#[test]
fn hostile_numbers_neither_panic_nor_come_out() {
    let mut x = noise(200, 2, 12);
    for (i, value) in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::MAX, f64::MIN, 1e-308]
        .into_iter()
        .enumerate()
    {
        x[0][i * 7] = value;
    }
    x.push(vec![3.0; 200]);
    let frame =
        frame(&x, bools(x[1].clone().into_iter().zip(uniform(200, 3)).map(|(x, u)| x + u > 0.6)));
    for scaling in
        [crate::domain::training::Scaling::Quantile, crate::domain::training::Scaling::Standard]
    {
        let mut spec = short(OptimiserSpec::default());
        spec.preprocessing.scaling = scaling;
        spec.network = Some(linear());
        spec.epochs = Some(300);
        let trained = run(&frame, &spec);
        assert!(trained.warnings.iter().any(|w| w.contains("x2 is left out")));
        let Metrics::Binary(metrics) = &trained.metrics else { panic!("not binary") };
        assert!(metrics.log_loss.is_finite() && metrics.brier.is_finite());
        // What is so far out spoils a mean and a deviation, but not a rank.
        if scaling == crate::domain::training::Scaling::Quantile {
            assert!(auc(&trained) > 0.6, "{}", auc(&trained));
        }
    }
}

/// The way to a GPU, tried on the CPU.
#[test]
fn dispatch_trains_and_resumes_as_the_cpu_itself_does() {
    let (frame, _) = logistic(400);
    let mut spec = spec("y");
    spec.epochs = Some(3);
    spec.network = Some(mlp(&[16]));
    let prepared = prepare(&frame, &spec, None).unwrap();
    let problem = Problem { data: &prepared.data, recipe: &prepared.recipe };
    let cpu =
        fit::fit::<Autodiff<Flex>>(&FlexDevice, &problem, None, &mut Record::default()).unwrap();

    let device = DispatchDevice::autodiff(FlexDevice);
    let mut record = Record { every_batch: true, ..Record::default() };
    let dispatched = fit::fit::<Dispatch>(&device, &problem, None, &mut record).unwrap();
    assert_eq!(dispatched.weights, cpu.weights);
    assert!(record.checkpoints.len() > 1);
    let resume = record.checkpoints.first().map(Vec::as_slice);
    let resumed = fit::fit::<Dispatch>(&device, &problem, resume, &mut Record::default()).unwrap();
    assert_eq!(resumed.weights, cpu.weights);
}

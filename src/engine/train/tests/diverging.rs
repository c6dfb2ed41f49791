//! Trainings that diverge: how they end, and what is left of them.

use super::*;
use crate::domain::start::{StartSpec, StartWeights};
use crate::engine::LastFinite;
use crate::engine::weights;

/// A training whose rate rises from step to step, until the steps overshoot ever further.
fn late() -> (Frame, TrainingSpec) {
    let x = noise(400, 2, 5);
    let y = (0..400).map(|r| Some(3.0 * x[0][r] - x[1][r])).collect();
    let optimiser = OptimiserSpec::Sgd(Sgd { learning_rate: Some(30.0), ..Sgd::default() });
    let schedule = ConstantSchedule { warm_up: 0.99 };
    let spec = TrainingSpec {
        network: Some(linear()),
        epochs: Some(100),
        gradient_clip: Some(0.0),
        schedule: Some(ScheduleSpec::Constant(schedule)),
        ..short(optimiser)
    };
    (frame(&x, Values::Float64(y)), spec)
}

/// What is left of a training that diverges.
fn left(frame: &Frame, spec: &TrainingSpec, resume: Option<&[u8]>) -> (Record, LastFinite) {
    let mut hooks = Record::default();
    let error = train(frame, spec, resume, &mut hooks).unwrap_err();
    assert_eq!(error.code(), Code::Diverged);
    let left = hooks.left.pop().unwrap();
    (hooks, left)
}

/// The specification of one that goes on from there, slowly and for one epoch.
fn slow(spec: &TrainingSpec) -> TrainingSpec {
    TrainingSpec {
        optimiser: Some(OptimiserSpec::Sgd(Sgd { learning_rate: Some(1e-9), ..Sgd::default() })),
        schedule: Some(ScheduleSpec::Constant(ConstantSchedule::default())),
        epochs: Some(1),
        start: Some(StartSpec { job: uuid::Uuid::nil(), weights: None }),
        ..spec.clone()
    }
}

#[test]
fn a_training_that_explodes_has_diverged() {
    let (frame, _) = logistic(400);
    for optimiser in [
        OptimiserSpec::AdamW(AdamW { learning_rate: Some(1e6), ..AdamW::default() }),
        OptimiserSpec::Adam(Adam { learning_rate: Some(1e6), ..Adam::default() }),
        OptimiserSpec::Sgd(Sgd { learning_rate: Some(1e6), ..Sgd::default() }),
    ] {
        let mut hooks = Record::default();
        let spec = short(optimiser);
        let error = train(&frame, &spec, None, &mut hooks).unwrap_err();
        assert_eq!(error.code(), Code::Diverged);
        assert_eq!(pointers(&error), ["/optimiser/learning_rate"]);
        assert!(error.to_string().contains("epoch 1"), "{error}");
        assert!(hooks.checkpoints.is_empty() && hooks.left.is_empty());
    }
}

#[test]
fn of_a_training_that_explodes_late_the_best_epoch_may_be_kept() {
    let (frame, mut spec) = late();
    let error = refused(&frame, &spec);
    assert_eq!(error.code(), Code::Diverged);
    spec.divergence = DivergenceRule::KeepBest;
    let mut hooks = Record::default();
    let trained = train(&frame, &spec, None, &mut hooks).unwrap();
    assert!(trained.curve.len() < 100 && trained.best_epoch >= 1);
    let Metrics::Regression(metrics) = &trained.metrics else { panic!("no regression") };
    assert!(metrics.r2.unwrap() > 0.5, "{metrics:?}");
    let says = |warning: &&String| {
        warning.contains("training diverged in epoch") && warning.contains("is kept")
    };
    assert_eq!(trained.warnings.iter().filter(says).count(), 1, "{:?}", trained.warnings);
    // The same where it was interrupted before.
    let checkpoint = hooks.checkpoints.last().unwrap();
    let resumed = train(&frame, &spec, Some(checkpoint), &mut Record::default()).unwrap();
    assert_eq!(resumed.weights, trained.weights);
    assert_eq!(resumed.warnings, trained.warnings);
}

/// What of the weights begins so.
fn part(weights: &[u8], prefix: &str) -> BTreeMap<String, Vec<f32>> {
    let named = weights::decode(weights).unwrap().into_iter();
    named.filter_map(|(name, p)| Some((name.strip_prefix(prefix)?.to_owned(), p.values))).collect()
}

#[test]
fn what_it_was_before_is_left_and_can_be_gone_on_from() {
    let (frame, spec) = late();
    let (hooks, left) = left(&frame, &spec, None);
    let losses: Vec<_> = hooks.reports.iter().map(|report| report.loss.clone()).collect();
    assert_eq!((left.epoch as usize, left.last.as_ref()), (losses.len(), losses.last()));
    let least = losses.iter().min_by(|a, b| a.validation_loss.total_cmp(&b.validation_loss));
    assert_eq!(left.best.as_ref(), least);
    assert_eq!((left.run.name.as_str(), left.may_start), ("linear", true));
    // With hardly a step the loss is that of the epoch from which it goes on.
    let mut again = Record::default();
    let on = train_from(&frame, &slow(&spec), Some(&left.weights), None, &mut again).unwrap();
    let expected = left.best.unwrap().validation_loss;
    let found = on.curve[0].validation_loss;
    assert!((found - expected).abs() < 1e-4 * expected, "{found} {expected}");
    assert_eq!(on.spec.start, slow(&spec).start);
    let (on, best) = (part(&on.weights, ""), part(&left.weights, "best/"));
    for (name, before) in &best {
        for (now, before) in on[name].iter().zip(before) {
            assert!((now - before).abs() < 1e-5 * before.abs().max(1.0), "{name}");
        }
    }
    // The last ones are finite, and lost.
    let last = part(&left.weights, "last/");
    assert!(best.keys().eq(last.keys()) && best != last);
    let weights = Some(StartWeights::Last);
    let start = Some(StartSpec { job: uuid::Uuid::nil(), weights });
    let lost = TrainingSpec { start, ..slow(&spec) };
    let lost = train_from(&frame, &lost, Some(&left.weights), None, &mut Record::default());
    assert_eq!(lost.unwrap_err().code(), Code::Diverged);
    // Of one that was interrupted before it diverged the same is left.
    let (_, resumed) = self::left(&frame, &spec, hooks.checkpoints.last().map(Vec::as_slice));
    assert_eq!(resumed.weights, left.weights);
}

#[test]
fn what_is_left_of_a_long_epoch_is_its_last_checkpoint() {
    let (frame, mut spec) = late();
    spec.optimiser = Some(OptimiserSpec::Sgd(Sgd { learning_rate: Some(1e6), ..Sgd::default() }));
    spec.batch_size = Some(2);
    let mut hooks = Record { every_batch: true, ..Record::default() };
    let error = train(&frame, &spec, None, &mut hooks).unwrap_err();
    assert_eq!(error.code(), Code::Diverged);
    assert!(hooks.reports.is_empty() && !hooks.checkpoints.is_empty());
    let left = hooks.left.pop().unwrap();
    assert_eq!((left.epoch, left.last, left.best), (0, None, None));
    assert!(!part(&left.weights, "last/").is_empty() && part(&left.weights, "best/").is_empty());
    let weights = Some(StartWeights::Best);
    let start = Some(StartSpec { job: uuid::Uuid::nil(), weights });
    let none = TrainingSpec { start, ..slow(&spec) };
    let none = train_from(&frame, &none, Some(&left.weights), None, &mut Record::default());
    assert_eq!(pointers(&none.unwrap_err()), ["/start/weights"]);
}

#[test]
fn only_the_weights_of_its_own_network_begin_a_training() {
    let (frame, spec) = late();
    let (_, left) = left(&frame, &spec, None);
    let begin = |spec: &TrainingSpec, weights: &[u8]| {
        train_from(&frame, spec, Some(weights), None, &mut Record::default()).unwrap_err()
    };
    let other = TrainingSpec { network: Some(mlp(&[3])), ..slow(&spec) };
    let narrow = TrainingSpec { features: Some(vec!["x0".into()]), ..slow(&spec) };
    let several = EnsembleSpec { seeds: 2, ..EnsembleSpec::default() };
    let several = TrainingSpec { ensemble: Some(several), ..slow(&spec) };
    for (spec, says) in [
        (&other, "of another network"),
        (&narrow, "is [2, 1] in them, and [1, 1] in this one"),
        (&several, "2 networks are to be averaged"),
    ] {
        let error = begin(spec, &left.weights);
        assert_eq!((error.code(), pointers(&error)), (Code::InvalidSpec, vec!["/start"]));
        assert!(error.to_string().contains(says), "{error}");
    }
    assert_eq!(begin(&slow(&spec), b"junk").code(), Code::InvalidData);
    let searching = TrainingSpec { search: Some(Default::default()), ..slow(&spec) };
    assert_eq!(pointers(&begin(&searching, &left.weights)), ["/start"]);
}

#[test]
fn one_of_several_networks_begins_nothing() {
    let (frame, spec) = late();
    let several = EnsembleSpec { seeds: 2, ..EnsembleSpec::default() };
    let (_, left) = left(&frame, &TrainingSpec { ensemble: Some(several), ..spec }, None);
    assert_eq!((left.run.name.as_str(), left.may_start), ("linear, seed 1 of 2", false));
}

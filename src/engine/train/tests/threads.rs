//! Networks that are trained side by side.

use super::*;

/// What is told of the networks beside it.
fn figures(trained: &Trained) -> Vec<(Option<f64>, Option<f64>)> {
    trained.baselines.iter().map(|b| (b.value, b.difference)).collect()
}

/// A job of several networks, with one beside them.
fn of_several() -> TrainingSpec {
    TrainingSpec {
        network: Some(mlp(&[6])),
        ensemble: Some(EnsembleSpec { folds: 3, seeds: 2 }),
        epochs: Some(3),
        batch_size: Some(50),
        patience: Some(0),
        ..spec("y")
    }
}

#[test]
fn networks_that_are_trained_side_by_side_are_the_same() {
    let (frame, _) = logistic(300);
    let alone = run(&frame, &of_several());
    for threads in [2, 3, 16] {
        let mut hooks = Record { threads: NonZeroUsize::new(threads), ..Record::default() };
        let trained = train(&frame, &of_several(), None, &mut hooks).unwrap();
        assert!(trained.weights == alone.weights, "{threads}");
        assert_eq!(figures(&trained), figures(&alone), "{threads}");
        let mut numbers: Vec<usize> = hooks.reports.iter().map(|r| r.run.number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers, (1..=7).collect::<Vec<_>>(), "each is told of");
        assert!(trained.least_seconds < trained.device_seconds, "{threads}");
    }
    assert_eq!(alone.least_seconds, alone.device_seconds);
}

/// Of long trainings side by side each is told of while others are.
#[test]
fn they_run_at_the_same_time() {
    let (frame, _) = logistic(300);
    let spec = TrainingSpec { epochs: Some(200), ..of_several() };
    let mut hooks = Record { threads: NonZeroUsize::new(2), ..Record::default() };
    train(&frame, &spec, None, &mut hooks).unwrap();
    let numbers: Vec<usize> = hooks.reports.iter().map(|report| report.run.number).collect();
    assert!(!numbers.is_sorted(), "one after the other");
}

/// The weights that are left are those of the network whose error ends the job, and not of a baseline
/// beside it.
#[test]
fn what_is_left_is_of_the_network_that_ends_the_job() {
    let x = noise(400, 2, 5);
    let y = (0..400).map(|r| Some(3.0 * x[0][r] - x[1][r])).collect();
    let schedule = ConstantSchedule { warm_up: 0.99 };
    let optimiser = OptimiserSpec::Sgd(Sgd { learning_rate: Some(30.0), ..Sgd::default() });
    let spec = TrainingSpec {
        network: Some(mlp(&[4])),
        baselines: true,
        epochs: Some(100),
        gradient_clip: Some(0.0),
        schedule: Some(ScheduleSpec::Constant(schedule)),
        ..short(optimiser)
    };
    let mut hooks = Record { threads: NonZeroUsize::new(2), ..Record::default() };
    let error = train(&frame(&x, Values::Float64(y)), &spec, None, &mut hooks).unwrap_err();
    assert_eq!(error.code(), Code::Diverged);
    assert!(hooks.left.iter().all(|left| left.run.name == "mlp"), "{:?}", hooks.left.len());
}

/// From any of its checkpoints, whichever trainings were under way, on as many threads or on one.
#[test]
fn side_by_side_they_are_resumed() {
    let (frame, _) = logistic(300);
    let threads = NonZeroUsize::new(3);
    let mut record = Record { every_batch: true, threads, ..Record::default() };
    let whole = train(&frame, &of_several(), None, &mut record).unwrap();
    let checkpoints = record.checkpoints.iter().enumerate().step_by(5);
    for (at, checkpoint) in checkpoints {
        for threads in [NonZeroUsize::new(1), threads] {
            let mut rest = Record { threads, ..Record::default() };
            let resumed = train(&frame, &of_several(), Some(checkpoint), &mut rest).unwrap();
            assert!(resumed.weights == whole.weights, "checkpoint {at}");
            assert_eq!(figures(&resumed), figures(&whole), "checkpoint {at}");
        }
    }
    // The last one leaves little to do.
    let mut rest = Record { threads, ..Record::default() };
    train(&frame, &of_several(), record.checkpoints.last().map(Vec::as_slice), &mut rest).unwrap();
    assert!(rest.reports.len() <= 3 * 3, "{}", rest.reports.len());
}

#[test]
fn one_that_fails_ends_those_beside_it_and_says_why() {
    let (frame, _) = logistic(300);
    let mut hooks = Record { threads: NonZeroUsize::new(2), ..Record::default() };
    let spec = TrainingSpec {
        optimiser: Some(OptimiserSpec::Sgd(Sgd { learning_rate: Some(1e6), ..Sgd::default() })),
        ..of_several()
    };
    assert_eq!(train(&frame, &spec, None, &mut hooks).unwrap_err().code(), Code::Diverged);
    let mut hooks =
        Record { threads: NonZeroUsize::new(2), stop_after: Some(3), ..Record::default() };
    let error = train(&frame, &of_several(), None, &mut hooks).unwrap_err();
    assert_eq!(error.code(), Code::Cancelled);
}

//! Searches: better than a bad default, the same after an interruption, and told as they went.

use serde_json::{Value, json};

use super::*;
use crate::domain::cost::Cost;
use crate::domain::search::{SearchEnd, SearchRecord, SearchSpec, TrialState};
use crate::engine::testing::{random_walk, series};
use crate::engine::train::fit::Pace;
use crate::engine::train::{Control, EpochReport, Hooks};

/// A small perceptron, which learns far too slowly as it stands.
fn asked(more: Value) -> TrainingSpec {
    let mut given = json!({
        "dataset": {"name": "d"}, "target": "y", "baselines": false, "epochs": 6, "batch_size": 50,
        "patience": 0, "network": {"kind": "mlp", "hidden": [8], "dropout": 0.1},
        "optimiser": {"kind": "adam", "learning_rate": 1e-5},
        "search": {"minutes": 10, "trials": 9, "space": {
            "/optimiser/learning_rate": {"by": "log_uniform", "low": 1e-4, "high": 0.3},
            "/network/hidden": {"by": "choice", "values": [[4], [8], [8, 4]]}
        }}
    });
    given.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(given).unwrap()
}

/// All of a search but how long it took.
fn timeless(trained: &Trained) -> SearchRecord {
    let mut record = trained.search.clone().unwrap();
    record.seconds = 0.0;
    record.trials.iter_mut().for_each(|trial| trial.seconds = 0.0);
    record
}

#[test]
fn a_bad_default_is_improved_and_the_winner_is_what_training_it_gives() {
    let (frame, best) = logistic(400);
    let trained = run(&frame, &asked(json!({})));
    let record = trained.search.clone().unwrap();
    assert_eq!(record.ended, SearchEnd::Trials);
    assert_eq!(record.trials.len(), 9);
    assert_eq!(record.trials[0].number, record.winner);
    assert_ne!(record.winner, 0, "{record:?}");
    let first = record.trials.iter().find(|trial| trial.number == 0).unwrap();
    assert!(first.values.is_empty());
    assert_eq!(first.rungs.len(), 1, "the default is not gone on with");
    let winner = &record.trials[0];
    assert_eq!(winner.state, TrialState::Whole);
    assert_eq!(winner.rungs.iter().map(|r| r.epochs).collect::<Vec<_>>(), [1, 3, 6]);
    assert!(auc(&trained) > best - 0.08, "{} of {best}", auc(&trained));
    let unsearched = TrainingSpec { search: None, ..asked(json!({})) };
    assert!(auc(&trained) > auc(&run(&frame, &unsearched)) + 0.1);

    // A version without a search of the same values: the same weights.
    let plain = TrainingSpec { search: None, ..trained.spec.clone() };
    let again = run(&frame, &plain);
    assert!(again.weights == trained.weights);
    assert_eq!((again.curve, again.best_epoch), (trained.curve.clone(), trained.best_epoch));
    let spec = serde_json::to_value(&trained.spec).unwrap();
    for (pointer, value) in &winner.values {
        assert_eq!(spec.pointer(pointer), Some(value), "{pointer}");
    }
    assert_eq!(trained.spec.search, Some(record.spec));
    assert_eq!(winner.rungs[2].validation_loss, {
        let kept = &trained.curve[trained.best_epoch as usize - 1];
        kept.validation_loss
    });
    assert!(trained.device_seconds > trained.seconds, "the other configurations count, too");
}

#[test]
fn an_interrupted_search_ends_as_the_unbroken_one() {
    let (frame, _) = logistic(150);
    let spec = asked(json!({"baselines": true, "ensemble": {"seeds": 2}}));
    let mut hooks = Record { every_batch: true, ..Record::default() };
    let unbroken = train(&frame, &spec, None, &mut hooks).unwrap();
    let record = timeless(&unbroken);
    let stretches: usize = record.trials.iter().map(|trial| trial.rungs.len()).sum();
    let last = hooks.reports.last().unwrap();
    assert_eq!((last.run.name.as_str(), last.search.is_none()), ("linear baseline", true));
    assert_eq!((last.run.number, last.run.of), (stretches + 2, stretches + 2));
    assert!(hooks.checkpoints.len() > 2 * stretches, "within and between the trainings");
    for (i, checkpoint) in hooks.checkpoints.iter().enumerate().step_by(5) {
        let mut rest = Record::default();
        let resumed = train(&frame, &spec, Some(checkpoint), &mut rest).unwrap();
        assert_eq!(timeless(&resumed), record, "checkpoint {i}");
        assert!(resumed.weights == unbroken.weights, "checkpoint {i}");
        assert_eq!(resumed.spec, unbroken.spec, "checkpoint {i}");
        assert!(rest.reports.len() < hooks.reports.len() || i < 8, "checkpoint {i}");
        // The minutes that were spent before count.
        let seconds = resumed.search.unwrap().seconds;
        assert!(seconds > 0.0);
    }
}

#[test]
fn it_tells_how_it_goes() {
    let (frame, _) = logistic(150);
    let mut hooks = Record::default();
    train(&frame, &asked(json!({})), None, &mut hooks).unwrap();
    let names: Vec<&str> = hooks.reports.iter().map(|r| r.run.name.as_str()).collect();
    assert_eq!(names[..2], ["trial 0, to epoch 1", "trial 1, to epoch 1"]);
    assert!(names.iter().any(|name| name.ends_with("to its end")), "{names:?}");
    assert!(hooks.reports.iter().all(|r| r.run.number <= r.run.of));
    let searches: Vec<_> = hooks.reports.iter().map(|r| r.search.as_ref().unwrap()).collect();
    assert!(searches[0].leaders.is_empty());
    let last = searches.last().unwrap();
    assert_eq!((last.begun, last.trials), (9, 9));
    assert!(last.seconds_left > 0.0 && last.seconds_left < 600.0);
    let order: Vec<_> =
        last.leaders.iter().map(|l| (std::cmp::Reverse(l.epochs), l.value)).collect();
    assert!(order.is_sorted_by(|a, b| (a.0, a.1.unwrap()) <= (b.0, b.1.unwrap())), "{order:?}");
}

#[test]
fn when_its_minutes_are_over_the_best_is_trained_to_its_end() {
    let (frame, _) = logistic(150);
    let spec = asked(json!({"search": {"minutes": 1e-9, "space": {
        "/batch_size": {"by": "integer", "low": 20, "high": 60}}}}));
    let trained = run(&frame, &spec);
    let record = trained.search.as_ref().unwrap();
    assert_eq!((record.ended, record.winner, record.trials.len()), (SearchEnd::Minutes, 0, 1));
    assert_eq!(record.trials[0].state, TrialState::Whole);
    assert_eq!(trained.curve.len(), 6);
    assert!(trained.warnings.iter().any(|w| w.contains("1 of 27")), "{:?}", trained.warnings);
    let plain = run(&frame, &TrainingSpec { search: None, ..spec });
    assert!(plain.weights == trained.weights);
}

/// Stops the job once so many configurations were begun.
struct Slow {
    checkpoint: Option<Vec<u8>>,
    until: u32,
}

impl Hooks for Slow {
    fn epoch(&mut self, report: &EpochReport) -> Result<Control> {
        let begun = report.search.as_ref().map_or(0, |search| search.begun);
        Ok(if begun > self.until { Control::Stop } else { Control::Continue })
    }

    fn checkpoint(&mut self, bytes: &[u8]) -> Result<()> {
        self.checkpoint = Some(bytes.to_vec());
        Ok(())
    }

    fn should_stop(&mut self) -> bool {
        false
    }

    fn checkpoint_policy(&self) -> CheckpointPolicy {
        CheckpointPolicy { after_epoch: Duration::ZERO, within_epoch: Duration::from_secs(3600) }
    }
}

/// Minutes that are over when a job is taken up again leave what was done before.
#[test]
fn time_that_was_spent_before_an_interruption_counts() {
    let (frame, _) = logistic(150);
    let spec = |minutes: f64| {
        asked(json!({"search": {"minutes": minutes, "trials": 9, "space": {
            "/batch_size": {"by": "integer", "low": 20, "high": 60}}}}))
    };
    let mut hooks = Slow { checkpoint: None, until: 4 };
    let error = train(&frame, &spec(10.0), None, &mut hooks).unwrap_err();
    assert_eq!(error.code(), Code::Cancelled);
    let checkpoint = hooks.checkpoint.unwrap();
    // Of another specification: it begins anew.
    let other = train(&frame, &spec(9.0), Some(&checkpoint), &mut Record::default()).unwrap();
    assert_eq!(other.search.unwrap().trials.len(), 9);
    let mut rest = Record::default();
    let resumed = train(&frame, &spec(10.0), Some(&checkpoint), &mut rest).unwrap();
    let record = resumed.search.unwrap();
    assert_eq!(record.trials.len(), 9);
    let first = &rest.reports[0];
    let spent = 600.0 - first.search.as_ref().unwrap().seconds_left;
    assert!(spent > 0.0 && record.seconds >= spent, "{spent}");
    assert!(first.run.number > 4, "it goes on with the fifth training: {:?}", first.run);
}

#[test]
fn what_diverges_is_recorded_and_only_if_all_do_is_it_fatal() {
    let (frame, _) = logistic(150);
    let rates = |values: Value| {
        asked(json!({"optimiser": {"kind": "sgd", "learning_rate": 0.1}, "search": {"trials": 9,
            "space": {"/optimiser/learning_rate": {"by": "choice", "values": values},
                      "/batch_size": {"by": "integer", "low": 20, "high": 60}}}}))
    };
    let trained = run(&frame, &rates(json!([1e6, 0.05])));
    let record = trained.search.unwrap();
    let diverged: Vec<_> =
        record.trials.iter().filter(|t| t.state == TrialState::Diverged).collect();
    assert!(!diverged.is_empty() && diverged.len() < 8, "{record:?}");
    for trial in &diverged {
        assert_eq!(trial.values["/optimiser/learning_rate"], json!(1e6));
        assert!(trial.problem.as_ref().unwrap().contains("diverged"), "{trial:?}");
    }
    let last = &record.trials[record.trials.len() - diverged.len()..];
    assert!(last.iter().all(|trial| trial.state == TrialState::Diverged), "they come last");

    let mut all = rates(json!([1e6, 5e5]));
    all.optimiser = Some(OptimiserSpec::Sgd(Sgd { learning_rate: Some(1e6), ..Sgd::default() }));
    let error = refused(&frame, &all);
    assert_eq!((error.code(), pointers(&error)), (Code::Diverged, vec!["/search/space"]));
}

#[test]
fn a_default_space_is_filled_in_and_a_small_one_is_tried_once() {
    let (frame, _) = logistic(150);
    let open = json!({"network": {"kind": "mlp"}, "optimiser": {"kind": "adamw"}, "epochs": 2,
                      "search": {"trials": 9}});
    let record = run(&frame, &asked(open)).search.unwrap();
    let space: Vec<_> = record.spec.space.unwrap().into_keys().collect();
    assert_eq!(
        space,
        [
            "/network/dropout",
            "/network/hidden",
            "/optimiser/learning_rate",
            "/optimiser/weight_decay"
        ]
    );
    let small = json!({"search": {"space": {
        "/optimiser/learning_rate": {"by": "choice", "values": [0.01, 0.02]}}}});
    let record = run(&frame, &asked(small)).search.unwrap();
    assert_eq!((record.ended, record.trials.len()), (SearchEnd::Trials, 3));
    let chosen = json!({"optimiser": {"kind": "adam", "learning_rate": 0.1},
                        "search": {"trials": 9}});
    let error = refused(&frame, &asked(chosen));
    assert_eq!(pointers(&error), ["/search/space"]);
    assert!(error.to_string().contains("names everything"), "{error}");
}

/// Networks of other kinds are compared on rows that were prepared for the one that is named.
#[test]
fn the_network_itself_can_be_searched_for() {
    let x = noise(600, 2, 3);
    let frame = frame(&x, bools((0..600).map(|r| (x[0][r] > 0.0) != (x[1][r] > 0.0))));
    let spec: TrainingSpec = serde_json::from_value(json!({
        "dataset": {"name": "d"}, "target": "y", "epochs": 12, "batch_size": 16,
        "network": {"kind": "linear"}, "ensemble": {"folds": 2}, "search": {"trials": 9, "space": {
            "/network": {"by": "choice", "values": [
                {"kind": "mlp", "hidden": [32], "dropout": 0}, {"kind": "transformer"}]},
            "/optimiser/learning_rate": {"by": "log_uniform", "low": 0.003, "high": 0.03}}}
    }))
    .unwrap();
    let trained = run(&frame, &spec);
    let kind = trained.spec.network_kind();
    assert!(["mlp", "transformer"].contains(&kind), "a line can't tell: {kind}");
    assert_eq!(trained.baselines[0].network, "linear", "the winner is held against simpler ones");
    assert!(auc(&trained) > 0.9, "{}", auc(&trained));
    assert!(trained.device_seconds > trained.search.unwrap().seconds);
}

#[test]
fn a_search_counts_in_what_a_job_is_expected_to_take() {
    let (frame, _) = logistic(400);
    let spec = asked(json!({}));
    let Prepared { recipe, .. } = prepare(&frame, &spec, None).unwrap();
    // 20 seconds for an epoch of 1,000 rows and 500 that are held out.
    let pace = Pace { training_row: 0.015, validation_row: 0.008, epoch: 1.0 };
    let network = Paced { recipe, pace };
    let expected = |search: Option<SearchSpec>| {
        let job = Job {
            rows: PartRows { train: 1000, validation: 500, test: 0 },
            ensemble: &EnsembleSpec::default(),
            refits: false,
            search: search.as_ref(),
            preparing: 2.0,
            device: Device::Cpu,
            threads: 1,
            memory_bytes: 1,
        };
        job.cost(&network, std::iter::empty())
    };
    let search =
        |minutes: f64, trials: u32| SearchSpec { minutes, trials, ..spec.search.clone().unwrap() };
    let plain = expected(None);
    assert!((plain.device_seconds - 120.0).abs() < 1e-9, "six epochs: {plain:?}");
    // Nine for an epoch, three of them for two more, the best one for its last three.
    let whole = expected(Some(search(10_000.0, 9)));
    assert!((whole.device_seconds - plain.device_seconds - 18.0 * 20.0).abs() < 1e-9, "{whole:?}");
    assert!((whole.seconds - plain.seconds - 18.0 * 20.0).abs() < 1e-9, "{whole:?}");
    // Its minutes end it before.
    let short = expected(Some(search(0.5, 9)));
    assert!((short.device_seconds - plain.device_seconds - 30.0).abs() < 1e-9, "{short:?}");
}

/// What is measured of a job counts its search: of 729 configurations the epochs are more than a
/// hundred times those of one training, which no noise of measuring makes up.
#[test]
fn a_job_that_searches_is_expected_to_take_longer() {
    let (frame, _) = logistic(400);
    let expected = |search: Option<SearchSpec>| {
        let mut asks = Asks::default();
        let spec = TrainingSpec { search, ..asked(json!({})) };
        train(&frame, &spec, None, &mut asks).unwrap_err();
        asks.0.unwrap()
    };
    let spec = asked(json!({"search": {"minutes": 10_000.0, "trials": 729, "space": {
        "/batch_size": {"by": "integer", "low": 20, "high": 60}}}}));
    let (plain, searched) = (expected(None), expected(spec.search));
    assert!(searched.device_seconds > plain.device_seconds, "{plain:?} {searched:?}");
    assert!(searched.memory_bytes > plain.memory_bytes, "{plain:?} {searched:?}");
}

/// Hooks that want to know what is expected, and no more.
#[derive(Default)]
struct Asks(Option<Cost>);

impl Hooks for Asks {
    fn epoch(&mut self, _: &EpochReport) -> Result<Control> {
        Ok(Control::Stop)
    }

    fn checkpoint(&mut self, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn should_stop(&mut self) -> bool {
        false
    }

    fn estimate(&mut self, measure: &mut dyn FnMut() -> Result<Cost>) -> Result<()> {
        self.0 = Some(measure()?);
        Ok(())
    }
}

/// Of any kind of input: a search changes how prepared rows are learnt from.
#[test]
fn forecasts_and_tables_parted_by_time_are_searched_for_too() {
    let walk = random_walk(300, 1);
    let spec: TrainingSpec = serde_json::from_value(json!({
        "dataset": {"name": "d"}, "target": "y", "epochs": 2, "search": {"trials": 9},
        "window": {"time": "time", "look_back": 12, "horizon": 3}
    }))
    .unwrap();
    let trained = run(&series(&[walk]), &spec);
    assert_eq!(trained.spec.network_kind(), "nlinear");
    let record = trained.search.unwrap();
    let space: Vec<_> = record.spec.space.unwrap().into_keys().collect();
    assert_eq!(space, ["/batch_size", "/optimiser/learning_rate"]);
    assert_eq!(record.trials.len(), 9);

    // No network is named, which without a search would leave the choice among several.
    let (frame, _) = logistic(300);
    let parts = json!({"parts": {"by": "time", "column": "x3"}, "network": null, "search": {
        "trials": 9, "space": {"/batch_size": {"by": "integer", "low": 20, "high": 60}}}});
    let mut hooks = Record::default();
    let trained = train(&frame, &asked(parts), None, &mut hooks).unwrap();
    assert_eq!(trained.spec.refit, Some(true));
    let last = hooks.reports.last().unwrap();
    assert!(last.run.name.ends_with("validation rows too"), "{}", last.run.name);
    let plain = TrainingSpec { search: None, ..trained.spec.clone() };
    assert!(run(&frame, &plain).weights == trained.weights);
}

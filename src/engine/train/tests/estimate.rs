//! What is expected of a training, and that measuring it changes nothing.

use super::*;
use crate::domain::cost::Cost;
use crate::engine::train::fit::Pace;
use crate::engine::train::{Control, EpochReport, Hooks, Sample, probe};

/// Hooks that want to know.
#[derive(Default)]
struct Curious {
    expected: Option<Cost>,
}

impl Hooks for Curious {
    fn epoch(&mut self, _: &EpochReport) -> Result<Control> {
        Ok(Control::Continue)
    }

    fn checkpoint(&mut self, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn should_stop(&mut self) -> bool {
        false
    }

    fn estimate(&mut self, measure: &mut dyn FnMut() -> Result<Cost>) -> Result<()> {
        self.expected = Some(measure()?);
        Ok(())
    }
}

#[test]
fn measuring_first_changes_no_weight() {
    let (frame, _) = logistic(600);
    let spec = TrainingSpec { network: Some(mlp(&[8])), epochs: Some(3), ..spec("y") };
    let mut curious = Curious::default();
    let measured = train(&frame, &spec, None, &mut curious).unwrap();
    let expected = curious.expected.unwrap();
    assert_eq!(expected.device, "cpu");
    assert!(expected.seconds > expected.device_seconds && expected.device_seconds > 0.0);
    assert!(expected.memory_bytes > 1 << 20);
    assert_eq!(measured.weights, run(&frame, &spec).weights);
    assert!(measured.device_seconds > measured.seconds, "the baseline counts, too");
}

#[test]
fn a_sample_tells_what_all_rows_take() {
    let (frame, _) = logistic(900);
    let spec = TrainingSpec { network: Some(mlp(&[8])), ..spec("y") };
    let limit = Duration::from_millis(100);
    let measured =
        |scale: f64| probe(&Sample { frame: &frame, scale }, &spec, limit, &mut || false).unwrap();
    let (all, more) = (measured(1.0), measured(100.0));
    assert_eq!((all.rows.train, more.rows.train), (576, 57_600));
    assert_eq!((all.spec.batch_size, more.spec.batch_size), (Some(32), Some(256)));
    let once = EnsembleSpec::default();
    let folds = EnsembleSpec { folds: 5, seeds: 1 };
    let seconds =
        |ensemble: &EnsembleSpec, baselines| more.cost(ensemble, baselines).device_seconds;
    assert!(seconds(&folds, true) > 3.0 * seconds(&once, false));
    assert!(seconds(&once, true) > seconds(&once, false));
    assert!(more.cost(&once, true).memory_bytes > all.cost(&once, true).memory_bytes);
}

#[test]
fn a_refit_holds_the_rows_once_more() {
    let (frame, _) = logistic(900);
    let limit = Duration::from_millis(100);
    let bytes = |refit: bool| {
        let spec = TrainingSpec { network: Some(linear()), refit: Some(refit), ..spec("y") };
        let sample = Sample { frame: &frame, scale: 100.0 };
        let probed = probe(&sample, &spec, limit, &mut || false).unwrap();
        probed.cost(&EnsembleSpec::default(), false).memory_bytes
    };
    // Four inputs and a target of 90,000 rows.
    assert_eq!(bytes(true) - bytes(false), 90_000 * 5 * 4);
}

#[test]
fn networks_side_by_side_take_less_of_the_clock() {
    let (frame, _) = logistic(600);
    let ensemble = Some(EnsembleSpec { folds: 2, seeds: 2 });
    let spec = TrainingSpec { network: Some(mlp(&[8])), ensemble, ..spec("y") };
    let Prepared { recipe, .. } = prepare(&frame, &spec, None).unwrap();
    let recipe = Recipe { epochs: 10, patience: 0, ..recipe };
    let pace = Pace { training_row: 0.01, validation_row: 0.0, epoch: 0.0 };
    let network = Paced { recipe, pace };
    let expected = |threads| {
        let job = Job {
            rows: PartRows { train: 100, validation: 100, test: 0 },
            ensemble: &EnsembleSpec { folds: 2, seeds: 2 },
            refits: false,
            search: None,
            preparing: 0.0,
            device: Device::Cpu,
            threads,
            memory_bytes: 1,
        };
        job.cost(&network, std::iter::once(&network))
    };
    let (one, two, four) = (expected(1), expected(2), expected(4));
    // Five of ten seconds each: one after the other, in three rounds of two, and in two rounds.
    for (cost, seconds) in [(&one, 50.0), (&two, 30.0), (&four, 20.0)] {
        assert!((cost.device_seconds - 50.0).abs() < 1e-9, "{cost:?}");
        let around = cost.seconds - seconds;
        assert!((0.0..2.0).contains(&around), "{cost:?}");
    }
}

use serde_json::{Value, json};

use super::*;
use crate::domain::analysis::RollingOriginResult;
use crate::domain::forecast::BaselineKind;
use crate::engine::analyse::{check_analysed_columns, check_analysis};
use crate::engine::testing::{Record, noise, random_walk, series, version_of};
use crate::engine::train::train;
use crate::frame::Values;

/// A wave with noise, hour by hour.
fn wave(length: usize, seed: u64) -> Vec<f64> {
    let noise = noise(length, 1, seed).remove(0);
    let turn = std::f64::consts::TAU / 24.0;
    noise.iter().enumerate().map(|(t, e)| 50.0 + 10.0 * (t as f64 * turn).sin() + e).collect()
}

fn subject(frame: &Frame, window: &Value) -> Subject {
    let spec = json!({"dataset": {"name": "d"}, "target": "y", "task": "forecast", "device": "cpu",
        "baselines": false, "epochs": 2, "window": window});
    let spec: TrainingSpec = serde_json::from_value(spec).unwrap();
    let trained = train(frame, &spec, None, &mut Record::default()).unwrap();
    let version = version_of(&trained);
    Subject { version, features: trained.features, weights: trained.weights }
}

fn request(fields: &Value) -> AnalysisRequest {
    let mut analysis = json!({"kind": "rolling_origin"});
    analysis.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    serde_json::from_value(json!({ "analysis": analysis })).unwrap()
}

fn spec_of(request: &AnalysisRequest) -> &RollingOriginSpec {
    let crate::domain::analysis::AnalysisSpec::RollingOrigin(spec) = &request.analysis else {
        panic!("{request:?}")
    };
    spec
}

fn rolled(frame: &Frame, subject: &Subject, fields: &Value) -> Result<RollingOriginResult> {
    let mut told = Vec::new();
    let mut on_step = |stage, done, total| {
        told.push((stage, done, total));
        Ok(())
    };
    let keep = &mut |_: &[u8]| -> Result<()> { panic!("it is over too soon") };
    let keeping = Keeping { resume: None, keep, apart: Duration::MAX };
    let found = crate::engine::analyse(frame, subject, &request(fields), keeping, &mut on_step)?;
    let (stage, done, total) = *told.last().unwrap();
    assert_eq!((stage, done), (STAGE, total));
    match found.result {
        AnalysisResult::RollingOrigin(result) => {
            assert_eq!(result.origins.iter().map(|o| o.series).sum::<u64>(), found.rows);
            Ok(*result)
        }
        other => panic!("{other:?}"),
    }
}

/// The same frame with other numbers from a row on.
fn poisoned(frame: &Frame, from: usize) -> Frame {
    let values = frame.numbers("y").unwrap();
    let poison = |(row, value): (usize, &f64)| {
        Some(if row >= from { 1e4 - 37.0 * row as f64 } else { *value })
    };
    let numbers = values.iter().enumerate().map(poison).collect();
    frame.replaced(vec![("y", Values::Float64(numbers))]).unwrap()
}

#[test]
fn what_was_kept_is_gone_on_with() {
    let frame = series(&[wave(300, 4)]);
    let subject = subject(&frame, &json!({"time": "time", "look_back": 24, "horizon": 2}));
    let asked = request(&json!({"origins": 7, "refit_every": 2}));
    let carried_out = |resume: Option<&[u8]>, steps: usize| {
        let (mut kept, mut told) = (Vec::new(), Vec::new());
        let keep = &mut |bytes: &[u8]| {
            kept.push(bytes.to_vec());
            Ok(())
        };
        let keeping = Keeping { resume, keep, apart: Duration::ZERO };
        let mut on_step = |_, done, _| {
            told.push(done);
            if done < steps as u64 { Ok(()) } else { Err(Error::new(Code::Cancelled, "killed")) }
        };
        let found = crate::engine::analyse(&frame, &subject, &asked, keeping, &mut on_step);
        let origins = found.map(|found| match found.result {
            AnalysisResult::RollingOrigin(result) => (result.origins, result.baselines),
            other => panic!("{other:?}"),
        });
        (origins, kept, told)
    };
    let (whole, kept, _) = carried_out(None, usize::MAX);
    assert_eq!(kept.len(), 4);
    let (ended, kept, _) = carried_out(None, 2);
    assert_eq!((ended.unwrap_err().code(), kept.len()), (Code::Cancelled, 2));
    let (resumed, _, told) = carried_out(kept.last().map(Vec::as_slice), usize::MAX);
    let whole = whole.unwrap();
    assert_eq!(resumed.unwrap(), whole);
    assert_eq!(told[1], 2, "two trainings are not done again");
    let (anew, kept, _) = carried_out(Some(b"{}"), usize::MAX);
    assert_eq!((anew.unwrap(), kept.len()), (whole, 4), "what can't be read is done again");
}

#[test]
fn what_comes_after_an_origin_changes_nothing_of_its_forecast() {
    let frame = series(&[wave(400, 1)]);
    let subject =
        subject(&frame, &json!({"time": "time", "look_back": 24, "horizon": 3, "gap": 2}));
    let window = subject.version.provenance.spec.window.as_ref().unwrap();
    let asked = request(&json!({"origins": 8, "refit_every": 2, "step": 4}));
    let course = Course::of(400, window, spec_of(&asked)).unwrap();
    // 5 rows after the last origin are foretold or passed over, and 7 steps lie before it.
    assert_eq!((course.first, course.refits()), (399 - 5 - 28, 4));
    let forecasts = |frame: &Frame, origins: &[usize]| {
        let all = AllSeries::read(frame, window, Code::InvalidRequest).unwrap();
        let rows = Rows { frame, times: all.times.clone(), distinct: all.times.clone() };
        let (frame, block) = rows.block(&course, origins, 0.2).unwrap();
        let spec = anew(&subject.version, 0);
        fit_block(&frame, &spec, &block, &mut Record::default()).unwrap().unwrap().foretold
    };
    let origins = [course.origin(4), course.origin(5)];
    let clean = forecasts(&frame, &origins);
    assert_eq!(clean.len(), 2);
    for (at, origin) in origins.iter().enumerate() {
        let found = forecasts(&poisoned(&frame, origin + 1), &origins);
        let (found, clean) = (&found[at], &clean[at]);
        assert_eq!(found.forecast, clean.forecast, "origin {at}");
        assert_eq!(found.baselines, clean.baselines, "origin {at}");
        assert_eq!(found.intervals, clean.intervals, "origin {at}");
        assert_ne!(found.truth, clean.truth, "what came true is another");
    }
    // The test can fail: a row that is known counts.
    let known = forecasts(&poisoned(&frame, origins[0]), &origins);
    assert_ne!(known[0].forecast, clean[0].forecast);
}

#[test]
fn figures_are_those_of_the_forecasts_and_the_same_again() {
    let values = wave(500, 2);
    let frame = series(std::slice::from_ref(&values));
    let subject = subject(&frame, &json!({"time": "time", "look_back": 48, "horizon": 6}));
    let fields = json!({"origins": 10, "refit_every": 5});
    let found = rolled(&frame, &subject, &fields).unwrap();
    assert_eq!((found.refits, found.step, found.horizon), (2, 6, 6));
    let refitted: Vec<bool> = found.origins.iter().map(|origin| origin.refitted).collect();
    assert_eq!(refitted, (0..10).map(|at| at % 5 == 0).collect::<Vec<_>>());
    // The random walk by hand, in the deviations of the version's training rows.
    let deviation = subject.features.sequence().unwrap().series[0].scale.deviation;
    let walk = |origin: usize| {
        let errors = (1..=6).map(|ahead| (values[origin + ahead] - values[origin]) / deviation);
        errors.map(|error| error * error).sum::<f64>() / 6.0
    };
    let first = 500 - 6 - 9 * 6 - 1;
    let by_hand: Vec<f64> = (0..10).map(|at| walk(first + 6 * at)).collect();
    for (origin, wanted) in found.origins.iter().zip(&by_hand) {
        assert!((origin.baselines["random_walk"] - wanted).abs() < 1e-4, "{origin:?} {wanted}");
    }
    let of = |kind| found.baselines.iter().find(|b| b.kind == kind).unwrap();
    let mean = by_hand.iter().sum::<f64>() / 10.0;
    assert!((of(BaselineKind::RandomWalk).mse - mean).abs() < 1e-4);
    assert_eq!(found.baselines.len(), 4);
    let ours: Vec<f64> = found.origins.iter().map(|origin| origin.mse).collect();
    assert!((found.mse - ours.iter().sum::<f64>() / 10.0).abs() < 1e-12);
    // Origins of a whole horizon apart have no row in common.
    let theirs = found.origins.iter().map(|origin| origin.baselines["random_walk"]);
    let differences: Vec<f64> = ours.iter().zip(theirs).map(|(a, b)| a - b).collect();
    let test = crate::stats::diebold_mariano(&differences, 1).unwrap();
    assert_eq!(found.against_random_walk.statistic, Some(test.statistic));
    assert!(found.against_random_walk.beats, "{found:?}");
    let mases: Vec<f64> = found.origins.iter().map(|origin| origin.mase.unwrap()).collect();
    assert!((found.mase.unwrap() - mases.iter().sum::<f64>() / 10.0).abs() < 1e-12);
    // Both are errors of the same forecasts, over two units.
    let units: Vec<f64> = found.origins.iter().map(|o| o.mae / o.mase.unwrap()).collect();
    assert!(units[..5].iter().all(|unit| (unit / units[0] - 1.0).abs() < 1e-6), "{units:?}");
    let coverages: Vec<f64> = found.intervals.iter().map(|of| of.coverage).collect();
    assert_eq!(coverages, [0.8, 0.9, 0.95]);
    assert!(found.intervals.iter().all(|of| of.trials == 10 && of.covered > 0.6), "{found:?}");
    let again = rolled(&frame, &subject, &fields).unwrap();
    assert_eq!(again.origins, found.origins);
}

#[test]
fn a_sliding_training_always_reads_as_much() {
    let frame = series(&[random_walk(300, 3)]);
    let subject = subject(&frame, &json!({"time": "time", "look_back": 10, "horizon": 1}));
    let windows = |fields: Value| -> Vec<u64> {
        let found = rolled(&frame, &subject, &fields).unwrap();
        assert!(!found.against_random_walk.beats);
        found.origins.iter().map(|origin| origin.training_windows).collect()
    };
    let sliding = json!({"origins": 4, "training": "sliding", "training_rows": 100, "step": 20});
    // Of 100 rows 80 train, of which the first 10 are only read.
    assert_eq!(windows(sliding), [70; 4]);
    let expanding = windows(json!({"origins": 4, "step": 20}));
    assert_eq!(expanding, [181, 197, 213, 229]);
}

#[test]
fn each_series_of_a_table_is_forecast_from_each_origin() {
    let frame = series(&[wave(300, 1), wave(300, 2), wave(200, 3)]);
    let window = json!({"time": "time", "entity": "entity", "look_back": 24, "horizon": 4});
    let subject = subject(&frame, &window);
    let found = rolled(&frame, &subject, &json!({"origins": 3, "step": 2})).unwrap();
    // The third series ends before the first origin.
    assert!(found.origins.iter().all(|origin| origin.series == 2), "{found:?}");
    // Of three origins two rows apart, of four rows each, two have no row in common.
    assert!(found.intervals.iter().all(|of| of.trials == 2), "{found:?}");
}

#[test]
fn what_cannot_be_is_refused_by_its_field() {
    let frame = series(&[wave(120, 1)]);
    let subject = subject(&frame, &json!({"time": "time", "look_back": 20, "horizon": 2}));
    let checked =
        |fields: &Value| check_analysis(&subject.version, &subject.features, &request(fields));
    let pointers = |result: Result<()>| match result {
        Err(Error::Problem { code: Code::InvalidRequest, errors, .. }) => {
            errors.into_iter().map(|error| error.pointer).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    assert!(checked(&json!({})).is_ok());
    let all_bad = json!({"origins": 1, "refit_every": 0, "step": 0, "training_rows": 100,
        "validation": 0.9});
    assert_eq!(
        pointers(checked(&all_bad)),
        [
            "/analysis/origins",
            "/analysis/refit_every",
            "/analysis/step",
            "/analysis/training_rows",
            "/analysis/validation"
        ]
    );
    let mut slow = subject.version.clone();
    slow.provenance.seconds = 3600.0;
    let fields = request(&json!({"origins": 7}));
    assert_eq!(pointers(check_analysis(&slow, &subject.features, &fields)), ["/analysis/origins"]);
    let fewer = request(&json!({"origins": 7, "refit_every": 2}));
    assert!(check_analysis(&slow, &subject.features, &fewer).is_ok());
    // Too few times, which the dataset's summary tells before a job is queued, and the job too.
    let many = json!({"origins": 60});
    let refused = rolled(&frame, &subject, &many).map(|_| ());
    let Err(Error::Problem { detail, .. }) = &refused else { panic!("{refused:?}") };
    assert!(detail.contains("are needed to train and validate"), "{detail}");
    assert_eq!(pointers(refused), ["/analysis/origins"]);
    let columns = summaries(120);
    let refused = check_analysed_columns(&subject.version, &request(&many), &columns);
    assert_eq!(pointers(refused), ["/analysis/origins"]);
    assert!(check_analysed_columns(&subject.version, &request(&json!({})), &columns).is_ok());
}

/// Columns of so many rows, as a dataset describes them.
fn summaries(rows: u64) -> Vec<ColumnSummary> {
    let column = |name: &str, kind: &str| {
        json!({"name": name, "type": kind, "nulls": 0, "distinct": rows,
            "distinct_is_lower_bound": false})
    };
    serde_json::from_value(json!([column("time", "timestamp"), column("y", "float64")])).unwrap()
}

#[test]
fn it_stops_when_it_is_told_to() {
    let frame = series(&[wave(200, 1)]);
    let subject = subject(&frame, &json!({"time": "time", "look_back": 12, "horizon": 1}));
    let mut reached = 0;
    let mut on_step = |_: &'static str, done, _| {
        reached = done;
        match done {
            2.. => Err(Error::new(Code::Cancelled, "the job was cancelled")),
            _ => Ok(()),
        }
    };
    let keep = &mut |_: &[u8]| Ok(());
    let keeping = Keeping { resume: None, keep, apart: Duration::ZERO };
    let asked = request(&json!({}));
    let error = crate::engine::analyse(&frame, &subject, &asked, keeping, &mut on_step);
    assert_eq!(error.unwrap_err().code(), Code::Cancelled);
    assert_eq!(reached, 2);
}

/// An origin from which no series has all that is foretold is left out, and the others are not.
#[test]
fn an_origin_without_what_came_true_is_left_out() {
    let frame = series(&[wave(300, 4)]);
    let subject = subject(&frame, &json!({"time": "time", "look_back": 24, "horizon": 3}));
    let without = |gone: std::ops::Range<usize>| {
        let values = frame.numbers("y").unwrap();
        let kept = |(row, value): (usize, &f64)| (!gone.contains(&row)).then_some(*value);
        let values = values.iter().enumerate().map(kept).collect();
        frame.replaced(vec![("y", Values::Float64(values))]).unwrap()
    };
    let fields = json!({"origins": 4});
    // The last origin is row 296.
    let found = rolled(&without(298..299), &subject, &fields).unwrap();
    assert_eq!((found.origins.len(), found.refits), (3, 3));
    assert!(found.baselines.iter().any(|b| b.kind == BaselineKind::RandomWalk));
    let gone = rolled(&without(288..300), &subject, &fields).unwrap_err();
    assert!(gone.to_string().contains("at any of the origins"), "{gone}");
}

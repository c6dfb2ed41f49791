mod activations;
mod dependence;
mod fairness;
mod importance;
mod surrogate;

use serde_json::{Value, json};

use super::*;
use crate::domain::training::TrainingSpec;
use crate::engine::testing::{Record, noise, series, uniform, version_of};
use crate::engine::train::train;
use crate::error::Code;
use crate::frame::Values;

/// Numbers, of which `y` doesn't depend on `x2`, and categories.
fn table(rows: usize, seed: u64) -> Frame {
    let x = noise(rows, 3, seed);
    let (u, chance) = (uniform(rows, seed + 1), uniform(rows, seed + 2));
    let region = |row: usize| ["north", "south", "west"][(u[row] * 3.0) as usize];
    let y = (0..rows).map(|row| {
        let west = f64::from(u8::from(region(row) == "west"));
        let logit = 3.0 * x[0][row] - 2.0 * x[1][row] + 2.0 * west;
        Some(1.0 / (1.0 + (-logit).exp()) > chance[row])
    });
    let y: Vec<Option<bool>> = y.collect();
    let number = |(i, x): (usize, &Vec<f64>)| {
        (format!("x{i}"), Values::Float64(x.iter().copied().map(Some).collect()))
    };
    let mut columns: Vec<(String, Values)> = x.iter().enumerate().map(number).collect();
    let regions = (0..rows).map(|row| Some(region(row).to_owned())).collect();
    columns.push(("region".to_owned(), Values::String(regions)));
    columns.push(("y".to_owned(), Values::Bool(y)));
    Frame::new(rows, columns).unwrap()
}

fn subject(frame: &Frame, more: &Value) -> Subject {
    let mut spec = json!({"dataset": {"name": "d"}, "target": "y", "baselines": false, "epochs": 6,
        "device": "cpu", "seed": 3});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let spec: TrainingSpec = serde_json::from_value(spec).unwrap();
    let trained = train(frame, &spec, None, &mut Record::default()).unwrap();
    let version = version_of(&trained);
    Subject { version, features: trained.features, weights: trained.weights }
}

/// A linear network that has learnt its slopes after so many epochs.
fn fast_line(epochs: u32) -> Value {
    json!({"network": {"kind": "linear"}, "epochs": epochs,
        "optimiser": {"kind": "adam", "learning_rate": 0.05}})
}

fn request(analysis: &Value, more: &Value) -> AnalysisRequest {
    let mut request = json!({ "analysis": analysis });
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(request).unwrap()
}

fn run(frame: &Frame, subject: &Subject, request: &AnalysisRequest) -> Result<Analysed> {
    let mut last = (0, 0);
    let keep = &mut |_: &[u8]| -> Result<()> { panic!("nothing of it is kept") };
    let keeping = Keeping { resume: None, keep, apart: Duration::ZERO };
    let analysed = analyse(frame, subject, request, keeping, &mut |_, done, total| {
        assert!(done >= last.0 && done <= total, "{done} of {total} after {last:?}");
        last = (done, total);
        Ok(())
    })?;
    assert_eq!(last.0, last.1, "all of it is done");
    Ok(analysed)
}

fn problem(result: Result<Analysed>) -> (Vec<String>, String) {
    let Err(Error::Problem { code: Code::InvalidRequest, detail, errors }) = result else {
        panic!("{result:?}")
    };
    (errors.into_iter().map(|error| error.pointer).collect(), detail)
}

#[test]
fn what_on_step_fails_with_ends_it() {
    let frame = table(400, 1);
    let subject = subject(&frame, &json!({"network": {"kind": "linear"}, "epochs": 1}));
    let asked = request(&json!({"kind": "importance"}), &json!({}));
    let mut steps = 0;
    let keep = &mut |_: &[u8]| -> Result<()> { panic!("nothing of it is kept") };
    let keeping = Keeping { resume: None, keep, apart: Duration::ZERO };
    let ended = analyse(&frame, &subject, &asked, keeping, &mut |_, _, _| {
        steps += 1;
        if steps > 3 { Err(Error::new(Code::Cancelled, "enough")) } else { Ok(()) }
    });
    assert_eq!((ended.unwrap_err().code(), steps), (Code::Cancelled, 4));
}

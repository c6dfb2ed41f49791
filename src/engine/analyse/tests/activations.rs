use super::*;
use crate::domain::analysis::{ActivationsResult, LayerStatistics};
use crate::domain::version::Metrics;
use crate::engine::activations::{Inspector, Wanted};

fn activations(frame: &Frame, subject: &Subject, more: &Value) -> (Analysed, ActivationsResult) {
    let analysed = run(frame, subject, &request(&json!({"kind": "activations"}), more)).unwrap();
    let AnalysisResult::Activations(found) = analysed.result.clone() else { panic!() };
    (analysed, found)
}

fn inspector(subject: &Subject) -> Inspector {
    let Subject { version, features, weights } = subject;
    let spec = &version.provenance.spec;
    Inspector::load(&version.signature, spec, features.clone(), weights).unwrap()
}

/// The rows that are named activate their units as is said.
#[track_caller]
fn rows_are_those_of_the_dataset(frame: &Frame, subject: &Subject, layer: &LayerStatistics) {
    let inspector = inspector(subject);
    let mut seen = 0;
    for (unit, of) in layer.all.iter().enumerate() {
        for strongest in of.strongest.iter().take(2) {
            let row = frame.take(&[strongest.row as usize]).unwrap();
            let wanted = Wanted { layers: &[], attention: false };
            let found = inspector.observe(&row, wanted, &mut || false).unwrap();
            let found = found[0].layers.iter().find(|l| l.layer == layer.layer).unwrap();
            let value = found.values.as_ref().unwrap()[unit];
            assert!((value - strongest.value).abs() < 1e-5, "{unit} {value} {strongest:?}");
            seen += 1;
        }
    }
    assert!(seen > 4, "{layer:?}");
}

#[test]
fn units_are_told_with_the_rows_of_the_dataset_that_activate_them() {
    let frame = table(600, 1);
    let more = json!({"network": {"kind": "mlp", "hidden": [12]}, "ensemble": {"folds": 1}});
    let subject = subject(&frame, &more);
    let (analysed, own) = activations(&frame, &subject, &json!({}));
    let Metrics::Binary(metrics) = &subject.version.metrics else { panic!() };
    assert_eq!(analysed.rows, metrics.n, "its own test rows");
    let names: Vec<&str> = own.layers.iter().map(|layer| layer.layer.as_str()).collect();
    assert_eq!(names, ["hidden.0", "output"]);
    assert_eq!((own.layers[0].units, own.layers[0].n), (12, metrics.n));
    assert!(own.verdict.contains("of 12 units"), "{}", own.verdict);
    rows_are_those_of_the_dataset(&frame, &subject, &own.layers[0]);
    let some = json!({"dataset": {"name": "d"}, "rows": 100, "seed": 4});
    let (analysed, drawn) = activations(&frame, &subject, &some);
    assert_eq!((analysed.rows, drawn.layers[0].n), (100, 100));
    rows_are_those_of_the_dataset(&frame, &subject, &drawn.layers[0]);
    let again = activations(&frame, &subject, &some);
    assert_eq!(again.1, drawn);
}

#[test]
fn a_layer_that_is_not_there_is_said_with_those_that_are() {
    let frame = table(400, 2);
    let more = json!({"network": {"kind": "mlp", "hidden": [4]}, "ensemble": {"folds": 1}});
    let subject = subject(&frame, &more);
    let asked = json!({"kind": "activations", "layers": ["output", "hidden"]});
    let (pointers, detail) = problem(run(&frame, &subject, &request(&asked, &json!({}))));
    assert_eq!(pointers, ["/analysis/layers/1"]);
    assert!(detail.contains("did you mean hidden.0"), "{detail}");
    let asked = json!({"kind": "activations", "strongest": 101});
    let (pointers, _) = problem(run(&frame, &subject, &request(&asked, &json!({}))));
    assert_eq!(pointers, ["/analysis/strongest"]);
    let one = json!({"kind": "activations", "layers": ["output"], "strongest": 3});
    let analysed = run(&frame, &subject, &request(&one, &json!({}))).unwrap();
    let AnalysisResult::Activations(found) = analysed.result else { panic!() };
    assert_eq!((found.layers.len(), found.layers[0].all[0].strongest.len()), (1, 3));
    assert!(found.verdict.contains("sums"), "{}", found.verdict);
}

#[test]
fn windows_are_looked_at_over_all_their_steps() {
    let wave: Vec<f64> = (0..300).map(|t| 50.0 + 10.0 * (f64::from(t) / 4.0).sin()).collect();
    let frame = series(&[wave]);
    let more = json!({"network": {"kind": "lstm", "hidden": 4}, "ensemble": {"folds": 1},
        "window": {"time": "time", "horizon": 4, "look_back": 12}});
    let subject = subject(&frame, &more);
    let (analysed, found) = activations(&frame, &subject, &json!({}));
    let gate = found.layers.iter().find(|l| l.layer == "layers.0.forward.forget_gate").unwrap();
    assert_eq!((gate.units, gate.n), (4, 12 * analysed.rows));
    assert!(gate.saturated.is_some() && gate.dead.is_none());
}

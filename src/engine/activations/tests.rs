use serde_json::{Value, json};

use super::*;
use crate::domain::activation::LayerFunction;
use crate::domain::analysis::LayerStatistics;
use crate::domain::network::NetworkSpec;
use crate::engine::features::Matrix;
use crate::engine::networks::parameters::{Builder, Parameter, Parameters, restore};
use crate::engine::testing::{Record, noise, series};
use crate::engine::train::{Trained, train};
use crate::frame::{Values, grey_png};

fn trained(frame: &Frame, more: Value) -> Trained {
    let mut spec = json!({"dataset": {"name": "d"}, "target": "y", "baselines": false, "epochs": 1,
        "device": "cpu", "seed": 3});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let spec: TrainingSpec = serde_json::from_value(spec).unwrap();
    train(frame, &spec, None, &mut Record::default()).unwrap()
}

fn inspector(of: &Trained) -> Inspector {
    Inspector::load(&of.signature, &of.spec, of.features.clone(), &of.weights).unwrap()
}

const ALL: Wanted<'_> = Wanted { layers: &[], attention: true };

/// What is seen of the first rows, whose outputs must be those that are served.
#[track_caller]
fn as_served(frame: &Frame, of: &Trained) -> Vec<RowActivations> {
    let model = of.model().unwrap();
    let rows: Vec<usize> = (0..3).collect();
    let is_of_windows = of.features.sequence().is_some();
    let some = if is_of_windows { frame.clone() } else { frame.take(&rows).unwrap() };
    let served = model.logits_of(&model.inputs(&some).unwrap()).unwrap();
    let found = inspector(of).observe(&some, ALL, &mut || false).unwrap();
    let outputs: Vec<f64> = found.iter().flat_map(|row| row.outputs.clone()).collect();
    assert_eq!(outputs.len(), served.len());
    for (found, served) in outputs.iter().zip(&served) {
        let apart = (found - served).abs();
        assert!(apart <= 1e-5 * served.abs().max(1.0), "{:?}: {found} {served}", of.spec.network);
    }
    // Layers are known before there are rows.
    let mut names: Vec<String> = found[0].layers.iter().map(|layer| layer.layer.clone()).collect();
    inspector(of).check_layers(&names, "/layers").unwrap();
    names.push("none".to_owned());
    let refused = inspector(of).check_layers(&names, "/layers").unwrap_err();
    let Error::Problem { errors, .. } = refused else { panic!("{refused}") };
    assert_eq!(errors[0].pointer, format!("/layers/{}", names.len() - 1));
    for map in found.iter().flat_map(|row| &row.attention) {
        for line in map.heads.iter().flatten() {
            assert!((line.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{map:?}");
            assert_eq!(line.len(), map.keys.len());
        }
    }
    for flow in found.iter().flat_map(|row| &row.flow) {
        for line in flow.flow.iter().chain([&flow.to_answer]) {
            assert!((line.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{flow:?}");
        }
    }
    found
}

fn table(rows: usize) -> Frame {
    let x = noise(rows, 2, 1);
    let numbers = |x: &[f64]| Values::Float64(x.iter().copied().map(Some).collect());
    let some = x[1].iter().enumerate().map(|(row, x)| (row % 5 > 0).then_some(*x)).collect();
    let region = |row: usize| Some(["north", "south", "west"][row % 3].to_owned());
    let columns = vec![
        ("age".to_owned(), numbers(&x[0])),
        ("income".to_owned(), Values::Float64(some)),
        ("region".to_owned(), Values::String((0..rows).map(region).collect())),
        ("y".to_owned(), Values::Bool(x[0].iter().map(|x| Some(*x > 0.0)).collect())),
    ];
    Frame::new(rows, columns).unwrap()
}

#[test]
fn networks_of_tables_are_seen_as_they_answer() {
    let frame = table(200);
    for network in [
        json!({"kind": "linear"}),
        json!({"kind": "mlp", "hidden": [8]}),
        json!({"kind": "tabm", "width": 8}),
    ] {
        let found = as_served(&frame, &trained(&frame, json!({"network": network})));
        assert!(found[0].attention.is_empty() && found[0].flow.is_empty());
        assert_eq!(found[0].layers.last().unwrap().layer, "output");
    }
    let monotone = json!({"monotone": {"income": "increasing"}, "network": {"kind": "monotone"}});
    let found = as_served(&frame, &trained(&frame, monotone));
    let layers: Vec<&str> = found[0].layers.iter().map(|layer| layer.layer.as_str()).collect();
    assert_eq!(layers.first(), Some(&"hidden.0.ordered"));
    assert_eq!(layers.last(), Some(&"output"));
    let ensemble = json!({"network": {"kind": "mlp", "hidden": [8]}, "ensemble": {"folds": 2}});
    let found = as_served(&frame, &trained(&frame, ensemble));
    let networks: Vec<Option<u32>> = found[0].layers.iter().map(|layer| layer.network).collect();
    assert_eq!(networks, [Some(1), Some(1), Some(2), Some(2)]);
    let network = json!({"kind": "transformer", "width": 8, "heads": 2, "blocks": 2});
    let spec = json!({"network": network, "ensemble": {"folds": 1}});
    let found = as_served(&frame, &trained(&frame, spec));
    let map = &found[0].attention[1];
    assert_eq!(map.keys, ["answer", "age", "income", "income missing", "region"]);
    assert_eq!((map.layer.as_str(), map.heads.len(), map.heads[0].len()), ("blocks.1", 2, 5));
    assert_eq!(found[0].flow[0].to_answer, found[0].flow[0].flow[0]);
}

#[test]
fn pictures_texts_and_windows_are_seen_as_they_answer() {
    let noise = noise(60, 256, 5);
    let picture = |row: usize| {
        let pixel = |at: usize| (120.0 + 50.0 * noise[at][row]) as u8;
        Some(grey_png(16, 16, &(0..256).map(pixel).collect::<Vec<u8>>()))
    };
    let y = |rows: usize| {
        ("y".to_owned(), Values::Bool((0..rows).map(|r| Some(r.is_multiple_of(2))).collect()))
    };
    let image = ("image".to_owned(), Values::Image((0..60).map(picture).collect()));
    let pictures = Frame::new(60, vec![image, y(60)]).unwrap();
    for kind in ["lenet", "cnn"] {
        let of = trained(&pictures, json!({"network": {"kind": kind}, "ensemble": {"folds": 1}}));
        let found = as_served(&pictures, &of);
        assert_eq!(found[0].layers[0].axes, ["row", "column", "channel"]);
    }
    let text = |r: usize| Some(format!("oil {} on day {r}", ["climbs", "falls"][r % 2]));
    let text = ("text".to_owned(), Values::String((0..120).map(text).collect()));
    let news = Frame::new(120, vec![text, y(120)]).unwrap();
    for kind in ["linear", "text_cnn", "text_attention"] {
        let spec = json!({"network": {"kind": kind}, "ensemble": {"folds": 1},
            "preprocessing": {"text": {"buckets": 4096}}});
        let found = as_served(&news, &trained(&news, spec));
        assert_eq!(found[0].attention.len(), usize::from(kind == "text_attention"));
        for map in &found[0].attention {
            assert_eq!(map.keys, ["oil", "climbs", "on", "day", "<num>"]);
            assert_eq!(map.queries, ["answer"]);
        }
        assert!(found[0].flow.is_empty());
    }
    let wave: Vec<f64> = (0..200).map(|t| 50.0 + 10.0 * (f64::from(t) / 4.0).sin()).collect();
    let frame = series(&[wave]);
    for kind in ["nlinear", "dlinear", "lstm", "attention"] {
        let spec = json!({"network": {"kind": kind}, "ensemble": {"folds": 1},
            "window": {"time": "time", "horizon": 4, "look_back": 12}});
        let found = as_served(&frame, &trained(&frame, spec));
        assert_eq!(found[0].layers.last().unwrap().layer, "forecast");
        assert_eq!(found[0].flow.len(), usize::from(kind == "attention"));
    }
}

#[test]
fn large_layers_are_told_in_short_unless_they_are_named() {
    let frame = table(100);
    let network = json!({"kind": "mlp", "hidden": [300, 4]});
    let of = trained(&frame, json!({"network": network, "ensemble": {"folds": 1}}));
    let inspector = inspector(&of);
    let first = frame.take(&[0]).unwrap();
    let short = inspector.observe(&first, ALL, &mut || false).unwrap().remove(0);
    assert_eq!(short.layers[0].values, None);
    assert_eq!(short.layers[1].values.as_ref().unwrap().len(), 4);
    let named = ["hidden.0".to_owned()];
    let wanted = Wanted { layers: &named, attention: false };
    let full = inspector.observe(&first, wanted, &mut || false).unwrap().remove(0);
    let values = full.layers[0].values.as_ref().unwrap();
    let summary = &short.layers[0].summary;
    let greatest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    assert_eq!((values.len(), summary.greatest), (300, f64::from(greatest)));
    assert_eq!((summary.strongest.len(), summary.strongest[0].value), (5, greatest));
    assert_eq!(values[summary.strongest[0].at[0] as usize], greatest);
    let zeros = values.iter().filter(|v| **v == 0.0).count() as f64 / 300.0;
    assert!((summary.zeros - zeros).abs() < 1e-12 && zeros > 0.1);
    let unknown = ["hidden.7".to_owned()];
    let wanted = Wanted { layers: &unknown, attention: true };
    let refused = inspector.observe(&first, wanted, &mut || false).unwrap_err();
    assert!(refused.to_string().contains("did you mean"), "{refused}");
    let stopped = inspector.observe(&first, ALL, &mut || true).unwrap_err();
    assert_eq!(stopped.code(), Code::Cancelled);
    let many = frame.take(&[0; 201]).unwrap();
    let refused = inspector.observe(&many, ALL, &mut || false).unwrap_err();
    assert!(refused.to_string().contains("more than 200"), "{refused}");
}

/// A version of a network whose weights are set, which reads two numbers as they are.
fn set(spec: &Value, layout: Layout, weights: &[(&str, &[usize], Vec<f32>)]) -> Inspector {
    let spec: NetworkSpec = serde_json::from_value(spec.clone()).unwrap();
    let network = Network::new(&spec, &layout, 1, &mut Builder::random(2, &FlexDevice));
    let mut parameters: Parameters =
        super::super::networks::parameters::parameters(&network).unwrap();
    for (name, shape, values) in weights {
        let parameter = Parameter { shape: shape.to_vec(), values: values.clone() };
        assert!(parameters.insert((*name).to_owned(), parameter).is_some(), "{name}");
    }
    let networks = vec![restore(network, &parameters).unwrap()];
    let names = ["age".to_owned(), "income".to_owned()];
    let (features, _) =
        FittedFeatures::fit(&table(50), &names, &Default::default(), 0, None, &Default::default())
            .unwrap();
    Inspector { task: Task::Binary, features, layout, networks, outputs: 1, at_once: 7 }
}

fn statistics(of: &Inspector, inputs: &Matrix) -> Vec<LayerStatistics> {
    let wanted = Statistics { layers: &[], strongest: 3 };
    of.statistics(inputs, wanted, &mut |_| Ok(())).unwrap().0
}

#[test]
fn a_dead_unit_is_found_and_the_rows_that_activate_others() {
    use crate::engine::features::Group;
    let layout = Layout::Table(vec![Group::Flag(0), Group::Flag(1)]);
    // The first unit is the first input, the second is never above 0, the third is 2 everywhere.
    let weights = vec![1.0, 1.0, 0.0, 0.0, 1.0, 0.0];
    let inspector = set(
        &json!({"kind": "mlp", "hidden": [3]}),
        layout,
        &[("hidden.0.weight", &[2, 3], weights), ("hidden.0.bias", &[3], vec![0.0, -9.0, 2.0])],
    );
    let data: Vec<f32> = (0..20).flat_map(|row| [(row % 10) as f32 - 4.0, 0.5]).collect();
    let found = statistics(&inspector, &Matrix { rows: 20, width: 2, data });
    let hidden = &found[0];
    assert_eq!((hidden.layer.as_str(), hidden.units, hidden.n), ("hidden.0", 3, 20));
    assert_eq!((hidden.dead, hidden.saturated), (Some(1), None));
    assert!(hidden.verdict.starts_with("1 of 3 units is dead"), "{}", hidden.verdict);
    let [first, dead, constant] = &hidden.all[..] else { panic!("{hidden:?}") };
    // Of -4 to 5 what is above 0 is 1 to 5.
    assert!((first.mean - 1.5).abs() < 1e-9 && (first.zeros - 0.5).abs() < 1e-9, "{first:?}");
    assert!((first.standard_deviation - (5.5_f64 - 2.25).sqrt()).abs() < 1e-9);
    let strongest: Vec<(u64, f32)> = first.strongest.iter().map(|r| (r.row, r.value)).collect();
    assert_eq!(strongest, [(9, 5.0), (19, 5.0), (8, 4.0)]);
    assert_eq!((dead.zeros, dead.strongest.len()), (1.0, 0));
    assert_eq!((constant.mean, constant.standard_deviation, constant.zeros), (2.0, 0.0, 0.0));
    let output = &found[1];
    assert_eq!((output.dead, output.saturated), (None, None));
    let one = [String::from("output")];
    let wanted = Statistics { layers: &one, strongest: 1 };
    let inputs = Matrix { rows: 1, width: 2, data: vec![1.0, 0.5] };
    let (found, warnings) = inspector.statistics(&inputs, wanted, &mut |_| Ok(())).unwrap();
    assert_eq!((found.len(), found[0].all.len(), warnings.len()), (1, 1, 0));
    let stopped = inspector
        .statistics(&inputs, wanted, &mut |_| Err(Error::new(Code::Cancelled, "enough")))
        .unwrap_err();
    assert_eq!(stopped.code(), Code::Cancelled);
    let unknown = [String::from("hidden")];
    let wanted = Statistics { layers: &unknown, strongest: 1 };
    let refused = inspector.statistics(&inputs, wanted, &mut |_| Ok(())).unwrap_err();
    assert!(refused.to_string().contains("did you mean hidden.0"), "{refused}");
}

#[test]
fn saturated_gates_are_found() {
    let layout = Layout::Sequence { steps: 2, channels: 1, ahead: None };
    // Gates of two units: of the first the input gate is always open, of the second nothing is.
    let mut bias = vec![0.0; 8];
    bias[0] = 20.0;
    let inspector = set(
        &json!({"kind": "lstm", "hidden": 2, "layers": 1}),
        layout,
        &[("layers.0.forward.input_bias", &[8], bias)],
    );
    let data = (0..60).map(|at| (at % 7) as f32 / 7.0 - 0.5).collect();
    let found = statistics(&inspector, &Matrix { rows: 30, width: 2, data });
    let gate = found.iter().find(|l| l.layer == "layers.0.forward.input_gate").unwrap();
    assert_eq!((gate.function, gate.n), (LayerFunction::Sigmoid, 60));
    assert_eq!((gate.saturated, gate.dead), (Some(1), None));
    assert_eq!(gate.all.iter().map(|u| u.saturated).collect::<Vec<_>>(), [Some(1.0), Some(0.0)]);
    assert!(gate.verdict.starts_with("1 of 2 units is saturated"), "{}", gate.verdict);
    let forget = found.iter().find(|l| l.layer == "layers.0.forward.forget_gate").unwrap();
    assert_eq!(forget.saturated, Some(0));
    assert_eq!(forget.verdict, "no unit is saturated");
}

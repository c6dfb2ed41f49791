mod reasons;

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::domain::network::{MlpNetwork, NetworkSpec};
use crate::domain::training::TrainingSpec;
use crate::engine::features::Group;
use crate::engine::networks::parameters::{Parameter, Parameters};
use crate::engine::testing::{Record, frame, noise, series, uniform};
use crate::engine::train::{Trained, train};
use crate::frame::{Values, grey_png};

fn trained(frame: &Frame, more: Value) -> Trained {
    let mut spec = json!({"dataset": {"name": "d"}, "target": "y", "baselines": false, "epochs": 3,
        "device": "cpu", "seed": 3});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let spec: TrainingSpec = serde_json::from_value(spec).unwrap();
    train(frame, &spec, None, &mut Record::default()).unwrap()
}

fn explainer(trained: &Trained) -> Explainer {
    with_weights(trained, &trained.weights)
}

fn with_weights(of: &Trained, weights: &[u8]) -> Explainer {
    Explainer::load(&of.signature, &of.spec, of.features.clone(), weights, &of.background).unwrap()
}

const POSITIVE: Quantity = Quantity::Positive { negative: false };

/// Numbers, one of which nothing depends on, categories and a flag.
fn table(rows: usize) -> Frame {
    let x = noise(rows, 3, 1);
    let (u, chance) = (uniform(rows, 2), uniform(rows, 9));
    let region = |row: usize| ["north", "south", "west"][(u[row] * 3.0) as usize];
    let y = (0..rows).map(|r| {
        let logit = 3.0 * x[0][r] - 2.0 * x[1][r] + f64::from(u8::from(region(r) == "west"));
        Some(1.0 / (1.0 + (-logit).exp()) > chance[r])
    });
    let y: Vec<Option<bool>> = y.collect();
    let mut columns: Vec<(String, Values)> = x
        .iter()
        .enumerate()
        .map(|(i, x)| (format!("x{i}"), Values::Float64(x.iter().copied().map(Some).collect())))
        .collect();
    let regions = (0..rows).map(|r| Some(region(r).to_owned()));
    columns.push(("region".to_owned(), Values::String(regions.collect())));
    columns.push(("y".to_owned(), Values::Bool(y)));
    Frame::new(rows, columns).unwrap()
}

fn pictures(rows: usize) -> Frame {
    let noise = noise(rows, 256, 5);
    let picture = |row: usize| {
        let pixel = |at: usize| {
            let bright = (at / 16 < 8) == row.is_multiple_of(3);
            (if bright { 150.0 } else { 60.0 } + 50.0 * noise[at][row]) as u8
        };
        Some(grey_png(16, 16, &(0..256).map(pixel).collect::<Vec<u8>>()))
    };
    let columns = vec![
        ("image".to_owned(), Values::Image((0..rows).map(picture).collect())),
        ("y".to_owned(), Values::Bool((0..rows).map(|r| Some(r.is_multiple_of(3))).collect())),
    ];
    Frame::new(rows, columns).unwrap()
}

fn news(rows: usize) -> Frame {
    let text = |r: usize| {
        let verb = if r.is_multiple_of(2) { ["climbs", "gains"] } else { ["falls", "loses"] };
        let subject = ["the bank", "oil", "gold", "an insurer"][r / 4 % 4];
        Some(format!("{subject} {} on day {r}", verb[r / 2 % 2]))
    };
    let columns = vec![
        ("text".to_owned(), Values::String((0..rows).map(text).collect())),
        ("y".to_owned(), Values::Bool((0..rows).map(|r| Some(r.is_multiple_of(2))).collect())),
    ];
    Frame::new(rows, columns).unwrap()
}

/// Explanations of the first rows by both methods, which must add up to what is served.
#[track_caller]
fn adds_up(frame: &Frame, of: &Trained, quantity: &dyn Fn(usize) -> Quantity) -> Vec<Attributed> {
    let (explainer, model) = (explainer(of), of.model().unwrap());
    let rows: Vec<usize> = (0..4).collect();
    let some =
        if of.features.sequence().is_some() { frame.clone() } else { frame.take(&rows).unwrap() };
    let served = model.logits_of(&model.inputs(&some).unwrap()).unwrap();
    let mut all = Vec::new();
    for method in [Attributing::Expected, Attributing::Integrated] {
        let found = explainer.explain(&some, &Asked::by(method, quantity), &mut || false).unwrap();
        for (row, one) in found.iter().enumerate() {
            assert!(one.holds, "{:?} {method:?}: {} of {}", of.spec.network, one.gap, one.value);
            let sum: f64 = one.columns.iter().map(|c| c.attribution).sum();
            let unit = quantity(row).unit();
            let bound = 1e-3 * (one.value - one.base).abs() + 1.1e-4 * unit;
            assert!((sum - (one.value - one.base)).abs() <= bound, "{sum} {one:?}");
            if let Quantity::Positive { .. } = quantity(row) {
                let of = &of.spec.network;
                assert!((one.value - served[row]).abs() < 1e-4, "{of:?} {one:?} {}", served[row]);
            }
            for column in one.columns.iter().filter(|c| !c.parts.is_empty()) {
                let parts: f64 = column.parts.iter().sum();
                assert!((parts - column.attribution).abs() < 1e-9);
            }
        }
        all = found;
    }
    all
}

#[test]
fn every_network_of_tables_is_explained_in_full() {
    let frame = table(400);
    for network in [
        json!({"kind": "linear"}),
        json!({"kind": "mlp", "hidden": [16, 8]}),
        json!({"kind": "tabm", "width": 16}),
        json!({"kind": "monotone", "width": 16}),
        json!({"kind": "transformer", "width": 8, "heads": 2, "blocks": 1}),
    ] {
        for ensemble in [json!({"folds": 1}), json!({"folds": 2})] {
            let mut spec = json!({"network": network, "ensemble": ensemble});
            if network["kind"] == "monotone" {
                spec["monotone"] = json!({"x0": "increasing", "x1": "decreasing"});
            }
            let found = adds_up(&frame, &trained(&frame, spec), &|_| POSITIVE);
            let names: Vec<&str> = found[0].columns.iter().map(|c| c.name.as_str()).collect();
            assert_eq!(names, ["x0", "x1", "x2", "region"]);
        }
    }
}

#[test]
fn pictures_and_texts_are_explained_by_pixels_and_words() {
    let frame = pictures(60);
    for network in [json!({"kind": "lenet"}), json!({"kind": "cnn"}), json!({"kind": "mlp"})] {
        let found = adds_up(&frame, &trained(&frame, json!({"network": network})), &|_| POSITIVE);
        assert_eq!((found[0].picture, found[0].columns[0].parts.len()), (Some((16, 16)), 256));
    }
    let frame = news(120);
    for network in
        [json!({"kind": "linear"}), json!({"kind": "text_cnn"}), json!({"kind": "text_attention"})]
    {
        let spec = json!({"network": network, "epochs": 10, "ensemble": {"folds": 1},
            "preprocessing": {"text": {"buckets": 4096}}});
        let found = adds_up(&frame, &trained(&frame, spec), &|_| POSITIVE);
        let column = &found[0].columns[0];
        assert_eq!(column.words, ["the", "bank", "climbs", "on", "day", "<num>"]);
        let strongest = |c: &AttributedColumn| {
            (0..c.parts.len()).max_by(|a, b| c.parts[*a].abs().total_cmp(&c.parts[*b].abs()))
        };
        assert_eq!(strongest(column).map(|at| column.words[at].as_str()), Some("climbs"));
    }
}

#[test]
fn windows_are_explained_by_steps_in_the_unit_of_what_is_forecast() {
    let wave: Vec<f64> = (0..300).map(|t| 50.0 + 10.0 * (f64::from(t) / 4.0).sin()).collect();
    let frame = series(&[wave]);
    for network in [
        json!({"kind": "nlinear"}),
        json!({"kind": "dlinear"}),
        json!({"kind": "lstm", "hidden": 8}),
        json!({"kind": "attention", "width": 8, "heads": 2, "layers": 1}),
    ] {
        let spec =
            json!({"network": network, "window": {"time": "time", "horizon": 4, "look_back": 12}});
        let of = trained(&frame, spec);
        let quantity = explainer(&of).number(Task::Forecast, 2);
        let found = adds_up(&frame, &of, &|_| quantity);
        let served = of.model().unwrap().forecast(&frame).unwrap()[0].values[2];
        assert!((found[0].value - served).abs() < 1e-3, "{} {served}", found[0].value);
        assert_eq!((found.len(), found[0].columns[0].parts.len()), (1, 12));
    }
}

#[test]
fn several_classes_and_numbers_are_explained_too() {
    let x = noise(300, 2, 4);
    let label = |r: usize| ["low", "middle", "high"][((x[0][r] + 1.0) * 1.5) as usize];
    let labels = Values::String((0..300).map(|r| Some(label(r).to_owned())).collect());
    let several = frame(&x, labels);
    let of = trained(&several, json!({"network": {"kind": "tabm", "width": 16}}));
    for class in 0..3 {
        adds_up(&several, &of, &|_| Quantity::Class(class));
    }
    let numbers =
        frame(&x, Values::Float64((0..300).map(|r| Some(900.0 + 50.0 * x[0][r])).collect()));
    let of = trained(&numbers, json!({"network": {"kind": "mlp", "hidden": [8]}}));
    let quantity = explainer(&of).number(Task::Regression, 0);
    let found = adds_up(&numbers, &of, &|_| quantity);
    let rows: Vec<usize> = (0..4).collect();
    let served = of.model().unwrap().predict(&numbers.take(&rows).unwrap()).unwrap().values;
    for (one, served) in found.iter().zip(served) {
        assert!((one.value - served).abs() < 1e-2, "{} {served}", one.value);
    }
}

/// Of a linear network each input adds its weight times how far it is from the mean reference row.
#[test]
fn of_a_linear_network_the_attributions_are_known() {
    let x = noise(300, 3, 8);
    let y = (0..300).map(|r| Some(x[0][r] + 0.5 * x[1][r] > 0.0)).collect();
    let frame = frame(&x, Values::Bool(y));
    let of = trained(&frame, json!({"network": {"kind": "linear"}}));
    let weights = crate::engine::weights::decode(&of.weights).unwrap();
    let weight = &weights.values().find(|w| w.values.len() == 3).unwrap().values;
    let found = explainer(&of).explain(
        &frame,
        &Asked::by(Attributing::Expected, &|_| POSITIVE),
        &mut || false,
    );
    let inputs = of.model().unwrap().inputs(&frame).unwrap();
    let references = explainer(&of).references().to_vec();
    for (row, one) in found.unwrap().iter().enumerate() {
        for (at, column) in one.columns.iter().enumerate() {
            let mean = references.iter().skip(at).step_by(3).map(|v| f64::from(*v)).sum::<f64>()
                / (references.len() / 3) as f64;
            let expected = f64::from(weight[at]) * (f64::from(inputs.data[row * 3 + at]) - mean);
            assert!(
                (column.attribution - expected).abs() < 1e-4,
                "{} {expected}",
                column.attribution
            );
        }
    }
}

#[rstest]
#[case::linear(json!({"network": {"kind": "linear"}}))]
#[case::mlp(json!({"network": {"kind": "mlp", "hidden": [8], "dropout": 0.0}}))]
// By 128 bins of each number it learns noise of few rows, and a category late.
#[case::tabm(json!({"network": {"kind": "tabm", "width": 16, "members": 8}, "epochs": 30}))]
fn what_nothing_depends_on_adds_little(#[case] network: Value) {
    let frame = table(if network["network"]["kind"] == "tabm" { 24_000 } else { 6000 });
    let mut spec = json!({"epochs": 20});
    spec.as_object_mut().unwrap().extend(network.as_object().unwrap().clone());
    let of = trained(&frame, spec);
    let rows: Vec<usize> = (0..200).collect();
    let some = frame.take(&rows).unwrap();
    let found = explainer(&of).explain(
        &some,
        &Asked::by(Attributing::Expected, &|_| POSITIVE),
        &mut || false,
    );
    let found = found.unwrap();
    let size = |at: usize| found.iter().map(|one| one.columns[at].attribution.abs()).sum::<f64>();
    let weakest = [0, 1, 3].map(size).into_iter().fold(f64::INFINITY, f64::min);
    assert!(size(2) < 0.1 * weakest, "{} of {:?}", size(2), [0, 1, 3].map(size));
}

/// The reasons that are told by gradients are those that Shapley values tell, against the same baseline.
#[rstest]
#[case::mlp(json!({"kind": "mlp", "hidden": [16, 8]}))]
#[case::tabm(json!({"kind": "tabm", "width": 16, "members": 8}))]
fn gradients_rank_columns_as_shapley_values_do(#[case] network: Value) {
    let x = noise(2000, 6, 12);
    let chance = uniform(2000, 13);
    let y = (0..2000).map(|r| {
        let bends = 3.0 * x[0][r] * x[0][r].abs() - 2.0 * x[1][r] + 1.4 * (2.0 * x[2][r]).sin();
        let meets = 0.9 * x[3][r] * (1.0 + x[1][r]) + 0.5 * x[4][r] + 0.2 * x[5][r];
        Some(1.0 / (1.0 + (-bends - meets).exp()) > chance[r])
    });
    let frame = frame(&x, Values::Bool(y.collect()));
    let of = trained(&frame, json!({"network": network, "epochs": 20}));
    let explainer = explainer(&of);
    let adverse = Adverse { cut_off: 0.5, is_positive: true, calibrator: None, most: 100 };
    let baseline = explainer.baseline(adverse).unwrap();
    let some = frame.take(&(0..40).collect::<Vec<usize>>()).unwrap();
    let by = |method| -> Vec<Vec<f64>> {
        let asked = Asked { against: Some(&baseline), ..Asked::by(method, &|_| POSITIVE) };
        let found = explainer.explain(&some, &asked, &mut || false).unwrap();
        found.iter().map(|one| one.columns.iter().map(|c| c.attribution).collect()).collect()
    };
    let (gradients, shapley) = (by(Attributing::Expected), by(Attributing::Shapley));
    let mean = |of: &[Vec<f64>]| -> Vec<f64> {
        (0..6).map(|at| of.iter().map(|row| row[at].abs()).sum::<f64>() / 40.0).collect()
    };
    let strongest = |of: &[f64]| (0..6).max_by(|a, b| of[*a].total_cmp(&of[*b])).unwrap();
    let (ours, theirs) = (mean(&gradients), mean(&shapley));
    assert_eq!(strongest(&ours), strongest(&theirs), "{ours:?} {theirs:?}");
    assert!(alike(&ours, &theirs) >= 0.8, "{ours:?} {theirs:?}");
    // Row by row as well: the column that hurts most is the same, but where two hurt alike.
    let mut same = 0;
    for (ours, theirs) in gradients.iter().zip(&shapley) {
        assert!(alike(ours, theirs) >= 0.8, "{ours:?} {theirs:?}");
        same += usize::from(strongest(ours) == strongest(theirs));
    }
    assert!(same >= 36, "{same} of 40");
}

/// Spearman's correlation of numbers without ties.
fn alike(a: &[f64], b: &[f64]) -> f64 {
    let ranks = |of: &[f64]| -> Vec<f64> {
        of.iter().map(|v| of.iter().filter(|other| *other < v).count() as f64).collect()
    };
    crate::stats::correlation(&ranks(a), &ranks(b)).unwrap()
}

/// A column whose weights are zero adds nothing; shuffled weights explain otherwise (Adebayo et al.
/// 2018).
#[test]
fn attributions_are_those_of_the_weights() {
    let frame = table(400);
    let of = trained(&frame, json!({"network": {"kind": "mlp", "hidden": [16, 8]}, "epochs": 20}));
    let rows: Vec<usize> = (0..60).collect();
    let some = frame.take(&rows).unwrap();
    let attributions = |explainer: &Explainer| -> Vec<Vec<f64>> {
        let found =
            explainer
                .explain(&some, &Asked::by(Attributing::Expected, &|_| POSITIVE), &mut || false);
        let found = found.unwrap();
        (0..4).map(|c| found.iter().map(|one| one.columns[c].attribution).collect()).collect()
    };
    let whole = attributions(&explainer(&of));

    let mut weights = crate::engine::weights::decode(&of.weights).unwrap();
    let width = of.features.width();
    let first = weights.values_mut().find(|w| w.shape == [width, 16]).unwrap();
    first.values[16..32].fill(0.0);
    let form = crate::engine::weights::Form::Whole;
    let zeroed = crate::engine::weights::encode(&weights, form).unwrap();
    assert!(attributions(&with_weights(&of, &zeroed))[1].iter().all(|a| a.abs() < 1e-6));

    for weights in weights.values_mut() {
        weights.values.reverse();
    }
    let shuffled = crate::engine::weights::encode(&weights, form).unwrap();
    let other = attributions(&with_weights(&of, &shuffled));
    let flat = |of: &[Vec<f64>]| of.concat();
    let alike = crate::stats::correlation(&flat(&whole), &flat(&other)).unwrap();
    assert!(alike.abs() < 0.5, "{alike}");
}

#[test]
fn who_leaves_is_not_waited_for() {
    let frame = table(100);
    let of = trained(&frame, json!({"network": {"kind": "linear"}}));
    let found = explainer(&of).explain(
        &frame,
        &Asked::by(Attributing::Expected, &|_| POSITIVE),
        &mut || true,
    );
    assert_eq!(found.unwrap_err().code(), Code::Cancelled);
    let references = Matrix { rows: 1, width: 2, data: vec![0.0; 2] };
    let short = background::encode(&Carried { references, applicants: None }).unwrap();
    let found = Explainer::load(&of.signature, &of.spec, of.features.clone(), &of.weights, &short);
    assert_eq!(found.unwrap_err().code(), Code::InvalidData);
}

/// The values of a tensor of a fixture.
fn numbers(value: &Value) -> Vec<f32> {
    value["values"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect()
}

/// The networks of a fixture, two perceptrons that answer together.
fn of_fixture(fixture: &Value, outputs: usize) -> Differentiable {
    let layer = |network: &Value, at: usize, name: &str| {
        let weight = numbers(&network[format!("{at}.weight")]);
        let bias = numbers(&network[format!("{at}.bias")]);
        let (rows, columns) = (bias.len(), weight.len() / bias.len());
        let turned = (0..columns).flat_map(|c| (0..rows).map(move |r| r * columns + c));
        let weight =
            Parameter { shape: vec![columns, rows], values: turned.map(|at| weight[at]).collect() };
        let bias = Parameter { shape: vec![rows], values: bias };
        [(format!("{name}.weight"), weight), (format!("{name}.bias"), bias)]
    };
    let weights: Vec<Parameters> = fixture["networks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|network| {
            let layers = [(0, "hidden.0"), (2, "hidden.1"), (4, "output")];
            layers.into_iter().flat_map(|(at, name)| layer(network, at, name)).collect()
        })
        .collect();
    let spec = NetworkSpec::Mlp(MlpNetwork { hidden: Some(vec![16, 8]), dropout: Some(0.0) });
    let layout = Layout::Table((0..6).map(Group::Flag).collect());
    Differentiable::new(&spec, &layout, outputs, &weights).unwrap()
}

const FIXTURES: [(&str, usize, Quantity); 2] = [
    (include_str!("fixtures/two_classes.json"), 1, POSITIVE),
    (include_str!("fixtures/three_classes.json"), 3, Quantity::Class(1)),
];

/// Attributions against those of captum, which `examples/oracles/explanations.py` has written down: of
/// two perceptrons that answer together, of two classes and of three.
#[test]
fn attributions_are_those_of_captum() {
    for (text, outputs, of) in FIXTURES {
        let fixture: Value = serde_json::from_str(text).unwrap();
        let networks = of_fixture(&fixture, outputs);
        let (rows, references) = (numbers(&fixture["rows"]), numbers(&fixture["references"]));
        let all = Matrix { rows: 5, width: 6, data: references.clone() };
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-4, "{a} {b}");
        for (name, references) in [("expected", &references), ("integrated", &average(&all).data)] {
            let compared = paths::References::new(&networks, references, 6).unwrap();
            let base = crate::stats::mean(&networks.values(references, 6, of).unwrap()).unwrap();
            if name == "expected" {
                close(base, fixture["base"].as_f64().unwrap());
            }
            let known = numbers(&fixture[name]);
            let values = numbers(&fixture["values"]);
            for ((row, known), value) in rows.chunks(6).zip(known.chunks(6)).zip(values) {
                // As fine as captum's own were: those of requests are within a thousandth.
                let steps = paths::Steps { first: 8192, most: 8192 };
                let compared = (&compared, base);
                let found =
                    paths::integrated(&networks, row, compared, of, steps, &mut || false).unwrap();
                close(found.value, f64::from(value));
                for (found, known) in found.attributions.iter().zip(known) {
                    close(*found, f64::from(*known));
                }
            }
        }
    }
}

/// Layer by layer the same is found as by the graph of all operations, and a row is explained alike
/// whatever it is asked with.
#[test]
fn layers_are_explained_as_by_their_graph_and_rows_as_alone() {
    let frame = table(400);
    let some = frame.take(&[0, 1, 2, 3, 4]).unwrap();
    for network in [
        json!({"kind": "linear"}),
        json!({"kind": "mlp", "hidden": [24, 8]}),
        json!({"kind": "tabm", "width": 24}),
        json!({"kind": "transformer", "width": 8, "heads": 2, "blocks": 1}),
    ] {
        for ensemble in [json!({"folds": 1}), json!({"folds": 2})] {
            let trained = trained(&frame, json!({"network": network, "ensemble": ensemble}));
            let ours = explainer(&trained);
            let is_layered = ours.networks.layered().is_some();
            assert_eq!(is_layered, network["kind"] != "transformer");
            for method in [Attributing::Expected, Attributing::Integrated] {
                let found =
                    ours.explain(&some, &Asked::by(method, &|_| POSITIVE), &mut || false).unwrap();
                for (row, one) in found.iter().enumerate() {
                    let alone = frame.take(&[row]).unwrap();
                    let alone =
                        ours.explain(&alone, &Asked::by(method, &|_| POSITIVE), &mut || false);
                    assert_eq!(alone.unwrap(), std::slice::from_ref(one));
                }
                let ours = explainer(&trained);
                let graph = Explainer { networks: ours.networks.by_graph(), ..ours };
                let graph =
                    graph.explain(&some, &Asked::by(method, &|_| POSITIVE), &mut || false).unwrap();
                for (ours, graph) in found.iter().zip(&graph) {
                    assert_eq!((ours.points, ours.holds), (graph.points, graph.holds));
                    assert!((ours.value - graph.value).abs() < 1e-5, "{ours:?} {graph:?}");
                    for (ours, graph) in ours.columns.iter().zip(&graph.columns) {
                        let apart = (ours.attribution - graph.attribution).abs();
                        assert!(apart < 1e-5, "{network} {method:?}: {ours:?} {graph:?}");
                    }
                }
            }
        }
    }
}

/// Shapley values against those of shap's exact explainer, which `examples/oracles/shapley.py` has written
/// down: of single inputs and of groups.
#[test]
fn shapley_values_are_those_of_shap() {
    for (text, outputs, of) in FIXTURES {
        let fixture: Value = serde_json::from_str(text).unwrap();
        let networks = of_fixture(&fixture, outputs);
        let (rows, references) = (numbers(&fixture["rows"]), numbers(&fixture["references"]));
        let single: Vec<Vec<usize>> = (0..6).map(|input| vec![input]).collect();
        let groups = vec![vec![0, 2], vec![1, 3], vec![4], vec![5]];
        for (name, groups) in [("shapley", single), ("shapley_of_groups", groups)] {
            let player = |inputs: Vec<usize>| Player { columns: Vec::new(), inputs };
            let players: Vec<Player> = groups.into_iter().map(player).collect();
            for (row, known) in rows.chunks(6).zip(fixture[name].as_array().unwrap()) {
                let (found, errors) =
                    shapley::shapley(&networks, row, &references, &players, of, &mut || false)
                        .unwrap();
                assert_eq!(errors, Some(vec![0.0; players.len()]));
                for (found, known) in found.attributions.iter().zip(known.as_array().unwrap()) {
                    assert!((found - known.as_f64().unwrap()).abs() < 1e-6, "{found} {known}");
                }
            }
        }
    }
}

use burn::optim::GradientsParams;
use rstest::rstest;

use super::*;
use crate::domain::model::Task;
use crate::domain::training::LossSpec;
use crate::engine::networks::fixture::{
    Fixture, Tracked, assert_near, gradients, loaded, numbers, rows, transposed, values,
};
use crate::engine::networks::parameters::{Parameter, detached, parameters};
use crate::engine::testing::spec;
use crate::engine::train::{Loss, Optimiser, Recipe, batch_loss};

const BINARY: &str = include_str!("../fixtures/tabm.json");
const MULTICLASS: &str = include_str!("../fixtures/tabm_multiclass.json");

/// The package's parameters under our names.
fn parts(fixture: &Fixture, part: &str) -> Parameters {
    let get = |name: &str| fixture.tensor(part, name);
    let mut all = Parameters::new();
    let mut add = |name: &str, parameter: Parameter| all.insert(name.to_owned(), parameter);
    add("embedding.weight", get("num_module.linear0.weight"));
    add("embedding.bias", get("num_module.linear0.bias"));
    add("embedding.bins", bins(fixture, get("num_module.linear.weight")));
    for block in 0..2 {
        let name = format!("backbone.blocks.{block}.0");
        add(&format!("hidden.{block}.weight"), transposed(get(&format!("{name}.weight"))));
        add(&format!("hidden.{block}.bias"), get(&format!("{name}.bias")));
    }
    add("scale", get("backbone.affine.weight"));
    add("head.weight", get("output.weight"));
    add("head.bias", get("output.bias"));
    all
}

/// The package keeps a number's last bin in the last place; we keep all of them in the first ones.
fn bins(fixture: &Fixture, from: Parameter) -> Parameter {
    let [_, most, width] = from.shape[..] else { panic!("{:?}", from.shape) };
    let mut to = Parameter { values: vec![0.0; from.values.len()], shape: from.shape.clone() };
    for (number, edges) in edges(fixture).iter().enumerate() {
        let own = edges.len() - 1;
        for bin in 0..own {
            let place = if bin + 1 == own { most - 1 } else { bin };
            let (from_start, to_start) =
                ((number * most + place) * width, (number * most + bin) * width);
            to.values[to_start..to_start + width]
                .copy_from_slice(&from.values[from_start..from_start + width]);
        }
    }
    to
}

fn edges(fixture: &Fixture) -> Vec<Vec<f32>> {
    fixture.0["bins"].as_array().unwrap().iter().map(numbers).collect()
}

fn layout(fixture: &Fixture) -> Layout {
    let numbers = edges(fixture).into_iter().enumerate();
    let mut groups: Vec<Group> =
        numbers.map(|(input, edges)| Group::Number { input, edges }).collect();
    groups.push(Group::Category(3..7));
    Layout::Table(groups)
}

fn network_spec() -> TabmNetwork {
    serde_json::from_value(serde_json::json!({
        "members": 3, "kept_members": 3, "blocks": 2, "width": 8, "embedding": 5, "dropout": 0.0
    }))
    .unwrap()
}

/// Rows of three numbers and four categories.
fn inputs(fixture: &Fixture) -> Vec<f32> {
    let numeric = fixture.tensor("numeric", "").values;
    let categories = fixture.0["category"].as_array().unwrap();
    let rows = numeric.chunks(3).zip(categories).flat_map(|(numbers, category)| {
        let category = category.as_u64().unwrap();
        let one_hot = (0..4).map(move |level| f32::from(u8::from(level == category)));
        numbers.iter().copied().chain(one_hot)
    });
    rows.collect()
}

/// The package has members beside each other in a row, we one after the other.
fn member_major(outputs: &Parameter) -> Vec<f32> {
    let [rows, members, width] = outputs.shape[..] else { panic!("{:?}", outputs.shape) };
    let at = |member: usize, row: usize, output: usize| {
        outputs.values[(row * members + member) * width + output]
    };
    let all = (0..members).flat_map(|m| (0..rows).map(move |r| (m, r)));
    all.flat_map(|(m, r)| (0..width).map(move |o| at(m, r, o))).collect()
}

#[rstest]
#[case(BINARY, Task::Binary, 1)]
#[case(MULTICLASS, Task::Multiclass, 3)]
fn it_answers_learns_and_steps_as_the_package(
    #[case] text: &str,
    #[case] task: Task,
    #[case] outputs: usize,
) {
    let fixture = Fixture::read(text);
    let device = Default::default();
    let mut builder = Builder::<Tracked>::zeros(&device);
    let empty = Tabm::new(&network_spec(), &layout(&fixture), outputs, &mut builder);
    let network = loaded(empty, &parts(&fixture, "parameters"));
    let logits = network.forward(rows(inputs(&fixture), 7), None);
    let expected = member_major(&fixture.tensor("outputs", ""));
    assert_near("outputs", &values(logits.clone()), &expected, 1e-5);

    let classes = fixture.0["targets"].as_array().unwrap().iter().map(|v| v.as_u64().unwrap());
    let targets: Vec<f32> = match task {
        Task::Binary => classes.map(|class| class as f32).collect(),
        _ => {
            classes.flat_map(|class| (0..3).map(move |c| f32::from(u8::from(c == class)))).collect()
        }
    };
    let loss_spec = LossSpec::default();
    let targets = rows(targets, outputs).repeat_dim(0, 3);
    let loss_of = |logits| {
        batch_loss(Loss { task, spec: &loss_spec, levels: &[] }, logits, targets.clone(), None)
    };
    let loss = loss_of(logits);
    let mean = fixture.0["loss"].as_f64().unwrap() as f32;
    assert_near("loss", &values(loss.clone()), &[mean], 1e-6);
    let found = gradients(&network, &loss);
    for (name, expected) in parts(&fixture, "gradients") {
        assert_near(&name, &found[&name].values, &expected.values, 1e-5);
    }

    let mut asked = spec("y");
    asked.gradient_clip = Some(0.0);
    asked.optimiser = serde_json::from_value(serde_json::json!({
        "kind": "adamw", "learning_rate": 0.01, "weight_decay": 0.1
    }))
    .unwrap();
    let before = parts(&fixture, "parameters");
    let mut optimiser = Optimiser::new(&Recipe::of(&asked, &layout(&fixture), 16));
    // burn walks through what leads to a parameter once.
    let network = detached(network);
    let loss = loss_of(network.forward(rows(inputs(&fixture), 7), None));
    let step = GradientsParams::from_grads(loss.backward(), &network);
    let stepped = parameters(&optimiser.step(0.01, network, step)).unwrap();
    for (name, expected) in parts(&fixture, "after_step") {
        // Biases of layers don't decay with us: what the package took off them is added again.
        let decayed = if expected.shape.len() < 2 { 0.01 * 0.1 } else { 0.0 };
        let undecayed = expected.values.iter().zip(&before[&name].values);
        let expected: Vec<f32> =
            undecayed.map(|(after, before)| after + decayed * before).collect();
        let found = &stepped[&name].values;
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-6, "{name}: {found} is not {expected}");
        }
    }
}

#[test]
fn it_is_served_as_it_was_trained() {
    let fixture = Fixture::read(MULTICLASS);
    let (layout, spec) = (layout(&fixture), network_spec());
    let parameters = parts(&fixture, "parameters");
    let serving = Serving::new(&spec, &layout, &parameters).unwrap();
    assert_eq!(serving.members(), 3);
    // Inputs lie within the bins, as those of a version's features do.
    let mut inputs = inputs(&fixture);
    for row in inputs.chunks_mut(7) {
        for (value, edges) in row.iter_mut().zip(edges(&fixture)) {
            *value = value.clamp(edges[0], edges[edges.len() - 1]);
        }
    }
    let device = Default::default();
    let empty = Tabm::new(&spec, &layout, 3, &mut Builder::<Tracked>::zeros(&device));
    let network = loaded(empty, &parameters);
    let expected = values(network.forward(rows(inputs.clone(), 7), None));
    let serving = crate::engine::networks::serving::Serving::Tabm(serving);
    assert_near("served", &serving.logits(&inputs, 7).unwrap(), &expected, 1e-5);

    let mut kept = parameters;
    first_members(&mut kept, 2);
    let serving = Serving::new(&spec, &layout, &kept).unwrap();
    let serving = crate::engine::networks::serving::Serving::Tabm(serving);
    let two_thirds = expected.len() / 3 * 2;
    assert_near("kept", &serving.logits(&inputs, 7).unwrap(), &expected[..two_thirds], 1e-5);
}

#[test]
fn members_start_apart_and_channels_of_a_column_together() {
    let fixture = Fixture::read(BINARY);
    let device = Default::default();
    let mut builder = Builder::<Tracked>::random(1, &device);
    let network = Tabm::new(&network_spec(), &layout(&fixture), 1, &mut builder);
    let scale = values(network.scale.val());
    for member in scale.chunks(19) {
        for column in [&member[..5], &member[5..10], &member[10..15], &member[15..]] {
            assert!(column.iter().all(|v| *v == column[0]));
        }
        assert_ne!(member[0], member[5]);
    }
    assert_ne!(scale[..19], scale[19..38]);
}

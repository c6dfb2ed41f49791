use burn::optim::GradientsParams;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rstest::rstest;

use super::folded::probes;
use super::*;
use crate::domain::model::Task;
use crate::domain::training::LossSpec;
use crate::engine::networks::fixture::{
    Fixture, Tracked, assert_near, gradients, loaded, numbers, rows, transposed, values,
};
use crate::engine::networks::parameters::{Parameter, detached, parameters};
use crate::engine::random::{Purpose, keyed, symmetric};
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

/// Random weights, with bins that say something.
fn drawn(layout: &Layout, spec: &TabmNetwork, outputs: usize, seed: u64, size: f32) -> Parameters {
    let device = Default::default();
    let mut builder = Builder::<Tracked>::random(seed, &device);
    let network = Tabm::new(spec, layout, outputs, &mut builder);
    let mut all = parameters(&network).unwrap();
    let mut rng = keyed(seed, Purpose::Sample, 0, 0);
    if let Some(bins) = all.get_mut("embedding.bins") {
        bins.values.iter_mut().for_each(|value| *value = symmetric(&mut rng, size));
    }
    all
}

fn spec_of(value: serde_json::Value) -> TabmNetwork {
    serde_json::from_value(value).unwrap()
}

proptest! {
    // The same cases each time: how far roundings lie apart is a matter of chance.
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(6), ..ProptestConfig::with_cases(96) })]

    /// At edges, between and beyond them, and of a number without any.
    #[test]
    fn folded_numbers_give_the_logits_of_embedded_ones(
        bins in proptest::collection::vec(0_usize..12, 1..6), categories in 0_usize..4,
        width in 2_u32..70, blocks in 1_u32..4, members in 1_u32..4, outputs in 1_usize..4,
        size in 0.01_f32..0.5, seed in any::<u64>(),
    ) {
        let mut rng = keyed(seed, Purpose::Probe, 0, 0);
        let mut edges_of = |bins: usize| -> Vec<f32> {
            let mut edges: Vec<f32> = (0..=bins).map(|_| symmetric(&mut rng, 5.2)).collect();
            edges.sort_unstable_by(f32::total_cmp);
            edges.dedup();
            if edges.len() < 2 { Vec::new() } else { edges }
        };
        let numbers: Vec<Vec<f32>> = bins.iter().map(|bins| edges_of(*bins)).collect();
        let mut groups: Vec<Group> = numbers
            .iter()
            .enumerate()
            .map(|(input, edges)| Group::Number { input, edges: edges.clone() })
            .collect();
        let count = numbers.len();
        groups.extend((categories > 0).then(|| Group::Category(count..count + categories)));
        let layout = Layout::Table(groups);
        let spec = spec_of(serde_json::json!({
            "members": members, "blocks": blocks, "width": width, "embedding": 16, "dropout": 0.0
        }));
        let parameters = drawn(&layout, &spec, outputs, seed, size);
        let embedded = Serving::new(&spec, &layout, &parameters).unwrap();
        let folded = Serving::new(&spec, &layout, &parameters).unwrap().folded(&layout, &parameters);
        prop_assert!(folded.table_bytes() > 0, "it is not folded");
        let width = count + categories;
        let mut rows = probes(&Inputs::of(&layout), width);
        for _ in 0..50 {
            for edges in &numbers {
                let (first, last) = match edges.as_slice() {
                    [first, .., last] => (*first, *last),
                    _ => (-100.0, 100.0),
                };
                let share = symmetric(&mut rng, 0.6) + 0.5;
                rows.push(first + share * (last - first));
            }
            rows.extend((0..categories).map(|_| symmetric(&mut rng, 1.0)));
        }
        let (found, expected) = (folded.logits(&rows, width), embedded.logits(&rows, width));
        let largest = expected.iter().fold(1_f32, |largest, z| largest.max(z.abs()));
        for (found, expected) in found.iter().zip(&expected) {
            prop_assert!((found - expected).abs() <= 1e-6 * largest, "{} {}", found, expected);
        }
        // A row has the same bits alone.
        let count = rows.len() / width;
        let alone = rows.chunks(width).map(|row| folded.logits(row, width));
        for (row, alone) in alone.enumerate() {
            for (member, alone) in alone.chunks(outputs).enumerate() {
                let together = &found[(member * count + row) * outputs..][..outputs];
                prop_assert!(alone.iter().zip(together).all(|(a, b)| a.to_bits() == b.to_bits()));
            }
        }
    }
}

/// What is not worth it, has no numbers, or does not hold.
#[test]
fn numbers_are_folded_only_where_that_is_faster_and_exact() {
    let many: Vec<f32> = (0..129).map(|edge| edge as f32 * 0.05 - 3.0).collect();
    let number = |input, edges: &[f32]| Group::Number { input, edges: edges.to_vec() };
    let is_folded = |groups: Vec<Group>, spec: &TabmNetwork| {
        let layout = Layout::Table(groups);
        let parameters = drawn(&layout, spec, 1, 1, 1.0);
        let serving = Serving::new(spec, &layout, &parameters).unwrap();
        serving.folded(&layout, &parameters).table_bytes() > 0
    };
    let spec = |width: u32, embedding: u32| {
        spec_of(serde_json::json!({
            "members": 1, "blocks": 2, "width": width, "embedding": embedding, "dropout": 0.0
        }))
    };
    assert!(is_folded(vec![number(0, &many)], &spec(16, 16)));
    // Tables are far larger than the weights, or beyond the limit.
    assert!(!is_folded(vec![number(0, &many)], &spec(16, 8)));
    let wide = (0..40).map(|input| number(input, &many)).collect();
    assert!(!is_folded(wide, &spec(1024, 16)));
    assert!(!is_folded(vec![Group::Category(0..3)], &spec(16, 16)));

    // Much that adds up to little is rounded otherwise in another order.
    let (layout, spec) = (Layout::Table(vec![number(0, &many)]), spec(16, 16));
    let mut parameters = drawn(&layout, &spec, 1, 1, 1.0);
    let much = 1e6_f32;
    let scale = f64::from(parameters["scale"].values[0]);
    let weights: Vec<f64> =
        parameters["hidden.0.weight"].values.iter().map(|w| f64::from(*w) * scale).collect();
    let sums = (0..16).map(|unit| weights.iter().skip(unit).step_by(16).sum::<f64>());
    let against = sums.map(|sum| (-sum * f64::from(much)) as f32).collect();
    parameters.get_mut("embedding.bias").unwrap().values.fill(much);
    parameters.get_mut("hidden.0.bias").unwrap().values = against;
    let serving = Serving::new(&spec, &layout, &parameters).unwrap();
    assert_eq!(serving.folded(&layout, &parameters).table_bytes(), 0);
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

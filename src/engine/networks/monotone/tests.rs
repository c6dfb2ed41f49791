use burn::backend::Flex;
use rstest::rstest;

use super::*;
use crate::domain::model::Task;
use crate::domain::monotone::Direction;
use crate::domain::network::NetworkSpec;
use crate::domain::training::LossSpec;
use crate::engine::networks::fixture::{
    Fixture, Tracked, assert_near, gradients, loaded, rows, values,
};
use crate::engine::networks::parameters::{Parameter, parameters};
use crate::engine::networks::{Network, serving};
use crate::engine::random::{Purpose, keyed, symmetric};
use crate::engine::train::{Loss, batch_loss};

const FIXTURE: &str = include_str!("../fixtures/monotone.json");

fn ordered(input: usize, edges: &[f32], direction: Direction) -> Group {
    Group::Ordered { input, edges: edges.to_vec(), direction }
}

/// Two ordered numbers, with the second of which the answer falls, a free one and a category.
fn layout() -> Layout {
    Layout::Table(vec![
        ordered(0, &[-1.0, -0.25, 0.5, 1.5], Direction::Increasing),
        ordered(1, &[-0.75, 1.25], Direction::Decreasing),
        Group::Number { input: 2, edges: vec![-1.0, 0.0, 2.0] },
        Group::Category(3..6),
    ])
}

fn spec() -> MonotoneNetwork {
    serde_json::from_value(serde_json::json!({
        "members": 3, "kept_members": 3, "blocks": 2, "width": 9, "embedding": 5, "dropout": 0.0
    }))
    .unwrap()
}

/// A network of weights of both signs, most of them larger than a training makes them.
fn random(layout: &Layout, seed: u64) -> Parameters {
    let device = Default::default();
    let mut builder = Builder::<Flex>::random(seed, &device);
    let network = Monotone::new(&spec(), layout, &mut builder);
    let mut rng = keyed(seed, Purpose::Sample, 1, 0);
    let mut all = parameters(&network).unwrap();
    for parameter in all.values_mut() {
        parameter.values.iter_mut().for_each(|value| *value += symmetric(&mut rng, 1.0));
    }
    all
}

fn served(layout: &Layout, parameters: &Parameters) -> serving::Serving {
    serving::Serving::new(&NetworkSpec::Monotone(spec()), layout, 1, parameters).unwrap()
}

#[test]
fn values_and_gradients_are_those_of_pytorch() {
    let fixture = Fixture::read(FIXTURE);
    let device = Default::default();
    let empty = Monotone::new(&spec(), &layout(), &mut Builder::<Tracked>::zeros(&device));
    let names = parameters(&empty).unwrap();
    let given: Parameters =
        names.keys().map(|name| (name.clone(), fixture.tensor("parameters", name))).collect();
    let network = loaded(empty, &given);
    let outputs = network.forward(rows(fixture.tensor("inputs", "").values, 6), None);
    let expected = fixture.tensor("outputs", "").values;
    assert_near("outputs", &values(outputs.clone()), &expected, 1e-5);
    let targets = fixture.0["targets"].as_array().unwrap().iter();
    let targets: Vec<f32> = targets.map(|target| target.as_u64().unwrap() as f32).collect();
    let loss_spec = LossSpec::default();
    let loss = Loss { task: Task::Binary, spec: &loss_spec, levels: &[] };
    let loss = batch_loss(loss, outputs, rows(targets, 1).repeat_dim(0, 3), None);
    let expected_loss = fixture.0["loss"].as_f64().unwrap() as f32;
    assert_near("loss", &values(loss.clone()), &[expected_loss], 1e-5);
    for (name, found) in gradients(&network, &loss) {
        assert_near(&name, &found.values, &fixture.tensor("gradients", &name).values, 1e-5);
    }
    let found = served(&layout(), &given).logits(&fixture.tensor("inputs", "").values, 6).unwrap();
    assert_near("served", &found, &expected, 1e-5);
}

#[test]
fn what_is_read_leads_to_the_same_answer_and_has_its_places() {
    let device = Default::default();
    let network = Monotone::new(&spec(), &layout(), &mut Builder::<Tracked>::random(3, &device));
    let inputs = rows(vec![0.1, -0.4, 0.7, 0.0, 1.0, 0.0, 0.9, 0.2, -0.3, 1.0, 0.0, 0.0], 6);
    let read = network.read(inputs.clone());
    assert_eq!(values(network.answer(read.clone(), None)), values(network.forward(inputs, None)));
    assert_eq!(network.places(), [0, 0, 0, 1, 2, 2, 2, 2, 2, 3, 4, 5]);
    assert_eq!(network.places().len(), read.dims()[1]);
}

/// Of ordered columns alone, of a number without bins, of a falling and a rising one.
fn layouts() -> [Layout; 3] {
    let alone = [ordered(0, &[-1.0, 0.0, 1.0], Direction::Decreasing)];
    let constant = Group::Ordered { input: 1, edges: Vec::new(), direction: Direction::Increasing };
    let missing = vec![alone[0].clone(), constant, Group::Flag(2), Group::Code(3..5)];
    [layout(), Layout::Table(alone.to_vec()), Layout::Table(missing)]
}

/// Rows in which one input goes through a grid, and the others stay.
fn grid(row: &[f32], input: usize) -> Vec<f32> {
    (0..41)
        .flat_map(|at| {
            let mut row = row.to_vec();
            row[input] = -2.0 + 0.1 * at as f32;
            row
        })
        .collect()
}

#[rstest]
#[case(0)]
#[case(1)]
#[case(2)]
fn no_weights_lead_against_the_order(#[case] number: usize) {
    let layout = &layouts()[number];
    let width = layout.width();
    let mut rng = keyed(7, Purpose::Sample, number as u64, 0);
    let mut moved = 0;
    for seed in 0..30 {
        let network = served(layout, &random(layout, seed));
        for _ in 0..20 {
            let row: Vec<f32> = (0..width).map(|_| symmetric(&mut rng, 1.5)).collect();
            for group in layout.groups() {
                let Group::Ordered { input, direction, .. } = group else { continue };
                for logits in network.logits(&grid(&row, *input), width).unwrap().chunks(41) {
                    for step in logits.windows(2) {
                        // To the last bit.
                        assert!((step[1] - step[0]) * direction.sign() >= 0.0, "{seed}: {step:?}");
                        moved += usize::from(step[0] != step[1]);
                    }
                }
            }
        }
    }
    assert!(moved > 1000, "the answers move with the ordered inputs: {moved}");
}

#[test]
fn what_is_free_goes_both_ways_and_meets_what_is_ordered() {
    let layout = layout();
    let network = served(&layout, &random(&layout, 1));
    let mut rng = keyed(9, Purpose::Sample, 0, 0);
    let (mut up, mut down, mut slopes) = (0, 0, Vec::new());
    for _ in 0..200 {
        let row: Vec<f32> = (0..6).map(|_| symmetric(&mut rng, 1.0)).collect();
        let logits = network.logits(&grid(&row, 2), 6).unwrap();
        up += logits.windows(2).filter(|w| w[1] > w[0]).count();
        down += logits.windows(2).filter(|w| w[1] < w[0]).count();
        let logits = network.logits(&grid(&row, 0), 6).unwrap();
        slopes.push(logits[40] - logits[0]);
    }
    assert!(up > 100 && down > 100, "{up} {down}");
    let (least, most) = slopes.iter().fold((f32::MAX, 0_f32), |(a, b), s| (a.min(*s), b.max(*s)));
    assert!(least >= 0.0 && most > 1.5 * least, "{least} {most}");
}

#[rstest]
#[case(0)]
#[case(1)]
#[case(2)]
fn a_network_is_served_as_it_was_trained(#[case] number: usize) {
    let layout = &layouts()[number];
    let (width, weights) = (layout.width(), random(layout, 5));
    let device = Default::default();
    let empty = Monotone::new(&spec(), layout, &mut Builder::<Tracked>::zeros(&device));
    let network = loaded(empty, &weights);
    let mut rng = keyed(2, Purpose::Sample, 0, 0);
    let inputs: Vec<f32> = (0..17 * width).map(|_| symmetric(&mut rng, 1.0)).collect();
    let expected = values(network.forward(rows(inputs.clone(), width), None));
    let serving = served(layout, &weights);
    assert_eq!(serving.members(), 3);
    assert!(serving.work() > 0);
    let together = serving.logits(&inputs, width).unwrap();
    assert_near("served", &together, &expected, 1e-5);
    for (at, row) in inputs.chunks(width).enumerate() {
        let alone = serving.logits(row, width).unwrap();
        let among: Vec<f32> = (0..3).map(|member| together[member * 17 + at]).collect();
        assert_eq!(alone, among, "the same bits");
    }
    let mut kept = weights;
    first_members(&mut kept, 2);
    let two = served(layout, &kept).logits(&inputs, width).unwrap();
    assert_eq!(two, together[..34]);
    for name in kept.keys().cloned().collect::<Vec<_>>() {
        let mut lacking = kept.clone();
        lacking.insert(name.clone(), Parameter { shape: vec![1], values: vec![0.0] });
        let spec = NetworkSpec::Monotone(spec());
        let refused = serving::Serving::new(&spec, layout, 1, &lacking).is_err();
        // Those of an embedding are held against its size where a version is loaded.
        assert!(refused || name.starts_with("embedding"), "{name} of another shape");
    }
}

#[test]
fn columns_start_with_a_scale_of_their_own_in_each_member() {
    let device = Default::default();
    let network: Network<Flex> = Network::new(
        &NetworkSpec::Monotone(spec()),
        &layout(),
        1,
        &mut Builder::random(1, &device),
    );
    let scale = &parameters(&network).unwrap()["scale"];
    assert_eq!(scale.shape, [3, 12]);
    for member in scale.values.chunks(12) {
        for column in [&member[..3], &member[4..9], &member[9..]] {
            assert!(column.iter().all(|v| *v == column[0]));
        }
        assert_ne!(member[0], member[3]);
    }
    assert_ne!(scale.values[..12], scale.values[12..24]);
    assert_eq!(network.members(), 3);
}

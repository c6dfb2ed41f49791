//! Steps of a training on drawn rows, which are only measured: what `actuary bench train` times.

use std::time::{Duration, Instant};

use actuary_kernels::Function;
use burn::backend::flex::FlexDevice;
use burn::backend::{Autodiff, Flex};
use burn::{Dispatch, DispatchDevice};
use rand::RngCore;

use super::count_parameters;
use super::fit::{Data, Part, Problem, step_times};
use super::plan::Recipe;
use super::target::Truth;
use crate::domain::model::Task;
use crate::domain::training::TrainingSpec;
use crate::engine::device::{Device, gpu};
use crate::engine::features::{Group, Layout, Matrix};
use crate::engine::random::{Purpose, keyed, symmetric};
use crate::error::Result;
use crate::frame::ImageShape;

/// Batches of rows that are drawn: enough that no step finds its rows in the nearest cache alone.
const BATCHES: usize = 16;
/// Rows of the validation part, which no step reads.
const VALIDATION: usize = 2;

/// What the rows of a rehearsal are; all numbers are drawn from [-1, 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drawn {
    /// Columns of numbers, each in so many bins of one width; 0 for none.
    Numbers { columns: usize, bins: usize },
    /// Windows of so many steps.
    Windows { steps: usize, channels: usize },
    /// Grey pictures with so many pixels a side.
    Pictures { side: usize },
}

impl Drawn {
    fn layout(self) -> Layout {
        match self {
            Self::Numbers { columns, bins } => {
                let edge = |at: usize| (2.0 * at as f64 / bins.max(1) as f64 - 1.0) as f32;
                let edges: Vec<f32> =
                    if bins == 0 { Vec::new() } else { (0..=bins).map(edge).collect() };
                let group = |input| Group::Number { input, edges: edges.clone() };
                Layout::Table((0..columns).map(group).collect())
            }
            Self::Windows { steps, channels } => Layout::Sequence { steps, channels, ahead: None },
            Self::Pictures { side } => {
                Layout::Image(ImageShape { channels: 1, height: side, width: side })
            }
        }
    }
}

/// Steps on a GPU after which it is waited for.
const TOGETHER: usize = 16;

/// A training that only takes steps.
pub struct Rehearsal {
    data: Data,
    recipe: Recipe,
}

impl Rehearsal {
    /// Of a specification, whose defaults are those for `suiting` rows; 16 batches are drawn. The
    /// target has so many classes, of which two are a binary one.
    pub fn new(spec: &TrainingSpec, drawn: Drawn, classes: usize, suiting: usize) -> Self {
        let layout = drawn.layout();
        let recipe = Recipe::of(spec, &layout, suiting);
        let task = if classes > 2 { Task::Multiclass } else { Task::Binary };
        let outputs = layout.outputs(task, classes);
        let part = |rows, number| Self::part(rows, layout.width(), (task, classes), number);
        let data = Data {
            task,
            levels: Vec::new(),
            outputs,
            positive: (task == Task::Binary).then_some(1),
            train: part(recipe.batch_size * BATCHES, 0),
            validation: part(VALIDATION, 1),
            guess: (classes as f64).ln(),
            layout,
        };
        Self { data, recipe }
    }

    fn part(rows: usize, width: usize, (task, classes): (Task, usize), number: u64) -> Part {
        let mut rng = keyed(1, Purpose::Rehearsal, number, 0);
        let inputs = (0..rows * width).map(|_| symmetric(&mut rng, 1.0)).collect();
        let class = |_| (rng.next_u64() % classes.max(2) as u64) as usize;
        let truth: Vec<usize> = (0..rows).map(class).collect();
        let targets = match task {
            Task::Multiclass => truth
                .iter()
                .flat_map(|&truth| (0..classes).map(move |c| f32::from(u8::from(c == truth))))
                .collect::<Vec<f32>>(),
            _ => truth.iter().map(|&truth| truth as f32).collect(),
        };
        let of = |data: Vec<f32>| Matrix { rows, width: data.len() / rows.max(1), data };
        Part {
            inputs: of(inputs),
            targets: of(targets),
            weights: None,
            truth: Truth::Classes(truth),
        }
    }

    /// Trainable numbers of the network.
    ///
    /// # Errors
    /// [`crate::error::Error::Internal`] when the network can't be taken apart.
    pub fn parameters(&self) -> Result<u64> {
        count_parameters(&self.recipe, &self.data)
    }

    /// Rows of a step.
    pub fn batch_size(&self) -> usize {
        self.recipe.batch_size
    }

    /// Takes steps of a new network for about `limit`, after a fifth of that which is not counted, and
    /// tells the seconds of each: rows are gathered, on a GPU taken as a slice, the loss is taken and added
    /// up, gradients are taken, and the optimiser moves the weights, by next to nothing. On a GPU 16 are
    /// taken together.
    ///
    /// # Errors
    /// As [`super::train`].
    pub fn step_times(&self, device: Device, limit: Duration) -> Result<Vec<f64>> {
        let problem = Problem { data: &self.data, recipe: &self.recipe };
        match device {
            Device::Cpu => step_times::<Autodiff<Flex>>(&FlexDevice, &problem, limit, 1),
            Device::Cuda(number) => {
                let device = DispatchDevice::autodiff(gpu(number));
                step_times::<Dispatch>(&device, &problem, limit, TOGETHER)
            }
        }
    }
}

/// Seconds of exp, sigmoid, tanh and GELU of so many numbers, and of ReLU of them.
pub fn elementwise_times(numbers: usize) -> [f64; 2] {
    let mut rng = keyed(0, Purpose::Rehearsal, 0, 0);
    let x: Vec<f32> = (0..numbers).map(|_| symmetric(&mut rng, 10.0)).collect();
    let seconds = |functions: &[Function]| {
        let start = Instant::now();
        functions.iter().for_each(|function| drop(std::hint::black_box(function.mapped(&x))));
        start.elapsed().as_secs_f64()
    };
    let curved = [Function::Exp, Function::Sigmoid, Function::Tanh, Function::Gelu];
    [seconds(&curved), seconds(&[Function::Relu])]
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn rehearsal(network: Value, drawn: Drawn, classes: usize) -> Rehearsal {
        let spec = json!({
            "dataset": { "name": "d" }, "target": "y", "network": network, "batch_size": 4
        });
        Rehearsal::new(&serde_json::from_value(spec).unwrap(), drawn, classes, 100)
    }

    #[test]
    fn a_step_of_every_kind_of_rows_takes_time() {
        let mlp = json!({"kind": "mlp", "hidden": [3], "dropout": 0.0});
        let lstm = json!({"kind": "lstm", "layers": 1, "hidden": 3});
        let tabm = json!({"kind": "tabm", "width": 4, "members": 2, "embedding": 2});
        let cases = [
            (mlp, Drawn::Numbers { columns: 5, bins: 0 }, 2, 5 * 3 + 3 + 3 + 1),
            (lstm, Drawn::Windows { steps: 6, channels: 2 }, 2, 4 * 3 * (2 + 3 + 2) + 3 + 1),
            (
                json!({"kind": "lenet"}),
                Drawn::Pictures { side: 28 },
                10,
                156 + 2_416 + 256 * 120 + 120 + 120 * 84 + 84 + 84 * 10 + 10,
            ),
            // For each of 3 numbers: 4 bins and a weight to 2, a bias; then scales, blocks, heads.
            (
                tabm,
                Drawn::Numbers { columns: 3, bins: 4 },
                2,
                3 * (4 * 2 + 2 + 2) + 2 * 6 + (6 * 4 + 4) + (4 * 4 + 4) + 2 * (4 + 1),
            ),
        ];
        for (network, drawn, classes, parameters) in cases {
            let rehearsal = rehearsal(network.clone(), drawn, classes);
            assert_eq!(rehearsal.parameters().unwrap(), parameters, "{network}");
            assert_eq!(rehearsal.data.train.inputs.rows, 64);
            assert_eq!(rehearsal.data.train.targets.width, if classes > 2 { 10 } else { 1 });
            let times = rehearsal.step_times(Device::Cpu, Duration::from_millis(5)).unwrap();
            assert!(!times.is_empty() && times.iter().all(|t| *t > 0.0), "{network}: {times:?}");
        }
    }
}

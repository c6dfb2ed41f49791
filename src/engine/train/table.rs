//! A table of which each step reads few rows: those alone are put into the network, get a gradient,
//! and are changed.
//!
//! A row that a step does not read keeps its number and what the optimiser remembers of it, as
//! PyTorch's `SparseAdam` has it: where every step reads all rows, it is the dense rule. Rows don't
//! decay. All of it is plain arithmetic in the order of the rows: the same seed gives the same bits.

use super::optimiser::EPSILON;
use crate::domain::optimiser::OptimiserSpec;
use crate::engine::features::Matrix;
use crate::engine::networks::parameters::{Parameter, Parameters};
use crate::error::{Error, Result};

/// A table, and what the optimiser remembers of it.
pub(super) struct Table {
    rows: usize,
    width: usize,
    values: Vec<f32>,
    rule: Rule,
    /// What the rule remembers, each as long as the values.
    memory: Vec<Vec<f32>>,
    /// Steps that were taken.
    steps: u64,
    /// Rows that the running step reads, ascending.
    read: Vec<u32>,
    /// The number among these of each row that is.
    numbers: Vec<u32>,
}

/// How rows are changed by their gradients.
#[derive(Clone, Copy)]
enum Rule {
    Sgd { momentum: f32, nesterov: bool },
    Adam { beta_1: f64, beta_2: f64 },
    RmsProp { smoothing: f32, momentum: f32 },
}

impl Rule {
    fn of(spec: &OptimiserSpec) -> Self {
        match spec {
            OptimiserSpec::Sgd(sgd) => {
                Self::Sgd { momentum: sgd.momentum as f32, nesterov: sgd.nesterov }
            }
            OptimiserSpec::Adam(adam) => Self::Adam { beta_1: adam.beta_1, beta_2: adam.beta_2 },
            OptimiserSpec::AdamW(adam) => Self::Adam { beta_1: adam.beta_1, beta_2: adam.beta_2 },
            OptimiserSpec::RmsProp(spec) => {
                Self::RmsProp { smoothing: spec.smoothing as f32, momentum: spec.momentum as f32 }
            }
        }
    }

    /// How many numbers are remembered of each of the table's.
    fn memory(self) -> usize {
        match self {
            Self::Sgd { momentum, .. } => usize::from(momentum > 0.0),
            Self::Adam { .. } => 2,
            Self::RmsProp { momentum, .. } => 1 + usize::from(momentum > 0.0),
        }
    }
}

impl Table {
    /// A table `[rows, width]` that has not been changed yet.
    pub(super) fn new(values: Vec<f32>, [rows, width]: [usize; 2], spec: &OptimiserSpec) -> Self {
        let rule = Rule::of(spec);
        let memory = vec![vec![0.0; values.len()]; rule.memory()];
        Self {
            rows,
            width,
            values,
            rule,
            memory,
            steps: 0,
            read: Vec::new(),
            numbers: vec![0; rows],
        }
    }

    pub(super) fn shape(&self) -> [usize; 2] {
        [self.rows, self.width]
    }

    pub(super) fn values(&self) -> &[f32] {
        &self.values
    }

    /// Begins a step that reads these inputs, as a layout of texts has them; the rows that it needs,
    /// `[rows, width]`, one at least.
    pub(super) fn begin<'a>(
        &mut self,
        inputs: impl Iterator<Item = &'a [f32]>,
    ) -> (Vec<f32>, [usize; 2]) {
        self.read.clear();
        for text in inputs {
            let codes = text.iter().take_while(|code| code.abs() >= 1.0);
            self.read.extend(codes.map(|code| code.abs() as u32 - 1));
        }
        self.read.sort_unstable();
        self.read.dedup();
        if self.read.is_empty() {
            self.read.push(0);
        }
        let mut needed = Vec::with_capacity(self.read.len() * self.width);
        for (number, row) in (0..).zip(&self.read) {
            self.numbers[*row as usize] = number;
            let start = *row as usize * self.width;
            needed.extend_from_slice(&self.values[start..start + self.width]);
        }
        (needed, [self.read.len(), self.width])
    }

    /// Inputs by the numbers of the rows among those that the running step reads.
    pub(super) fn renumber(&self, inputs: &mut Matrix) {
        for text in inputs.data.chunks_exact_mut(inputs.width.max(1)) {
            for code in text.iter_mut().take_while(|code| code.abs() >= 1.0) {
                let number = self.numbers[code.abs() as usize - 1] + 1;
                *code = (number as f32).copysign(*code);
            }
        }
    }

    /// Ends the running step by the gradient of the rows that it read.
    ///
    /// # Errors
    /// [`Error::Internal`] when it is of another size.
    pub(super) fn step(&mut self, rate: f64, gradient: &[f32]) -> Result<()> {
        if gradient.len() != self.read.len() * self.width {
            return Err(Error::internal("changing a table", "its gradient has another size"));
        }
        self.steps += 1;
        let width = self.width;
        for (row, gradient) in self.read.iter().zip(gradient.chunks_exact(width.max(1))) {
            let at = *row as usize * width..(*row as usize + 1) * width;
            let values = &mut self.values[at.clone()];
            match (self.rule, self.memory.as_mut_slice()) {
                (Rule::Adam { beta_1, beta_2 }, [first, second]) => {
                    let memory = [&mut first[at.clone()], &mut second[at]];
                    adam(values, memory, gradient, [beta_1, beta_2], rate, self.steps);
                }
                (Rule::RmsProp { smoothing, momentum }, [squares, velocity @ ..]) => {
                    let velocity = velocity.first_mut().map(|v| &mut v[at.clone()]);
                    rmsprop(
                        values,
                        &mut squares[at],
                        velocity,
                        gradient,
                        [smoothing, momentum],
                        rate,
                    );
                }
                (Rule::Sgd { momentum, nesterov }, [velocity]) => {
                    let velocity = &mut velocity[at];
                    for ((value, v), g) in values.iter_mut().zip(velocity).zip(gradient) {
                        *v = momentum * *v + g;
                        let by = if nesterov { momentum * *v + g } else { *v };
                        *value -= rate as f32 * by;
                    }
                }
                _ => {
                    values.iter_mut().zip(gradient).for_each(|(v, g)| *v -= rate as f32 * g);
                }
            }
        }
        Ok(())
    }

    /// What the optimiser remembers, to go on from.
    pub(super) fn memory(&self) -> Parameters {
        let memory = self.memory.iter().enumerate();
        let parameter =
            |values: &Vec<f32>| Parameter { shape: self.shape().to_vec(), values: values.clone() };
        memory.map(|(at, values)| (at.to_string(), parameter(values))).collect()
    }

    /// The table as it was after so many steps.
    ///
    /// # Errors
    /// [`Error::Internal`] when what is given is of another size.
    pub(super) fn restored(self, values: Vec<f32>, memory: Parameters, steps: u64) -> Result<Self> {
        let memory: Vec<Vec<f32>> = memory.into_values().map(|p| p.values).collect();
        let fits = values.len() == self.values.len()
            && memory.len() == self.memory.len()
            && memory.iter().all(|remembered| remembered.len() == values.len());
        if !fits {
            return Err(Error::internal("restoring a table", "the checkpoint has another size"));
        }
        Ok(Self { values, memory, steps, ..self })
    }
}

fn adam(
    values: &mut [f32],
    [first, second]: [&mut [f32]; 2],
    gradient: &[f32],
    [beta_1, beta_2]: [f64; 2],
    rate: f64,
    steps: u64,
) {
    let left = |beta: f64| 1.0 - (beta as f32).powi(steps.min(i32::MAX as u64) as i32);
    let (left_1, left_2) = (left(beta_1), left(beta_2));
    let (beta_1, beta_2, rate) = (beta_1 as f32, beta_2 as f32, rate as f32);
    for (((value, m), v), g) in values.iter_mut().zip(first).zip(second).zip(gradient) {
        *m = beta_1 * *m + (1.0 - beta_1) * g;
        *v = beta_2 * *v + (1.0 - beta_2) * g * g;
        *value -= rate * (*m / left_1) / ((*v / left_2).sqrt() + EPSILON);
    }
}

fn rmsprop(
    values: &mut [f32],
    squares: &mut [f32],
    velocity: Option<&mut [f32]>,
    gradient: &[f32],
    [smoothing, momentum]: [f32; 2],
    rate: f64,
) {
    let mut by = vec![0.0; gradient.len()];
    for ((by, s), g) in by.iter_mut().zip(squares).zip(gradient) {
        *s = smoothing * *s + (1.0 - smoothing) * g * g;
        *by = g / (s.sqrt() + EPSILON);
    }
    if let Some(velocity) = velocity {
        for (v, by) in velocity.iter_mut().zip(&mut by) {
            *v = momentum * *v + *by;
            *by = *v;
        }
    }
    values.iter_mut().zip(&by).for_each(|(value, by)| *value -= rate as f32 * by);
}

#[cfg(test)]
mod tests {
    use burn::backend::{Autodiff, Flex};
    use burn::optim::GradientsParams;
    use burn::tensor::{Tensor, TensorData};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::engine::features::Layout;
    use crate::engine::networks::parameters::Builder;
    use crate::engine::testing::spec;
    use crate::engine::train::{Optimiser, Recipe};

    const SHAPE: [usize; 2] = [4, 3];
    /// Of a text that reads the rows 0 and 2, one of them twice.
    const TEXT: [f32; 4] = [-3.0, 1.0, -1.0, 0.0];
    const READ: [usize; 2] = [0, 2];

    fn gradient(step: usize, row: usize) -> [f32; 3] {
        let number = |at: usize| ((step * 31 + row * 7 + at * 3) % 11) as f32 / 5.0 - 1.0;
        [number(0), number(1), number(2)]
    }

    /// Values after three steps: of a table that reads two rows, and of a dense one.
    fn both(optimiser: serde_json::Value) -> (Table, Vec<f32>, Vec<f32>) {
        let mut asked = spec("y");
        asked.optimiser = Some(serde_json::from_value(optimiser).unwrap());
        asked.gradient_clip = Some(0.0);
        let recipe = Recipe::of(&asked, &Layout::Table(Vec::new()), 100);
        let device = Default::default();
        let mut dense: Optimiser<_, Autodiff<Flex>> = Optimiser::new(&recipe);
        let mut layer = Builder::<Autodiff<Flex>>::random(3, &device).linear(SHAPE[0], SHAPE[1]);
        let numbers = |tensor: Tensor<Autodiff<Flex>, 2>| tensor.into_data().to_vec().unwrap();
        let start: Vec<f32> = numbers(layer.weight.val());
        let mut table = Table::new(start.clone(), SHAPE, &recipe.optimiser);
        for step in 0..3 {
            let (needed, shape) = table.begin([&TEXT[..]].into_iter());
            assert_eq!((shape, &needed[..3]), ([2, 3], &table.values()[..3]));
            let few: Vec<f32> = READ.iter().flat_map(|row| gradient(step, *row)).collect();
            table.step(0.1, &few).unwrap();
            let all = (0..4)
                .flat_map(|row| if READ.contains(&row) { gradient(step, row) } else { [0.0; 3] });
            let all = TensorData::new(all.collect::<Vec<f32>>(), SHAPE);
            let loss = (layer.weight.val() * Tensor::from_data(all, &device)).sum();
            let gradients = GradientsParams::from_grads(loss.backward(), &layer);
            layer = dense.step(0.1, layer, gradients);
        }
        (table, start, numbers(layer.weight.val()))
    }

    #[test]
    fn rows_that_are_read_change_as_in_a_dense_table_and_others_stay() {
        for optimiser in [
            json!({"kind": "adamw", "weight_decay": 0.0}),
            json!({"kind": "adam", "beta_1": 0.8, "beta_2": 0.99}),
            json!({"kind": "rmsprop"}),
            json!({"kind": "rmsprop", "momentum": 0.5}),
            json!({"kind": "sgd", "momentum": 0.0}),
            json!({"kind": "sgd", "momentum": 0.9}),
            json!({"kind": "sgd", "momentum": 0.9, "nesterov": true}),
        ] {
            let (table, start, dense) = both(optimiser.clone());
            for (row, found) in table.values().chunks(3).enumerate() {
                let at = row * 3..row * 3 + 3;
                if READ.contains(&row) {
                    assert_ne!(found, &start[at.clone()]);
                    for (found, dense) in found.iter().zip(&dense[at]) {
                        assert!((found - dense).abs() < 2e-6, "{optimiser}: {found} {dense}");
                    }
                } else {
                    assert_eq!(found, &start[at], "{optimiser}");
                }
            }
        }
    }

    /// A number by the rule as it is written down, in f64.
    fn by_the_rule(
        rule: Rule,
        value: &mut f64,
        memory: &mut [f64; 2],
        g: f64,
        rate: f64,
        steps: i32,
    ) {
        let [first, second] = memory;
        match rule {
            Rule::Adam { beta_1, beta_2 } => {
                let [beta_1, beta_2] = [beta_1, beta_2].map(|beta| f64::from(beta as f32));
                *first = beta_1 * *first + (1.0 - beta_1) * g;
                *second = beta_2 * *second + (1.0 - beta_2) * g * g;
                let [mean, square] =
                    [*first / (1.0 - beta_1.powi(steps)), *second / (1.0 - beta_2.powi(steps))];
                *value -= rate * mean / (square.sqrt() + f64::from(EPSILON));
            }
            Rule::RmsProp { smoothing, momentum } => {
                let (smoothing, momentum) = (f64::from(smoothing), f64::from(momentum));
                *first = smoothing * *first + (1.0 - smoothing) * g * g;
                *second = momentum * *second + g / (first.sqrt() + f64::from(EPSILON));
                *value -= rate * *second;
            }
            Rule::Sgd { momentum, nesterov } => {
                let momentum = f64::from(momentum);
                *first = momentum * *first + g;
                *value -= rate * if nesterov { momentum * *first + g } else { *first };
            }
        }
    }

    proptest! {
        /// Whatever rows each step reads, of tables of any shape.
        #[test]
        fn rows_that_are_read_follow_the_rule(
            rows in 1_usize..7, width in 1_usize..20,
            texts in proptest::collection::vec(proptest::collection::vec(0_u32..7, 1..5), 1..6),
            kind in proptest::sample::select(vec![
                json!({"kind": "adam", "beta_1": 0.8, "beta_2": 0.99}), json!({"kind": "adamw"}),
                json!({"kind": "rmsprop"}), json!({"kind": "rmsprop", "momentum": 0.5}),
                json!({"kind": "sgd", "momentum": 0.0}), json!({"kind": "sgd", "momentum": 0.9}),
                json!({"kind": "sgd", "momentum": 0.9, "nesterov": true}),
            ]),
        ) {
            let optimiser: OptimiserSpec = serde_json::from_value(kind).unwrap();
            let rule = Rule::of(&optimiser);
            let start: Vec<f32> = (0..rows * width).map(|at| (at % 9) as f32 / 4.0 - 1.0).collect();
            let mut table = Table::new(start.clone(), [rows, width], &optimiser);
            let mut known: Vec<(f64, [f64; 2])> =
                start.iter().map(|value| (f64::from(*value), [0.0; 2])).collect();
            for (step, text) in texts.iter().enumerate() {
                let read: std::collections::BTreeSet<usize> =
                    text.iter().map(|row| *row as usize % rows).collect();
                let codes: Vec<f32> = read.iter().map(|row| *row as f32 + 1.0).collect();
                table.begin([&codes[..]].into_iter());
                let gradient = |row: usize, at: usize| ((step * 31 + row * 7 + at * 3) % 11) as f32 / 5.0 - 1.0;
                let few: Vec<f32> =
                    read.iter().flat_map(|row| (0..width).map(|at| gradient(*row, at))).collect();
                table.step(0.1, &few).unwrap();
                for row in read {
                    for at in 0..width {
                        let (value, memory) = &mut known[row * width + at];
                        let g = f64::from(gradient(row, at));
                        by_the_rule(rule, value, memory, g, 0.1, step as i32 + 1);
                    }
                }
            }
            let largest = known.iter().fold(1.0, |most: f64, (value, _)| most.max(value.abs()));
            for (at, (found, (known, _))) in table.values().iter().zip(&known).enumerate() {
                let apart = (f64::from(*found) - known).abs();
                prop_assert!(apart <= 1e-5 * largest, "{}: {} {}", at, found, known);
            }
        }
    }

    #[test]
    fn rows_do_not_decay() {
        let (plain, _, _) = both(json!({"kind": "adamw", "weight_decay": 0.0}));
        let (decayed, _, dense) = both(json!({"kind": "adamw", "weight_decay": 0.5}));
        assert_eq!(plain.values(), decayed.values());
        assert_ne!(plain.values(), dense);
    }

    #[test]
    fn inputs_are_numbered_anew_for_a_step() {
        let sgd = OptimiserSpec::default();
        let mut table = Table::new(vec![0.0; 12], SHAPE, &sgd);
        table.begin([&TEXT[..], &[-4.0, 0.0, 0.0, 0.0]].into_iter());
        let mut inputs = Matrix { rows: 1, width: 4, data: TEXT.to_vec() };
        table.renumber(&mut inputs);
        assert_eq!(inputs.data, [-2.0, 1.0, -1.0, 0.0]);
        assert!(table.step(0.1, &[0.0; 3]).is_err(), "three rows are read");
        let (needed, _) = table.begin([&[0.0; 4][..]].into_iter());
        assert_eq!(needed.len(), 3, "texts of no words");
    }

    #[test]
    fn it_goes_on_where_it_was() {
        let adam = OptimiserSpec::default();
        let steps = |table: &mut Table, from: usize, to: usize| {
            for step in from..to {
                table.begin([&TEXT[..]].into_iter());
                let few: Vec<f32> = READ.iter().flat_map(|row| gradient(step, *row)).collect();
                table.step(0.01, &few).unwrap();
            }
        };
        let mut whole = Table::new(vec![0.5; 12], SHAPE, &adam);
        steps(&mut whole, 0, 2);
        let (values, memory) = (whole.values().to_vec(), whole.memory());
        let fresh = || Table::new(vec![0.0; 12], SHAPE, &adam);
        let mut resumed = fresh().restored(values.clone(), memory, 2).unwrap();
        steps(&mut whole, 2, 5);
        steps(&mut resumed, 2, 5);
        assert_eq!(whole.values(), resumed.values());
        assert!(fresh().restored(values, Parameters::new(), 2).is_err());
    }
}

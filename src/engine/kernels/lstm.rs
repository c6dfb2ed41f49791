//! One direction of one layer of long short-term memory.

use std::ops::Range;
use std::sync::Arc;

use actuary_kernels::{ByStates, Lstm, LstmGradients, Passed};
use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::tensor::backend::Backend;
use burn::tensor::ops::FloatTensor;
use burn::tensor::{Tensor, TensorPrimitive, activation};

use super::{Tracked, on, product, tensor, whole};
use crate::domain::training::Precision;

/// What the layer is made of, and what it reads.
#[derive(Clone)]
pub(crate) struct LstmArguments<B: Backend> {
    /// `[steps, rows, inputs]`.
    pub(crate) x: Tensor<B, 3>,
    /// `[inputs, 4 * hidden]`: input, forget, cell and output gates.
    pub(crate) input: Tensor<B, 2>,
    /// `[hidden, 4 * hidden]`.
    pub(crate) hidden: Tensor<B, 2>,
    /// `[4 * hidden]`.
    pub(crate) bias: Tensor<B, 1>,
    /// Whether the last step is read first.
    pub(crate) reverse: bool,
    /// Whether only the state after all steps is wanted.
    pub(crate) last: bool,
    /// Of the matrix products, while it learns on a GPU.
    pub(crate) precision: Precision,
}

/// The states after each step from zero states on, `[steps, rows, hidden]`; where only the last one is
/// wanted, that of the step that was read last, `[1, rows, hidden]`.
pub(crate) fn lstm<B: Backend>(arguments: LstmArguments<B>) -> Tensor<B, 3> {
    let mut result: Option<Tensor<B, 3>> = None;
    on::<LstmArguments<Tracked>, _>(&arguments, &mut result, tracked);
    on::<LstmArguments<Flex>, _>(&arguments, &mut result, untracked);
    result.unwrap_or_else(|| by_parts(arguments))
}

/// By burn's own operations.
fn by_parts<B: Backend>(arguments: LstmArguments<B>) -> Tensor<B, 3> {
    let LstmArguments { x, input, hidden, bias, reverse, last, precision } = arguments;
    let [steps, rows, inputs] = x.dims();
    let [size, width] = hidden.dims();
    let read = product(x.reshape([steps * rows, inputs]), input, precision) + bias.unsqueeze();
    let read = read.reshape([steps, rows, width]);
    let mut state: Option<(Tensor<B, 2>, Tensor<B, 2>)> = None;
    let mut states = Vec::with_capacity(steps);
    for at in 0..steps {
        let step = if reverse { steps - 1 - at } else { at };
        let mut gates = read.clone().narrow(0, step, 1).reshape([rows, width]);
        if let Some((h, _)) = &state {
            gates = gates + product(h.clone(), hidden.clone(), precision);
        }
        let gate = |at: usize| gates.clone().narrow(1, at * size, size);
        let entering = activation::sigmoid(gate(0)) * activation::tanh(gate(2));
        let cell = match state {
            Some((_, cell)) => activation::sigmoid(gate(1)) * cell + entering,
            None => entering,
        };
        let h = activation::sigmoid(gate(3)) * activation::tanh(cell.clone());
        states.push(h.clone().reshape([1, rows, size]));
        state = Some((h, cell));
    }
    if last {
        states.drain(..states.len().saturating_sub(1));
    } else if reverse {
        states.reverse();
    }
    Tensor::cat(states, 0)
}

/// What a forward pass leaves behind.
#[derive(Debug, Clone)]
struct Left {
    layer: Arc<Lstm>,
    x: FlexTensor,
    shape: Shape,
    /// After all steps.
    states: FlexTensor,
    passed: Arc<Passed>,
}

#[derive(Debug, Clone, Copy)]
struct Shape {
    steps: usize,
    rows: usize,
    inputs: usize,
    hidden: usize,
    reverse: bool,
    last: bool,
}

impl Shape {
    fn of<B: Backend>(arguments: &LstmArguments<B>) -> Self {
        let ([steps, rows, inputs], [hidden, _]) = (arguments.x.dims(), arguments.hidden.dims());
        let LstmArguments { reverse, last, .. } = *arguments;
        Self { steps, rows, inputs, hidden, reverse, last }
    }

    /// Where among the states of all steps those are that are wanted.
    fn wanted(&self) -> Range<usize> {
        let size = self.rows * self.hidden;
        match (self.last, self.reverse) {
            (false, _) => 0..self.steps * size,
            (true, true) => 0..self.steps.min(1) * size,
            (true, false) => self.steps.saturating_sub(1) * size..self.steps * size,
        }
    }

    /// The states after all steps.
    fn all(&self, states: Vec<f32>) -> FlexTensor {
        tensor(states, [self.steps, self.rows, self.hidden])
    }

    /// The states that are wanted, of those of all steps.
    fn pick(&self, states: &FlexTensor) -> Option<FlexTensor> {
        if !self.last {
            return Some(states.clone());
        }
        let values = states.as_slice()?[self.wanted()].to_vec();
        Some(tensor(values, [self.steps.min(1), self.rows, self.hidden]))
    }
}

/// The layer; None where shapes don't fit, so that burn's own words are heard.
fn layer(weights: [&FlexTensor; 3], shape: Shape) -> Option<Lstm> {
    let [input, hidden, bias] = weights.map(whole);
    Lstm::new(shape.inputs, input.as_slice()?, hidden.as_slice()?, bias.as_slice()?)
}

/// The result on the CPU.
fn passed(x: &FlexTensor, weights: [&FlexTensor; 3], shape: Shape) -> Option<(FlexTensor, Left)> {
    let layer = layer(weights, shape)?;
    let x = whole(x);
    let (all, passed) = layer.forward(x.as_slice()?, shape.steps, shape.rows, shape.reverse);
    let all = shape.all(all);
    let states = shape.pick(&all)?;
    let left = Left { layer: Arc::new(layer), x, shape, states: all, passed: Arc::new(passed) };
    Some((states, left))
}

/// What nothing is kept of for a gradient.
fn untracked(arguments: &LstmArguments<Flex>) -> Option<Tensor<Flex, 3>> {
    let shape = Shape::of(arguments);
    let LstmArguments { x, input, hidden, bias, .. } = arguments.clone();
    let (x, bias) = (x.into_primitive().tensor(), bias.into_primitive().tensor());
    let (input, hidden) = (input.into_primitive().tensor(), hidden.into_primitive().tensor());
    let Shape { steps, rows, reverse, .. } = shape;
    let layer = layer([&input, &hidden, &bias], shape)?;
    let states = layer.states(whole(&x).as_slice()?, steps, rows, reverse);
    let states = shape.pick(&shape.all(states))?;
    Some(Tensor::from_primitive(TensorPrimitive::Float(states)))
}

fn tracked(arguments: &LstmArguments<Tracked>) -> Option<Tensor<Tracked, 3>> {
    let LstmArguments { x, input, hidden, bias, .. } = arguments.clone();
    let (x, bias) = (x.into_primitive().tensor(), bias.into_primitive().tensor());
    let (input, hidden) = (input.into_primitive().tensor(), hidden.into_primitive().tensor());
    let weights = [&input.primitive, &hidden.primitive, &bias.primitive];
    let (states, left) = passed(&x.primitive, weights, Shape::of(arguments))?;
    let step = Step.prepare::<NoCheckpointing>([x.node, input.node, hidden.node, bias.node]);
    let states: FloatTensor<Tracked> = match step.compute_bound().stateful() {
        OpsKind::Tracked(step) => step.finish(left, states),
        OpsKind::UnTracked(step) => step.finish(states),
    };
    Some(Tensor::from_primitive(TensorPrimitive::Float(states)))
}

#[derive(Debug)]
struct Step;

impl Backward<Flex, 4> for Step {
    type State = Left;

    fn backward(
        self,
        ops: Ops<Left, 4>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let by_states = whole(&gradients.consume::<Flex>(&ops.node));
        let [x, input, hidden, bias] = ops.parents;
        let Left { layer, x: read, shape, states, passed } = ops.state;
        // All were made contiguous: there are slices of them.
        let slices = (read.as_slice::<f32>(), states.as_slice(), by_states.as_slice());
        let (Some(values), Some(states), Some(by_states)) = slices else { return };
        let by_states =
            if shape.last { ByStates::Last(by_states) } else { ByStates::All(by_states) };
        let found = layer.backward(values, (states, &passed), by_states, x.is_some());
        let LstmGradients { inputs, of_inputs, of_hidden, bias: of_bias } = found;
        let Shape { steps, rows, inputs: count, hidden: size, .. } = shape;
        if let (Some(x), Some(inputs)) = (x, inputs) {
            gradients.register::<Flex>(x.id, tensor(inputs, [steps, rows, count]));
        }
        if let Some(input) = input {
            gradients.register::<Flex>(input.id, tensor(of_inputs, [count, 4 * size]));
        }
        if let Some(hidden) = hidden {
            gradients.register::<Flex>(hidden.id, tensor(of_hidden, [size, 4 * size]));
        }
        if let Some(bias) = bias {
            gradients.register::<Flex>(bias.id, tensor(of_bias, [4 * size]));
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;

    use super::*;
    use crate::engine::random::{Purpose, keyed, symmetric};

    fn tensor_of<const D: usize>(shape: [usize; D], key: u64) -> Tensor<Tracked, D> {
        let mut rng = keyed(key, Purpose::Sample, 0, 0);
        let values = (0..shape.iter().product()).map(|_| symmetric(&mut rng, 1.0)).collect();
        let data = TensorData::new::<f32, _>(values, shape);
        Tensor::from_data(data, &Default::default()).require_grad()
    }

    fn near<const D: usize>(a: Tensor<Flex, D>, b: Tensor<Flex, D>) {
        assert_eq!(a.dims(), b.dims());
        let apart = (a - b.clone()).abs().max().into_scalar();
        assert!(apart <= 5e-6 * b.abs().max().into_scalar().max(1.0), "{apart}");
    }

    #[test]
    fn values_and_gradients_are_those_of_burn() {
        for (steps, rows, inputs, hidden, reverse, last) in [
            (9, 5, 3, 7, false, false),
            (1, 1, 1, 1, true, false),
            (12, 33, 20, 50, true, false),
            (9, 5, 3, 7, false, true),
            (12, 33, 20, 50, true, true),
        ] {
            let arguments = LstmArguments {
                x: tensor_of([steps, rows, inputs], 1),
                input: tensor_of([inputs, 4 * hidden], 2),
                hidden: tensor_of([hidden, 4 * hidden], 3),
                bias: tensor_of([4 * hidden], 4),
                reverse,
                last,
                precision: Precision::F32,
            };
            let (ours, theirs) = (lstm(arguments.clone()), by_parts(arguments.clone()));
            let values = ours.clone().inner();
            near(values.clone(), theirs.clone().inner());
            let weigh = Tensor::from_inner(tensor_of(ours.dims(), 5).inner());
            let ours = (ours * weigh.clone()).sum().backward();
            let theirs = (theirs * weigh).sum().backward();
            let LstmArguments { x, input, hidden, bias, .. } = arguments;
            near(x.grad(&ours).unwrap(), x.grad(&theirs).unwrap());
            near(input.grad(&ours).unwrap(), input.grad(&theirs).unwrap());
            // Of one step nothing depends on the states before it.
            if let Some(theirs) = hidden.grad(&theirs) {
                near(hidden.grad(&ours).unwrap(), theirs);
            }
            near(bias.grad(&ours).unwrap(), bias.grad(&theirs).unwrap());
            let (x, input) = (x.inner(), input.inner());
            let (hidden, bias) = (hidden.inner(), bias.inner());
            let precision = Precision::F32;
            let plain = lstm(LstmArguments { x, input, hidden, bias, reverse, last, precision });
            near(plain, values);
        }
    }
}

//! Long short-term memory (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al.).

use burn::module::{Module, Param};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, activation};

use super::affine::Affine;
use super::dropout::Dropout;
use super::observer::Observer;
use super::parameters::Builder;
use super::series::{Units, apart, ascending, forecast, together};
use crate::domain::activation::LayerFunction;
use crate::domain::network::{LstmNetwork, Normalisation};
use crate::domain::training::Precision;
use crate::engine::features::Ahead;
use crate::engine::kernels::{LstmArguments, lstm, product};

/// Layers of LSTM from zero states, and a linear layer over the last state of the last of them.
///
/// Tensors `layers.N.forward.input` `[inputs, 4 * hidden]`, `layers.N.forward.hidden`
/// `[hidden, 4 * hidden]`, `layers.N.forward.input_bias` and `.hidden_bias` `[4 * hidden]`, the four
/// blocks of columns being the input, forget, cell and output gates; the same under `backward`
/// where it is bidirectional; `output.weight`, `output.bias`.
#[derive(Module, Debug)]
pub(crate) struct Lstm<B: Backend> {
    layers: Vec<Layer<B>>,
    output: Affine<B>,
    #[module(skip)]
    channels: usize,
    #[module(skip)]
    ahead: Option<Ahead>,
    #[module(skip)]
    normalisation: Normalisation,
    #[module(skip)]
    dropout: f64,
}

#[derive(Module, Debug)]
struct Layer<B: Backend> {
    forward: Direction<B>,
    backward: Option<Direction<B>>,
}

#[derive(Module, Debug)]
struct Direction<B: Backend> {
    input: Param<Tensor<B, 2>>,
    hidden: Param<Tensor<B, 2>>,
    input_bias: Param<Tensor<B, 1>>,
    hidden_bias: Param<Tensor<B, 1>>,
}

impl<B: Backend> Lstm<B> {
    pub(super) fn new(
        spec: &LstmNetwork,
        channels: usize,
        ahead: Option<Ahead>,
        outputs: usize,
        builder: &mut Builder<'_, B>,
    ) -> Self {
        let hidden = spec.hidden as usize;
        let both = if spec.bidirectional { 2 } else { 1 };
        let mut inputs = channels;
        let layers = (0..spec.layers)
            .map(|_| {
                let inputs = std::mem::replace(&mut inputs, hidden * both);
                let forward = Direction::new(inputs, hidden, builder);
                let backward = spec.bidirectional.then(|| Direction::new(inputs, hidden, builder));
                Layer { forward, backward }
            })
            .collect();
        Self {
            layers,
            output: builder.linear(hidden * both, outputs),
            channels,
            ahead,
            normalisation: spec.normalisation.unwrap_or(Normalisation::None),
            dropout: spec.dropout,
        }
    }

    /// Logits `[rows, outputs]`, or forecasts `[rows, horizon * series * levels]`, of windows
    /// `[rows, steps * channels]`.
    pub(super) fn forward(
        &self,
        windows: Tensor<B, 2>,
        dropout: Option<&mut Dropout>,
    ) -> Tensor<B, 2> {
        self.observed(windows, dropout, &mut Observer::default())
    }

    pub(super) fn observed(
        &self,
        windows: Tensor<B, 2>,
        dropout: Option<&mut Dropout>,
        observer: &mut Observer,
    ) -> Tensor<B, 2> {
        let [rows, width] = windows.dims();
        let steps = width / self.channels.max(1);
        let Some(ahead) = self.ahead else {
            let windows = windows.reshape([rows, steps, self.channels]);
            let logits = self.output.forward(self.last_state(windows, dropout, observer));
            observer.see(|| "output".to_owned(), LayerFunction::Linear, (&["output"], 1), &logits);
            return logits;
        };
        let series = apart(windows.clone(), steps, self.channels, ahead.series);
        let units = Units::of(&series, self.normalisation);
        let windows = windows.reshape([rows, steps, self.channels]);
        let windows = match &units {
            Some(units) => {
                let scaled = units.apply(series).reshape([rows, ahead.series, steps]);
                let others = self.channels - ahead.series;
                let mut channels = vec![scaled.swap_dims(1, 2)];
                if others > 0 {
                    channels.push(windows.narrow(2, ahead.series, others));
                }
                Tensor::cat(channels, 2)
            }
            None => windows,
        };
        let raw = self.output.forward(self.last_state(windows, dropout, observer));
        observer.see(|| "output".to_owned(), LayerFunction::Linear, (&["output"], 1), &raw);
        // The layer's outputs are series by series.
        let raw = raw.reshape([rows * ahead.series, ahead.horizon * ahead.levels]);
        let forecasts = ascending(raw, ahead);
        let forecasts = match units {
            Some(units) => units.undo(forecasts),
            None => forecasts,
        };
        forecast(together(forecasts, ahead), ahead, observer)
    }

    /// The state after all steps of `[rows, steps, channels]`: `[rows, hidden]`, or both
    /// directions' one beside the other.
    fn last_state(
        &self,
        windows: Tensor<B, 3>,
        mut dropout: Option<&mut Dropout>,
        observer: &mut Observer,
    ) -> Tensor<B, 2> {
        let precision = self.output.precision;
        let mut x = windows.swap_dims(0, 1);
        for (index, layer) in self.layers.iter().enumerate() {
            // Of the last layer the states count that have seen every step: of one direction from the
            // first on, of the other from the last.
            let last = index + 1 == self.layers.len();
            let mut run = |direction: &Direction<B>, reverse| {
                if !observer.is_on() {
                    return direction.run(x.clone(), (reverse, last), precision);
                }
                let states = direction.run(x.clone(), (reverse, false), precision);
                let way = if reverse { "backward" } else { "forward" };
                let name = format!("layers.{index}.{way}");
                direction.see(&x, &states, (reverse, precision), &name, observer);
                let of_last = if reverse { 0 } else { states.dims()[0] - 1 };
                if last { states.narrow(0, of_last, 1) } else { states }
            };
            let forward = run(&layer.forward, false);
            x = match &layer.backward {
                Some(backward) => Tensor::cat(vec![forward, run(backward, true)], 2),
                None => forward,
            };
            if last {
                break;
            }
            if let Some(dropout) = &mut dropout {
                x = dropout.apply(x, self.dropout);
            }
        }
        // One step, since there is a layer: nothing is cut out, whose gradient burn would put back number
        // by number.
        let [steps, rows, size] = x.dims();
        x.reshape([steps * rows, size])
    }
}

impl<B: Backend> Direction<B> {
    /// All uniform in +-1/sqrt(hidden), as PyTorch has it.
    fn new(inputs: usize, hidden: usize, builder: &mut Builder<'_, B>) -> Self {
        let bound = 1.0 / (hidden.max(1) as f32).sqrt();
        Self {
            input: builder.uniform([inputs, 4 * hidden], bound),
            hidden: builder.uniform([hidden, 4 * hidden], bound),
            input_bias: builder.uniform([4 * hidden], bound),
            hidden_bias: builder.uniform([4 * hidden], bound),
        }
    }

    /// The states after each of the steps, `[steps, rows, hidden]`, of `[steps, rows, inputs]`; or the
    /// last one alone, `[1, rows, hidden]`.
    fn run(
        &self,
        x: Tensor<B, 3>,
        (reverse, last): (bool, bool),
        precision: Precision,
    ) -> Tensor<B, 3> {
        let bias = self.input_bias.val() + self.hidden_bias.val();
        let (input, hidden) = (self.input.val(), self.hidden.val());
        lstm(LstmArguments { x, input, hidden, bias, reverse, last, precision })
    }

    /// Shows an observer the gates, the memory and the states `[steps, rows, hidden]` of what was run
    /// over `[steps, rows, inputs]`. With the states known the gates need no recurrence.
    fn see(
        &self,
        x: &Tensor<B, 3>,
        states: &Tensor<B, 3>,
        (reverse, precision): (bool, Precision),
        name: &str,
        observer: &mut Observer,
    ) {
        let ([steps, rows, inputs], [_, _, size]) = (x.dims(), states.dims());
        let none = Tensor::zeros([1, rows, size], &states.device());
        let before = match (steps, reverse) {
            (0 | 1, _) => none,
            (_, false) => Tensor::cat(vec![none, states.clone().narrow(0, 0, steps - 1)], 0),
            (_, true) => Tensor::cat(vec![states.clone().narrow(0, 1, steps - 1), none], 0),
        };
        let bias = self.input_bias.val() + self.hidden_bias.val();
        let read = product(x.clone().reshape([steps * rows, inputs]), self.input.val(), precision);
        let held = product(before.reshape([steps * rows, size]), self.hidden.val(), precision);
        let gates = (read + held + bias.unsqueeze()).reshape([steps, rows, 4 * size]);
        let gate = |at: usize| gates.clone().narrow(2, at * size, size);
        let [input, forget, output] = [0, 1, 3].map(|at| activation::sigmoid(gate(at)));
        let cell = gate(2).tanh();
        let mut memory: Vec<Tensor<B, 3>> = Vec::with_capacity(steps);
        let added = input.clone() * cell.clone();
        for at in 0..steps {
            let step = if reverse { steps - 1 - at } else { at };
            let added = added.clone().narrow(0, step, 1);
            let kept = memory.last().map(|last| last.clone() * forget.clone().narrow(0, step, 1));
            memory.push(kept.map_or(added.clone(), |kept| kept + added));
        }
        if reverse {
            memory.reverse();
        }
        for (part, function, values) in [
            ("input_gate", LayerFunction::Sigmoid, input),
            ("forget_gate", LayerFunction::Sigmoid, forget),
            ("cell", LayerFunction::Tanh, cell),
            ("output_gate", LayerFunction::Sigmoid, output),
            ("memory", LayerFunction::Linear, Tensor::cat(memory, 0)),
            ("state", LayerFunction::Tanh, states.clone()),
        ] {
            let of_rows = values.swap_dims(0, 1);
            let name = || format!("{name}.{part}");
            observer.see(name, function, (&["step", "unit"], 1), &of_rows);
        }
    }
}

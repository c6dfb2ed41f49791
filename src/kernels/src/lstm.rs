//! One direction of one layer of long short-term memory, with its gradients.

use std::borrow::Borrow;

use pulp::{Simd, WithSimd};

use crate::elementwise::{sigmoid, tanh};
use crate::level::{dispatch, load, store, without_traces};
use crate::product::{Into, LANES, Left, Right, multiply};

/// The weights of a layer, each gate padded to whole vectors.
///
/// A row of gates is the input, forget, cell and output gate, [`Lstm::padded`] numbers each. What
/// is padding stays 0 all the way: its weights are 0, and so are the gates' effects.
#[derive(Debug, Clone)]
pub struct Lstm {
    inputs: usize,
    hidden: usize,
    /// `[inputs, 4 * padded]`.
    of_inputs: Vec<f32>,
    /// `[hidden, 4 * padded]`.
    of_hidden: Vec<f32>,
    /// `[4 * padded]`.
    bias: Vec<f32>,
}

/// What a forward pass leaves behind.
#[derive(Debug, Clone)]
pub struct Passed {
    /// `[steps, rows, hidden]`: the state after each step.
    pub states: Vec<f32>,
    /// `[steps, rows, 4 * padded]`, activated, the step that was read first first.
    gates: Vec<f32>,
    /// `[steps, rows, padded]`, in the same order.
    cells: Vec<f32>,
    steps: usize,
    rows: usize,
    /// From the last step to the first.
    reverse: bool,
}

/// Gradients of a loss.
#[derive(Debug, Clone)]
pub struct LstmGradients {
    /// `[steps, rows, inputs]`; none where it was not asked for.
    pub inputs: Option<Vec<f32>>,
    /// `[inputs, 4 * hidden]`.
    pub of_inputs: Vec<f32>,
    /// `[hidden, 4 * hidden]`.
    pub of_hidden: Vec<f32>,
    /// `[4 * hidden]`.
    pub bias: Vec<f32>,
}

impl Lstm {
    /// A layer of `of_inputs` `[inputs, 4 * hidden]`, `of_hidden` `[hidden, 4 * hidden]` and `bias`
    /// `[4 * hidden]`, the four blocks of columns being the input, forget, cell and output gates;
    /// None where their lengths don't fit.
    pub fn new(inputs: usize, of_inputs: &[f32], of_hidden: &[f32], bias: &[f32]) -> Option<Self> {
        let width = bias.len();
        let hidden = width / 4;
        let fits = hidden > 0
            && width == 4 * hidden
            && of_inputs.len() == inputs.checked_mul(width)?
            && of_hidden.len() == hidden * width;
        fits.then(|| Self {
            inputs,
            hidden,
            of_inputs: padded(of_inputs, hidden),
            of_hidden: padded(of_hidden, hidden),
            bias: padded(bias, hidden),
        })
    }

    /// Numbers of a gate with its padding.
    fn padded(&self) -> usize {
        self.hidden.next_multiple_of(LANES)
    }

    /// The states after each step, `[steps, rows, hidden]`, of `x` `[steps, rows, inputs]`, read
    /// from zero states, from the last step on where `reverse`. Nothing else is kept; a row has the
    /// same bits among any others, and the same as by [`Lstm::forward`].
    ///
    /// # Panics
    /// When `x` is shorter than its shape says.
    pub fn states(&self, x: &[f32], steps: usize, rows: usize, reverse: bool) -> Vec<f32> {
        let order = Order { steps, rows, reverse };
        let mut states = vec![0.0; steps * rows * self.hidden];
        let gates = &mut Vec::with_capacity(rows * 4 * self.padded());
        let cells = &mut Vec::with_capacity(rows * self.padded());
        let states_of = &mut states;
        let keep = false;
        dispatch(Forward { layer: self, x, order, keep, states: states_of, gates, cells });
        states
    }

    /// The same, with what [`Lstm::backward`] needs.
    ///
    /// # Panics
    /// When `x` is shorter than its shape says.
    pub fn forward(&self, x: &[f32], steps: usize, rows: usize, reverse: bool) -> Passed {
        let (all, padded) = (steps * rows, self.padded());
        let mut passed = Passed {
            states: vec![0.0; all * self.hidden],
            gates: Vec::with_capacity(all * 4 * padded),
            cells: Vec::with_capacity(all * padded),
            steps,
            rows,
            reverse,
        };
        let Passed { states, gates, cells, .. } = &mut passed;
        let order = Order { steps, rows, reverse };
        dispatch(Forward { layer: self, x, order, keep: true, states, gates, cells });
        passed
    }

    /// Gradients of a loss whose gradients by the states are `by_states` `[steps, rows, hidden]`.
    ///
    /// # Panics
    /// When a slice is shorter than its shape says.
    pub fn backward(
        &self,
        x: &[f32],
        passed: impl Borrow<Passed>,
        by_states: &[f32],
        wants_inputs: bool,
    ) -> LstmGradients {
        self.backward_of(x, passed.borrow(), by_states, wants_inputs)
    }

    fn backward_of(
        &self,
        x: &[f32],
        passed: &Passed,
        by_states: &[f32],
        wants_inputs: bool,
    ) -> LstmGradients {
        let (hidden, inputs, width) = (self.hidden, self.inputs, 4 * self.padded());
        let mut sums = Sums {
            inputs: wants_inputs.then(|| vec![0.0; passed.steps * passed.rows * inputs]),
            of_inputs: vec![0.0; inputs * width],
            of_hidden: vec![0.0; hidden * width],
            bias: vec![0.0; width],
        };
        dispatch(Backward { layer: self, x, passed, by_states, sums: &mut sums });
        LstmGradients {
            inputs: sums.inputs,
            of_inputs: unpadded(&sums.of_inputs, hidden),
            of_hidden: unpadded(&sums.of_hidden, hidden),
            bias: unpadded(&sums.bias, hidden),
        }
    }
}

/// Which steps there are, and which comes after which.
#[derive(Clone, Copy)]
struct Order {
    steps: usize,
    rows: usize,
    reverse: bool,
}

impl Order {
    /// The step that is read at a time.
    #[inline(always)]
    fn step(self, at: usize) -> usize {
        if self.reverse { self.steps - 1 - at } else { at }
    }

    /// The one that was read before.
    #[inline(always)]
    fn before(self, at: usize) -> Option<usize> {
        at.checked_sub(1).map(|at| self.step(at))
    }
}

/// Rows of four gates of `hidden` numbers, with zeros behind each gate.
fn padded(rows: &[f32], hidden: usize) -> Vec<f32> {
    let length = hidden.next_multiple_of(LANES);
    let gates = rows.chunks_exact(hidden);
    let zeros = || std::iter::repeat_n(0.0, length - hidden);
    gates.flat_map(|gate| gate.iter().copied().chain(zeros())).collect()
}

/// Rows of four gates without their padding.
fn unpadded(rows: &[f32], hidden: usize) -> Vec<f32> {
    let gates = rows.chunks_exact(hidden.next_multiple_of(LANES));
    gates.flat_map(|gate| &gate[..hidden]).copied().collect()
}

/// `[rows, width]` as `[width, columns]`, with zeros behind the rows.
fn transposed(matrix: &[f32], rows: usize, width: usize, columns: usize) -> Vec<f32> {
    let mut back = vec![0.0; width * columns];
    for (row, values) in matrix.chunks_exact(width).take(rows).enumerate() {
        for (at, value) in values.iter().enumerate() {
            back[at * columns + row] = *value;
        }
    }
    back
}

/// Steps one after the other.
struct Forward<'a> {
    layer: &'a Lstm,
    x: &'a [f32],
    order: Order,
    /// Whether gates and cells are kept of all steps, or of the last one.
    keep: bool,
    /// `[steps, rows, hidden]`.
    states: &'a mut [f32],
    /// Empty at first.
    gates: &'a mut Vec<f32>,
    cells: &'a mut Vec<f32>,
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Forward { layer, x, order, keep, states, gates, cells } = self;
        let Lstm { inputs, hidden, .. } = *layer;
        let (rows, width, padded) = (order.rows, 4 * layer.padded(), layer.padded());
        let size = rows * padded;
        cells.resize(size, 0.0);
        for at in 0..order.steps {
            let (step, before) = (order.step(at), order.before(at));
            if keep && at > 0 {
                cells.extend_from_within((at - 1) * size..);
            }
            let cells = &mut cells[if keep { at * size } else { 0 }..];
            if !keep {
                gates.clear();
            }
            (0..rows).for_each(|_| gates.extend_from_slice(&layer.bias));
            let gates = &mut gates[if keep { at * rows * width } else { 0 }..];
            let read = Left::rows(&x[step * rows * inputs..][..rows * inputs], inputs);
            let weights = Right { values: &layer.of_inputs, row: width };
            let into = Into { values: &mut *gates, row: width, add: true };
            multiply([rows, inputs, width], read, weights, into);
            if let Some(before) = before {
                let read = Left::rows(&states[before * rows * hidden..], hidden);
                let weights = Right { values: &layer.of_hidden, row: width };
                let into = Into { values: &mut *gates, row: width, add: true };
                multiply([rows, hidden, width], read, weights, into);
            }
            let states = &mut states[step * rows * hidden..][..rows * hidden];
            let lines = gates.chunks_exact_mut(width).zip(cells.chunks_exact_mut(padded));
            for ((gates, cells), states) in lines.zip(states.chunks_exact_mut(hidden)) {
                activate(simd, gates, cells, states);
            }
        }
    }
}

/// Activates the gates of a row, and turns its cells into the next ones, and those into states.
#[inline(always)]
fn activate<S: Simd>(simd: S, gates: &mut [f32], cells: &mut [f32], states: &mut [f32]) {
    let padded = cells.len();
    for at in (0..padded).step_by(S::F32_LANES) {
        let input = sigmoid(simd, load(simd, gates, at));
        let forget = sigmoid(simd, load(simd, gates, padded + at));
        let candidate = tanh(simd, load(simd, gates, 2 * padded + at));
        let output = sigmoid(simd, load(simd, gates, 3 * padded + at));
        store(simd, gates, at, input);
        store(simd, gates, padded + at, forget);
        store(simd, gates, 2 * padded + at, candidate);
        store(simd, gates, 3 * padded + at, output);
        let staying = simd.mul_f32s(forget, load(simd, cells, at));
        let cell = simd.mul_add_e_f32s(input, candidate, staying);
        store(simd, cells, at, cell);
        if at < states.len() {
            store(simd, states, at, simd.mul_f32s(output, tanh(simd, cell)));
        }
    }
}

/// Gradients while they are summed, with padding but for those of the inputs.
struct Sums {
    inputs: Option<Vec<f32>>,
    of_inputs: Vec<f32>,
    of_hidden: Vec<f32>,
    bias: Vec<f32>,
}

/// From the last step to the first; all products of a step while its gates are near.
struct Backward<'a> {
    layer: &'a Lstm,
    x: &'a [f32],
    passed: &'a Passed,
    by_states: &'a [f32],
    sums: &'a mut Sums,
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Backward { layer, x, passed, by_states, sums } = self;
        let Lstm { inputs, hidden, .. } = *layer;
        let Passed { steps, rows, reverse, .. } = *passed;
        let order = Order { steps, rows, reverse };
        let (width, padded) = (4 * layer.padded(), layer.padded());
        let size = rows * padded;
        let back = transposed(&layer.of_hidden, hidden, width, padded);
        let columns = inputs.next_multiple_of(LANES);
        let back_to_inputs = match sums.inputs {
            Some(_) => transposed(&layer.of_inputs, inputs, width, columns),
            None => Vec::new(),
        };
        let mut by_inputs = vec![0.0; sums.inputs.as_ref().map_or(0, |_| rows * columns)];
        let (mut by_state, mut by_cell) = (vec![0.0; size], vec![0.0; size]);
        let mut by_gates = vec![0.0; rows * width];
        let nothing = vec![0.0; size];
        for at in (0..steps).rev() {
            let (step, before) = (order.step(at), order.before(at));
            let cells = |at: usize| &passed.cells[at * size..][..size];
            undo(
                simd,
                Step {
                    gates: &passed.gates[at * rows * width..][..rows * width],
                    cells: cells(at),
                    old: at.checked_sub(1).map_or(&nothing[..], cells),
                    given: &by_states[step * rows * hidden..][..rows * hidden],
                    hidden,
                    padded,
                },
                &by_state,
                &mut by_cell,
                &mut by_gates,
            );
            for by_gates in by_gates.chunks_exact(width) {
                add_to(simd, &mut sums.bias, by_gates);
            }
            let by = Right { values: &by_gates, row: width };
            let read = Left::columns(&x[step * rows * inputs..][..rows * inputs], inputs);
            let into = Into { values: &mut sums.of_inputs, row: width, add: true };
            multiply([inputs, rows, width], read, by, into);
            let by_gates = Left::rows(&by_gates, width);
            if let Some(before) = before {
                let states = &passed.states[before * rows * hidden..][..rows * hidden];
                let into = Into { values: &mut sums.of_hidden, row: width, add: true };
                multiply([hidden, rows, width], Left::columns(states, hidden), by, into);
                let back = Right { values: &back, row: padded };
                let into = Into { values: &mut by_state, row: padded, add: false };
                multiply([rows, width, padded], by_gates, back, into);
            }
            if let Some(all) = &mut sums.inputs {
                let back = Right { values: &back_to_inputs, row: columns };
                let into = Into { values: &mut by_inputs, row: columns, add: false };
                multiply([rows, width, columns], by_gates, back, into);
                let all = all[step * rows * inputs..].chunks_exact_mut(inputs.max(1));
                for (all, by_inputs) in all.zip(by_inputs.chunks_exact(columns.max(1))) {
                    all.copy_from_slice(&by_inputs[..inputs]);
                }
            }
        }
    }
}

/// What a forward pass left of one step, all rows, and what is given to it.
#[derive(Clone, Copy)]
struct Step<'a> {
    gates: &'a [f32],
    cells: &'a [f32],
    /// The cells before.
    old: &'a [f32],
    /// The gradient by the states from without.
    given: &'a [f32],
    hidden: usize,
    padded: usize,
}

/// The gradients by what was activated, of those by the states from the step after and by the cells,
/// which become those by the cells before.
#[inline(always)]
fn undo<S: Simd>(
    simd: S,
    Step { gates, cells, old, given, hidden, padded }: Step<'_>,
    by_state: &[f32],
    by_cell: &mut [f32],
    by_gates: &mut [f32],
) {
    let one = simd.splat_f32s(1.0);
    for row in 0..cells.len() / padded {
        let from = row * padded..(row + 1) * padded;
        let (cells, old) = (&cells[from.clone()], &old[from.clone()]);
        let (by_state, by_cell) = (&by_state[from.clone()], &mut by_cell[from]);
        let given = &given[row * hidden..(row + 1) * hidden];
        let wide = row * 4 * padded..(row + 1) * 4 * padded;
        let (gates, by_gates) = (&gates[wide.clone()], &mut by_gates[wide]);
        for at in (0..padded).step_by(S::F32_LANES) {
            let [i, f, g, o] = [0, 1, 2, 3].map(|gate| load(simd, gates, gate * padded + at));
            let given = if at < hidden { load(simd, given, at) } else { simd.splat_f32s(0.0) };
            let by_state = simd.add_f32s(load(simd, by_state, at), given);
            let by_state = without_traces(simd, by_state);
            let bent = tanh(simd, load(simd, cells, at));
            let slope = |y| simd.sub_f32s(one, simd.mul_f32s(y, y));
            let through = simd.mul_f32s(simd.mul_f32s(by_state, o), slope(bent));
            let by = without_traces(simd, simd.add_f32s(load(simd, by_cell, at), through));
            let steep = |y| simd.mul_f32s(y, simd.sub_f32s(one, y));
            let of_input = simd.mul_f32s(simd.mul_f32s(by, g), steep(i));
            let of_forget = simd.mul_f32s(simd.mul_f32s(by, load(simd, old, at)), steep(f));
            let of_candidate = simd.mul_f32s(simd.mul_f32s(by, i), slope(g));
            let of_output = simd.mul_f32s(simd.mul_f32s(by_state, bent), steep(o));
            store(simd, by_gates, at, without_traces(simd, of_input));
            store(simd, by_gates, padded + at, without_traces(simd, of_forget));
            store(simd, by_gates, 2 * padded + at, without_traces(simd, of_candidate));
            store(simd, by_gates, 3 * padded + at, without_traces(simd, of_output));
            store(simd, by_cell, at, without_traces(simd, simd.mul_f32s(by, f)));
        }
    }
}

/// `to += from`, whole vectors.
#[inline(always)]
fn add_to<S: Simd>(simd: S, to: &mut [f32], from: &[f32]) {
    let ((to, _), (from, _)) = (S::as_mut_simd_f32s(to), S::as_simd_f32s(from));
    for (to, from) in to.iter_mut().zip(from) {
        *to = simd.add_f32s(*to, *from);
    }
}

#[cfg(test)]
mod tests;

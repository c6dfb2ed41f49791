//! One direction of one layer of long short-term memory, with its gradients.

use pulp::{Simd, WithSimd};

use crate::elementwise::{sigmoid, tanh};
use crate::level::{dispatch, load, store, without_traces};
use crate::product::{Into, LANES, Left, Onto, Packed, Right, multiply_packed};
use crate::room::Room;

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

/// What a forward pass leaves behind beside the states.
#[derive(Debug)]
pub struct Passed {
    /// `[steps, rows, 4 * padded]`, activated, the step that was read first first.
    gates: Room,
    /// `[steps, rows, padded]`, in the same order.
    cells: Room,
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
        let gates = &mut vec![0.0; rows * 4 * self.padded()];
        let cells = &mut vec![0.0; rows * self.padded()];
        let keep = false;
        dispatch(Forward { layer: self, x, order, states: &mut states, keep, gates, cells });
        states
    }

    /// The same, with what [`Lstm::backward`] needs beside them.
    ///
    /// # Panics
    /// When `x` is shorter than its shape says.
    pub fn forward(
        &self,
        x: &[f32],
        steps: usize,
        rows: usize,
        reverse: bool,
    ) -> (Vec<f32>, Passed) {
        let (all, padded) = (steps * rows, self.padded());
        let mut states = vec![0.0; all * self.hidden];
        let (gates, cells) = (Room::of(all * 4 * padded), Room::of(all * padded));
        let mut passed = Passed { gates, cells, steps, rows, reverse };
        let Passed { gates, cells, .. } = &mut passed;
        let (order, keep) = (Order { steps, rows, reverse }, true);
        dispatch(Forward { layer: self, x, order, states: &mut states, keep, gates, cells });
        (states, passed)
    }

    /// Gradients of a loss whose gradients by the states that [`Lstm::forward`] gave are `by_states`:
    /// `[steps, rows, hidden]`, or `[rows, hidden]` where it depends on those alone that came last.
    ///
    /// # Panics
    /// When a slice is shorter than its shape says.
    pub fn backward(
        &self,
        x: &[f32],
        (states, passed): (&[f32], &Passed),
        by_states: ByStates<'_>,
        wants_inputs: bool,
    ) -> LstmGradients {
        let (hidden, inputs, width) = (self.hidden, self.inputs, 4 * self.padded());
        let mut sums = Sums {
            inputs: wants_inputs.then(|| vec![0.0; passed.steps * passed.rows * inputs]),
            of_inputs: vec![0.0; inputs * width],
            of_hidden: vec![0.0; hidden * width],
            bias: vec![0.0; width],
        };
        dispatch(Backward { layer: self, x, states, passed, by_states, sums: &mut sums });
        LstmGradients {
            inputs: sums.inputs,
            of_inputs: unpadded(&sums.of_inputs, hidden),
            of_hidden: unpadded(&sums.of_hidden, hidden),
            bias: unpadded(&sums.bias, hidden),
        }
    }
}

/// Gradients of a loss by the states.
#[derive(Debug, Clone, Copy)]
pub enum ByStates<'a> {
    /// `[steps, rows, hidden]`.
    All(&'a [f32]),
    /// `[rows, hidden]`: by those after the step that was read last.
    Last(&'a [f32]),
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

/// `[rows, width]` as `[width, columns]`, with zeros behind the rows, so that tiles are whole.
fn turned(matrix: &[f32], [rows, width]: [usize; 2], columns: usize) -> Packed {
    let mut back = vec![0.0; width * columns];
    for (row, values) in matrix.chunks_exact(width).take(rows).enumerate() {
        let places = back[row..].iter_mut().step_by(columns);
        places.zip(values).for_each(|(place, value)| *place = *value);
    }
    Packed::new(Right::rows(&back, columns), [width, columns])
}

/// Steps one after the other.
struct Forward<'a> {
    layer: &'a Lstm,
    x: &'a [f32],
    order: Order,
    /// `[steps, rows, hidden]`.
    states: &'a mut [f32],
    /// Whether gates and cells are kept of all steps, or of the last one.
    keep: bool,
    gates: &'a mut [f32],
    cells: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Forward { layer, x, order, states, keep, gates, cells } = self;
        let Lstm { inputs, hidden, .. } = *layer;
        let (rows, width, padded) = (order.rows, 4 * layer.padded(), layer.padded());
        let right = |values| Right::rows(values, width);
        let of_inputs = Packed::new(right(&layer.of_inputs), [inputs, width]);
        let of_hidden = Packed::new(right(&layer.of_hidden), [hidden, width]);
        // What goes into the gates of one step, and its cells: they stay near.
        let (mut sums, mut near) = (vec![0.0; rows * width], vec![0.0; rows * padded]);
        for at in 0..order.steps {
            let (step, before) = (order.step(at), order.before(at));
            let read = Left::rows(&x[step * rows * inputs..][..rows * inputs], inputs);
            let into = Into { values: &mut sums, row: width, onto: Onto::Row(&layer.bias) };
            multiply_packed(rows, read, &of_inputs, into);
            if let Some(before) = before {
                let read = Left::rows(&states[before * rows * hidden..], hidden);
                let into = Into { values: &mut sums, row: width, onto: Onto::Itself };
                multiply_packed(rows, read, &of_hidden, into);
            }
            let kept = if keep { at * rows } else { 0 };
            let gates = gates[kept * width..].chunks_exact_mut(width);
            let kept = gates.zip(cells[kept * padded..].chunks_exact_mut(padded));
            let lines = sums.chunks_exact(width).zip(near.chunks_exact_mut(padded));
            let states = states[step * rows * hidden..].chunks_exact_mut(hidden);
            for (((sums, near), kept), states) in lines.zip(kept).zip(states) {
                activate(simd, sums, near, kept, states);
            }
        }
    }
}

/// Activates the gates of a row, and turns its cells into the next ones, and those into states; keeps
/// the gates and the next cells.
#[inline(always)]
fn activate<S: Simd>(
    simd: S,
    sums: &[f32],
    cells: &mut [f32],
    (gates, kept): (&mut [f32], &mut [f32]),
    states: &mut [f32],
) {
    let padded = cells.len();
    for at in (0..padded).step_by(S::F32_LANES) {
        let input = sigmoid(simd, load(simd, sums, at));
        let forget = sigmoid(simd, load(simd, sums, padded + at));
        let candidate = tanh(simd, load(simd, sums, 2 * padded + at));
        let output = sigmoid(simd, load(simd, sums, 3 * padded + at));
        store(simd, gates, at, input);
        store(simd, gates, padded + at, forget);
        store(simd, gates, 2 * padded + at, candidate);
        store(simd, gates, 3 * padded + at, output);
        let staying = simd.mul_f32s(forget, load(simd, cells, at));
        let cell = simd.mul_add_e_f32s(input, candidate, staying);
        store(simd, cells, at, cell);
        store(simd, kept, at, cell);
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
    states: &'a [f32],
    passed: &'a Passed,
    by_states: ByStates<'a>,
    sums: &'a mut Sums,
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Backward { layer, x, states, passed, by_states, sums } = self;
        let Lstm { inputs, hidden, .. } = *layer;
        let Passed { steps, rows, reverse, .. } = *passed;
        let order = Order { steps, rows, reverse };
        let (width, padded) = (4 * layer.padded(), layer.padded());
        let size = rows * padded;
        let back = turned(&layer.of_hidden, [hidden, width], padded);
        let back_to_inputs = match sums.inputs {
            Some(_) => Some(Packed::new(Right::columns(&layer.of_inputs, width), [width, inputs])),
            _ => None,
        };
        let (mut by_state, mut by_cell) = (vec![0.0; size], vec![0.0; size]);
        let mut by_gates = vec![0.0; rows * width];
        let mut packed = Packed::default();
        let nothing = vec![0.0; size];
        for at in (0..steps).rev() {
            let (step, before) = (order.step(at), order.before(at));
            let cells = |at: usize| &passed.cells[at * size..][..size];
            let given = match by_states {
                ByStates::All(all) => &all[step * rows * hidden..][..rows * hidden],
                ByStates::Last(last) if at + 1 == steps => &last[..rows * hidden],
                ByStates::Last(_) => &nothing[..rows * hidden],
            };
            let gates = &passed.gates[at * rows * width..][..rows * width];
            let old = at.checked_sub(1).map_or(&nothing[..], cells);
            let reached = Step { gates, cells: cells(at), old, given, hidden, padded };
            undo(simd, reached, &by_state, &mut by_cell, &mut by_gates);
            for by_gates in by_gates.chunks_exact(width) {
                add_to(simd, &mut sums.bias, by_gates);
            }
            packed.fill(Right::rows(&by_gates, width), [rows, width]);
            let read = Left::columns(&x[step * rows * inputs..][..rows * inputs], inputs);
            let into = Into { values: &mut sums.of_inputs, row: width, onto: Onto::Itself };
            multiply_packed(inputs, read, &packed, into);
            let by_gates = Left::rows(&by_gates, width);
            if let Some(before) = before {
                let states = &states[before * rows * hidden..][..rows * hidden];
                let into = Into { values: &mut sums.of_hidden, row: width, onto: Onto::Itself };
                multiply_packed(hidden, Left::columns(states, hidden), &packed, into);
                let into = Into { values: &mut by_state, row: padded, onto: Onto::Nothing };
                multiply_packed(rows, by_gates, &back, into);
            }
            if let (Some(all), Some(back)) = (&mut sums.inputs, &back_to_inputs) {
                let values = &mut all[step * rows * inputs..][..rows * inputs];
                let into = Into { values, row: inputs, onto: Onto::Nothing };
                multiply_packed(rows, by_gates, back, into);
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

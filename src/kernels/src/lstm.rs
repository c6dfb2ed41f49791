//! One direction of one layer of long short-term memory, with its gradients.

use pulp::{Simd, WithSimd};

use crate::level::dispatch;
use crate::product::{LANES, Left, add_product};

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
    /// `[steps, rows, 4 * padded]`, activated.
    gates: Vec<f32>,
    /// `[steps, rows, padded]`.
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

    /// Reads `x` `[steps, rows, inputs]` from zero states, from the last step on where `reverse`.
    ///
    /// # Panics
    /// When `x` is shorter than its shape says.
    pub fn forward(&self, x: &[f32], steps: usize, rows: usize, reverse: bool) -> Passed {
        let (hidden, padded) = (self.hidden, self.padded());
        let width = 4 * padded;
        let all = steps * rows;
        let mut gates = Vec::with_capacity(all * width);
        (0..all).for_each(|_| gates.extend_from_slice(&self.bias));
        let read = Left { values: x, row: self.inputs, column: 1 };
        add_product(all, self.inputs, width, read, &self.of_inputs, &mut gates);
        let mut states = vec![0.0; all * hidden];
        let mut cells = vec![0.0; all * padded];
        let nothing = vec![0.0; rows * padded];
        for at in 0..steps {
            let step = if reverse { steps - 1 - at } else { at };
            let before = if reverse { step + 1 } else { step.wrapping_sub(1) };
            let gates = &mut gates[step * rows * width..][..rows * width];
            if at > 0 {
                let state = &states[before * rows * hidden..][..rows * hidden];
                let read = Left { values: state, row: hidden, column: 1 };
                add_product(rows, hidden, width, read, &self.of_hidden, gates);
            }
            // Of two steps of one buffer, one is read and one written.
            let size = rows * padded;
            let (old, new) = match (at, reverse) {
                (0, _) => (nothing.as_slice(), &mut cells[step * size..][..size]),
                (_, false) => {
                    let (done, rest) = cells.split_at_mut(step * size);
                    (&done[before * size..], &mut rest[..size])
                }
                (_, true) => {
                    let (rest, done) = cells.split_at_mut(before * size);
                    (&done[..size], &mut rest[step * size..])
                }
            };
            let states = &mut states[step * rows * hidden..][..rows * hidden];
            dispatch(Activate { gates, old, new, states, padded, hidden });
        }
        Passed { states, gates, cells, steps, rows, reverse }
    }

    /// Gradients of a loss whose gradients by the states are `by_states` `[steps, rows, hidden]`.
    ///
    /// # Panics
    /// When a slice is shorter than its shape says.
    pub fn backward(
        &self,
        x: &[f32],
        mut passed: Passed,
        by_states: &[f32],
        wants_inputs: bool,
    ) -> LstmGradients {
        let Passed { steps, rows, reverse, .. } = passed;
        let (hidden, padded) = (self.hidden, self.padded());
        let (width, size) = (4 * padded, rows * padded);
        let back = transposed(&self.of_hidden, self.hidden, width, padded);
        let mut by_state = vec![0.0; size];
        let mut by_cell = vec![0.0; size];
        let nothing = vec![0.0; size];
        for at in (0..steps).rev() {
            let step = if reverse { steps - 1 - at } else { at };
            let before = if reverse { step + 1 } else { step.wrapping_sub(1) };
            let given = &by_states[step * rows * hidden..][..rows * hidden];
            let gates = &mut passed.gates[step * rows * width..][..rows * width];
            let cells = &passed.cells[step * size..][..size];
            let old = if at > 0 { &passed.cells[before * size..][..size] } else { &nothing };
            let (by_state_now, by_cell) = (&mut by_state[..], &mut by_cell[..]);
            dispatch(Undo {
                gates,
                cells,
                old,
                given,
                by_state: by_state_now,
                by_cell,
                padded,
                hidden,
            });
            by_state.fill(0.0);
            if at > 0 {
                let read = Left { values: gates, row: width, column: 1 };
                add_product(rows, width, padded, read, &back, &mut by_state);
            }
        }
        self.gathered(x, &passed, wants_inputs)
    }

    /// What all steps together give, once the gates hold their gradients.
    fn gathered(&self, x: &[f32], passed: &Passed, wants_inputs: bool) -> LstmGradients {
        let Passed { steps, rows, reverse, states, gates: by_gates, .. } = passed;
        let (hidden, inputs, width) = (self.hidden, self.inputs, 4 * self.padded());
        let all = steps * rows;
        let mut of_inputs = vec![0.0; inputs * width];
        let read = Left { values: x, row: 1, column: inputs };
        add_product(inputs, all, width, read, by_gates, &mut of_inputs);
        let mut of_hidden = vec![0.0; hidden * width];
        let others = all.saturating_sub(*rows);
        let (from, to) = if *reverse { (*rows, 0) } else { (0, *rows) };
        if others > 0 {
            let read = Left { values: &states[from * hidden..], row: 1, column: hidden };
            add_product(hidden, others, width, read, &by_gates[to * width..], &mut of_hidden);
        }
        let mut bias = vec![0.0; width];
        for row in by_gates.chunks_exact(width) {
            bias.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        let by_inputs = wants_inputs.then(|| {
            let columns = inputs.next_multiple_of(LANES);
            let back = transposed(&self.of_inputs, inputs, width, columns);
            let mut by_inputs = vec![0.0; all * columns];
            let read = Left { values: by_gates, row: width, column: 1 };
            add_product(all, width, columns, read, &back, &mut by_inputs);
            by_inputs.chunks_exact(columns).flat_map(|row| &row[..inputs]).copied().collect()
        });
        LstmGradients {
            inputs: by_inputs,
            of_inputs: unpadded(&of_inputs, hidden),
            of_hidden: unpadded(&of_hidden, hidden),
            bias: unpadded(&bias, hidden),
        }
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

/// Activates the gates of one step, and makes its cells and states of them.
///
/// A struct and no closure: only what is inlined for sure is compiled for the vectors there are.
struct Activate<'a> {
    gates: &'a mut [f32],
    old: &'a [f32],
    new: &'a mut [f32],
    states: &'a mut [f32],
    padded: usize,
    hidden: usize,
}

impl WithSimd for Activate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Activate { gates, old, new, states, padded, hidden } = self;
        let rows = gates.chunks_exact_mut(4 * padded).zip(old.chunks_exact(padded));
        let rows = rows.zip(new.chunks_exact_mut(padded)).zip(states.chunks_exact_mut(hidden));
        for (((gates, old), new), state) in rows {
            let (input, rest) = gates.split_at_mut(padded);
            let (forget, rest) = rest.split_at_mut(padded);
            let (candidate, output) = rest.split_at_mut(padded);
            input.iter_mut().for_each(|x| *x = sigmoid(*x));
            forget.iter_mut().for_each(|x| *x = sigmoid(*x));
            candidate.iter_mut().for_each(|x| *x = tanh(*x));
            output.iter_mut().for_each(|x| *x = sigmoid(*x));
            let entering = input.iter().zip(candidate.iter());
            let staying = forget.iter().zip(old);
            for ((new, (i, g)), (f, old)) in new.iter_mut().zip(entering).zip(staying) {
                *new = f * old + i * g;
            }
            for (state, (output, cell)) in state.iter_mut().zip(output.iter().zip(new.iter())) {
                *state = output * tanh(*cell);
            }
        }
    }
}

/// Turns the activated gates of one step into the gradients by what was activated, and the
/// gradients by the cells into those by the cells before.
struct Undo<'a> {
    gates: &'a mut [f32],
    cells: &'a [f32],
    old: &'a [f32],
    given: &'a [f32],
    by_state: &'a mut [f32],
    by_cell: &'a mut [f32],
    padded: usize,
    hidden: usize,
}

impl WithSimd for Undo<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Undo { gates, cells, old, given, by_state, by_cell, padded, hidden } = self;
        let rows = gates.chunks_exact_mut(4 * padded).zip(cells.chunks_exact(padded));
        let rows = rows.zip(old.chunks_exact(padded)).zip(given.chunks_exact(hidden));
        let rows =
            rows.zip(by_state.chunks_exact_mut(padded)).zip(by_cell.chunks_exact_mut(padded));
        for (((((gates, cells), old), given), by_state), by_cell) in rows {
            by_state.iter_mut().zip(given).for_each(|(sum, given)| *sum += given);
            let (input, rest) = gates.split_at_mut(padded);
            let (forget, rest) = rest.split_at_mut(padded);
            let (candidate, output) = rest.split_at_mut(padded);
            let gates = input.iter_mut().zip(forget).zip(candidate.iter_mut()).zip(output);
            let sums = by_state.iter().zip(by_cell).zip(cells.iter().zip(old));
            for ((((input, forget), candidate), output), ((by_state, by_cell), (cell, old))) in
                gates.zip(sums)
            {
                let (i, f, g, o) = (*input, *forget, *candidate, *output);
                let bent = tanh(*cell);
                let by = *by_cell + by_state * o * (1.0 - bent * bent);
                *output = by_state * bent * o * (1.0 - o);
                *input = by * g * i * (1.0 - i);
                *forget = by * old * f * (1.0 - f);
                *candidate = by * i * (1.0 - g * g);
                *by_cell = by * f;
            }
        }
    }
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    0.5 + 0.5 * tanh(0.5 * x)
}

/// Within 3e-7; a rational function of degrees 13 and 6 (as Eigen has it). A NaN stays one.
#[inline(always)]
fn tanh(x: f32) -> f32 {
    const BOUND: f32 = 7.905_311;
    let x = if x > BOUND { BOUND } else { x };
    let x = if x < -BOUND { -BOUND } else { x };
    let s = x * x;
    let mut p = -2.760_768_5e-16_f32;
    for c in [
        2.000_188e-13,
        -8.604_672e-11,
        5.122_297_3e-8,
        1.485_722_4e-5,
        6.372_619_4e-4,
        4.893_524_6e-3,
    ] {
        p = p * s + c;
    }
    let mut q = 1.198_258_4e-6_f32;
    for c in [1.185_347_1e-4, 2.268_434_6e-3, 4.893_525e-3] {
        q = q * s + c;
    }
    x * p / q
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activations_are_near_the_true_ones() {
        for i in -20_000..=20_000 {
            let x = i as f32 / 1000.0;
            assert!((f64::from(tanh(x)) - f64::from(x).tanh()).abs() < 4e-7, "{x}");
            let true_one = 1.0 / (1.0 + (-f64::from(x)).exp());
            assert!((f64::from(sigmoid(x)) - true_one).abs() < 4e-7, "{x}");
        }
        assert!(tanh(f32::NAN).is_nan() && sigmoid(f32::NAN).is_nan());
        assert!((tanh(f32::INFINITY) - 1.0).abs() < 1e-6 && tanh(f32::NEG_INFINITY) < -0.999);
    }

    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        let number =
            |i: usize| (((i + seed * 9973) * 2_654_435_761) >> 7 & 1023) as f32 / 512.0 - 1.0;
        (0..count).map(number).collect()
    }

    /// The states by plain loops in f64.
    fn reference(x: &[f32], w: [&[f32]; 3], sizes: [usize; 4], reverse: bool) -> Vec<f64> {
        let [steps, rows, inputs, hidden] = sizes;
        let [of_inputs, of_hidden, bias] = w;
        let mut states = vec![0.0; steps * rows * hidden];
        for row in 0..rows {
            let (mut h, mut c) = (vec![0.0; hidden], vec![0.0; hidden]);
            for at in 0..steps {
                let step = if reverse { steps - 1 - at } else { at };
                let gate = |gate: usize, j: usize| {
                    let column = gate * hidden + j;
                    let mut sum = f64::from(bias[column]);
                    for i in 0..inputs {
                        sum += f64::from(x[(step * rows + row) * inputs + i])
                            * f64::from(of_inputs[i * 4 * hidden + column]);
                    }
                    for (i, h) in h.iter().enumerate() {
                        sum += h * f64::from(of_hidden[i * 4 * hidden + column]);
                    }
                    sum
                };
                let s = |z: f64| 1.0 / (1.0 + (-z).exp());
                let pairs: Vec<(f64, f64)> = (0..hidden)
                    .map(|j| {
                        let cell = s(gate(1, j)) * c[j] + s(gate(0, j)) * gate(2, j).tanh();
                        (cell, s(gate(3, j)) * cell.tanh())
                    })
                    .collect();
                for (j, (cell, state)) in pairs.into_iter().enumerate() {
                    (c[j], h[j]) = (cell, state);
                    states[(step * rows + row) * hidden + j] = state;
                }
            }
        }
        states
    }

    #[test]
    fn states_and_gradients_are_those_of_plain_loops() {
        for (steps, rows, inputs, hidden, reverse) in
            [(5, 3, 2, 4, false), (4, 1, 1, 1, true), (1, 7, 3, 17, false), (6, 2, 20, 5, true)]
        {
            let sizes = [steps, rows, inputs, hidden];
            let x = numbers(steps * rows * inputs, 1);
            let mut w = [
                numbers(inputs * 4 * hidden, 2),
                numbers(hidden * 4 * hidden, 3),
                numbers(4 * hidden, 4),
            ];
            let weigh = numbers(steps * rows * hidden, 5);
            let loss = |x: &[f32], w: &[Vec<f32>; 3]| {
                let states = reference(x, [&w[0], &w[1], &w[2]], sizes, reverse);
                states.iter().zip(&weigh).map(|(s, w)| s * f64::from(*w)).sum::<f64>()
            };
            let layer = Lstm::new(inputs, &w[0], &w[1], &w[2]).unwrap();
            let passed = layer.forward(&x, steps, rows, reverse);
            let expected = reference(&x, [&w[0], &w[1], &w[2]], sizes, reverse);
            for (found, expected) in passed.states.iter().zip(&expected) {
                assert!((f64::from(*found) - expected).abs() < 1e-5);
            }
            let found = layer.backward(&x, passed.clone(), &weigh, true);
            assert!(layer.backward(&x, passed, &weigh, false).inputs.is_none());
            // By small differences, of which f32 weights leave a few digits.
            let near = |found: f32, up: f64, down: f64, by: f64| {
                let expected = (up - down) / by;
                assert!((f64::from(found) - expected).abs() < 2e-3, "{found} {expected}");
            };
            let step = 1.0 / 256.0;
            for at in 0..x.len() {
                let moved = |by: f32| {
                    let mut x = x.clone();
                    x[at] += by;
                    loss(&x, &w)
                };
                near(
                    found.inputs.as_ref().unwrap()[at],
                    moved(step),
                    moved(-step),
                    f64::from(2.0 * step),
                );
            }
            for (which, gradients) in
                [found.of_inputs, found.of_hidden, found.bias].into_iter().enumerate()
            {
                for (at, gradient) in gradients.iter().enumerate() {
                    let before = w[which][at];
                    w[which][at] = before + step;
                    let up = loss(&x, &w);
                    w[which][at] = before - step;
                    let down = loss(&x, &w);
                    w[which][at] = before;
                    near(*gradient, up, down, f64::from(2.0 * step));
                }
            }
        }
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        assert!(Lstm::new(1, &[0.0; 4], &[0.0; 4], &[0.0; 4]).is_some());
        assert!(Lstm::new(2, &[0.0; 4], &[0.0; 4], &[0.0; 4]).is_none());
        assert!(Lstm::new(1, &[0.0; 5], &[0.0; 4], &[0.0; 5]).is_none());
        assert!(Lstm::new(0, &[], &[], &[]).is_none());
    }
}

use proptest::prelude::*;

use super::*;
use crate::level::tests::each;
use crate::reference::{
    Number, assert_gradient, assert_near, assert_same_bits, numbers, of, weighed,
};

#[derive(Debug, Clone, Copy)]
struct Size {
    steps: usize,
    rows: usize,
    inputs: usize,
    hidden: usize,
    reverse: bool,
}

impl Size {
    /// Steps in the order in which they are read.
    fn order(self) -> Vec<usize> {
        let forth = 0..self.steps;
        if self.reverse { forth.rev().collect() } else { forth.collect() }
    }
}

/// What is read, and the weights by the inputs, by the states, and the biases.
type Parts<N> = [Vec<N>; 4];

fn parts(size: Size, seed: u32) -> Parts<f32> {
    let Size { steps, rows, inputs, hidden, .. } = size;
    let counts = [steps * rows * inputs, inputs * 4 * hidden, hidden * 4 * hidden, 4 * hidden];
    [0, 1, 2, 3].map(|part| numbers(counts[part], seed ^ part as u32))
}

/// Of one step of one row, the activated gates, the cells and the states.
#[derive(Clone)]
struct Reached<N> {
    gates: Vec<N>,
    cells: Vec<N>,
    states: Vec<N>,
}

/// Each row's steps as they are read.
fn passed<N: Number>(
    size: Size,
    [x, of_inputs, of_hidden, bias]: &Parts<N>,
) -> Vec<Vec<Reached<N>>> {
    let Size { rows, inputs, hidden, .. } = size;
    let zeros = vec![N::of(0.0); hidden];
    let one = |row: usize| {
        let mut before = Reached { gates: vec![], cells: zeros.clone(), states: zeros.clone() };
        let mut all = Vec::new();
        for step in size.order() {
            let x = &x[(step * rows + row) * inputs..][..inputs];
            let gate = |column: usize| {
                let weight = |weights: &[N], i: usize| weights[i * 4 * hidden + column];
                let mut sum = bias[column];
                x.iter().enumerate().for_each(|(i, x)| sum += *x * weight(of_inputs, i));
                let states = before.states.iter().enumerate();
                states.for_each(|(i, h)| sum += *h * weight(of_hidden, i));
                if column / hidden == 2 { sum.tanh() } else { sum.sigmoid() }
            };
            let gates: Vec<N> = (0..4 * hidden).map(gate).collect();
            let cell =
                |j: usize| gates[hidden + j] * before.cells[j] + gates[j] * gates[2 * hidden + j];
            let cells: Vec<N> = (0..hidden).map(cell).collect();
            let states = cells.iter().zip(&gates[3 * hidden..]).map(|(c, o)| *o * c.tanh());
            before = Reached { states: states.collect(), gates, cells };
            all.push(before.clone());
        }
        all
    };
    (0..rows).map(one).collect()
}

/// The states, `[steps, rows, hidden]`.
fn reference<N: Number>(size: Size, parts: &Parts<N>) -> Vec<N> {
    let Size { steps, rows, hidden, .. } = size;
    let mut states = vec![N::of(0.0); steps * rows * hidden];
    for (row, all) in passed(size, parts).into_iter().enumerate() {
        for (step, reached) in size.order().into_iter().zip(all) {
            states[(step * rows + row) * hidden..][..hidden].copy_from_slice(&reached.states);
        }
    }
    states
}

fn gradient<N: Number>(size: Size, parts: &Parts<N>, by_states: &[N]) -> Parts<N> {
    let Size { rows, inputs, hidden, .. } = size;
    let zeros = vec![N::of(0.0); hidden];
    let one = N::of(1.0);
    let mut found = parts.each_ref().map(|part| vec![N::of(0.0); part.len()]);
    for (row, all) in passed(size, parts).iter().enumerate() {
        let (mut by_state, mut by_cell) = (zeros.clone(), zeros.clone());
        for (at, step) in size.order().into_iter().enumerate().rev() {
            let Reached { gates, cells, .. } = &all[at];
            let before = at.checked_sub(1).map(|at| &all[at]);
            let old = before.map_or(&zeros, |before| &before.cells);
            let mut by_gates = vec![N::of(0.0); 4 * hidden];
            for j in 0..hidden {
                let [i, f, g, o] = [0, 1, 2, 3].map(|gate| gates[gate * hidden + j]);
                let by = by_state[j] + by_states[(step * rows + row) * hidden + j];
                let bent = cells[j].tanh();
                by_cell[j] += by * o * (one - bent * bent);
                by_gates[j] = by_cell[j] * g * i * (one - i);
                by_gates[hidden + j] = by_cell[j] * old[j] * f * (one - f);
                by_gates[2 * hidden + j] = by_cell[j] * i * (one - g * g);
                by_gates[3 * hidden + j] = by * bent * o * (one - o);
                by_cell[j] = by_cell[j] * f;
            }
            by_state = zeros.clone();
            for (column, by) in by_gates.into_iter().enumerate() {
                found[3][column] += by;
                for input in 0..inputs {
                    let (x, w) =
                        ((step * rows + row) * inputs + input, input * 4 * hidden + column);
                    found[0][x] += by * parts[1][w];
                    found[1][w] += by * parts[0][x];
                }
                for (i, by_state) in by_state.iter_mut().enumerate() {
                    let w = i * 4 * hidden + column;
                    *by_state += by * parts[2][w];
                    found[2][w] += before.map_or(N::of(0.0), |before| by * before.states[i]);
                }
            }
        }
    }
    found
}

#[test]
fn the_references_gradients_are_its_slopes() {
    for (steps, rows, inputs, hidden, reverse) in
        [(1, 1, 1, 1, false), (4, 2, 3, 2, false), (3, 1, 2, 3, true)]
    {
        let size = Size { steps, rows, inputs, hidden, reverse };
        let parts = parts(size, 1).map(|part| of::<f64>(&part));
        let by_states: Vec<f64> = of(&numbers(steps * rows * hidden, 2));
        let found = gradient(size, &parts, &by_states);
        for part in 0..4 {
            assert_gradient(&parts[part], &found[part], |moved| {
                let mut parts = parts.clone();
                parts[part] = moved.to_vec();
                weighed(&reference(size, &parts), &by_states)
            });
        }
    }
}

fn held<N: Number>(size: Size, parts: &Parts<f32>, by_states: &[f32]) {
    let Size { steps, rows, inputs, hidden, reverse } = size;
    let [x, of_inputs, of_hidden, bias] = parts;
    let wide = parts.each_ref().map(|part| of::<N>(part));
    let layer = Lstm::new(inputs, of_inputs, of_hidden, bias).unwrap();
    let (states, passed) = layer.forward(x, steps, rows, reverse);
    assert_near(&states, &reference(size, &wide));
    assert_same_bits(&layer.states(x, steps, rows, reverse), &states);
    let left = (states.as_slice(), &passed);
    let found = layer.backward(x, left, ByStates::All(by_states), true);
    let [by_x, by_inputs, by_hidden, by_bias] = gradient(size, &wide, &of(by_states));
    assert_near(found.inputs.as_ref().unwrap(), &by_x);
    assert_near(&found.of_inputs, &by_inputs);
    assert_near(&found.of_hidden, &by_hidden);
    assert_near(&found.bias, &by_bias);
    let without = layer.backward(x, left, ByStates::All(by_states), false);
    assert!(without.inputs.is_none());
    assert_same_bits(&without.of_hidden, &found.of_hidden);
    let size = rows * hidden;
    if let Some(last) = if reverse { steps.checked_sub(1).map(|_| 0) } else { steps.checked_sub(1) }
    {
        let last = last * size..(last + 1) * size;
        let mut all = vec![0.0; steps * size];
        all[last.clone()].copy_from_slice(&by_states[last.clone()]);
        let all = layer.backward(x, left, ByStates::All(&all), true);
        let last = layer.backward(x, left, ByStates::Last(&by_states[last]), true);
        assert_same_bits(&last.bias, &all.bias);
        assert_same_bits(last.inputs.as_ref().unwrap(), all.inputs.as_ref().unwrap());
    }
    for row in 0..rows {
        let of_row = |all: &[f32], count: usize| -> Vec<f32> {
            let steps = all.chunks(rows * count);
            steps.flat_map(|step| step[row * count..][..count].to_vec()).collect()
        };
        let alone = layer.states(&of_row(x, inputs), steps, 1, reverse);
        assert_same_bits(&alone, &of_row(&states, hidden));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn it_is_the_reference_in_any_shape(
        steps in 0_usize..7, rows in 1_usize..12, inputs in 1_usize..20, hidden in 1_usize..36,
        reverse in any::<bool>(), seed in any::<u32>(),
    ) {
        let size = Size { steps, rows, inputs, hidden, reverse };
        // Not so large that the gates are shut.
        let parts = parts(size, seed).map(|part| part.iter().map(|x| 0.5 * x).collect());
        let by_states = numbers(steps * rows * hidden, seed ^ 9);
        for _level in each() {
            held::<f64>(size, &parts, &by_states);
            held::<f32>(size, &parts, &by_states);
        }
    }
}

#[test]
fn what_is_no_number_stays_seen_and_in_its_row() {
    let size = Size { steps: 2, rows: 2, inputs: 1, hidden: 3, reverse: false };
    let [mut x, of_inputs, of_hidden, bias] = parts(size, 1);
    x[0] = f32::NAN;
    let layer = Lstm::new(1, &of_inputs, &of_hidden, &bias).unwrap();
    for _level in each() {
        let states = layer.states(&x, 2, 2, false);
        let rows: Vec<bool> =
            states.chunks(3).map(|row| row.iter().all(|state| state.is_nan())).collect();
        assert_eq!(rows, [true, false, true, false]);
    }
}

#[test]
fn lengths_that_do_not_fit_are_refused() {
    assert!(Lstm::new(1, &[0.0; 4], &[0.0; 4], &[0.0; 4]).is_some());
    assert!(Lstm::new(2, &[0.0; 4], &[0.0; 4], &[0.0; 4]).is_none());
    assert!(Lstm::new(1, &[0.0; 5], &[0.0; 4], &[0.0; 5]).is_none());
    assert!(Lstm::new(0, &[], &[], &[]).is_none());
}

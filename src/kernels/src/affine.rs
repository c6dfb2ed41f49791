//! A fully connected layer while it learns, forwards and backwards. What answers is in `dense.rs`.

use pulp::{Simd, WithSimd};

use crate::level::{dispatch, load, store};
use crate::product::{Into, Left, Onto, Right, multiply};

/// `x W + b`, and the negative of it made 0 where it is rectified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Affine {
    pub inputs: usize,
    pub outputs: usize,
    pub rectified: bool,
}

/// Gradients of a loss.
#[derive(Debug, Clone, PartialEq)]
pub struct AffineGradients {
    /// `[rows, inputs]`; none where it was not asked for.
    pub inputs: Option<Vec<f32>>,
    /// `[inputs, outputs]`.
    pub weight: Vec<f32>,
    /// `[outputs]`.
    pub bias: Vec<f32>,
}

impl Affine {
    /// Rows of `x`; None where lengths don't fit.
    fn rows(&self, x: &[f32], weight: &[f32]) -> Option<usize> {
        let Self { inputs, outputs, .. } = *self;
        let fits = inputs > 0
            && outputs > 0
            && weight.len() == inputs * outputs
            && x.len().is_multiple_of(inputs);
        fits.then(|| x.len() / inputs)
    }

    /// `[rows, outputs]` of `x` `[rows, inputs]`, `weight` `[inputs, outputs]` and `bias` `[outputs]`;
    /// None where lengths don't fit. A row has the same bits among any others.
    pub fn forward(&self, x: &[f32], weight: &[f32], bias: &[f32]) -> Option<Vec<f32>> {
        let rows = self.rows(x, weight).filter(|_| bias.len() == self.outputs)?;
        let mut y = vec![0.0; rows * self.outputs];
        dispatch(Forward { size: *self, rows, x, weight, bias, y: &mut y });
        Some(y)
    }

    /// The gradients by a gradient `dy` of what [`Affine::forward`] gave, `y`, for `x` and `weight`.
    ///
    /// # Panics
    /// When lengths don't fit.
    pub fn backward(
        &self,
        x: &[f32],
        weight: &[f32],
        y: &[f32],
        dy: &[f32],
        with_inputs: bool,
    ) -> AffineGradients {
        let rows = x.len() / self.inputs;
        assert_eq!(self.rows(x, weight), Some(rows));
        assert!(y.len() == rows * self.outputs && dy.len() == y.len());
        let mut into = AffineGradients {
            inputs: with_inputs.then(|| vec![0.0; x.len()]),
            weight: vec![0.0; weight.len()],
            bias: vec![0.0; self.outputs],
        };
        dispatch(Backward { size: *self, rows, x, weight, y, dy, into: &mut into });
        into
    }
}

struct Forward<'a> {
    size: Affine,
    rows: usize,
    x: &'a [f32],
    weight: &'a [f32],
    bias: &'a [f32],
    y: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Forward { size: Affine { inputs, outputs, rectified }, rows, x, weight, bias, y } =
            self;
        let weight = Right::rows(weight, outputs);
        let into = Into { values: y, row: outputs, onto: Onto::Row(bias) };
        multiply([rows, inputs, outputs], Left::rows(x, inputs), weight, into);
        if rectified {
            for at in (0..y.len()).step_by(S::F32_LANES) {
                let value = load(simd, y, at);
                let zero = simd.splat_f32s(0.0);
                // Written so that a NaN stays one.
                let is_negative = simd.less_than_f32s(value, zero);
                store(simd, y, at, simd.select_f32s(is_negative, zero, value));
            }
        }
    }
}

struct Backward<'a> {
    size: Affine,
    rows: usize,
    x: &'a [f32],
    weight: &'a [f32],
    y: &'a [f32],
    dy: &'a [f32],
    into: &'a mut AffineGradients,
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Backward { size, rows, x, weight, y, dy, into } = self;
        let Affine { inputs, outputs, rectified } = size;
        let masked = if rectified { masked(simd, y, dy) } else { Vec::new() };
        let dy = if rectified { masked.as_slice() } else { dy };
        for dy in dy.chunks_exact(outputs) {
            for at in (0..outputs).step_by(S::F32_LANES) {
                let sum = simd.add_f32s(load(simd, &into.bias, at), load(simd, dy, at));
                store(simd, &mut into.bias, at, sum);
            }
        }
        let by_rows = Right::rows(dy, outputs);
        let to = Into { values: &mut into.weight, row: outputs, onto: Onto::Nothing };
        multiply([inputs, rows, outputs], Left::columns(x, inputs), by_rows, to);
        let Some(by_inputs) = &mut into.inputs else { return };
        let back = Right::columns(weight, outputs);
        let to = Into { values: by_inputs, row: inputs, onto: Onto::Nothing };
        multiply([rows, outputs, inputs], Left::rows(dy, outputs), back, to);
    }
}

/// What of `dy` goes through: where `y` is positive, or no number.
#[inline(always)]
fn masked<S: Simd>(simd: S, y: &[f32], dy: &[f32]) -> Vec<f32> {
    let mut masked = dy.to_vec();
    let zero = simd.splat_f32s(0.0);
    for at in (0..y.len()).step_by(S::F32_LANES) {
        let is_dead = simd.less_than_or_equal_f32s(load(simd, y, at), zero);
        store(simd, &mut masked, at, simd.select_f32s(is_dead, zero, load(simd, dy, at)));
    }
    masked
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::level::tests::each;
    use crate::reference::{
        Number, assert_gradient, assert_near, assert_same_bits, numbers, of, sum, weighed,
    };

    fn reference<N: Number>(size: Affine, x: &[N], weight: &[N], bias: &[N]) -> Vec<N> {
        let zero = N::of(0.0);
        let row = |x: &[N]| -> Vec<N> {
            let output = |output: usize| {
                let products = x.iter().zip(weight[output..].iter().step_by(size.outputs));
                let y = sum(products.map(|(x, w)| *x * *w)) + bias[output];
                if size.rectified && y < zero { zero } else { y }
            };
            (0..size.outputs).map(output).collect()
        };
        x.chunks(size.inputs).flat_map(row).collect()
    }

    /// Gradients by the inputs, the weight and the bias.
    fn gradients<N: Number>(size: Affine, x: &[N], weight: &[N], y: &[N], dy: &[N]) -> [Vec<N>; 3] {
        let Affine { inputs, outputs, rectified } = size;
        let zero = N::of(0.0);
        let mut found = [vec![zero; x.len()], vec![zero; weight.len()], vec![zero; outputs]];
        for row in 0..x.len() / inputs {
            for output in 0..outputs {
                let at = row * outputs + output;
                let by = if rectified && y[at] <= zero { zero } else { dy[at] };
                found[2][output] += by;
                for input in 0..inputs {
                    found[1][input * outputs + output] += x[row * inputs + input] * by;
                    found[0][row * inputs + input] += weight[input * outputs + output] * by;
                }
            }
        }
        found
    }

    #[test]
    fn the_references_gradients_are_its_slopes() {
        for (rows, inputs, outputs, rectified) in [(2, 3, 4, false), (3, 2, 5, true)] {
            let size = Affine { inputs, outputs, rectified };
            let x: Vec<f64> = of(&numbers(rows * inputs, 1));
            let (weight, bias) = (of(&numbers(inputs * outputs, 2)), of(&numbers(outputs, 3)));
            let dy: Vec<f64> = of(&numbers(rows * outputs, 4));
            let y = reference(size, &x, &weight, &bias);
            let [by_x, by_weight, by_bias] = gradients(size, &x, &weight, &y, &dy);
            assert_gradient(&x, &by_x, |x| weighed(&reference(size, x, &weight, &bias), &dy));
            assert_gradient(&weight, &by_weight, |w| weighed(&reference(size, &x, w, &bias), &dy));
            assert_gradient(&bias, &by_bias, |b| weighed(&reference(size, &x, &weight, b), &dy));
        }
    }

    fn held<N: Number>(size: Affine, rows: usize, seed: u32) {
        let Affine { inputs, outputs, .. } = size;
        let (x, weight) = (numbers(rows * inputs, seed), numbers(inputs * outputs, seed ^ 1));
        let (bias, dy) = (numbers(outputs, seed ^ 2), numbers(rows * outputs, seed ^ 3));
        let y = size.forward(&x, &weight, &bias).unwrap();
        let (wide_x, wide_weight) = (of::<N>(&x), of::<N>(&weight));
        assert_near(&y, &reference(size, &wide_x, &wide_weight, &of(&bias)));
        let found = size.backward(&x, &weight, &y, &dy, true);
        let [by_x, by_weight, by_bias] = gradients(size, &wide_x, &wide_weight, &of(&y), &of(&dy));
        assert_near(&found.inputs.unwrap(), &by_x);
        assert_near(&found.weight, &by_weight);
        assert_near(&found.bias, &by_bias);
        assert!(size.backward(&x, &weight, &y, &dy, false).inputs.is_none());
    }

    proptest! {
        #[test]
        fn it_is_the_reference(
            rows in 0_usize..40, inputs in 1_usize..70, outputs in 1_usize..70,
            rectified in any::<bool>(), seed in any::<u32>(),
        ) {
            for _level in each() {
                let size = Affine { inputs, outputs, rectified };
                held::<f64>(size, rows, seed);
                held::<f32>(size, rows, seed);
            }
        }

        #[test]
        fn a_row_has_the_same_bits_among_any_others(
            rows in 1_usize..40, inputs in 1_usize..40, outputs in 1_usize..40, seed in any::<u32>(),
        ) {
            for _level in each() {
                let size = Affine { inputs, outputs, rectified: true };
                let (x, weight) = (numbers(rows * inputs, seed), numbers(inputs * outputs, seed ^ 1));
                let bias = numbers(outputs, seed ^ 2);
                let all = size.forward(&x, &weight, &bias).unwrap();
                for (x, y) in x.chunks(inputs).zip(all.chunks(outputs)) {
                    assert_same_bits(&size.forward(x, &weight, &bias).unwrap(), y);
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_none_and_a_nan_stays_one() {
        let size = Affine { inputs: 2, outputs: 1, rectified: true };
        assert_eq!(size.forward(&[1.0], &[1.0, 1.0], &[0.0]), None);
        assert_eq!(size.forward(&[1.0, 2.0], &[1.0], &[0.0]), None);
        assert_eq!(size.forward(&[1.0, 2.0], &[1.0, 1.0], &[]), None);
        let y = size.forward(&[f32::NAN, 1.0, 1.0, 2.0], &[1.0, 1.0], &[0.0]).unwrap();
        assert!(y[0].is_nan() && y[1] == 3.0);
    }
}

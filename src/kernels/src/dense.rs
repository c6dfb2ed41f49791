//! Fully connected layers.

use pulp::{Simd, WithSimd};

use crate::aligned::Aligned;
use crate::level::dispatch;

/// Columns of a row are padded to a multiple of this: the lanes of the widest vectors.
const PADDING: usize = 16;

/// A fully connected layer for inference: `y = x W + b`, and `max(y, 0)` where it is rectified.
///
/// Each output is summed from its bias up in the order of the inputs, by one chain of
/// multiply-adds, fused where the machine can: on one instruction set a row has the same bits in
/// any batch.
#[derive(Debug, Clone)]
pub struct Dense {
    inputs: usize,
    outputs: usize,
    /// `[inputs, stride]`, zeros after the outputs.
    weights: Aligned,
    /// `[stride]`.
    bias: Vec<f32>,
    rectified: bool,
}

impl Dense {
    /// A layer of `weights` `[inputs, outputs]`, row after row, and `bias` `[outputs]`; None where
    /// their lengths don't fit.
    pub fn new(inputs: usize, weights: &[f32], bias: &[f32], rectified: bool) -> Option<Self> {
        let outputs = bias.len();
        if outputs == 0 || weights.len() != inputs.checked_mul(outputs)? {
            return None;
        }
        let stride = outputs.next_multiple_of(PADDING);
        let mut padded = Aligned::zeros(inputs.checked_mul(stride)?);
        for (row, from) in padded.chunks_exact_mut(stride).zip(weights.chunks_exact(outputs)) {
            row[..outputs].copy_from_slice(from);
        }
        let mut bias = bias.to_vec();
        bias.resize(stride, 0.0);
        Some(Self { inputs, outputs, weights: padded, bias, rectified })
    }

    pub fn inputs(&self) -> usize {
        self.inputs
    }

    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Numbers between the starts of two rows of what [`Dense::apply`] writes.
    pub fn stride(&self) -> usize {
        self.bias.len()
    }

    /// Puts rows through the layer. Row `r` of `x` begins at `r * x_stride`; row `r` of `y`, which
    /// is made as long as needed, at `r * self.stride()`, and what follows its outputs is padding.
    ///
    /// # Panics
    /// When `x` is too short for its rows, or `x_stride` for the inputs.
    pub fn apply(&self, rows: usize, x: &[f32], x_stride: usize, y: &mut Vec<f32>) {
        assert!(
            x_stride >= self.inputs
                && (rows == 0 || x.len() >= (rows - 1) * x_stride + self.inputs)
        );
        y.clear();
        y.resize(rows * self.stride(), 0.0);
        dispatch(Rows { layer: self, rows, x, x_stride, y });
    }
}

struct Rows<'a> {
    layer: &'a Dense,
    rows: usize,
    x: &'a [f32],
    x_stride: usize,
    y: &'a mut [f32],
}

impl WithSimd for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // As many accumulators as there are registers for, beside the weights and one input.
        const ROWS: usize = 6;
        let Rows { layer, rows, x, x_stride, y } = self;
        let stride = layer.stride();
        let mut row = 0;
        while row < rows {
            let many = rows - row >= ROWS;
            let x = &x[row * x_stride..];
            let y = &mut y[row * stride..];
            let mut column = 0;
            while column < stride {
                // A single row has but one chain of sums for each vector, and each addition waits for the last.
                let vectors = match (stride - column) / S::F32_LANES {
                    4.. if !many => 4,
                    2.. => 2,
                    _ => 1,
                };
                match (many, vectors) {
                    (true, 1) => tile::<S, ROWS, 1>(simd, layer, x, x_stride, y, column),
                    (true, _) => tile::<S, ROWS, 2>(simd, layer, x, x_stride, y, column),
                    (false, 1) => tile::<S, 1, 1>(simd, layer, x, x_stride, y, column),
                    (false, 2) => tile::<S, 1, 2>(simd, layer, x, x_stride, y, column),
                    (false, _) => tile::<S, 1, 4>(simd, layer, x, x_stride, y, column),
                }
                column += vectors * S::F32_LANES;
            }
            row += if many { ROWS } else { 1 };
        }
    }
}

/// `R` rows by `V` vectors of outputs from `column` on.
#[inline(always)]
fn tile<S: Simd, const R: usize, const V: usize>(
    simd: S,
    layer: &Dense,
    x: &[f32],
    x_stride: usize,
    y: &mut [f32],
    column: usize,
) {
    let stride = layer.stride();
    let width = V * S::F32_LANES;
    let (bias, _) = S::as_simd_f32s(&layer.bias[column..column + width]);
    let mut sums = [[simd.splat_f32s(0.0); V]; R];
    for sums in &mut sums {
        for (sum, bias) in sums.iter_mut().zip(bias) {
            *sum = *bias;
        }
    }
    for (input, weights) in layer.weights.chunks_exact(stride).enumerate() {
        let (weights, _) = S::as_simd_f32s(&weights[column..column + width]);
        for (row, sums) in sums.iter_mut().enumerate() {
            let value = simd.splat_f32s(x[row * x_stride + input]);
            for (sum, weights) in sums.iter_mut().zip(weights) {
                *sum = simd.mul_add_e_f32s(value, *weights, *sum);
            }
        }
    }
    let zero = simd.splat_f32s(0.0);
    for (row, sums) in sums.iter().enumerate() {
        let start = row * stride + column;
        let (y, _) = S::as_mut_simd_f32s(&mut y[start..start + width]);
        for (y, sum) in y.iter_mut().zip(sums) {
            // A NaN stays one, so that it is seen.
            *y = match layer.rectified {
                true => simd.select_f32s(simd.less_than_f32s(*sum, zero), zero, *sum),
                false => *sum,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::level::tests::each;
    use crate::reference::{Number, assert_near, assert_same_bits, numbers, of, sum};

    fn reference<N: Number>(weights: &[N], bias: &[N], rectified: bool, x: &[N]) -> Vec<N> {
        let inputs = weights.len() / bias.len();
        let zero = N::of(0.0);
        let row = |row: &[N]| -> Vec<N> {
            let output = |output: usize| {
                let products = row.iter().enumerate();
                let products = products.map(|(i, x)| *x * weights[i * bias.len() + output]);
                let sum = bias[output] + sum(products);
                if rectified && sum < zero { zero } else { sum }
            };
            (0..bias.len()).map(output).collect()
        };
        x.chunks(inputs).flat_map(row).collect()
    }

    /// Rows without their padding.
    fn applied(layer: &Dense, rows: usize, x: &[f32], x_stride: usize) -> Vec<f32> {
        let mut y = Vec::new();
        layer.apply(rows, x, x_stride, &mut y);
        y.chunks_exact(layer.stride()).flat_map(|row| row[..layer.outputs()].to_vec()).collect()
    }

    proptest! {
        #[test]
        fn it_is_the_reference_in_any_shape_and_batch(
            inputs in 1_usize..70, outputs in 1_usize..70, rows in 0_usize..20, gap in 0_usize..3,
            rectified in any::<bool>(), seed in any::<u32>(),
        ) {
            let (weights, bias) = (numbers(inputs * outputs, seed), numbers(outputs, seed ^ 1));
            let x = numbers(rows * inputs, seed ^ 2);
            let layer = Dense::new(inputs, &weights, &bias, rectified).unwrap();
            for _level in each() {
                let y = applied(&layer, rows, &x, inputs);
                assert_near(&y, &reference::<f64>(&of(&weights), &of(&bias), rectified, &of(&x)));
                assert_near(&y, &reference(&weights, &bias, rectified, &x));
                // The same bits alone as among others, and whatever lies between the rows.
                for (row, together) in x.chunks_exact(inputs).zip(y.chunks_exact(outputs)) {
                    assert_same_bits(&applied(&layer, 1, row, inputs), together);
                }
                let gaps = || std::iter::repeat_n(f32::NAN, gap);
                let spread = x.chunks_exact(inputs).flat_map(|row| row.iter().copied().chain(gaps()));
                let spread: Vec<f32> = spread.collect();
                assert_same_bits(&applied(&layer, rows, &spread, inputs + gap), &y);
            }
        }
    }

    #[test]
    fn what_is_no_number_stays_seen() {
        for rectified in [false, true] {
            let layer = Dense::new(1, &[1.0], &[0.0], rectified).unwrap();
            assert!(applied(&layer, 1, &[f32::NAN], 1)[0].is_nan());
            assert_eq!(applied(&layer, 1, &[f32::INFINITY], 1), [f32::INFINITY]);
        }
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        assert!(Dense::new(2, &[1.0], &[0.0], false).is_none());
        assert!(Dense::new(2, &[], &[], false).is_none());
        assert!(Dense::new(0, &[], &[0.5], false).is_some());
        assert!(Dense::new(usize::MAX, &[1.0], &[0.0, 0.0], false).is_none());
    }
}

//! Layer normalisation (Ba et al. 2016), forwards and backwards.

use pulp::{Simd, WithSimd};

use crate::level::{dispatch, load, store};

/// Added to a variance, as PyTorch has it.
const EPSILON: f32 = 1e-5;

/// `(x - mean) / √(variance + 1e-5) * weight + bias` over each row's numbers; the variance is that
/// of the row itself (divided by the number of numbers).
#[derive(Debug, Clone, Copy)]
pub struct Norm<'a> {
    /// `[width]`.
    pub weight: &'a [f32],
    /// `[width]`.
    pub bias: &'a [f32],
}

/// The mean of each row and what its numbers were multiplied by, for [`Norm::backward`].
#[derive(Debug, Clone, PartialEq)]
pub struct Spread {
    rows: Vec<(f32, f32)>,
}

/// Gradients of a loss.
#[derive(Debug, Clone, PartialEq)]
pub struct NormGradients {
    /// `[rows, width]`.
    pub inputs: Vec<f32>,
    /// `[width]`.
    pub weight: Vec<f32>,
    /// `[width]`.
    pub bias: Vec<f32>,
}

impl Norm<'_> {
    fn fits(&self, x: &[f32]) -> bool {
        let width = self.weight.len();
        width > 0 && self.bias.len() == width && x.len().is_multiple_of(width)
    }

    /// `[rows, width]` of `x` `[rows, width]`, and what [`Norm::backward`] needs; None where lengths
    /// don't fit. A row has the same bits among any others.
    pub fn forward(&self, x: &[f32]) -> Option<(Vec<f32>, Spread)> {
        if !self.fits(x) {
            return None;
        }
        let mut y = vec![0.0; x.len()];
        let mut rows = Vec::with_capacity(x.len() / self.weight.len());
        dispatch(Forward { norm: *self, x, y: &mut y, rows: &mut rows });
        Some((y, Spread { rows }))
    }

    /// The gradients by a gradient `dy` of what [`Norm::forward`] gave for `x`.
    ///
    /// # Panics
    /// When lengths don't fit.
    pub fn backward(&self, x: &[f32], spread: &Spread, dy: &[f32]) -> NormGradients {
        let width = self.weight.len();
        assert!(self.fits(x) && dy.len() == x.len() && spread.rows.len() * width == x.len());
        let mut into = NormGradients {
            inputs: vec![0.0; x.len()],
            weight: vec![0.0; width],
            bias: vec![0.0; width],
        };
        dispatch(Backward { weight: self.weight, x, spread, dy, into: &mut into });
        into
    }
}

struct Forward<'a> {
    norm: Norm<'a>,
    x: &'a [f32],
    y: &'a mut [f32],
    rows: &'a mut Vec<(f32, f32)>,
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Forward { norm: Norm { weight, bias }, x, y, rows } = self;
        let width = weight.len();
        for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
            let mut sum = simd.splat_f32s(0.0);
            for at in (0..width).step_by(S::F32_LANES) {
                sum = simd.add_f32s(sum, load(simd, x, at));
            }
            let mean = simd.reduce_sum_f32s(sum) / width as f32;
            let centre = simd.splat_f32s(mean);
            let mut sum = simd.splat_f32s(0.0);
            for at in (0..width).step_by(S::F32_LANES) {
                store(simd, y, at, simd.sub_f32s(load(simd, x, at), centre));
                // Read back: behind the row there are zeros, and not what the mean left there.
                let centred = load(simd, y, at);
                sum = simd.mul_add_e_f32s(centred, centred, sum);
            }
            let scale = 1.0 / (simd.reduce_sum_f32s(sum) / width as f32 + EPSILON).sqrt();
            let factor = simd.splat_f32s(scale);
            for at in (0..width).step_by(S::F32_LANES) {
                let weight = simd.mul_f32s(load(simd, weight, at), factor);
                let value = simd.mul_add_e_f32s(load(simd, y, at), weight, load(simd, bias, at));
                store(simd, y, at, value);
            }
            rows.push((mean, scale));
        }
    }
}

struct Backward<'a> {
    weight: &'a [f32],
    x: &'a [f32],
    spread: &'a Spread,
    dy: &'a [f32],
    into: &'a mut NormGradients,
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Backward { weight, x, spread, dy, into } = self;
        let NormGradients { inputs, weight: by_weight, bias: by_bias } = into;
        let width = weight.len();
        let rows = x.chunks_exact(width).zip(dy.chunks_exact(width));
        let rows = rows.zip(inputs.chunks_exact_mut(width)).zip(&spread.rows);
        for (((x, dy), dx), (mean, scale)) in rows {
            let (mean, factor) = (simd.splat_f32s(*mean), simd.splat_f32s(*scale));
            let (mut sum, mut along) = (simd.splat_f32s(0.0), simd.splat_f32s(0.0));
            for at in (0..width).step_by(S::F32_LANES) {
                let dy = load(simd, dy, at);
                let normal = simd.mul_f32s(simd.sub_f32s(load(simd, x, at), mean), factor);
                let by_normal = simd.mul_f32s(dy, load(simd, weight, at));
                sum = simd.add_f32s(sum, by_normal);
                along = simd.mul_add_e_f32s(by_normal, normal, along);
                let by = simd.mul_add_e_f32s(dy, normal, load(simd, by_weight, at));
                store(simd, by_weight, at, by);
                let by = simd.add_f32s(load(simd, by_bias, at), dy);
                store(simd, by_bias, at, by);
            }
            let share = 1.0 / width as f32;
            let sum = simd.splat_f32s(simd.reduce_sum_f32s(sum) * share);
            let along = simd.splat_f32s(simd.reduce_sum_f32s(along) * share);
            for at in (0..width).step_by(S::F32_LANES) {
                let by_normal = simd.mul_f32s(load(simd, dy, at), load(simd, weight, at));
                let normal = simd.mul_f32s(simd.sub_f32s(load(simd, x, at), mean), factor);
                let rest = simd.sub_f32s(by_normal, sum);
                let rest = simd.sub_f32s(rest, simd.mul_f32s(normal, along));
                store(simd, dx, at, simd.mul_f32s(rest, factor));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::level::tests::each;
    use crate::reference::{
        Number, assert_gradient, assert_near, assert_near_of, assert_same_bits, numbers, of, sum,
        weighed,
    };

    fn reference<N: Number>(x: &[N], weight: &[N], bias: &[N]) -> Vec<N> {
        let width = weight.len();
        let normal = x.chunks(width).flat_map(normalised).map(|(normal, _)| normal);
        let scales = weight.iter().zip(bias).cycle();
        normal.zip(scales).map(|(normal, (weight, bias))| normal * *weight + *bias).collect()
    }

    /// Each number of a row normalised, and the row's factor.
    fn normalised<N: Number>(row: &[N]) -> Vec<(N, N)> {
        let count = N::of(row.len() as f64);
        let mean = sum(row.iter().copied()) / count;
        let variance = sum(row.iter().map(|x| (*x - mean) * (*x - mean))) / count;
        let scale = N::of(1.0) / (variance + N::of(1e-5)).sqrt();
        row.iter().map(|x| ((*x - mean) * scale, scale)).collect()
    }

    /// Gradients by the inputs, the weight and the bias.
    fn gradients<N: Number>(x: &[N], weight: &[N], dy: &[N]) -> [Vec<N>; 3] {
        let width = weight.len();
        let count = N::of(width as f64);
        let zeros = vec![N::of(0.0); width];
        let mut found = [Vec::new(), zeros.clone(), zeros];
        for (x, dy) in x.chunks(width).zip(dy.chunks(width)) {
            let rows = normalised(x);
            let by_normal: Vec<N> = dy.iter().zip(weight).map(|(dy, w)| *dy * *w).collect();
            let mean = sum(by_normal.iter().copied()) / count;
            let along = sum(by_normal.iter().zip(&rows).map(|(by, (n, _))| *by * *n)) / count;
            for (at, (normal, scale)) in rows.into_iter().enumerate() {
                found[0].push(scale * (by_normal[at] - mean - normal * along));
                found[1][at] += dy[at] * normal;
                found[2][at] += dy[at];
            }
        }
        found
    }

    #[test]
    fn the_references_gradients_are_its_slopes() {
        for (rows, width) in [(1, 1), (2, 3), (3, 7)] {
            let x: Vec<f64> = of(&numbers(rows * width, 1));
            let (weight, bias) = (of(&numbers(width, 2)), of(&numbers(width, 3)));
            let dy: Vec<f64> = of(&numbers(x.len(), 4));
            let [by_x, by_weight, by_bias] = gradients(&x, &weight, &dy);
            assert_gradient(&x, &by_x, |x| weighed(&reference(x, &weight, &bias), &dy));
            assert_gradient(&weight, &by_weight, |w| weighed(&reference(&x, w, &bias), &dy));
            assert_gradient(&bias, &by_bias, |b| weighed(&reference(&x, &weight, b), &dy));
        }
    }

    fn held<N: Number>(x: &[f32], norm: Norm<'_>, dy: &[f32]) {
        let (y, spread) = norm.forward(x).unwrap();
        let (wide_x, weight) = (of::<N>(x), of::<N>(norm.weight));
        assert_near(&y, &reference(&wide_x, &weight, &of(norm.bias)));
        let found = norm.backward(x, &spread, dy);
        let [by_x, by_weight, by_bias] = gradients(&wide_x, &weight, &of(dy));
        assert_near_of(1.0, &found.inputs, &by_x);
        assert_near(&found.weight, &by_weight);
        assert_near(&found.bias, &by_bias);
        for (row, x) in x.chunks(norm.weight.len()).enumerate() {
            let alone = norm.forward(x).unwrap().0;
            assert_same_bits(&alone, &y[row * x.len()..][..x.len()]);
        }
    }

    proptest! {
        #[test]
        fn it_is_the_reference_in_any_shape(
            rows in 0_usize..9, width in 1_usize..140, shift in -3.0_f32..3.0, seed in any::<u32>(),
        ) {
            // Apart, or the least change of a number would be that of a whole row.
            let apart = [shift - 1.5, shift + 1.5].into_iter().cycle();
            let x = numbers(rows * width, seed).into_iter().zip(apart);
            let x: Vec<f32> = x.map(|(x, shift)| x + shift).collect();
            let (weight, bias) = (numbers(width, seed ^ 1), numbers(width, seed ^ 2));
            let dy = numbers(x.len(), seed ^ 3);
            for _level in each() {
                let norm = Norm { weight: &weight, bias: &bias };
                held::<f64>(&x, norm, &dy);
                held::<f32>(&x, norm, &dy);
            }
        }
    }

    #[test]
    fn rows_of_equal_numbers_have_no_slope_to_blow_up() {
        let norm = Norm { weight: &[2.0; 5], bias: &[0.5; 5] };
        for _level in each() {
            let x = [7.5; 5];
            let (y, spread) = norm.forward(&x).unwrap();
            assert_eq!(y, [0.5; 5]);
            let found = norm.backward(&x, &spread, &[1.0, 0.0, 0.0, 0.0, 0.0]).inputs;
            // 2 / √1e-5, less its mean.
            assert_near(&found, &[505.964_42, -126.491_1, -126.491_1, -126.491_1, -126.491_1_f64]);
        }
    }

    #[test]
    fn what_is_no_number_stays_seen_and_in_its_row() {
        let norm = Norm { weight: &[1.0; 3], bias: &[0.0; 3] };
        for _level in each() {
            let (y, _) = norm.forward(&[1.0, f32::NAN, 2.0, 1.0, 1.0, 1.0]).unwrap();
            assert!(y[..3].iter().all(|y| y.is_nan()) && y[3..] == [0.0; 3]);
        }
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        let norm = Norm { weight: &[1.0; 2], bias: &[0.0; 2] };
        assert!(norm.forward(&[0.0; 3]).is_none() && norm.forward(&[0.0; 4]).is_some());
        assert!(Norm { bias: &[0.0], ..norm }.forward(&[0.0; 4]).is_none());
        assert!(Norm { weight: &[], bias: &[] }.forward(&[]).is_none());
    }
}

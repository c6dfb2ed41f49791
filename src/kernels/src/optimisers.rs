//! Steps of optimisers, in place.
//!
//! Each number is worked out by the operations, in the order and rounded as burn's own optimisers
//! have it, so that a training that goes on with these goes on as it was.

use pulp::{Simd, WithSimd};

use crate::level::{dispatch, load, store, without_traces};

/// Adam (Kingma & Ba 2015), and AdamW (Loshchilov & Hutter 2019) by `keep`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    pub beta_1: f32,
    pub beta_2: f32,
    pub epsilon: f32,
    /// The learning rate.
    pub rate: f32,
    /// Which step it is, from 1 on.
    pub time: i32,
    /// What gradients are multiplied by first; 1 where nothing is clipped.
    pub scale: f32,
    /// What parameters are multiplied by first, 1 - rate * decay; 1 where nothing decays.
    pub keep: f32,
}

impl Adam {
    /// Moves parameters, and their moments, which begin as zeros.
    ///
    /// # Panics
    /// When lengths differ.
    pub fn step(
        &self,
        parameters: &mut [f32],
        gradients: &[f32],
        moments_1: &mut [f32],
        moments_2: &mut [f32],
    ) {
        let count = parameters.len();
        assert!(gradients.len() == count && moments_1.len() == count && moments_2.len() == count);
        dispatch(AdamStep { rule: *self, parameters, gradients, moments_1, moments_2 });
    }
}

struct AdamStep<'a> {
    rule: Adam,
    parameters: &'a mut [f32],
    gradients: &'a [f32],
    moments_1: &'a mut [f32],
    moments_2: &'a mut [f32],
}

impl WithSimd for AdamStep<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let AdamStep { rule, parameters, gradients, moments_1, moments_2 } = self;
        let Adam { beta_1, beta_2, epsilon, rate, time, scale, keep } = rule;
        let unbiased_2 = (1.0 - beta_2.powi(time)).sqrt();
        let factor = simd.splat_f32s(unbiased_2 / (1.0 - beta_1.powi(time)));
        let epsilon = simd.splat_f32s(epsilon * unbiased_2);
        let (rest_1, rest_2) = (simd.splat_f32s(1.0 - beta_1), simd.splat_f32s(1.0 - beta_2));
        let (beta_1, beta_2) = (simd.splat_f32s(beta_1), simd.splat_f32s(beta_2));
        let (rate, scale, keep) =
            (simd.splat_f32s(rate), simd.splat_f32s(scale), simd.splat_f32s(keep));
        for at in (0..parameters.len()).step_by(S::F32_LANES) {
            let gradient = simd.mul_f32s(load(simd, gradients, at), scale);
            let moment = simd.mul_f32s(load(simd, moments_1, at), beta_1);
            let moment_1 = simd.add_f32s(moment, simd.mul_f32s(gradient, rest_1));
            let moment_1 = without_traces(simd, moment_1);
            let moment = simd.mul_f32s(load(simd, moments_2, at), beta_2);
            let square = simd.mul_f32s(gradient, gradient);
            let moment_2 = simd.add_f32s(moment, simd.mul_f32s(square, rest_2));
            let moment_2 = without_traces(simd, moment_2);
            store(simd, moments_1, at, moment_1);
            store(simd, moments_2, at, moment_2);
            let size = simd.add_f32s(simd.sqrt_f32s(moment_2), epsilon);
            let step = simd.div_f32s(simd.mul_f32s(moment_1, factor), size);
            let kept = simd.mul_f32s(load(simd, parameters, at), keep);
            store(simd, parameters, at, simd.sub_f32s(kept, simd.mul_f32s(step, rate)));
        }
    }
}

/// The sum of squares, as a norm for clipping needs it; infinite where it is beyond f32.
pub fn square_sum(x: &[f32]) -> f32 {
    dispatch(SquareSum { x })
}

struct SquareSum<'a> {
    x: &'a [f32],
}

impl WithSimd for SquareSum<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        // As many sums as make up for the time that one addition takes.
        const SUMS: usize = 8;
        let (vectors, rest) = S::as_simd_f32s(self.x);
        let rest = simd.partial_load_f32s(rest);
        let mut sums = [simd.splat_f32s(0.0); SUMS];
        sums[0] = simd.mul_f32s(rest, rest);
        for vectors in vectors.chunks(SUMS) {
            for (sum, x) in sums.iter_mut().zip(vectors) {
                *sum = simd.mul_add_e_f32s(*x, *x, *sum);
            }
        }
        let all = sums.into_iter().fold(simd.splat_f32s(0.0), |all, sum| simd.add_f32s(all, sum));
        simd.reduce_sum_f32s(all)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::level::tests::each;
    use crate::reference::{Number, assert_near, assert_same_bits, numbers, of, sum};

    const ADAM: Adam = Adam {
        beta_1: 0.9,
        beta_2: 0.999,
        epsilon: 1e-5,
        rate: 0.01,
        time: 1,
        scale: 1.0,
        keep: 1.0,
    };

    /// As the paper has it.
    fn adam<N: Number>(rule: Adam, p: &mut [N], g: &[N], m: &mut [N], v: &mut [N]) {
        let n = |x: f32| N::of(f64::from(x));
        let one = N::of(1.0);
        let power = |x: f32| N::of(f64::from(x).powi(rule.time));
        for (((p, g), m), v) in p.iter_mut().zip(g).zip(m).zip(v) {
            let g = *g * n(rule.scale);
            *m = n(rule.beta_1) * *m + (one - n(rule.beta_1)) * g;
            *v = n(rule.beta_2) * *v + (one - n(rule.beta_2)) * g * g;
            let (first, second) =
                (*m / (one - power(rule.beta_1)), *v / (one - power(rule.beta_2)));
            *p = *p * n(rule.keep) - n(rule.rate) * first / (second.sqrt() + n(rule.epsilon));
        }
    }

    fn adam_held<N: Number>(rule: Adam, count: usize, seed: u32) {
        let mut p = numbers(count, seed);
        let (mut m, mut v) = (vec![0.0; count], vec![0.0; count]);
        let (mut wide_p, mut wide_m, mut wide_v) = (of::<N>(&p), of::<N>(&m), of::<N>(&v));
        for time in 1..6 {
            let rule = Adam { time, ..rule };
            let g = numbers(count, seed ^ time as u32);
            rule.step(&mut p, &g, &mut m, &mut v);
            adam(rule, &mut wide_p, &of(&g), &mut wide_m, &mut wide_v);
        }
        assert_near(&p, &wide_p);
        assert_near(&m, &wide_m);
        assert_near(&v, &wide_v);
    }

    proptest! {
        #[test]
        fn steps_are_the_references(
            count in 0_usize..200, scale in 0.1_f32..1.0, keep in 0.9_f32..1.0,
            seed in any::<u32>(),
        ) {
            for _level in each() {
                let rule = Adam { scale, keep, ..ADAM };
                adam_held::<f64>(rule, count, seed);
                adam_held::<f32>(rule, count, seed);
            }
        }

        #[test]
        fn sums_of_squares_are_the_references(count in 0_usize..3000, seed in any::<u32>()) {
            let x = numbers(count, seed);
            for _level in each() {
                let found = [square_sum(&x)];
                assert_near::<f64>(&found, &[sum(of::<f64>(&x).iter().map(|x| x * x))]);
                assert_near::<f32>(&found, &[sum(x.iter().map(|x| x * x))]);
            }
        }
    }

    /// burn's, operation by operation.
    fn adam_in_parts(rule: Adam, p: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32]) {
        let unbiased = (1.0 - rule.beta_2.powi(rule.time)).sqrt();
        let factor = unbiased / (1.0 - rule.beta_1.powi(rule.time));
        for (((p, g), m), v) in p.iter_mut().zip(g).zip(m).zip(v) {
            *m = *m * rule.beta_1 + g * (1.0 - rule.beta_1);
            *v = *v * rule.beta_2 + g * g * (1.0 - rule.beta_2);
            let step = *m * factor / (v.sqrt() + rule.epsilon * unbiased);
            *p = *p * rule.keep - step * rule.rate;
        }
    }

    #[test]
    fn bits_are_those_of_single_operations_everywhere() {
        let rule = Adam { keep: 0.99, ..ADAM };
        for _level in each() {
            let (mut p, mut m, mut v) = (numbers(77, 1), vec![0.0; 77], vec![0.0; 77]);
            let (mut other_p, mut other_m, mut other_v) = (p.clone(), m.clone(), v.clone());
            for time in 1..50 {
                let rule = Adam { time, ..rule };
                let g = numbers(77, time as u32);
                rule.step(&mut p, &g, &mut m, &mut v);
                adam_in_parts(rule, &mut other_p, &g, &mut other_m, &mut other_v);
            }
            assert_same_bits(&p, &other_p);
            assert_same_bits(&m, &other_m);
            assert_same_bits(&v, &other_v);
        }
    }

    #[test]
    fn what_is_no_number_or_beyond_them_stays_seen() {
        for _level in each() {
            assert!(square_sum(&[1.0, f32::NAN, 2.0]).is_nan());
            assert_eq!(square_sum(&[1e20, 1.0]), f32::INFINITY);
            let mut p = [1.0, 1.0];
            ADAM.step(&mut p, &[f32::NAN, 0.0], &mut [0.0; 2], &mut [0.0; 2]);
            assert!(p[0].is_nan() && p[1] == 1.0);
        }
    }

    #[test]
    #[should_panic(expected = "gradients.len() == count")]
    fn lengths_that_differ_are_refused() {
        ADAM.step(&mut [0.0; 2], &[0.0; 3], &mut [0.0; 2], &mut [0.0; 2]);
    }
}

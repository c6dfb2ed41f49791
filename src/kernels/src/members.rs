//! One weight matrix, scaled anew for each of several members.

use pulp::{Simd, WithSimd};

use crate::level::dispatch;

/// The matrices of the members side by side, `[inputs, members * units]`: the shared `weight`
/// `[inputs, units]`, its rows scaled by each member's row of `scale` `[members, inputs]`. None
/// where lengths don't fit.
///
/// Rows times this matrix are the rows, scaled for each member, times the shared one, without a
/// scaled copy of the rows for each member.
pub fn scaled_weights(weight: &[f32], scale: &[f32], inputs: usize) -> Option<Vec<f32>> {
    let (members, units) = sizes(weight, scale, inputs)?;
    let mut all = vec![0.0; inputs * members * units];
    dispatch(Forward { weight, scale, inputs, units, all: &mut all });
    Some(all)
}

/// Gradients of the shared weight and of the scale, for that of the matrices side by side.
///
/// # Panics
/// When `gradient` is not of the shape that [`scaled_weights`] gave.
pub fn scaled_weights_gradients(
    weight: &[f32],
    scale: &[f32],
    inputs: usize,
    gradient: &[f32],
) -> (Vec<f32>, Vec<f32>) {
    let (mut of_weight, mut of_scale) = (vec![0.0; weight.len()], vec![0.0; scale.len()]);
    if let Some((members, units)) = sizes(weight, scale, inputs) {
        assert_eq!(gradient.len(), inputs * members * units);
        dispatch(Backward {
            weight,
            scale,
            inputs,
            units,
            gradient,
            of_weight: &mut of_weight,
            of_scale: &mut of_scale,
        });
    }
    (of_weight, of_scale)
}

/// Members and units.
fn sizes(weight: &[f32], scale: &[f32], inputs: usize) -> Option<(usize, usize)> {
    let (members, units) = (scale.len().checked_div(inputs)?, weight.len().checked_div(inputs)?);
    let fits = members * inputs == scale.len() && units * inputs == weight.len();
    (fits && members > 0 && units > 0).then_some((members, units))
}

struct Forward<'a> {
    weight: &'a [f32],
    scale: &'a [f32],
    inputs: usize,
    units: usize,
    all: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let Self { weight, scale, inputs, units, all } = self;
        let members = scale.len() / inputs;
        let rows = weight.chunks_exact(units).zip(all.chunks_exact_mut(members * units));
        for (input, (weight, all)) in rows.enumerate() {
            for (member, all) in all.chunks_exact_mut(units).enumerate() {
                let scale = scale[member * inputs + input];
                all.iter_mut().zip(weight).for_each(|(all, weight)| *all = scale * weight);
            }
        }
    }
}

struct Backward<'a> {
    weight: &'a [f32],
    scale: &'a [f32],
    inputs: usize,
    units: usize,
    gradient: &'a [f32],
    of_weight: &'a mut [f32],
    of_scale: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let Self { weight, scale, inputs, units, gradient, of_weight, of_scale } = self;
        let members = scale.len() / inputs;
        let rows = weight.chunks_exact(units).zip(gradient.chunks_exact(members * units));
        for ((input, (weight, gradient)), of_weight) in
            rows.enumerate().zip(of_weight.chunks_exact_mut(units))
        {
            for (member, gradient) in gradient.chunks_exact(units).enumerate() {
                let at = member * inputs + input;
                let scale = scale[at];
                of_weight.iter_mut().zip(gradient).for_each(|(of, g)| *of += scale * g);
                of_scale[at] = dot(weight, gradient);
            }
        }
    }
}

/// In lanes, so that it can be vectorised, always of one order.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0_f32; LANES];
    let (a_lanes, b_lanes) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a_lanes.remainder().iter().zip(b_lanes.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_lanes.zip(b_lanes) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::level::tests::each;
    use crate::reference::{Number, assert_gradient, assert_near, numbers, of, weighed};

    fn reference<N: Number>(weight: &[N], scale: &[N], inputs: usize) -> Vec<N> {
        let (members, units) = (scale.len() / inputs, weight.len() / inputs);
        let number = |at: usize| {
            let (input, member, unit) = place(at, members, units);
            weight[input * units + unit] * scale[member * inputs + input]
        };
        (0..inputs * members * units).map(number).collect()
    }

    fn place(at: usize, members: usize, units: usize) -> (usize, usize, usize) {
        (at / (members * units), at / units % members, at % units)
    }

    /// Of the weight and the scale.
    fn gradients<N: Number>(weight: &[N], scale: &[N], inputs: usize, by: &[N]) -> [Vec<N>; 2] {
        let (members, units) = (scale.len() / inputs, weight.len() / inputs);
        let mut found = [weight, scale].map(|part| vec![N::of(0.0); part.len()]);
        for (at, by) in by.iter().enumerate() {
            let (input, member, unit) = place(at, members, units);
            let (w, s) = (input * units + unit, member * inputs + input);
            found[0][w] += scale[s] * *by;
            found[1][s] += weight[w] * *by;
        }
        found
    }

    #[test]
    fn the_references_gradients_are_its_slopes() {
        let (inputs, units, members) = (3, 4, 2);
        let weight: Vec<f64> = of(&numbers(inputs * units, 1));
        let scale: Vec<f64> = of(&numbers(members * inputs, 2));
        let by: Vec<f64> = of(&numbers(inputs * units * members, 3));
        let [by_weight, by_scale] = gradients(&weight, &scale, inputs, &by);
        assert_gradient(&weight, &by_weight, |w| weighed(&reference(w, &scale, inputs), &by));
        assert_gradient(&scale, &by_scale, |s| weighed(&reference(&weight, s, inputs), &by));
    }

    fn held<N: Number>(weight: &[f32], scale: &[f32], inputs: usize, seed: u32) {
        let all = scaled_weights(weight, scale, inputs).unwrap();
        let by = numbers(all.len(), seed);
        let (wide_weight, wide_scale) = (of::<N>(weight), of::<N>(scale));
        assert_near(&all, &reference(&wide_weight, &wide_scale, inputs));
        let (of_weight, of_scale) = scaled_weights_gradients(weight, scale, inputs, &by);
        let expected = gradients(&wide_weight, &wide_scale, inputs, &of(&by));
        assert_near(&of_weight, &expected[0]);
        assert_near(&of_scale, &expected[1]);
    }

    proptest! {
        #[test]
        fn each_member_has_its_own_matrix_and_gradient(
            inputs in 1_usize..12, units in 1_usize..50, members in 1_usize..6, seed in any::<u32>(),
        ) {
            let weight = numbers(inputs * units, seed);
            let scale = numbers(members * inputs, seed ^ 1);
            for _level in each() {
                held::<f64>(&weight, &scale, inputs, seed ^ 2);
                held::<f32>(&weight, &scale, inputs, seed ^ 2);
            }
        }
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        assert!(scaled_weights(&[1.0; 5], &[1.0; 4], 2).is_none());
        assert!(scaled_weights(&[], &[], 0).is_none());
    }
}

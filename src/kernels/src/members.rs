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
    use super::*;

    fn numbers(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
        (0..count)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 23) as f32 - 1.0
            })
            .collect()
    }

    #[test]
    fn each_member_has_its_own_matrix_and_gradient() {
        for (inputs, units, members) in [(1, 1, 1), (3, 5, 2), (7, 33, 4)] {
            let (weight, scale) = (numbers(inputs * units, 1), numbers(members * inputs, 2));
            let all = scaled_weights(&weight, &scale, inputs).unwrap();
            let gradient = numbers(all.len(), 3);
            let (of_weight, of_scale) =
                scaled_weights_gradients(&weight, &scale, inputs, &gradient);
            let (mut weights, mut scales) = (vec![0.0; weight.len()], vec![0.0; scale.len()]);
            for (at, found) in all.iter().enumerate() {
                let (input, rest) = (at / (members * units), at % (members * units));
                let (member, unit) = (rest / units, rest % units);
                let (w, s) = (weight[input * units + unit], scale[member * inputs + input]);
                assert_eq!(*found, w * s);
                weights[input * units + unit] += f64::from(s) * f64::from(gradient[at]);
                scales[member * inputs + input] += f64::from(w) * f64::from(gradient[at]);
            }
            for (found, expected) in
                of_weight.iter().zip(&weights).chain(of_scale.iter().zip(&scales))
            {
                assert!((f64::from(*found) - expected).abs() < 1e-5);
            }
        }
        assert!(scaled_weights(&[1.0; 5], &[1.0; 4], 2).is_none());
        assert!(scaled_weights(&[], &[], 0).is_none());
    }
}

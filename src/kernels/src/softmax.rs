//! Shares of rows that add up to 1, and their gradient.

use pulp::{Simd, WithSimd};

use crate::elementwise::exp_of_less;
use crate::level::dispatch;

/// Numbers of the widest vector.
const MOST_LANES: usize = 16;

/// Replaces each row of `x` `[rows, width]` by its softmax, `e^(x - m) / Σ e^(x - m)` with the
/// greatest number m of the row.
///
/// Of rows of finite numbers each share is within 6e-7 of the true one, and within `4e-7 + 1e-7
/// (m - x)` of its own size (beside the least number that there is), in rows of up to 4,096. Where
/// a number is minus infinity its share is 0. A row that holds infinity, or what is no number, or
/// nothing but minus infinity, has no shares: all of it is no number. A row has the same bits among
/// any others.
///
/// # Panics
/// When `x` is not of whole rows.
pub fn softmax(x: &mut [f32], width: usize) {
    assert!(x.is_empty() || width > 0 && x.len().is_multiple_of(width));
    dispatch(Softmax { x, width });
}

/// The gradient by what [`softmax`] was given of a loss whose gradient by its answer `y` is `dy`, both
/// `[rows, width]`: `y (dy - Σ y dy)`.
///
/// # Panics
/// When lengths differ, or are not of whole rows.
pub fn softmax_gradient(y: &[f32], dy: &[f32], width: usize) -> Vec<f32> {
    assert_eq!(y.len(), dy.len());
    assert!(y.is_empty() || width > 0 && y.len().is_multiple_of(width));
    let mut dx = dy.to_vec();
    dispatch(SoftmaxGradient { y, dx: &mut dx, width });
    dx
}

struct Softmax<'a> {
    x: &'a mut [f32],
    width: usize,
}

impl WithSimd for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for row in self.x.chunks_exact_mut(self.width.max(1)) {
            let (all, rest) = S::as_mut_simd_f32s(row);
            let last = padded(simd, rest);
            let mut most = last;
            for x in all.iter() {
                // Of what is no number, the other: it comes back by the sum.
                most = simd.max_f32s(*x, most);
            }
            let most = simd.splat_f32s(simd.reduce_max_f32s(most));
            let last = exp_of_less(simd, simd.sub_f32s(last, most));
            // By Kahan's way, which carries what rounding lost: rows may be long.
            let (mut sum, mut over) = (last, simd.splat_f32s(0.0));
            for x in all.iter_mut() {
                *x = exp_of_less(simd, simd.sub_f32s(*x, most));
                let more = simd.sub_f32s(*x, over);
                let next = simd.add_f32s(sum, more);
                over = simd.sub_f32s(simd.sub_f32s(next, sum), more);
                sum = next;
            }
            let share = simd.splat_f32s(1.0 / simd.reduce_sum_f32s(sum));
            for x in all {
                *x = simd.mul_f32s(*x, share);
            }
            if !rest.is_empty() {
                simd.partial_store_f32s(rest, simd.mul_f32s(last, share));
            }
        }
    }
}

/// The numbers behind the last whole vector, minus infinity in the other places.
#[inline(always)]
fn padded<S: Simd>(simd: S, rest: &[f32]) -> S::f32s {
    let mut all = [f32::NEG_INFINITY; MOST_LANES];
    all[..rest.len()].copy_from_slice(rest);
    match S::as_simd_f32s(&all) {
        ([whole, ..], _) => *whole,
        ([], rest) => simd.partial_load_f32s(rest),
    }
}

struct SoftmaxGradient<'a> {
    y: &'a [f32],
    /// The gradient by what came out, which becomes that by what went in.
    dx: &'a mut [f32],
    width: usize,
}

impl WithSimd for SoftmaxGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let rows = self.dx.chunks_exact_mut(self.width.max(1));
        for (dx, y) in rows.zip(self.y.chunks_exact(self.width.max(1))) {
            let (y, last_y) = S::as_simd_f32s(y);
            let (dx, last) = S::as_mut_simd_f32s(dx);
            let last_y = simd.partial_load_f32s(last_y);
            let mut sum = simd.mul_f32s(last_y, simd.partial_load_f32s(last));
            for (dx, y) in dx.iter_mut().zip(y) {
                *dx = simd.mul_f32s(*dx, *y);
                sum = simd.add_f32s(sum, *dx);
            }
            let sum = simd.splat_f32s(simd.reduce_sum_f32s(sum));
            for (dx, y) in dx.iter_mut().zip(y) {
                *dx = simd.sub_f32s(*dx, simd.mul_f32s(*y, sum));
            }
            if !last.is_empty() {
                let along = simd.mul_f32s(last_y, simd.partial_load_f32s(last));
                let rest = simd.sub_f32s(along, simd.mul_f32s(last_y, sum));
                simd.partial_store_f32s(last, rest);
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! Products of matrices, added to what is there.

use pulp::{Simd, WithSimd};

use crate::level::dispatch;

/// Numbers of a row of `b` and `c` come in multiples of this: the lanes of the widest vectors.
pub(crate) const LANES: usize = 16;
/// So many rows of `b` are used up before the next ones: they stay in the nearest cache.
const DEPTH: usize = 256;
/// So many rows of `c` are done before the next ones: they stay in the cache behind that.
const HEIGHT: usize = 48;

/// A matrix that is read number by number: number `(i, k)` stands at `i * row + k * column`.
#[derive(Clone, Copy)]
pub(crate) struct Left<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) row: usize,
    pub(crate) column: usize,
}

/// `c += a b`, for `a` `[rows, depth]`, `b` `[depth, columns]` and `c` `[rows, columns]`, the latter
/// two row after row and `columns` a multiple of [`LANES`].
///
/// # Panics
/// When a slice is shorter than its shape says.
pub(crate) fn add_product(
    rows: usize,
    depth: usize,
    columns: usize,
    a: Left<'_>,
    b: &[f32],
    c: &mut [f32],
) {
    assert!(columns.is_multiple_of(LANES) && b.len() >= depth * columns);
    assert!(c.len() >= rows * columns);
    if rows > 0 && depth > 0 {
        assert!(a.values.len() > (rows - 1) * a.row + (depth - 1) * a.column);
        dispatch(Product { rows, depth, columns, a, b, c });
    }
}

struct Product<'a> {
    rows: usize,
    depth: usize,
    columns: usize,
    a: Left<'a>,
    b: &'a [f32],
    c: &'a mut [f32],
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // As many sums as there are registers for, beside two vectors of `b` and one of `a`.
        const ROWS: usize = 6;
        let Product { rows, depth, columns, a, b, c } = self;
        for first in (0..rows).step_by(HEIGHT) {
            let last = (first + HEIGHT).min(rows);
            for start in (0..depth).step_by(DEPTH) {
                let count = DEPTH.min(depth - start);
                let b = &b[start * columns..(start + count) * columns];
                let mut column = 0;
                while column < columns {
                    let wide = columns - column >= 2 * S::F32_LANES;
                    let mut row = first;
                    while row < last {
                        let many = last - row >= ROWS;
                        let values = &a.values[row * a.row + start * a.column..];
                        let a = Left { values, ..a };
                        let at = Place { count, columns, column };
                        let c = &mut c[row * columns..];
                        match (many, wide) {
                            (true, true) => tile::<S, ROWS, 2>(simd, at, a, b, c),
                            (true, false) => tile::<S, ROWS, 1>(simd, at, a, b, c),
                            (false, true) => tile::<S, 1, 2>(simd, at, a, b, c),
                            (false, false) => tile::<S, 1, 1>(simd, at, a, b, c),
                        }
                        row += if many { ROWS } else { 1 };
                    }
                    column += if wide { 2 } else { 1 } * S::F32_LANES;
                }
            }
        }
    }
}

/// Which products a tile adds up.
#[derive(Clone, Copy)]
struct Place {
    count: usize,
    columns: usize,
    column: usize,
}

/// `R` rows by `V` vectors from `column` on.
#[inline(always)]
fn tile<S: Simd, const R: usize, const V: usize>(
    simd: S,
    Place { count, columns, column }: Place,
    a: Left<'_>,
    b: &[f32],
    c: &mut [f32],
) {
    let width = V * S::F32_LANES;
    let mut sums = [[simd.splat_f32s(0.0); V]; R];
    for (row, sums) in sums.iter_mut().enumerate() {
        let (from, _) = S::as_simd_f32s(&c[row * columns + column..][..width]);
        sums.iter_mut().zip(from).for_each(|(sum, from)| *sum = *from);
    }
    for (k, b) in b.chunks_exact(columns).take(count).enumerate() {
        let (b, _) = S::as_simd_f32s(&b[column..column + width]);
        for (row, sums) in sums.iter_mut().enumerate() {
            let value = simd.splat_f32s(a.values[row * a.row + k * a.column]);
            for (sum, b) in sums.iter_mut().zip(b) {
                *sum = simd.mul_add_e_f32s(value, *b, *sum);
            }
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        let (to, _) = S::as_mut_simd_f32s(&mut c[row * columns + column..][..width]);
        to.iter_mut().zip(sums).for_each(|(to, sum)| *to = *sum);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_sum_of_products(
            rows in 0_usize..20, depth in 0_usize..600, vectors in 1_usize..4, flip in any::<bool>(),
        ) {
            let columns = vectors * LANES;
            let number = |i: usize| ((i * 2_654_435_761) >> 7 & 1023) as f32 / 512.0 - 1.0;
            let a: Vec<f32> = (0..rows * depth).map(number).collect();
            let b: Vec<f32> = (0..depth * columns).map(|i| number(i + 77)).collect();
            let mut c: Vec<f32> = (0..rows * columns).map(|i| number(i + 5)).collect();
            let before = c.clone();
            let (row, column) = if flip { (1, rows) } else { (depth, 1) };
            add_product(rows, depth, columns, Left { values: &a, row, column }, &b, &mut c);
            for i in 0..rows {
                for j in 0..columns {
                    let products = (0..depth)
                        .map(|k| f64::from(a[i * row + k * column]) * f64::from(b[k * columns + j]));
                    let sum = f64::from(before[i * columns + j]) + products.sum::<f64>();
                    let apart = (f64::from(c[i * columns + j]) - sum).abs();
                    prop_assert!(apart < 1e-5 * (depth as f64 + 10.0));
                }
            }
        }
    }
}

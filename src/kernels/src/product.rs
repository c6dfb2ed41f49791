//! Products of matrices.

use pulp::{Simd, WithSimd};

use crate::level::dispatch;

/// Numbers of a row of `b` and `c` come in multiples of this where they are padded: the lanes of
/// the widest vectors.
pub(crate) const LANES: usize = 16;
/// So many rows of `b` are used up before the next ones: they stay in the nearest cache.
const DEPTH: usize = 256;
/// So many rows of `c` are done before the next ones: they stay in the cache behind that.
const HEIGHT: usize = 48;

/// A matrix that is read number by number: number `(i, k)` stands at `i * row + k * column`. One of
/// the two is 1.
#[derive(Clone, Copy)]
pub(crate) struct Left<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) row: usize,
    pub(crate) column: usize,
}

impl<'a> Left<'a> {
    /// Rows that begin `row` numbers apart.
    pub(crate) fn rows(values: &'a [f32], row: usize) -> Self {
        Self { values, row, column: 1 }
    }

    /// The columns of such rows, as rows.
    pub(crate) fn columns(values: &'a [f32], row: usize) -> Self {
        Self { values, row: 1, column: row }
    }

    #[inline(always)]
    fn from(self, row: usize, column: usize) -> Self {
        Self { values: &self.values[row * self.row + column * self.column..], ..self }
    }
}

/// A matrix whose rows begin `row` numbers apart.
#[derive(Clone, Copy)]
pub(crate) struct Right<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) row: usize,
}

/// Where a product goes: rows that begin `row` numbers apart, and whether it is added to what is
/// there.
pub(crate) struct Into<'a> {
    pub(crate) values: &'a mut [f32],
    pub(crate) row: usize,
    pub(crate) add: bool,
}

/// `c += a b`, for `a` `[rows, depth]`, `b` `[depth, columns]` and `c` `[rows, columns]`, the latter
/// two row after row.
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
    let b = Right { values: b, row: columns };
    let c = Into { values: c, row: columns, add: true };
    dispatch(Product { sizes: [rows, depth, columns], a, b, c });
}

struct Product<'a> {
    sizes: [usize; 3],
    a: Left<'a>,
    b: Right<'a>,
    c: Into<'a>,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Product { sizes, a, b, c } = self;
        multiply(simd, sizes, a, b, c);
    }
}

/// `a b`, for `a` `[rows, depth]` and `b` `[depth, columns]`. Each sum is one chain of multiply-adds
/// in the order of the depth: a row has the same bits among any others.
///
/// # Panics
/// When a slice is shorter than its shape says.
#[inline(always)]
pub(crate) fn multiply<S: Simd>(
    simd: S,
    sizes: [usize; 3],
    a: Left<'_>,
    b: Right<'_>,
    c: Into<'_>,
) {
    match a.column == 1 {
        true => multiply_as::<S, false>(simd, sizes, a, b, c),
        false => {
            assert_eq!(a.row, 1);
            multiply_as::<S, true>(simd, sizes, a, b, c);
        }
    }
}

/// `ACROSS` where `a` is read along its columns.
#[inline(always)]
fn multiply_as<S: Simd, const ACROSS: bool>(
    simd: S,
    [rows, depth, columns]: [usize; 3],
    a: Left<'_>,
    b: Right<'_>,
    c: Into<'_>,
) {
    if depth == 0 && !c.add {
        c.values.chunks_mut(c.row).take(rows).for_each(|row| row[..columns].fill(0.0));
    }
    for first in (0..rows).step_by(HEIGHT) {
        let rows = HEIGHT.min(rows - first);
        for start in (0..depth).step_by(DEPTH) {
            let depth = DEPTH.min(depth - start);
            let a = a.from(first, start);
            let b = Right { values: &b.values[start * b.row..], ..b };
            let add = c.add || start > 0;
            let c = Into { values: &mut c.values[first * c.row..], row: c.row, add };
            block::<S, ACROSS>(simd, [rows, depth, columns], a, b, c);
        }
    }
}

#[inline(always)]
fn block<S: Simd, const ACROSS: bool>(
    simd: S,
    [rows, depth, columns]: [usize; 3],
    a: Left<'_>,
    b: Right<'_>,
    c: Into<'_>,
) {
    let mut column = 0;
    while column < columns {
        let vectors = (columns - column) / S::F32_LANES;
        let b = Right { values: &b.values[column..], ..b };
        let mut row = 0;
        while row < rows {
            let a = a.from(row, 0);
            let c = Into { values: &mut c.values[row * c.row + column..], ..c };
            let at = Place { depth, width: columns - column };
            // As many sums as there are registers for, beside the vectors of `b` and one of `a`.
            let most = if S::F32_LANES == 16 { 8 } else { 6 };
            row += match (rows - row, vectors) {
                (8.., 2..) if most == 8 => tile::<S, 8, 2, ACROSS>(simd, at, a, b, c),
                (6.., 2..) => tile::<S, 6, 2, ACROSS>(simd, at, a, b, c),
                (4.., 2..) => tile::<S, 4, 2, ACROSS>(simd, at, a, b, c),
                (_, 2..) => tile::<S, 1, 2, ACROSS>(simd, at, a, b, c),
                (8.., _) => tile::<S, 8, 1, ACROSS>(simd, at, a, b, c),
                (4.., _) => tile::<S, 4, 1, ACROSS>(simd, at, a, b, c),
                _ => tile::<S, 1, 1, ACROSS>(simd, at, a, b, c),
            };
        }
        column += if vectors >= 2 { 2 } else { 1 } * S::F32_LANES;
    }
}

/// How many products a tile adds up, and how many columns there are from its first on.
#[derive(Clone, Copy)]
struct Place {
    depth: usize,
    width: usize,
}

/// `R` rows by `V` vectors, the last of which may be cut short; how many rows that was.
#[inline(always)]
fn tile<S: Simd, const R: usize, const V: usize, const ACROSS: bool>(
    simd: S,
    Place { depth, width }: Place,
    a: Left<'_>,
    b: Right<'_>,
    c: Into<'_>,
) -> usize {
    let width = width.min(V * S::F32_LANES);
    let mut sums = [[simd.splat_f32s(0.0); V]; R];
    if c.add {
        for (row, sums) in sums.iter_mut().enumerate() {
            *sums = vectors::<S, V>(simd, &c.values[row * c.row..][..width]);
        }
    }
    // Whole slices, of which it is clear that no number is beyond them.
    let lines: [&[f32]; R] = std::array::from_fn(|row| match ACROSS {
        true => &[][..],
        false => &a.values[row * a.row..][..depth],
    });
    #[expect(clippy::needless_range_loop, reason = "lines are only there where they are read")]
    for k in 0..depth {
        let b = vectors::<S, V>(simd, &b.values[k * b.row..][..width]);
        let across = if ACROSS { &a.values[k * a.column..][..R] } else { &[] };
        for (row, sums) in sums.iter_mut().enumerate() {
            let value = if ACROSS { across[row] } else { lines[row][k] };
            let value = simd.splat_f32s(value);
            for (sum, b) in sums.iter_mut().zip(b) {
                *sum = simd.mul_add_e_f32s(value, b, *sum);
            }
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        let (to, rest) = S::as_mut_simd_f32s(&mut c.values[row * c.row..][..width]);
        to.iter_mut().zip(sums).for_each(|(to, sum)| *to = *sum);
        if V == 1 && !rest.is_empty() {
            simd.partial_store_f32s(rest, sums[0]);
        }
    }
    R
}

/// The vectors of a slice; zeros behind what is short of one.
#[inline(always)]
fn vectors<S: Simd, const V: usize>(simd: S, from: &[f32]) -> [S::f32s; V] {
    let (whole, rest) = S::as_simd_f32s(from);
    match whole.first_chunk() {
        Some(whole) => *whole,
        None => [simd.partial_load_f32s(rest); V],
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

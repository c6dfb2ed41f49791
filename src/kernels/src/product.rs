//! Products of matrices.

use std::cell::Cell;

use pulp::{Simd, WithSimd};

use crate::level::dispatch;

/// Numbers of a row of `b` and `c` come in multiples of this where they are padded: the lanes of
/// the widest vectors.
pub(crate) const LANES: usize = 16;
/// So many rows of `b` are used up before the next ones: of a panel, they stay in the nearest cache.
const DEPTH: usize = 256;
/// So many columns of `b` are used up before the next ones: they stay in the cache behind that.
const WIDTH: usize = 1024;
/// So many rows of `c` are done before the next ones.
const HEIGHT: usize = 48;
/// From so many rows on, `b` is read often enough to be copied first.
const WORTH: usize = 16;
/// So many numbers stay in the nearest cache, beside what they are multiplied with.
const NEAR: usize = 4096;

thread_local! {
    /// Room for a copy, which is asked for once.
    static ROOM: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

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

/// A matrix whose number `(k, j)` stands at `k * row + j * column`. One of the two is 1.
#[derive(Clone, Copy)]
pub(crate) struct Right<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) row: usize,
    column: usize,
}

impl<'a> Right<'a> {
    /// Rows that begin `row` numbers apart.
    pub(crate) fn rows(values: &'a [f32], row: usize) -> Self {
        Self { values, row, column: 1 }
    }

    /// The columns of such rows, as rows.
    pub(crate) fn columns(values: &'a [f32], row: usize) -> Self {
        Self { values, row: 1, column: row }
    }

    #[inline(always)]
    pub(crate) fn from(self, row: usize, column: usize) -> Self {
        Self { values: &self.values[row * self.row + column * self.column..], ..self }
    }
}

/// Where a product goes: rows that begin `row` numbers apart, and what it is added to.
pub(crate) struct Into<'a> {
    pub(crate) values: &'a mut [f32],
    pub(crate) row: usize,
    pub(crate) onto: Onto<'a>,
}

/// What a product is added to.
#[derive(Clone, Copy)]
pub(crate) enum Onto<'a> {
    Nothing,
    /// What is there already.
    Itself,
    /// In each row the same numbers, as many as there are columns.
    Row(&'a [f32]),
}

impl Onto<'_> {
    /// From a column on.
    #[inline(always)]
    fn from(self, column: usize) -> Self {
        match self {
            Self::Row(row) => Self::Row(&row[column..]),
            other => other,
        }
    }
}

/// A right matrix as tiles read it, copied once for many products.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    /// Block after block of [`WIDTH`] columns and, within these, [`DEPTH`] rows; each in panels as
    /// wide as a tile.
    values: Vec<f32>,
    depth: usize,
    columns: usize,
}

impl Packed {
    pub(crate) fn new(b: Right<'_>, sizes: [usize; 2]) -> Self {
        let mut packed = Self::default();
        packed.fill(b, sizes);
        packed
    }

    /// Copies another matrix, `[depth, columns]`, to where the last one was.
    pub(crate) fn fill(&mut self, b: Right<'_>, [depth, columns]: [usize; 2]) {
        (self.depth, self.columns) = (depth, columns);
        dispatch(Pack { b, into: self });
    }
}

struct Pack<'a> {
    b: Right<'a>,
    into: &'a mut Packed,
}

impl WithSimd for Pack<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let Pack { b, into: Packed { values, depth, columns } } = self;
        values.resize(*depth * columns.next_multiple_of(S::F32_LANES), 0.0);
        let mut rest = values.as_mut_slice();
        for Block { across, start, depth, columns } in blocks(*depth, *columns) {
            let (block, behind) = rest.split_at_mut(depth * columns.next_multiple_of(S::F32_LANES));
            panels::<S>(b.from(start, across), [depth, columns], block);
            rest = behind;
        }
    }
}

/// A part of a right matrix that is used up before the next one.
struct Block {
    /// Its first column.
    across: usize,
    /// Its first row.
    start: usize,
    depth: usize,
    columns: usize,
}

fn blocks(depth: usize, columns: usize) -> impl Iterator<Item = Block> {
    (0..columns).step_by(WIDTH).flat_map(move |across| {
        let columns = WIDTH.min(columns - across);
        (0..depth).step_by(DEPTH).map(move |start| {
            let depth = DEPTH.min(depth - start);
            Block { across, start, depth, columns }
        })
    })
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
    let b = Right::rows(b, columns);
    let c = Into { values: c, row: columns, onto: Onto::Itself };
    multiply([rows, depth, columns], a, b, c);
}

/// `a b`, for `a` `[rows, depth]` and `b` `[depth, columns]`. Each sum is one chain of multiply-adds
/// in the order of the depth: a row has the same bits among any others.
///
/// # Panics
/// When a slice is shorter than its shape says.
pub(crate) fn multiply(sizes: [usize; 3], a: Left<'_>, b: Right<'_>, c: Into<'_>) {
    dispatch(Product { sizes, a, b: By::Rows(b), c });
}

/// [`multiply`] by a matrix that is packed, all of it: `c` has as many columns.
///
/// # Panics
/// As [`multiply`].
pub(crate) fn multiply_packed(rows: usize, a: Left<'_>, b: &Packed, c: Into<'_>) {
    dispatch(Product { sizes: [rows, b.depth, b.columns], a, b: By::Packed(&b.values), c });
}

#[derive(Clone, Copy)]
enum By<'a> {
    Rows(Right<'a>),
    Packed(&'a [f32]),
}

struct Product<'a> {
    sizes: [usize; 3],
    a: Left<'a>,
    b: By<'a>,
    c: Into<'a>,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Product { sizes, a, b, c } = self;
        match a.column == 1 {
            true => multiply_as::<S, false>(simd, sizes, a, b, c),
            false => {
                assert_eq!(a.row, 1);
                multiply_as::<S, true>(simd, sizes, a, b, c);
            }
        }
    }
}

/// `ACROSS` where `a` is read along its columns.
#[inline(always)]
fn multiply_as<S: Simd, const ACROSS: bool>(
    simd: S,
    [rows, depth, columns]: [usize; 3],
    a: Left<'_>,
    b: By<'_>,
    c: Into<'_>,
) {
    if depth == 0 {
        for row in c.values.chunks_mut(c.row).take(rows) {
            match c.onto {
                Onto::Nothing => row[..columns].fill(0.0),
                Onto::Itself => {}
                Onto::Row(from) => row[..columns].copy_from_slice(&from[..columns]),
            }
        }
    }
    // What is read often is worth a copy, but where all of it stays near as it is; and what is cut short
    // or lies across is made whole by it.
    let is_worth = (rows >= WORTH && depth * columns > NEAR)
        || columns % S::F32_LANES > 0
        || matches!(b, By::Rows(Right { column: 2.., .. }));
    let mut room = ROOM.take();
    let mut packed = 0;
    for Block { across, start, depth, columns } in blocks(depth, columns) {
        let length = depth * columns.next_multiple_of(S::F32_LANES);
        let apart = 2 * S::F32_LANES;
        let (b, is_packed) = match b {
            By::Packed(all) => {
                let values = &all[packed..packed + length];
                packed += length;
                (Panels { values, row: apart, apart: depth * apart }, true)
            }
            By::Rows(b) => {
                let b = b.from(start, across);
                match is_worth {
                    true => {
                        if room.len() < length {
                            room.resize(length, 0.0);
                        }
                        let values = &mut room[..length];
                        panels::<S>(b, [depth, columns], values);
                        (Panels { values, row: apart, apart: depth * apart }, true)
                    }
                    false => (Panels { values: b.values, row: b.row, apart }, false),
                }
            }
        };
        for first in (0..rows).step_by(HEIGHT) {
            let rows = HEIGHT.min(rows - first);
            let a = a.from(first, start);
            let values = &mut c.values[first * c.row + across..];
            let onto = if start > 0 { Onto::Itself } else { c.onto.from(across) };
            let c = Into { values, row: c.row, onto };
            let sizes = [rows, depth, columns];
            match is_packed {
                true => block::<S, ACROSS, true>(simd, sizes, a, b, c),
                false => block::<S, ACROSS, false>(simd, sizes, a, b, c),
            }
        }
    }
    ROOM.set(room);
}

/// Columns of a matrix, as many as a tile has: panel `p` begins at `p * apart`, its rows are `row`
/// numbers apart.
#[derive(Clone, Copy)]
struct Panels<'a> {
    values: &'a [f32],
    row: usize,
    apart: usize,
}

/// Copies a matrix, so that what a tile reads stands one after the other: rows that are far apart
/// share few places of the nearest cache. Rows have zeros behind them up to a whole vector.
#[inline(always)]
fn panels<S: Simd>(b: Right<'_>, [depth, columns]: [usize; 2], into: &mut [f32]) {
    let width = 2 * S::F32_LANES;
    for (panel, to) in into.chunks_mut(depth * width).enumerate() {
        let from = b.from(0, panel * width);
        let columns = width.min(columns - panel * width);
        let padded = columns.next_multiple_of(S::F32_LANES);
        if from.column > 1 {
            turned(from, [depth, columns], padded, to);
            continue;
        }
        for (row, to) in to.chunks_exact_mut(padded).enumerate() {
            let from = &from.values[row * b.row..][..columns];
            match (S::as_simd_f32s(from).0.first_chunk::<2>(), S::as_mut_simd_f32s(to).0) {
                (Some(from), to) if to.len() == 2 => to.copy_from_slice(from),
                _ => {
                    to[..columns].copy_from_slice(from);
                    to[columns..].fill(0.0);
                }
            }
        }
    }
}

/// A panel of a matrix that lies across.
#[inline(always)]
fn turned(from: Right<'_>, [depth, columns]: [usize; 2], padded: usize, into: &mut [f32]) {
    // So many rows are read side by side.
    const ABREAST: usize = 8;
    for first in (0..padded).step_by(ABREAST) {
        let there = ABREAST.min(columns.saturating_sub(first));
        if there < ABREAST {
            let end = padded.min(first + ABREAST);
            into.chunks_exact_mut(padded).for_each(|to| to[first..end].fill(0.0));
        }
        if there == ABREAST {
            let lines: [&[f32]; ABREAST] =
                std::array::from_fn(|at| &from.values[(first + at) * from.column..][..depth]);
            for (row, to) in into.chunks_exact_mut(padded).take(depth).enumerate() {
                let to = &mut to[first..][..ABREAST];
                to.iter_mut().zip(&lines).for_each(|(to, line)| *to = line[row]);
            }
        } else {
            for at in 0..there {
                let line = &from.values[(first + at) * from.column..][..depth];
                let places = into[first + at..].iter_mut().step_by(padded);
                places.zip(line).for_each(|(to, value)| *to = *value);
            }
        }
    }
}

#[inline(always)]
fn block<S: Simd, const ACROSS: bool, const PACKED: bool>(
    simd: S,
    [rows, depth, columns]: [usize; 3],
    a: Left<'_>,
    b: Panels<'_>,
    c: Into<'_>,
) {
    let width = 2 * S::F32_LANES;
    for (panel, column) in (0..columns).step_by(width).enumerate() {
        let b = Right::rows(&b.values[panel * b.apart..], b.row);
        let columns = width.min(columns - column);
        let is_wide = columns > S::F32_LANES;
        let mut row = 0;
        while row < rows {
            let a = a.from(row, 0);
            let onto = c.onto.from(column);
            let c = Into { values: &mut c.values[row * c.row + column..], onto, ..c };
            if columns % S::F32_LANES > 0 {
                row += cut_short::<S, ACROSS, PACKED>(simd, [rows - row, depth, columns], a, b, c);
                continue;
            }
            // As many sums as there are registers for, beside the vectors of `b` and one of `a`.
            let most = if S::F32_LANES == 16 { 12 } else { 6 };
            row += match (rows - row, is_wide) {
                (12.., true) if most == 12 => {
                    tile::<S, 12, 2, ACROSS, PACKED>(simd, depth, a, b, c)
                }
                (8.., true) if most == 12 => tile::<S, 8, 2, ACROSS, PACKED>(simd, depth, a, b, c),
                (6.., true) => tile::<S, 6, 2, ACROSS, PACKED>(simd, depth, a, b, c),
                (4.., true) => tile::<S, 4, 2, ACROSS, PACKED>(simd, depth, a, b, c),
                (_, true) => tile::<S, 1, 2, ACROSS, PACKED>(simd, depth, a, b, c),
                (8.., _) => tile::<S, 8, 1, ACROSS, PACKED>(simd, depth, a, b, c),
                (4.., _) => tile::<S, 4, 1, ACROSS, PACKED>(simd, depth, a, b, c),
                _ => tile::<S, 1, 1, ACROSS, PACKED>(simd, depth, a, b, c),
            };
        }
    }
}

/// A tile whose last columns are no whole vector, by one that has zeros in their place.
#[inline(always)]
fn cut_short<S: Simd, const ACROSS: bool, const PACKED: bool>(
    simd: S,
    [rows, depth, columns]: [usize; 3],
    a: Left<'_>,
    b: Right<'_>,
    c: Into<'_>,
) -> usize {
    let rows = if rows >= 4 { 4 } else { 1 };
    let mut whole = [0.0; 4 * 2 * LANES];
    let width = columns.next_multiple_of(S::F32_LANES);
    let lines = whole.chunks_exact_mut(width).zip(c.values.chunks(c.row)).take(rows);
    for (to, there) in lines {
        match c.onto {
            Onto::Nothing => {}
            Onto::Itself => to[..columns].copy_from_slice(&there[..columns]),
            Onto::Row(row) => to[..columns].copy_from_slice(&row[..columns]),
        }
    }
    let into = Into { values: &mut whole, row: width, onto: Onto::Itself };
    match (rows, width > S::F32_LANES) {
        (4, true) => tile::<S, 4, 2, ACROSS, PACKED>(simd, depth, a, b, into),
        (4, false) => tile::<S, 4, 1, ACROSS, PACKED>(simd, depth, a, b, into),
        (_, true) => tile::<S, 1, 2, ACROSS, PACKED>(simd, depth, a, b, into),
        (_, false) => tile::<S, 1, 1, ACROSS, PACKED>(simd, depth, a, b, into),
    };
    for (from, to) in whole.chunks_exact(width).zip(c.values.chunks_mut(c.row)).take(rows) {
        to[..columns].copy_from_slice(&from[..columns]);
    }
    rows
}

/// `R` rows by `V` vectors; how many rows that was. Where `b` is `PACKED`, its rows follow each other.
#[inline(always)]
fn tile<S: Simd, const R: usize, const V: usize, const ACROSS: bool, const PACKED: bool>(
    simd: S,
    depth: usize,
    a: Left<'_>,
    b: Right<'_>,
    c: Into<'_>,
) -> usize {
    let width = V * S::F32_LANES;
    let mut sums = [[simd.splat_f32s(0.0); V]; R];
    match c.onto {
        Onto::Nothing => {}
        Onto::Itself => {
            for (row, sums) in sums.iter_mut().enumerate() {
                *sums = vectors::<S, V>(simd, &c.values[row * c.row..][..width]);
            }
        }
        Onto::Row(row) => sums = [vectors::<S, V>(simd, &row[..width]); R],
    }
    // Chunks and whole slices, of which it is clear that no number is beyond them.
    let panel = if PACKED { &b.values[..depth * width] } else { &[] };
    let panel = S::as_simd_f32s(panel).0.as_chunks::<V>().0;
    let depth = if PACKED { panel.len() } else { depth };
    let lines: [&[f32]; R] = std::array::from_fn(|row| match ACROSS {
        true => &[][..],
        false => &a.values[row * a.row..][..depth],
    });
    let mut across = a.values.chunks(a.column);
    for k in 0..depth {
        let b = match PACKED {
            true => panel[k],
            false => vectors::<S, V>(simd, &b.values[k * b.row..][..width]),
        };
        let across = if ACROSS { &across.next().unwrap_or_default()[..R] } else { &[] };
        for (row, sums) in sums.iter_mut().enumerate() {
            let value = if ACROSS { across[row] } else { lines[row][k] };
            let value = simd.splat_f32s(value);
            for (sum, b) in sums.iter_mut().zip(b) {
                *sum = simd.mul_add_e_f32s(value, b, *sum);
            }
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        let (to, _) = S::as_mut_simd_f32s(&mut c.values[row * c.row..][..width]);
        to.iter_mut().zip(sums).for_each(|(to, sum)| *to = *sum);
    }
    R
}

/// The `V` vectors of a slice of so many.
#[inline(always)]
fn vectors<S: Simd, const V: usize>(simd: S, from: &[f32]) -> [S::f32s; V] {
    let (whole, _) = S::as_simd_f32s(from);
    whole.first_chunk().copied().unwrap_or([simd.splat_f32s(0.0); V])
}

#[cfg(test)]
mod tests;

//! Means and sums of rows of a table, as words are made of their parts.

use pulp::{Simd, WithSimd};

use crate::level::dispatch;

/// Lists of rows of a table, one after the other. A list may be empty, and name a row twice.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bags {
    rows: Vec<u32>,
    /// Where each list ends.
    ends: Vec<usize>,
    /// What each list's sum is multiplied by.
    scales: Vec<f32>,
}

impl Bags {
    /// Adds a list, whose sum is multiplied by `scale`.
    pub fn push(&mut self, rows: impl IntoIterator<Item = u32>, scale: f32) {
        self.rows.extend(rows);
        self.ends.push(self.rows.len());
        self.scales.push(scale);
    }

    /// Number of lists.
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// All rows of all lists.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// Each list and its scale.
    pub fn lists(&self) -> impl Iterator<Item = (&[u32], f32)> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let ranges = starts.zip(self.ends.iter().copied());
        ranges.zip(&self.scales).map(|((start, end), scale)| (&self.rows[start..end], *scale))
    }

    fn fits(&self, rows: usize) -> bool {
        self.rows.iter().all(|row| (*row as usize) < rows)
    }

    /// `[lists, width]`: the scaled sum of each list's rows of `table`, `[rows, width]`; zeros for an
    /// empty list. None where a list names a row that is not there.
    pub fn forward(&self, table: &[f32], width: usize) -> Option<Vec<f32>> {
        if width == 0 || !self.fits(table.len() / width) {
            return None;
        }
        let mut sums = vec![0.0; self.count() * width];
        dispatch(Forward { bags: self, table, width, sums: &mut sums });
        Some(sums)
    }

    /// The gradient of a table of so many rows, by that of what [`Bags::forward`] gave.
    ///
    /// # Panics
    /// When lengths don't fit, or a list names a row that is not there.
    pub fn backward(&self, dy: &[f32], rows: usize, width: usize) -> Vec<f32> {
        assert!(dy.len() == self.count() * width && self.fits(rows));
        let mut table = vec![0.0; rows * width];
        dispatch(Backward { bags: self, dy, width, table: &mut table });
        table
    }
}

struct Forward<'a> {
    bags: &'a Bags,
    table: &'a [f32],
    width: usize,
    sums: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let Forward { bags, table, width, sums } = self;
        for ((list, scale), sum) in bags.lists().zip(sums.chunks_exact_mut(width)) {
            for row in list {
                let start = *row as usize * width;
                add(&table[start..start + width], 1.0, sum);
            }
            sum.iter_mut().for_each(|sum| *sum *= scale);
        }
    }
}

struct Backward<'a> {
    bags: &'a Bags,
    dy: &'a [f32],
    width: usize,
    table: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let Backward { bags, dy, width, table } = self;
        for ((list, scale), dy) in bags.lists().zip(dy.chunks_exact(width)) {
            for row in list {
                let start = *row as usize * width;
                add(dy, scale, &mut table[start..start + width]);
            }
        }
    }
}

/// `to += factor * from`.
#[inline(always)]
pub(crate) fn add(from: &[f32], factor: f32, to: &mut [f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += factor * from;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbers(count: usize, seed: u32) -> Vec<f32> {
        let number = |i: u32| ((i ^ seed).wrapping_mul(2_654_435_761) >> 8) as f32;
        (0..count as u32).map(|i| number(i) / (1 << 23) as f32 - 1.0).collect()
    }

    proptest! {
        #[test]
        fn sums_and_gradients_are_those_of_plain_loops(
            lists in prop::collection::vec(prop::collection::vec(0_u32..9, 0..7), 0..8),
            width in 1_usize..40,
        ) {
            let table = numbers(9 * width, 1);
            let mut bags = Bags::default();
            for list in &lists {
                bags.push(list.iter().copied(), 1.0 / list.len().max(1) as f32);
            }
            let sums = bags.forward(&table, width).unwrap();
            prop_assert_eq!(sums.len(), lists.len() * width);
            let dy = numbers(sums.len(), 2);
            let found = bags.backward(&dy, 9, width);
            let mut expected = vec![0.0_f64; table.len()];
            for (i, list) in lists.iter().enumerate() {
                for at in 0..width {
                    let values = list.iter().map(|row| f64::from(table[*row as usize * width + at]));
                    let mean = values.sum::<f64>() / list.len().max(1) as f64;
                    prop_assert!((f64::from(sums[i * width + at]) - mean).abs() < 1e-6);
                    for row in list {
                        let of_row = f64::from(dy[i * width + at]) / list.len() as f64;
                        expected[*row as usize * width + at] += of_row;
                    }
                }
            }
            for (found, expected) in found.iter().zip(&expected) {
                prop_assert!((f64::from(*found) - expected).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn a_row_that_is_not_there_is_refused() {
        let mut bags = Bags::default();
        bags.push([3], 1.0);
        assert!(bags.forward(&[0.0; 6], 2).is_none());
        assert!(bags.forward(&[0.0; 8], 2).is_some());
        assert!(bags.forward(&[], 0).is_none());
    }
}

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
    use crate::level::tests::each;
    use crate::reference::{Number, assert_gradient, assert_near, numbers, of, sum, weighed};

    fn bags(lists: &[Vec<u32>]) -> Bags {
        let mut bags = Bags::default();
        for list in lists {
            bags.push(list.iter().copied(), 1.0 / list.len().max(1) as f32);
        }
        bags
    }

    fn reference<N: Number>(bags: &Bags, table: &[N], width: usize) -> Vec<N> {
        let list = |(list, scale): (&[u32], f32)| -> Vec<N> {
            let values = |at| list.iter().map(move |row| table[*row as usize * width + at]);
            (0..width).map(|at| sum(values(at)) * N::of(f64::from(scale))).collect()
        };
        bags.lists().flat_map(list).collect()
    }

    /// Of a table of so many numbers.
    fn gradient<N: Number>(bags: &Bags, dy: &[N], count: usize, width: usize) -> Vec<N> {
        let mut found = vec![N::of(0.0); count];
        for ((list, scale), dy) in bags.lists().zip(dy.chunks(width)) {
            for (row, (at, dy)) in
                list.iter().flat_map(|row| dy.iter().enumerate().map(move |d| (row, d)))
            {
                found[*row as usize * width + at] += *dy * N::of(f64::from(scale));
            }
        }
        found
    }

    #[test]
    fn the_references_gradient_is_its_slope() {
        let bags = bags(&[vec![0, 2, 2], vec![], vec![1]]);
        let table: Vec<f64> = of(&numbers(4 * 3, 1));
        let dy: Vec<f64> = of(&numbers(3 * 3, 2));
        let found = gradient(&bags, &dy, table.len(), 3);
        assert_gradient(&table, &found, |table| weighed(&reference(&bags, table, 3), &dy));
    }

    fn held<N: Number>(bags: &Bags, table: &[f32], width: usize) {
        let sums = bags.forward(table, width).unwrap();
        assert_near(&sums, &reference(bags, &of::<N>(table), width));
        let dy = numbers(sums.len(), 2);
        let found = bags.backward(&dy, table.len() / width, width);
        assert_near(&found, &gradient(bags, &of::<N>(&dy), table.len(), width));
    }

    proptest! {
        #[test]
        fn sums_and_gradients_are_the_references(
            lists in prop::collection::vec(prop::collection::vec(0_u32..9, 0..7), 0..8),
            width in 1_usize..40,
        ) {
            let table = numbers(9 * width, 1);
            let bags = bags(&lists);
            for _level in each() {
                held::<f64>(&bags, &table, width);
                held::<f32>(&bags, &table, width);
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

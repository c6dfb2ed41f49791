//! Piecewise-linear embeddings of numbers.

use pulp::{Simd, WithSimd};

use crate::level::dispatch;

/// Numbers, each with the edges of its bins, that become `width` numbers each: a linear function
/// and one that is linear within each bin.
#[derive(Debug, Clone)]
pub struct Bins {
    /// Ascending; fewer than two where a number has no bins.
    edges: Vec<Vec<f32>>,
    /// Most bins of a number, at least 1.
    most: usize,
}

/// The parameters of an embedding: `weight` and `bias` `[numbers, width]`, and what each bin adds
/// from its start to its end, `[numbers, most, width]`.
#[derive(Debug, Clone, Copy)]
pub struct EmbeddingWeights<'a> {
    pub weight: &'a [f32],
    pub bias: &'a [f32],
    pub bins: &'a [f32],
}

/// Gradients of the same shapes.
#[derive(Debug, Clone)]
pub struct EmbeddingGradients {
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
    pub bins: Vec<f32>,
}

/// Where a number lies: its bin, and how far in it; beyond the first and the last bin below 0 and
/// above 1.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Place {
    bin: usize,
    share: f32,
}

impl Bins {
    pub fn new(edges: Vec<Vec<f32>>) -> Self {
        let most = edges.iter().map(|e| e.len().saturating_sub(1)).max().unwrap_or(0).max(1);
        Self { edges, most }
    }

    pub fn numbers(&self) -> usize {
        self.edges.len()
    }

    /// Most bins of a number.
    pub fn most(&self) -> usize {
        self.most
    }

    /// None where the number has no bins.
    fn place(&self, number: usize, x: f32) -> Option<Place> {
        let edges = &self.edges[number];
        let last = edges.len().checked_sub(2)?;
        let bin = edges[1..=last].partition_point(|edge| *edge <= x);
        let (start, end) = (edges[bin], edges[bin + 1]);
        Some(Place { bin, share: (x - start) / (end - start) })
    }

    fn width(&self, weights: &EmbeddingWeights<'_>) -> usize {
        weights.weight.len() / self.numbers().max(1)
    }

    /// `[rows, numbers]` to `[rows, numbers * width]`; None where lengths don't fit.
    pub fn forward(&self, x: &[f32], weights: EmbeddingWeights<'_>) -> Option<Vec<f32>> {
        let (numbers, width) = (self.numbers(), self.width(&weights));
        let fits = numbers > 0
            && x.len().is_multiple_of(numbers)
            && weights.weight.len() == numbers * width
            && weights.bias.len() == numbers * width
            && weights.bins.len() == numbers * self.most * width;
        if !fits {
            return None;
        }
        let mut y = vec![0.0; x.len() * width];
        dispatch(Forward { bins: self, x, weights, width, y: &mut y });
        Some(y)
    }

    /// Gradients of the parameters for `dy`, that of the embedded rows, `[rows, numbers * width]`.
    ///
    /// # Panics
    /// When `dy` is not of the shape that [`Bins::forward`] gave for `x`.
    pub fn backward(&self, x: &[f32], dy: &[f32], width: usize) -> EmbeddingGradients {
        let numbers = self.numbers();
        assert_eq!(dy.len(), x.len() * width);
        let mut found = EmbeddingGradients {
            weight: vec![0.0; numbers * width],
            bias: vec![0.0; numbers * width],
            bins: vec![0.0; numbers * self.most * width],
        };
        // What lies beyond a bin counts for it in full: counted once, at the bin that the number
        // lies in, and handed down to those before at the end.
        let mut beyond = vec![0.0; numbers * self.most * width];
        if numbers > 0 && width > 0 {
            let (found, beyond) = (&mut found, &mut beyond);
            dispatch(Backward { bins: self, x, dy, width, found, beyond });
        }
        found
    }
}

struct Forward<'a> {
    bins: &'a Bins,
    x: &'a [f32],
    weights: EmbeddingWeights<'a>,
    width: usize,
    y: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let Self { bins, x, weights, width, y } = self;
        let (numbers, most) = (bins.numbers(), bins.most);
        // What all bins before one add.
        let mut sums = vec![0.0; weights.bins.len()];
        for number in 0..numbers {
            for bin in 1..most {
                let start = (number * most + bin) * width;
                for channel in start..start + width {
                    sums[channel] = sums[channel - width] + weights.bins[channel - width];
                }
            }
        }
        for (x, y) in x.chunks_exact(numbers).zip(y.chunks_exact_mut(numbers * width)) {
            for (number, (&x, y)) in x.iter().zip(y.chunks_exact_mut(width)).enumerate() {
                let own = number * width..(number + 1) * width;
                let linear = weights.weight[own.clone()].iter().zip(&weights.bias[own]);
                let Some(Place { bin, share }) = bins.place(number, x) else {
                    y.iter_mut().zip(linear).for_each(|(y, (w, b))| *y = w * x + b);
                    continue;
                };
                let start = (number * most + bin) * width;
                let (before, within) =
                    (&sums[start..start + width], &weights.bins[start..start + width]);
                let parts = linear.zip(before.iter().zip(within));
                for (y, ((w, b), (before, within))) in y.iter_mut().zip(parts) {
                    *y = w * x + b + (before + share * within);
                }
            }
        }
    }
}

struct Backward<'a> {
    bins: &'a Bins,
    x: &'a [f32],
    dy: &'a [f32],
    width: usize,
    found: &'a mut EmbeddingGradients,
    beyond: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let Self { bins, x, dy, width, found, beyond } = self;
        let (numbers, most) = (bins.numbers(), bins.most);
        for (x, dy) in x.chunks_exact(numbers).zip(dy.chunks_exact(numbers * width)) {
            for (number, (&x, dy)) in x.iter().zip(dy.chunks_exact(width)).enumerate() {
                let own = number * width..(number + 1) * width;
                let weight = &mut found.weight[own.clone()];
                weight.iter_mut().zip(dy).for_each(|(w, dy)| *w += x * dy);
                found.bias[own].iter_mut().zip(dy).for_each(|(b, dy)| *b += dy);
                let Some(Place { bin, share }) = bins.place(number, x) else { continue };
                let start = (number * most + bin) * width;
                let within = &mut found.bins[start..start + width];
                within.iter_mut().zip(dy).for_each(|(v, dy)| *v += share * dy);
                let beyond = &mut beyond[start..start + width];
                beyond.iter_mut().zip(dy).for_each(|(v, dy)| *v += dy);
            }
        }
        for number in 0..numbers {
            for bin in (1..most).rev() {
                let start = (number * most + bin) * width;
                for channel in start..start + width {
                    let passed = beyond[channel];
                    found.bins[channel - width] += passed;
                    beyond[channel - width] += passed;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::level::tests::each;
    use crate::reference::{Number, assert_gradient, assert_near_of, numbers, of, sum, weighed};

    /// The weight, the bias, and what the bins add.
    type Parts<N> = [Vec<N>; 3];

    /// A place in the weight, the number itself, and of each bin its place and how much of it is
    /// passed.
    type Passed<N> = (usize, N, Vec<(usize, N)>);

    /// For each number of each row and each channel.
    fn passed<N: Number>(bins: &Bins, x: &[f32], width: usize) -> Vec<Passed<N>> {
        let place = |at: usize| {
            let (number, channel) = (at / width % bins.numbers(), at % width);
            let x = x[at / width];
            let of_bin = |bin: usize| {
                let at = (number * bins.most + bin) * width + channel;
                (at, N::of(encoded(&bins.edges[number], bin, x)))
            };
            let of_bins = (0..bins.most).map(of_bin).collect();
            (number * width + channel, N::of(f64::from(x)), of_bins)
        };
        (0..x.len() * width).map(place).collect()
    }

    /// By the definition: every bin adds its part of the way through it.
    fn reference<N: Number>(bins: &Bins, x: &[f32], [weight, bias, of_bins]: &Parts<N>) -> Vec<N> {
        let width = weight.len() / bins.numbers();
        let value = |(at, x, passed): Passed<N>| {
            weight[at] * x
                + bias[at]
                + sum(passed.into_iter().map(|(at, share)| of_bins[at] * share))
        };
        passed(bins, x, width).into_iter().map(value).collect()
    }

    fn gradient<N: Number>(bins: &Bins, x: &[f32], dy: &[N], width: usize) -> Parts<N> {
        let size = bins.numbers() * width;
        let mut found = [size, size, size * bins.most].map(|count| vec![N::of(0.0); count]);
        for ((at, x, passed), dy) in passed::<N>(bins, x, width).into_iter().zip(dy) {
            found[0][at] += x * *dy;
            found[1][at] += *dy;
            passed.into_iter().for_each(|(at, share)| found[2][at] += share * *dy);
        }
        found
    }

    fn encoded(edges: &[f32], bin: usize, x: f32) -> f64 {
        if bin + 1 >= edges.len() {
            return 0.0;
        }
        let (start, end) = (f64::from(edges[bin]), f64::from(edges[bin + 1]));
        let share = (f64::from(x) - start) / (end - start);
        let share = if bin > 0 { share.max(0.0) } else { share };
        if bin + 2 < edges.len() { share.min(1.0) } else { share }
    }

    fn edges(count: usize) -> Vec<f32> {
        (0..count).map(|edge| edge as f32 * 0.3 - 0.6).collect()
    }

    fn parts(bins: &Bins, width: usize, seed: u32) -> Parts<f32> {
        let size = bins.numbers() * width;
        [(size, seed), (size, seed ^ 1), (size * bins.most, seed ^ 2)]
            .map(|(count, seed)| numbers(count, seed))
    }

    #[test]
    fn the_references_gradients_are_its_slopes() {
        let bins = Bins::new([4, 0, 2, 5].map(edges).to_vec());
        let x = numbers(3 * 4, 1);
        let parts = parts(&bins, 2, 2).map(|part| of::<f64>(&part));
        let dy: Vec<f64> = of(&numbers(x.len() * 2, 3));
        let found = gradient(&bins, &x, &dy, 2);
        for part in 0..3 {
            assert_gradient(&parts[part], &found[part], |moved| {
                let mut parts = parts.clone();
                parts[part] = moved.to_vec();
                weighed(&reference(&bins, &x, &parts), &dy)
            });
        }
    }

    fn held<N: Number>(bins: &Bins, x: &[f32], parts: &Parts<f32>, seed: u32) {
        let [weight, bias, of_bins] = parts;
        let width = weight.len() / bins.numbers();
        let y = bins.forward(x, EmbeddingWeights { weight, bias, bins: of_bins }).unwrap();
        let wide = parts.each_ref().map(|part| of::<N>(part));
        // What bins before one add is summed in another order.
        assert_near_of(1.0, &y, &reference(bins, x, &wide));
        let dy = numbers(y.len(), seed);
        let found = bins.backward(x, &dy, width);
        let [by_weight, by_bias, by_bins] = gradient(bins, x, &of::<N>(&dy), width);
        assert_near_of(1.0, &found.weight, &by_weight);
        assert_near_of(1.0, &found.bias, &by_bias);
        assert_near_of(1.0, &found.bins, &by_bins);
    }

    proptest! {
        #[test]
        fn it_is_the_definition_and_its_gradient(
            counts in proptest::collection::vec(0_usize..6, 1..4),
            width in 1_usize..20, rows in 0_usize..9, seed in any::<u32>(),
        ) {
            let bins = Bins::new(counts.iter().map(|count| edges(*count)).collect());
            let parts = parts(&bins, width, seed);
            let x = numbers(rows * counts.len(), seed ^ 3);
            for _level in each() {
                held::<f64>(&bins, &x, &parts, seed ^ 4);
                held::<f32>(&bins, &x, &parts, seed ^ 4);
            }
        }
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        let bins = Bins::new(vec![edges(3), edges(2)]);
        let weights = EmbeddingWeights { weight: &[0.0; 4], bias: &[0.0; 4], bins: &[0.0; 8] };
        assert!(bins.forward(&[0.0; 4], weights).is_some());
        assert!(bins.forward(&[0.0; 3], weights).is_none());
        let short = EmbeddingWeights { bins: &[0.0; 7], ..weights };
        assert!(bins.forward(&[0.0; 4], short).is_none());
    }
}

//! Embeddings of numbers as they are served, by their values at the edges of the bins.

use super::parameters::{Parameters, of_member};

/// What a number is embedded as at the edges of its bins: between them, and beyond, it is linear.
#[derive(Debug)]
pub(super) struct Knots {
    /// Its place among the inputs.
    pub(super) input: usize,
    /// At least two, ascending; of a number without bins, 0 and 1.
    pub(super) edges: Vec<f32>,
    /// `[edges, width]`.
    pub(super) values: Vec<f64>,
}

impl Knots {
    /// Of the embedding's number of this place; None where the parameters don't fit.
    pub(super) fn new(
        input: usize,
        edges: &[f32],
        number: usize,
        parameters: &Parameters,
    ) -> Option<Self> {
        let weight = of_member(parameters.get("embedding.weight")?, number)?;
        let bias = of_member(parameters.get("embedding.bias")?, number)?;
        let bins = of_member(parameters.get("embedding.bins")?, number)?;
        let has_bins = edges.len() >= 2;
        let edges = if has_bins { edges.to_vec() } else { vec![0.0, 1.0] };
        let mut sums = vec![0.0; weight.len()];
        let mut values = Vec::with_capacity(edges.len() * weight.len());
        for (edge, x) in edges.iter().enumerate() {
            if let Some(before) = edge.checked_sub(1).filter(|_| has_bins) {
                let bin = bins.chunks_exact(weight.len().max(1)).nth(before)?;
                sums.iter_mut().zip(bin).for_each(|(sum, v)| *sum += f64::from(*v));
            }
            let linear =
                weight.iter().zip(bias).map(|(w, b)| f64::from(*w) * f64::from(*x) + f64::from(*b));
            values.extend(linear.zip(&sums).map(|(linear, sum)| linear + sum));
        }
        Some(Self { input, edges, values })
    }
}

/// A number's embedding.
#[derive(Debug)]
pub(super) struct Piecewise {
    input: usize,
    edges: Vec<f32>,
    /// `[edges, width]`.
    knots: Vec<f32>,
}

impl Piecewise {
    /// Of the embedding's number of this place; None where the parameters don't fit.
    pub(super) fn new(
        input: usize,
        edges: &[f32],
        number: usize,
        parameters: &Parameters,
    ) -> Option<Self> {
        let Knots { input, edges, values } = Knots::new(input, edges, number, parameters)?;
        Some(Self { input, edges, knots: values.into_iter().map(|value| value as f32).collect() })
    }

    /// Appends what its value in a row of inputs becomes.
    pub(super) fn embed(&self, row: &[f32], embedded: &mut Vec<f32>) {
        let x = row[self.input];
        let bins = self.edges.len() - 1;
        let bin = self.edges[1..bins].partition_point(|edge| *edge <= x);
        let (start, end) = (self.edges[bin], self.edges[bin + 1]);
        let place = (x - start) / (end - start);
        let width = self.knots.len() / self.edges.len();
        let (low, high) = self.knots[bin * width..(bin + 2) * width].split_at(width);
        embedded.extend(low.iter().zip(high).map(|(low, high)| low + place * (high - low)));
    }
}

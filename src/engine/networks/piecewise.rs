//! Embeddings of numbers as they are served, by their values at the edges of the bins.

use super::parameters::{Parameters, of_member};

/// A number's embedding, by its values at the edges of the bins: between them it is linear.
#[derive(Debug)]
pub(super) struct Piecewise {
    input: usize,
    /// At least two, ascending; of a number without bins, 0 and 1.
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
        let weight = of_member(parameters.get("embedding.weight")?, number)?;
        let bias = of_member(parameters.get("embedding.bias")?, number)?;
        let bins = of_member(parameters.get("embedding.bins")?, number)?;
        let has_bins = edges.len() >= 2;
        let edges = if has_bins { edges.to_vec() } else { vec![0.0, 1.0] };
        let mut sums = vec![0.0; weight.len()];
        let mut knots = Vec::with_capacity(edges.len() * weight.len());
        for (edge, x) in edges.iter().enumerate() {
            if let Some(before) = edge.checked_sub(1).filter(|_| has_bins) {
                let bin = bins.chunks_exact(weight.len().max(1)).nth(before)?;
                sums.iter_mut().zip(bin).for_each(|(sum, v)| *sum += f64::from(*v));
            }
            let linear =
                weight.iter().zip(bias).map(|(w, b)| f64::from(*w) * f64::from(*x) + f64::from(*b));
            knots.extend(linear.zip(&sums).map(|(linear, sum)| (linear + sum) as f32));
        }
        Some(Self { input, edges, knots })
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

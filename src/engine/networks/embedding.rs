//! Piecewise-linear embeddings of numbers (Gorishniy et al. 2022, "On embeddings for numerical
//! features"; version B of their library `rtdl_num_embeddings`).

use std::sync::Arc;

use actuary_kernels::Bins;
use burn::module::{Module, Param};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

use super::parameters::Builder;
use crate::domain::training::Precision;
use crate::engine::kernels::{embed, product};

/// Makes `width` numbers of each number: a linear function of it, plus one that is linear within
/// each of its bins.
///
/// Tensors `weight` and `bias` `[numbers, width]`, and `bins` `[numbers, most bins, width]`, which
/// starts at zero; a number of fewer bins uses the first ones.
#[derive(Module, Debug)]
pub(crate) struct Embedding<B: Backend> {
    weight: Param<Tensor<B, 2>>,
    bias: Param<Tensor<B, 2>>,
    bins: Param<Tensor<B, 3>>,
    /// `[numbers, 1, most bins]`: where each bin begins, and one over how long it is; 0 where there
    /// is no bin.
    start: Tensor<B, 3>,
    inverse: Tensor<B, 3>,
    /// `[numbers, most bins, 1]`: 1 for the first and for the last bin of each number.
    first: Tensor<B, 3>,
    last: Tensor<B, 3>,
    #[module(skip)]
    edges: Arc<Bins>,
    #[module(skip)]
    precision: Precision,
}

impl<B: Backend> Embedding<B> {
    /// An embedding of numbers by the edges of their bins, ascending; a number of fewer than two
    /// edges has no bin.
    pub(crate) fn new(edges: &[&[f32]], width: usize, builder: &mut Builder<'_, B>) -> Self {
        let numbers = edges.len();
        let most = edges.iter().map(|e| e.len().saturating_sub(1)).max().unwrap_or(0).max(1);
        let constant = |of: &dyn Fn(&[f32], usize) -> f32| -> Vec<f32> {
            edges.iter().flat_map(|edges| (0..most).map(move |bin| of(edges, bin))).collect()
        };
        let is_bin = |edges: &[f32], bin: usize| bin + 1 < edges.len();
        let start = constant(&|e, bin| if is_bin(e, bin) { e[bin] } else { 0.0 });
        let inverse =
            constant(&|e, bin| if is_bin(e, bin) { 1.0 / (e[bin + 1] - e[bin]) } else { 0.0 });
        let first = constant(&|e, bin| f32::from(u8::from(bin == 0 && is_bin(e, 0))));
        let last = constant(&|e, bin| f32::from(u8::from(bin + 2 == e.len())));
        let device = builder.device().clone();
        let tensor =
            |values, shape: [usize; 3]| Tensor::from_data(TensorData::new(values, shape), &device);
        let bound = 1.0 / (width.max(1) as f32).sqrt();
        Self {
            weight: builder.uniform([numbers, width], bound),
            bias: builder.uniform([numbers, width], bound),
            bins: builder.uniform([numbers, most, width], 0.0),
            start: tensor(start, [numbers, 1, most]),
            inverse: tensor(inverse, [numbers, 1, most]),
            first: tensor(first, [numbers, most, 1]),
            last: tensor(last, [numbers, most, 1]),
            edges: Arc::new(Bins::new(edges.iter().map(|edges| edges.to_vec()).collect())),
            precision: builder.precision(),
        }
    }

    /// `[rows, numbers]` to `[rows, numbers * width]`.
    pub(crate) fn forward(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        let linear = [self.weight.val(), self.bias.val()];
        embed(x.clone(), linear, self.bins.val(), &self.edges).unwrap_or_else(|| self.by_parts(x))
    }

    /// By burn's own operations.
    fn by_parts(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        let [rows, numbers] = x.dims();
        let x: Tensor<B, 3> = x.swap_dims(0, 1).unsqueeze_dim(2);
        let within = (x.clone() - self.start.clone()) * self.inverse.clone();
        let bins = self.bins.val();
        // Below the first bin and above the last one it goes on as within them.
        let place = |bin: &Tensor<B, 3>| product(within.clone(), bin.clone(), Precision::F32);
        let below = place(&self.first).clamp_max(0.0);
        let above = (place(&self.last) - 1.0).clamp_min(0.0);
        let weights = |bin: &Tensor<B, 3>| (bins.clone() * bin.clone()).sum_dim(1);
        let ends = below * weights(&self.first) + above * weights(&self.last);
        let linear = x * self.weight.val().unsqueeze_dim(1) + self.bias.val().unsqueeze_dim(1);
        let embedded = product(within.clamp(0.0, 1.0), bins, self.precision) + ends + linear;
        let width = embedded.dims()[2];
        embedded.swap_dims(0, 1).reshape([rows, numbers * width])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::networks::fixture::{Tracked, gradients, rows, values};
    use crate::engine::random::{Purpose, keyed, symmetric};

    #[test]
    fn both_ways_give_the_same_values_and_gradients() {
        let edges: [&[f32]; 3] = [&[-0.5, 0.0, 0.25], &[], &[-1.0, 1.0]];
        let device = Default::default();
        let mut builder = Builder::<Tracked>::random(5, &device);
        let mut embedding = Embedding::new(&edges, 4, &mut builder);
        embedding.bins = builder.uniform([3, 2, 4], 1.0);
        let mut rng = keyed(1, Purpose::Sample, 0, 0);
        let x: Vec<f32> = (0..30).map(|_| symmetric(&mut rng, 2.0)).collect();
        let (ours, parts) = (embedding.forward(rows(x.clone(), 3)), embedding.by_parts(rows(x, 3)));
        for (a, b) in values(ours.clone()).iter().zip(values(parts.clone())) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
        let (ours, parts) = (
            gradients(&embedding, &ours.square().mean()),
            gradients(&embedding, &parts.square().mean()),
        );
        for (name, ours) in ours {
            // What stands for no bin has no meaning, and is not touched by either.
            for (a, b) in ours.values.iter().zip(&parts[&name].values) {
                assert!((a - b).abs() < 1e-5, "{name}: {a} {b}");
            }
        }
    }
}

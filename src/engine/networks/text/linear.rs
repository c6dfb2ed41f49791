//! Linear and logistic regression on which words and parts of words a text has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use actuary_kernels::Bags;
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use super::{Tabled, part, taken};
use crate::domain::activation::LayerFunction;
use crate::engine::kernels::embed_bags;
use crate::engine::networks::observer::Observer;
use crate::engine::networks::parameters::Builder;

/// Tensors `weight` `[buckets, outputs]` and `bias` `[outputs]`. A text is a vector of length 1 whose
/// numbers other than 0, the rows that it has, are all the same.
#[derive(Module, Debug)]
pub(crate) struct TextLinear<B: Backend> {
    weight: Param<Tensor<B, 2>>,
    bias: Param<Tensor<B, 1>>,
}

impl<B: Backend> TextLinear<B> {
    pub(crate) fn new(buckets: usize, outputs: usize, builder: &mut Builder<'_, B>) -> Self {
        Self {
            weight: builder.filled([buckets, outputs], 0.0),
            bias: builder.filled([outputs], 0.0),
        }
    }

    pub(crate) fn forward(&self, inputs: Tensor<B, 2>) -> Tensor<B, 2> {
        self.observed(inputs, &mut Observer::default())
    }

    pub(crate) fn observed(&self, inputs: Tensor<B, 2>, observer: &mut Observer) -> Tensor<B, 2> {
        let (inputs, width) = taken(inputs);
        let bags = Arc::new(whole(&inputs, width, self.weight.dims()[0]));
        let logits = embed_bags(self.weight.val(), &bags) + self.bias.val().unsqueeze();
        observer.see(|| "output".to_owned(), LayerFunction::Linear, (&["output"], 1), &logits);
        logits
    }
}

/// The rows that each text has, as a vector of length 1.
pub(super) fn whole(inputs: &[f32], width: usize, rows: usize) -> Bags {
    let mut bags = Bags::default();
    for text in inputs.chunks_exact(width.max(1)) {
        let codes = text.iter().copied().take_while(|code| code.abs() >= 1.0);
        let parts: BTreeSet<u32> = codes.map(|code| part(code, rows)).collect();
        let scale = 1.0 / (parts.len().max(1) as f32).sqrt();
        bags.push(parts, scale);
    }
    bags
}

/// What each part of each word counts where each word is one row instead: what a part adds once for a
/// text is shared by all words that have it.
pub(crate) fn distinct_parts(words: &[Vec<usize>]) -> Vec<Vec<f32>> {
    let mut counts: BTreeMap<usize, f32> = BTreeMap::new();
    for part in words.iter().flatten() {
        *counts.entry(*part).or_default() += 1.0;
    }
    let scale = (words.len() as f32 / counts.len().max(1) as f32).sqrt();
    let shares = |word: &Vec<usize>| word.iter().map(|part| scale / counts[part]).collect();
    words.iter().map(shares).collect()
}

impl<B: Backend> Tabled<B> for TextLinear<B> {
    fn table(&self) -> &Param<Tensor<B, 2>> {
        &self.weight
    }

    fn table_mut(&mut self) -> &mut Param<Tensor<B, 2>> {
        &mut self.weight
    }
}

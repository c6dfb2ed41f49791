//! Attention pooling (Lin et al. 2017, over words instead of states).

use burn::module::{Module, Param};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

use super::{BOUND, Tabled, Words, taken};
use crate::domain::activation::LayerFunction;
use crate::domain::network::TextAttentionNetwork;
use crate::engine::kernels::{product, softmax, tanh};
use crate::engine::networks::affine::Affine;
use crate::engine::networks::dropout::Dropout;
use crate::engine::networks::observer::Observer;
use crate::engine::networks::parameters::Builder;

/// In the place of minus infinity: its power of e is 0 in f32.
const NEVER: f32 = -1e30;

/// Tensors `embedding` `[buckets, width]`, of whose rows a word is the mean; `hidden.weight`
/// `[width, hidden]`, `hidden.bias`, with tanh; `heads.weight` `[hidden, heads]`, `heads.bias`, whose
/// softmax over the words of a text weighs them; `output.weight`, `output.bias`, which reads the means
/// `[heads, width]`.
#[derive(Module, Debug)]
pub(crate) struct TextAttention<B: Backend> {
    embedding: Param<Tensor<B, 2>>,
    hidden: Affine<B>,
    heads: Affine<B>,
    output: Affine<B>,
    #[module(skip)]
    dropout: f64,
}

impl<B: Backend> TextAttention<B> {
    pub(crate) fn new(
        spec: &TextAttentionNetwork,
        buckets: usize,
        outputs: usize,
        builder: &mut Builder<'_, B>,
    ) -> Self {
        let [width, hidden, heads] =
            [spec.embedding, spec.hidden, spec.heads].map(|size| size.unwrap_or(1) as usize);
        Self {
            embedding: builder.uniform([buckets, width], BOUND),
            hidden: builder.linear(width, hidden),
            heads: builder.linear(hidden, heads),
            output: builder.linear(heads * width, outputs),
            dropout: spec.dropout.unwrap_or(0.0),
        }
    }

    pub(crate) fn forward(
        &self,
        inputs: Tensor<B, 2>,
        dropout: Option<&mut Dropout>,
    ) -> Tensor<B, 2> {
        self.observed(inputs, dropout, &mut Observer::default())
    }

    pub(crate) fn observed(
        &self,
        inputs: Tensor<B, 2>,
        dropout: Option<&mut Dropout>,
        observer: &mut Observer,
    ) -> Tensor<B, 2> {
        let device = inputs.device();
        let (inputs, width) = taken(inputs);
        let words = Words::read(&inputs, width, self.embedding.dims()[0]);
        let x = words.embed(self.embedding.val());
        words.see(&x, "embedding", LayerFunction::Linear, observer);
        let [texts, places, width] = x.dims();
        let flat = x.clone().reshape([texts * places, width]);
        let hidden = tanh(self.hidden.forward(flat));
        if observer.is_on() {
            let units = hidden.dims()[1];
            let of_words = hidden.clone().reshape([texts, places, units]);
            words.see(&of_words, "hidden", LayerFunction::Tanh, observer);
        }
        let scores = self.heads.forward(hidden);
        let [_, heads] = scores.dims();
        let is_behind = |length: &usize| {
            // A text of no words is one word of zeros.
            let length = (*length).max(1);
            (0..places).map(move |at| if at < length { 0.0 } else { NEVER })
        };
        let behind: Vec<f32> = words.lengths.iter().flat_map(is_behind).collect();
        let behind = TensorData::new(behind, [texts, places, 1]);
        let scores = scores.reshape([texts, places, heads]) + Tensor::from_data(behind, &device);
        let weights = softmax(scores.swap_dims(1, 2));
        let of_heads = || weights.clone().reshape([texts, heads, 1, places]);
        observer.see_attention(|| "heads".to_owned(), None, Some(&words.places_of()), of_heads);
        let x = product(weights.clone(), x, self.output.precision);
        let name = || "pooled".to_owned();
        observer.see(name, LayerFunction::Linear, (&["head", "unit"], 2), &x);
        let x = x.reshape([texts, heads * width]);
        let x = match dropout {
            Some(dropout) => dropout.apply(x, self.dropout),
            None => x,
        };
        let logits = self.output.forward(x);
        observer.see(|| "output".to_owned(), LayerFunction::Linear, (&["output"], 1), &logits);
        logits
    }
}

impl<B: Backend> Tabled<B> for TextAttention<B> {
    fn table(&self) -> &Param<Tensor<B, 2>> {
        &self.embedding
    }

    fn table_mut(&mut self) -> &mut Param<Tensor<B, 2>> {
        &mut self.embedding
    }
}

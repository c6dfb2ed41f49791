//! Phrases of words (Kim 2014).

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use super::{BOUND, Tabled, Words, taken};
use crate::domain::activation::LayerFunction;
use crate::domain::network::TextCnnNetwork;
use crate::engine::kernels::phrases;
use crate::engine::networks::affine::Affine;
use crate::engine::networks::dropout::Dropout;
use crate::engine::networks::observer::Observer;
use crate::engine::networks::parameters::Builder;

/// Tensors `embedding` `[buckets, width]`, of whose rows a word is the mean; `phrases.N.weight`
/// `[words, width, channels]` and `phrases.N.bias`, one for each length of phrases, in the order of
/// the specification; `output.weight`, `output.bias`, which reads the phrases in that order.
#[derive(Module, Debug)]
pub(crate) struct TextCnn<B: Backend> {
    embedding: Param<Tensor<B, 2>>,
    phrases: Vec<Phrase<B>>,
    output: Affine<B>,
    #[module(skip)]
    dropout: f64,
}

#[derive(Module, Debug)]
struct Phrase<B: Backend> {
    weight: Param<Tensor<B, 3>>,
    bias: Param<Tensor<B, 1>>,
}

impl<B: Backend> TextCnn<B> {
    pub(crate) fn new(
        spec: &TextCnnNetwork,
        buckets: usize,
        outputs: usize,
        builder: &mut Builder<'_, B>,
    ) -> Self {
        let width = spec.embedding.unwrap_or(1) as usize;
        let channels = spec.channels.unwrap_or(1) as usize;
        let embedding = builder.uniform([buckets, width], BOUND);
        let phrases: Vec<Phrase<B>> = spec
            .phrases
            .iter()
            .flatten()
            .map(|words| {
                let words = *words as usize;
                let bound = 1.0 / ((words * width).max(1) as f32).sqrt();
                Phrase {
                    weight: builder.uniform([words, width, channels], bound),
                    bias: builder.uniform([channels], bound),
                }
            })
            .collect();
        let output = builder.linear(phrases.len() * channels, outputs);
        Self { embedding, phrases, output, dropout: spec.dropout.unwrap_or(0.0) }
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
        let (inputs, width) = taken(inputs);
        let words = Words::read(&inputs, width, self.embedding.dims()[0]);
        let x = words.embed(self.embedding.val());
        words.see(&x, "embedding", LayerFunction::Linear, observer);
        let of = |(number, phrase): (usize, &Phrase<B>)| {
            let (weight, bias) = (phrase.weight.val(), phrase.bias.val());
            let x = phrases(x.clone(), weight, bias, &words.lengths, self.output.precision);
            let name = || format!("phrases.{number}");
            observer.see(name, LayerFunction::Relu, (&["unit"], 1), &x);
            x
        };
        let x = Tensor::cat(self.phrases.iter().enumerate().map(of).collect(), 1);
        let x = match dropout {
            Some(dropout) => dropout.apply(x, self.dropout),
            None => x,
        };
        let logits = self.output.forward(x);
        observer.see(|| "output".to_owned(), LayerFunction::Linear, (&["output"], 1), &logits);
        logits
    }
}

impl<B: Backend> Tabled<B> for TextCnn<B> {
    fn table(&self) -> &Param<Tensor<B, 2>> {
        &self.embedding
    }

    fn table_mut(&mut self) -> &mut Param<Tensor<B, 2>> {
        &mut self.embedding
    }
}

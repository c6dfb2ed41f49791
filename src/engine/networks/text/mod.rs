//! Networks for texts: words as means of rows of a table, and what reads words.

mod attention;
mod cnn;
mod linear;
pub(crate) mod serving;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use actuary_kernels::Bags;
use burn::module::Param;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

pub(crate) use self::attention::TextAttention;
pub(crate) use self::cnn::TextCnn;
pub(crate) use self::linear::{TextLinear, distinct_parts};
use crate::domain::activation::LayerFunction;
use crate::domain::network::NetworkSpec;
use crate::engine::features::Layout;
use crate::engine::kernels::embed_bags;
use crate::engine::networks::observer::Observer;

/// Largest number that a row of the table starts with. What rare words start with is noise that is
/// hardly unlearnt: at 0.5, accuracy on news was 0.01 lower.
const BOUND: f32 = 0.1;

/// Rows of the table of a layout; one where it is of no text.
pub(super) fn buckets(layout: &Layout) -> usize {
    match layout {
        Layout::Text { buckets, .. } => *buckets,
        _ => 1,
    }
}

/// Multiply-adds of a text of as many words as one of the layout may have, at most.
pub(super) fn multiply_adds(spec: &NetworkSpec, layout: &Layout) -> usize {
    let Layout::Text { width: inputs, words, .. } = layout else { return 0 };
    let size = |size: Option<u32>| size.unwrap_or(1) as usize;
    let (width, of_word) = match spec {
        NetworkSpec::TextCnn(spec) => {
            let phrases = spec.phrases.iter().flatten().sum::<u32>() as usize;
            (size(spec.embedding), phrases * size(spec.embedding) * size(spec.channels))
        }
        NetworkSpec::TextAttention(spec) => {
            let (width, heads) = (size(spec.embedding), size(spec.heads));
            (width, size(spec.hidden) * (width + heads) + heads * width)
        }
        _ => return 0,
    };
    inputs * width + words * of_word
}

/// Words of texts, as lists of rows of a table.
#[derive(Debug)]
pub(crate) struct Words {
    /// One for each place of each text, empty behind the text.
    bags: Arc<Bags>,
    /// Words of each text.
    lengths: Arc<Vec<usize>>,
    /// Words of the longest text, 1 at least.
    places: usize,
}

impl Words {
    /// Of inputs as [`Layout::Text`] has them, so many of each text, for a table of so many rows.
    pub(crate) fn read(inputs: &[f32], width: usize, rows: usize) -> Self {
        let texts: Vec<Vec<Vec<u32>>> =
            inputs.chunks_exact(width.max(1)).map(|text| split(text, rows)).collect();
        let lengths: Vec<usize> = texts.iter().map(Vec::len).collect();
        let places = lengths.iter().copied().max().unwrap_or(0).max(1);
        let mut bags = Bags::default();
        for text in texts {
            let behind = places - text.len();
            for word in text {
                let scale = 1.0 / word.len() as f32;
                bags.push(word, scale);
            }
            (0..behind).for_each(|_| bags.push([], 1.0));
        }
        Self { bags: Arc::new(bags), lengths: Arc::new(lengths), places }
    }

    /// `[texts, places, width]` by a table `[rows, width]`.
    fn embed<B: Backend>(&self, table: Tensor<B, 2>) -> Tensor<B, 3> {
        let [_, width] = table.dims();
        embed_bags(table, &self.bags).reshape([self.lengths.len(), self.places, width])
    }

    /// Places of each text that mean something: a text of no words is one word of zeros.
    fn places_of(&self) -> Arc<Vec<usize>> {
        Arc::new(self.lengths.iter().map(|length| (*length).max(1)).collect())
    }

    /// Shows an observer what was made of each word, `[texts, places, units]`.
    fn see<B: Backend>(
        &self,
        x: &Tensor<B, 3>,
        name: &str,
        function: LayerFunction,
        observer: &mut Observer,
    ) {
        if observer.is_on() {
            let lengths = self.places_of();
            let axes: (&[&'static str], usize) = (&["word", "unit"], 1);
            observer.see_of(|| name.to_owned(), function, axes, Some(&lengths), x);
        }
    }
}

/// Inputs out of their tensor: what is learnt from them is learnt for the table.
fn taken<B: Backend>(inputs: Tensor<B, 2>) -> (Vec<f32>, usize) {
    let [_, width] = inputs.dims();
    (inputs.into_data().iter::<f32>().collect(), width)
}

/// The words of a text.
fn split(text: &[f32], rows: usize) -> Vec<Vec<u32>> {
    let mut words: Vec<Vec<u32>> = Vec::new();
    for code in text.iter().copied().take_while(|code| code.abs() >= 1.0) {
        let row = part(code, rows);
        match words.last_mut() {
            Some(word) if code > 0.0 => word.push(row),
            _ => words.push(vec![row]),
        }
    }
    words
}

/// The row of an input; the last one for what no table of this size has.
fn part(code: f32, rows: usize) -> u32 {
    let last = u32::try_from(rows).unwrap_or(u32::MAX).saturating_sub(1);
    (code.abs() as u32).saturating_sub(1).min(last)
}

/// What has a table of rows, of which a batch needs few.
pub(crate) trait Tabled<B: Backend> {
    fn table(&self) -> &Param<Tensor<B, 2>>;
    fn table_mut(&mut self) -> &mut Param<Tensor<B, 2>>;
}

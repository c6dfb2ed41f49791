//! A convolution over the words of texts, rectified, of which the greatest of each text is kept.
//!
//! Backwards only the one phrase that was kept has a gradient, which is so little work that forwards
//! is nearly all of it.

use pulp::{Simd, WithSimd};

use crate::bags::add;
use crate::level::dispatch;
use crate::product::{LANES, Left, add_product};

/// Instead of a word: what was kept was not positive.
const DEAD: u32 = u32::MAX;
/// Words that are multiplied at once.
const WORDS: usize = 192;

/// `max(0, x W + b)` of every phrase of so many words that begins within a text, and the greatest of
/// these; what lies behind the text is zero. A text of no words is one word of zeros.
#[derive(Debug, Clone)]
pub struct Phrases {
    /// Numbers of a word.
    inputs: usize,
    /// Words of a phrase.
    words: usize,
    outputs: usize,
    /// `[words * inputs, stride]`, zeros after the outputs.
    weights: Vec<f32>,
    /// `[stride]`.
    bias: Vec<f32>,
}

/// Texts: `words` is `[texts, places, inputs]`, of which each text has the first `lengths` ones.
#[derive(Debug, Clone, Copy)]
pub struct Texts<'a> {
    pub words: &'a [f32],
    pub places: usize,
    pub lengths: &'a [usize],
}

/// What a backward pass gives.
#[derive(Debug, Clone, PartialEq)]
pub struct PhraseGradients {
    /// `[texts, places, inputs]`.
    pub words: Vec<f32>,
    /// `[words, inputs, outputs]`.
    pub weights: Vec<f32>,
    /// `[outputs]`.
    pub bias: Vec<f32>,
}

impl Texts<'_> {
    fn check(&self, inputs: usize) {
        assert!(self.words.len() == self.lengths.len() * self.places * inputs);
        assert!(self.lengths.iter().all(|length| *length <= self.places));
    }

    /// The words of each text.
    fn each(&self, inputs: usize) -> impl Iterator<Item = &[f32]> {
        let size = self.places * inputs;
        let texts = self.lengths.iter().enumerate();
        texts.map(move |(text, length)| &self.words[text * size..][..length * inputs])
    }
}

impl Phrases {
    /// Of `weights` `[words, inputs, outputs]` and `bias` `[outputs]`; None where their lengths don't
    /// fit.
    pub fn new(words: usize, inputs: usize, weights: &[f32], bias: &[f32]) -> Option<Self> {
        let outputs = bias.len();
        let window = words.checked_mul(inputs)?;
        if window == 0 || outputs == 0 || weights.len() != window.checked_mul(outputs)? {
            return None;
        }
        let stride = outputs.next_multiple_of(LANES);
        let mut padded = vec![0.0; window * stride];
        for (row, from) in padded.chunks_exact_mut(stride).zip(weights.chunks_exact(outputs)) {
            row[..outputs].copy_from_slice(from);
        }
        let mut bias = bias.to_vec();
        bias.resize(stride, 0.0);
        Some(Self { inputs, words, outputs, weights: padded, bias })
    }

    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Multiply-adds of one word.
    pub fn multiply_adds(&self) -> usize {
        self.weights.len()
    }

    /// `[texts, outputs]`, and the word at which the phrase of each number begins, for
    /// [`Phrases::backward`]. A text has the same bits among any others.
    ///
    /// # Panics
    /// When lengths don't fit.
    pub fn forward(&self, texts: Texts<'_>) -> (Vec<f32>, Vec<u32>) {
        texts.check(self.inputs);
        let count = texts.lengths.len();
        let mut y = vec![0.0; count * self.outputs];
        let mut chosen = vec![DEAD; y.len()];
        let mut group = Group { layer: self, words: Vec::new(), starts: Vec::new(), first: 0 };
        for (text, words) in texts.each(self.inputs).enumerate() {
            group.add(words);
            if group.words.len() >= WORDS * self.inputs || text + 1 == count {
                group.finish(&mut y, &mut chosen);
            }
        }
        (y, chosen)
    }

    /// The gradients by a gradient `dy` of what [`Phrases::forward`] gave.
    ///
    /// # Panics
    /// When lengths don't fit.
    pub fn backward(&self, texts: Texts<'_>, chosen: &[u32], dy: &[f32]) -> PhraseGradients {
        texts.check(self.inputs);
        assert!(dy.len() == texts.lengths.len() * self.outputs && chosen.len() == dy.len());
        let window = self.words * self.inputs;
        let mut turned = vec![0.0; self.outputs * window];
        for (at, weights) in self.weights.chunks_exact(self.bias.len()).enumerate() {
            for (output, weight) in weights[..self.outputs].iter().enumerate() {
                turned[output * window + at] = *weight;
            }
        }
        let mut by_output = vec![0.0; turned.len()];
        let mut bias = vec![0.0; self.outputs];
        let mut words = vec![0.0; texts.words.len()];
        dispatch(Backward {
            layer: self,
            texts,
            chosen,
            dy,
            turned: &turned,
            words: &mut words,
            weights: &mut by_output,
            bias: &mut bias,
        });
        let mut weights = vec![0.0; by_output.len()];
        for (output, gradient) in by_output.chunks_exact(window).enumerate() {
            for (at, value) in gradient.iter().enumerate() {
                weights[at * self.outputs + output] = *value;
            }
        }
        PhraseGradients { words, weights, bias }
    }
}

/// Texts one after the other, each with the zeros behind it.
struct Group<'a> {
    layer: &'a Phrases,
    words: Vec<f32>,
    /// First word of each text, and how many there are.
    starts: Vec<(usize, usize)>,
    /// Number of the first text.
    first: usize,
}

impl Group<'_> {
    fn add(&mut self, words: &[f32]) {
        let Phrases { inputs, words: window, .. } = *self.layer;
        let count = (words.len() / inputs).max(1);
        let start = self.words.len() / inputs;
        self.starts.push((start, count));
        self.words.extend_from_slice(words);
        self.words.resize((start + count + window - 1) * inputs, 0.0);
    }

    fn finish(&mut self, y: &mut [f32], chosen: &mut [u32]) {
        let Phrases { inputs, words: window, outputs, ref weights, ref bias } = *self.layer;
        let rows = self.words.len() / inputs + 1 - window;
        let stride = bias.len();
        let mut results = bias.repeat(rows);
        let left = Left { values: &self.words, row: inputs, column: 1 };
        add_product(rows, window * inputs, stride, left, weights, &mut results);
        let texts = self.starts.len();
        for (text, (start, count)) in (self.first..).zip(self.starts.drain(..)) {
            let at = text * outputs..(text + 1) * outputs;
            let results = &results[start * stride..(start + count) * stride];
            greatest(results, stride, &mut y[at.clone()], &mut chosen[at]);
        }
        self.first += texts;
        self.words.clear();
    }
}

/// The greatest of each column of results and its row, the first of equals. A NaN stays one, so that
/// it is seen.
fn greatest(results: &[f32], stride: usize, y: &mut [f32], chosen: &mut [u32]) {
    for (row, results) in (0..).zip(results.chunks_exact(stride)) {
        for ((y, chosen), result) in y.iter_mut().zip(chosen.iter_mut()).zip(results) {
            if *result > *y || result.is_nan() {
                (*y, *chosen) = (*result, row);
            }
        }
    }
}

struct Backward<'a> {
    layer: &'a Phrases,
    texts: Texts<'a>,
    chosen: &'a [u32],
    dy: &'a [f32],
    /// `[outputs, window]`.
    turned: &'a [f32],
    words: &'a mut [f32],
    /// `[outputs, window]`.
    weights: &'a mut [f32],
    bias: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let Backward { layer, texts, chosen, dy, turned, words, weights, bias } = self;
        let Phrases { inputs, words: phrase, outputs, .. } = *layer;
        let (window, size) = (phrase * inputs, texts.places * inputs);
        for (text, from) in texts.each(inputs).enumerate() {
            let at = text * outputs..(text + 1) * outputs;
            let into = &mut words[text * size..text * size + from.len()];
            let kept = dy[at.clone()].iter().zip(&chosen[at]).enumerate();
            for (output, (dy, chosen)) in kept.filter(|(_, (_, chosen))| **chosen != DEAD) {
                bias[output] += dy;
                let start = *chosen as usize * inputs;
                // Of a text of no words, and behind the last one, there are zeros.
                let end = (start + window).min(from.len());
                if start < end {
                    let turned = &turned[output * window..][..end - start];
                    add(&from[start..end], *dy, &mut weights[output * window..][..end - start]);
                    add(turned, *dy, &mut into[start..end]);
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
    use crate::reference::{
        Number, assert_gradient, assert_near, assert_same_bits, numbers, of, sum, weighed,
    };

    const PLACES: usize = 4;

    /// Sizes and texts' lengths.
    struct Size<'a> {
        phrase: usize,
        inputs: usize,
        outputs: usize,
        lengths: &'a [usize],
    }

    /// Words, weights and biases.
    type Parts<N> = [Vec<N>; 3];

    fn parts(size: &Size<'_>, seed: u32) -> Parts<f32> {
        let Size { phrase, inputs, outputs, lengths } = *size;
        let counts = [lengths.len() * PLACES * inputs, phrase * inputs * outputs, outputs];
        [0, 1, 2].map(|part| numbers(counts[part], seed ^ part as u32))
    }

    /// The result of the phrase of a text that begins at a word.
    fn result<N: Number>(size: &Size<'_>, parts: &Parts<N>, at: usize, start: usize) -> N {
        let Size { phrase, inputs, outputs, lengths } = *size;
        let (text, output) = (at / outputs, at % outputs);
        let words = &parts[0][text * PLACES * inputs..][..lengths[text] * inputs];
        let word = |i: usize| words.get(start * inputs + i).copied();
        let product = |i: usize| word(i).map(|word| word * parts[1][i * outputs + output]);
        parts[2][output] + sum((0..phrase * inputs).filter_map(product))
    }

    /// For each text and output where the greatest result of all phrases begins; none where it isn't
    /// positive.
    fn greatest_of<N: Number>(size: &Size<'_>, parts: &Parts<N>) -> Vec<Option<usize>> {
        let most = |at: usize| {
            let starts = 0..size.lengths[at / size.outputs].max(1);
            let all = starts.map(|start| (result(size, parts, at, start), start));
            let positive = all.filter(|(result, _)| *result > N::of(0.0));
            positive.reduce(|a, b| if b.0 > a.0 { b } else { a }).map(|(_, start)| start)
        };
        (0..size.lengths.len() * size.outputs).map(most).collect()
    }

    /// Of the phrases that were chosen.
    fn reference<N: Number>(size: &Size<'_>, parts: &Parts<N>, chosen: &[Option<usize>]) -> Vec<N> {
        let value = |(at, start): (usize, &Option<usize>)| {
            start.map_or(N::of(0.0), |start| result(size, parts, at, start))
        };
        chosen.iter().enumerate().map(value).collect()
    }

    fn gradient<N: Number>(
        size: &Size<'_>,
        parts: &Parts<N>,
        chosen: &[Option<usize>],
        dy: &[N],
    ) -> Parts<N> {
        let Size { phrase, inputs, outputs, lengths } = *size;
        let mut found = parts.each_ref().map(|part| vec![N::of(0.0); part.len()]);
        for (at, (start, dy)) in chosen.iter().zip(dy).enumerate() {
            let (text, output) = (at / outputs, at % outputs);
            if let Some(start) = start {
                found[2][output] += *dy;
                let word = |i: usize| start * inputs + i;
                for i in (0..phrase * inputs).filter(|i| word(*i) < lengths[text] * inputs) {
                    let (x, w) = (text * PLACES * inputs + word(i), i * outputs + output);
                    found[0][x] += *dy * parts[1][w];
                    found[1][w] += *dy * parts[0][x];
                }
            }
        }
        found
    }

    #[test]
    fn the_references_gradients_are_its_slopes() {
        let size = Size { phrase: 2, inputs: 3, outputs: 4, lengths: &[4, 0, 1, 3] };
        let parts = parts(&size, 1).map(|part| of::<f64>(&part));
        let dy: Vec<f64> = of(&numbers(16, 4));
        let found = gradient(&size, &parts, &greatest_of(&size, &parts), &dy);
        for part in 0..3 {
            assert_gradient(&parts[part], &found[part], |moved| {
                let mut parts = parts.clone();
                parts[part] = moved.to_vec();
                weighed(&reference(&size, &parts, &greatest_of(&size, &parts)), &dy)
            });
        }
    }

    fn held<N: Number>(size: &Size<'_>, parts: &Parts<f32>, seed: u32) {
        let Size { phrase, inputs, outputs, lengths } = *size;
        let [words, weights, bias] = parts;
        let wide = parts.each_ref().map(|part| of::<N>(part));
        let layer = Phrases::new(phrase, inputs, weights, bias).unwrap();
        let texts = Texts { words, places: PLACES, lengths };
        let (y, chosen) = layer.forward(texts);
        assert_near(&y, &reference(size, &wide, &greatest_of(size, &wide)));
        // Of results that are equal but for rounding, either may be chosen.
        let starts = chosen.iter().map(|start| (*start != DEAD).then_some(*start as usize));
        let starts: Vec<Option<usize>> = starts.collect();
        assert_near(&y, &reference(size, &wide, &starts));
        let dy = numbers(y.len(), seed);
        let found = layer.backward(texts, &chosen, &dy);
        let [by_words, by_weights, by_bias] = gradient(size, &wide, &starts, &of(&dy));
        assert_near(&found.words, &by_words);
        assert_near(&found.weights, &by_weights);
        assert_near(&found.bias, &by_bias);
        // The same bits alone as among others.
        for (text, y) in y.chunks(outputs).enumerate() {
            let words = &words[text * PLACES * inputs..][..PLACES * inputs];
            let alone = Texts { words, lengths: &lengths[text..=text], ..texts };
            assert_same_bits(&layer.forward(alone).0, y);
        }
    }

    proptest! {
        #[test]
        fn values_and_gradients_are_the_references(
            lengths in prop::collection::vec(0_usize..5, 1..5), phrase in 1_usize..5,
            inputs in 1_usize..6, outputs in 1_usize..20, seed in any::<u32>(),
        ) {
            let size = Size { phrase, inputs, outputs, lengths: &lengths };
            let parts = parts(&size, seed);
            for _level in each() {
                held::<f64>(&size, &parts, seed ^ 4);
                held::<f32>(&size, &parts, seed ^ 4);
            }
        }
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        assert!(Phrases::new(2, 1, &[1.0], &[0.0]).is_none());
        assert!(Phrases::new(0, 1, &[], &[0.0]).is_none());
        assert!(Phrases::new(1, 1, &[], &[]).is_none());
        assert!(Phrases::new(usize::MAX, 2, &[1.0], &[0.0]).is_none());
    }
}

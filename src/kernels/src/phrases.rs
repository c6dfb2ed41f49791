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

    fn numbers(count: usize, seed: u32) -> Vec<f32> {
        let number = |i: u32| ((i ^ seed).wrapping_mul(2_654_435_761) >> 8) as f32;
        (0..count as u32).map(|i| number(i) / (1 << 23) as f32 - 1.0).collect()
    }

    /// The result of every phrase of a text by plain loops.
    fn results(words: &[f32], size: [usize; 3], weights: &[f32], bias: &[f32]) -> Vec<Vec<f64>> {
        let [phrase, inputs, outputs] = size;
        let count = (words.len() / inputs).max(1);
        let word = |at: usize| words.get(at).map_or(0.0, |word| f64::from(*word));
        let of = |start: usize, output: usize| {
            let products = (0..phrase * inputs)
                .map(|i| word(start * inputs + i) * f64::from(weights[i * outputs + output]));
            f64::from(bias[output]) + products.sum::<f64>()
        };
        (0..count).map(|start| (0..outputs).map(|output| of(start, output)).collect()).collect()
    }

    proptest! {
        #[test]
        fn values_and_gradients_are_those_of_plain_loops(
            lengths in prop::collection::vec(0_usize..5, 1..5), phrase in 1_usize..5,
            inputs in 1_usize..6, outputs in 1_usize..20,
        ) {
            const PLACES: usize = 4;
            let weights = numbers(phrase * inputs * outputs, 1);
            let bias = numbers(outputs, 2);
            let words = numbers(lengths.len() * PLACES * inputs, 3);
            let layer = Phrases::new(phrase, inputs, &weights, &bias).unwrap();
            let texts = Texts { words: &words, places: PLACES, lengths: &lengths };
            let (y, chosen) = layer.forward(texts);
            let dy = numbers(y.len(), 4);
            let found = layer.backward(texts, &chosen, &dy);
            let mut expected = [vec![0.0; words.len()], vec![0.0; weights.len()], vec![0.0; outputs]];
            for (text, length) in lengths.iter().enumerate() {
                let first = text * PLACES * inputs;
                let of_text = &words[first..first + length * inputs];
                let results = results(of_text, [phrase, inputs, outputs], &weights, &bias);
                for output in 0..outputs {
                    let values = results.iter().map(|row| row[output]);
                    let most = values.fold(0.0, f64::max);
                    let found = f64::from(y[text * outputs + output]);
                    prop_assert!((found - most).abs() < 1e-5, "{} {}", found, most);
                    let start = chosen[text * outputs + output];
                    prop_assert_eq!(start == DEAD, most <= 0.0);
                    if start == DEAD {
                        continue;
                    }
                    let by = f64::from(dy[text * outputs + output]);
                    expected[2][output] += by;
                    for i in 0..phrase * inputs {
                        let at = start as usize * inputs + i;
                        if at < length * inputs {
                            expected[0][first + at] += by * f64::from(weights[i * outputs + output]);
                            expected[1][i * outputs + output] += by * f64::from(of_text[at]);
                        }
                    }
                }
            }
            let found = [found.words, found.weights, found.bias];
            for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
                prop_assert!((f64::from(*found) - expected).abs() < 1e-4);
            }
            // The same bits alone as among others.
            let alone = Texts { words: &words[..PLACES * inputs], lengths: &lengths[..1], ..texts };
            prop_assert_eq!(&layer.forward(alone).0[..], &y[..outputs]);
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

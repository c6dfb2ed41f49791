//! Networks for texts on a CPU, as they are served.

use actuary_kernels::{Dense, Function, Phrases, Texts, softmax};

use super::Words;
use super::linear::whole;
use crate::engine::networks::parameters::{Parameter, Parameters};

/// Texts that go through a network at once.
const TEXTS: usize = 64;
/// Parts of a word, usually, whose numbers are summed.
const PARTS: usize = 13;
/// What it takes to find the parts of a word, in multiply-adds: its letters are brought to one form,
/// cut out and hashed.
pub(super) const READING: usize = 500;

/// A network for texts.
#[derive(Debug)]
pub(crate) struct TextServing {
    /// `[buckets, width]`.
    table: Vec<f32>,
    width: usize,
    reader: Reader,
    /// Most words of a text.
    words: usize,
}

/// What reads words.
#[derive(Debug)]
enum Reader {
    Linear { bias: Vec<f32> },
    Cnn { phrases: Vec<Phrases>, output: Dense },
    Attention { hidden: Dense, heads: Dense, output: Dense },
}

impl TextServing {
    /// Of the weights of a network, told by their names; None where they don't fit together.
    pub(crate) fn new(words: usize, parameters: &Parameters) -> Option<Self> {
        let dense = |name: &str| {
            let weight = parameters.get(&format!("{name}.weight"))?;
            let bias = parameters.get(&format!("{name}.bias"))?;
            Dense::new(*weight.shape.first()?, &weight.values, &bias.values, false)
        };
        let (table, reader) = if let Some(weight) = parameters.get("weight") {
            (weight, Reader::Linear { bias: parameters.get("bias")?.values.clone() })
        } else if let Some(hidden) = dense("hidden") {
            let (heads, output) = (dense("heads")?, dense("output")?);
            (parameters.get("embedding")?, Reader::Attention { hidden, heads, output })
        } else {
            let phrases = (0..).map_while(|at| {
                let weight = parameters.get(&format!("phrases.{at}.weight"))?;
                Some((weight, parameters.get(&format!("phrases.{at}.bias"))))
            });
            let phrases = phrases.map(|(weight, bias)| phrase(weight, bias?));
            let (phrases, output) = (phrases.collect::<Option<_>>()?, dense("output")?);
            (parameters.get("embedding")?, Reader::Cnn { phrases, output })
        };
        let [_, width] = table.shape[..] else { return None };
        Some(Self { table: table.values.clone(), width, reader, words })
    }

    /// Logits of rows of so many inputs, `[rows, outputs]`; a text has the same bits among any others.
    /// None where the network's parts don't fit together.
    pub(crate) fn logits(&self, rows: &[f32], inputs: usize) -> Option<Vec<f32>> {
        let mut logits = Vec::new();
        for rows in rows.chunks(inputs.max(1) * TEXTS) {
            logits.extend(self.of_chunk(rows, inputs)?);
        }
        Some(logits)
    }

    fn of_chunk(&self, rows: &[f32], inputs: usize) -> Option<Vec<f32>> {
        let buckets = self.table.len() / self.width.max(1);
        if let Reader::Linear { bias } = &self.reader {
            let mut sums = whole(rows, inputs, buckets).forward(&self.table, self.width)?;
            for row in sums.chunks_exact_mut(self.width) {
                row.iter_mut().zip(bias).for_each(|(sum, bias)| *sum += bias);
            }
            return Some(sums);
        }
        let words = Words::read(rows, inputs, buckets);
        let x = words.bags.forward(&self.table, self.width)?;
        let texts = Texts { words: &x, places: words.places, lengths: &words.lengths };
        match &self.reader {
            Reader::Linear { .. } => None,
            Reader::Cnn { phrases, output } => {
                let each: Vec<(Vec<f32>, usize)> =
                    phrases.iter().map(|p| (p.forward(texts).0, p.outputs())).collect();
                let units = (0..words.lengths.len()).flat_map(|text| {
                    let of = each.iter().map(move |(y, n)| &y[text * n..(text + 1) * n]);
                    of.flatten().copied()
                });
                Some(applied(output, &units.collect::<Vec<_>>()))
            }
            Reader::Attention { hidden, heads, output } => {
                let mut states = applied(hidden, &x);
                Function::Tanh.in_place(&mut states);
                let scores = applied(heads, &states);
                let means = words.lengths.iter().enumerate().flat_map(|(text, length)| {
                    let first = text * words.places;
                    let of = first..first + (*length).max(1);
                    let scores = &scores[of.start * heads.outputs()..of.end * heads.outputs()];
                    let x = &x[of.start * self.width..of.end * self.width];
                    weighted_means(scores, heads.outputs(), x, self.width)
                });
                Some(applied(output, &means.collect::<Vec<_>>()))
            }
        }
    }

    /// Multiply-adds of a text of as many words as there may be, and what reading it is worth of them.
    pub(crate) fn work(&self) -> usize {
        let of = |layer: &Dense| layer.inputs() * layer.outputs();
        let (of_word, of_text) = match &self.reader {
            Reader::Linear { .. } => (0, 0),
            Reader::Cnn { phrases, output } => {
                (phrases.iter().map(Phrases::multiply_adds).sum::<usize>(), of(output))
            }
            Reader::Attention { hidden, heads, output } => (of(hidden) + of(heads), of(output)),
        };
        self.words * (READING + PARTS * self.width + of_word) + of_text
    }
}

fn phrase(weight: &Parameter, bias: &Parameter) -> Option<Phrases> {
    let [words, inputs, _] = weight.shape[..] else { return None };
    Phrases::new(words, inputs, &weight.values, &bias.values)
}

/// What a layer makes of rows, without padding.
fn applied(layer: &Dense, rows: &[f32]) -> Vec<f32> {
    let (inputs, mut y) = (layer.inputs(), Vec::new());
    layer.apply(rows.len() / inputs.max(1), rows, inputs, &mut y);
    let rows = y.chunks_exact(layer.stride());
    rows.flat_map(|row| &row[..layer.outputs()]).copied().collect()
}

/// Means `[heads, width]` of words `[words, width]`, weighted by the softmax of scores
/// `[words, heads]` over the words.
fn weighted_means(scores: &[f32], heads: usize, x: &[f32], width: usize) -> Vec<f32> {
    let of_head = |head: usize| scores.iter().skip(head).step_by(heads);
    let mut weights: Vec<f32> = (0..heads).flat_map(of_head).copied().collect();
    let words = x.len() / width;
    softmax(&mut weights, words);
    let mut means = vec![0.0; heads * width];
    for (mean, weights) in means.chunks_exact_mut(width).zip(weights.chunks_exact(words)) {
        for (weight, word) in weights.iter().zip(x.chunks_exact(width)) {
            mean.iter_mut().zip(word).for_each(|(mean, x)| *mean += weight * x);
        }
    }
    means
}

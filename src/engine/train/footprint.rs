//! How much memory a training takes, from the sizes of what it holds.
//!
//! What a step holds differs by network and is counted to the order of its layers; the constants
//! were fitted to the peak of processes that trained on tables of 1,000 to 60,000 rows, on windows
//! and on images.

use super::fit::{VALIDATION_NUMBERS, VALIDATION_ROWS};
use super::plan::Recipe;
use crate::domain::network::{AttentionNetwork, MonotoneNetwork, NetworkSpec};
use crate::domain::version::PartRows;
use crate::engine::features::{Group, Layout};

/// The program with its runtime and its connections.
const PROGRAM: f64 = 70e6;
/// Bytes of an f32.
const NUMBER: f64 = 4.0;
/// Copies of the weights: gradients, two moments, the best and the last ones, those of a checkpoint and
/// its bytes.
const COPIES: f64 = 10.0;
/// Of the layers' results, that backward needs and makes.
const KEPT: f64 = 3.0;

/// What a training holds.
pub(super) struct Footprint<'a> {
    pub(super) layout: &'a Layout,
    pub(super) outputs: usize,
    pub(super) rows: PartRows,
    /// Numbers of a row that the loss compares with.
    pub(super) targets: usize,
    pub(super) folds: u32,
    /// Whether networks are trained once more, on the validation rows too.
    pub(super) refits: bool,
    /// Of the table as it was read.
    pub(super) frame_bytes: f64,
}

impl Footprint<'_> {
    /// Bytes at most, while networks of these recipes and numbers of parameters are trained.
    pub(super) fn bytes(&self, trained: &[(&Recipe, u64)], networks: u32) -> u64 {
        let PartRows { train, validation, test } = self.rows;
        let rows = (train + validation + test) as f64;
        let width = (self.layout.width() + self.targets) as f64;
        // The rows of one fold at a time, or those of a refit, stand beside those of the job.
        let copies = if self.folds > 1 || self.refits { 2.0 } else { 1.0 };
        // The parts are taken out of the table before it is let go.
        let data = self.frame_bytes * 2.0 + rows * width * NUMBER * copies;
        let step = |(recipe, parameters): &(&Recipe, u64)| {
            let parameters = *parameters as f64;
            let floats = floats(&recipe.network, self.layout, self.outputs);
            let batch = (recipe.batch_size / recipe.accumulation.max(1)) as f64;
            let step =
                batch.min(train as f64) * floats * KEPT + self.shared(&recipe.network) * KEPT;
            let chunk = VALIDATION_NUMBERS / self.layout.width().max(1);
            let chunk = chunk.clamp(1, VALIDATION_ROWS).min(validation as usize) as f64;
            (step.max(chunk * floats) + parameters * COPIES) * NUMBER
        };
        let most = trained.iter().map(step).fold(0.0, f64::max);
        let kept = trained.first().map_or(0.0, |(_, p)| *p as f64 * f64::from(networks) * NUMBER);
        (PROGRAM + data + most + kept) as u64
    }

    /// Numbers that a network makes in a step whatever its rows.
    fn shared(&self, network: &NetworkSpec) -> f64 {
        match network {
            // The weights of the first layer, scaled for each member.
            NetworkSpec::Tabm(tabm) => {
                let size = |value: Option<u32>| f64::from(value.unwrap_or(1));
                let embedded = self.layout.groups().len() as f64 * size(tabm.embedding);
                size(tabm.members) * embedded * size(tabm.width)
            }
            NetworkSpec::Monotone(own) => {
                let size = |value: Option<u32>| f64::from(value.unwrap_or(1));
                size(own.members) * monotone_inputs(own, self.layout) * size(own.width)
            }
            _ => 0.0,
        }
    }
}

/// Numbers that the layers of a network make of a row.
pub(crate) fn floats(network: &NetworkSpec, layout: &Layout, outputs: usize) -> f64 {
    let inputs = layout.width() as f64;
    let outputs = outputs as f64;
    let (steps, channels, ahead) = layout.sequence();
    let (steps, channels) = (steps as f64, channels as f64);
    let size = |value: Option<u32>| f64::from(value.unwrap_or(1));
    let inner = match network {
        NetworkSpec::Linear(_) => 0.0,
        // In twice as many bits, while they are weighed.
        NetworkSpec::Scorecard(_) => 2.0 * inputs,
        NetworkSpec::Mlp(mlp) => {
            mlp.hidden.iter().flatten().map(|units| 3.0 * f64::from(*units)).sum()
        }
        NetworkSpec::Tabm(tabm) => {
            let embedded = layout.groups().len() as f64 * size(tabm.embedding);
            let layers = size(tabm.blocks) * size(tabm.width) * 3.0;
            2.0 * embedded + size(tabm.members) * layers
        }
        NetworkSpec::Monotone(own) => {
            // What holds ordered units, and gates them, comes on top of the layers.
            let layers = (size(own.blocks) + 1.0) * size(own.width) * 4.0;
            3.0 * monotone_inputs(own, layout) + size(own.members) * layers
        }
        NetworkSpec::Transformer(transformer) => {
            let tokens = layout.groups().len() as f64 + 1.0;
            let of_token = 10.0 * size(transformer.width) + 4.0 * size(transformer.feed_forward);
            let block = tokens * of_token + 3.0 * size(transformer.heads) * tokens * tokens;
            size(transformer.blocks) * block
        }
        NetworkSpec::Lenet(_) => 6.0 * inputs * 2.0,
        NetworkSpec::Cnn(cnn) => {
            let first = cnn.channels.iter().flatten().next().copied().unwrap_or(1);
            2.0 * f64::from(first) * inputs / channels.max(1.0)
        }
        NetworkSpec::Lstm(lstm) => {
            let sides = if lstm.bidirectional { 2.0 } else { 1.0 };
            8.0 * sides * steps * f64::from(lstm.hidden) * f64::from(lstm.layers)
        }
        NetworkSpec::Attention(attention) => {
            let series = ahead.map_or(1.0, |ahead| ahead.series as f64);
            series * attention_floats(attention, steps, ahead.is_some())
        }
        NetworkSpec::NLinear(_) | NetworkSpec::DLinear(_) => 3.0 * inputs,
        NetworkSpec::TextCnn(cnn) => {
            let lengths = cnn.phrases.as_ref().map_or(1, Vec::len) as f64;
            words(layout) * size(cnn.embedding) * (2.0 + lengths) + size(cnn.channels) * lengths
        }
        NetworkSpec::TextAttention(attention) => {
            let of_word = 3.0 * size(attention.embedding) + 2.0 * size(attention.hidden);
            words(layout) * (of_word + 4.0 * size(attention.heads))
        }
    };
    2.0 * inputs + inner + 2.0 * outputs
}

/// What the first layer of a monotone network reads: a number for each bin of an ordered column, and
/// the embeddings of the others.
fn monotone_inputs(network: &MonotoneNetwork, layout: &Layout) -> f64 {
    let embedding = network.embedding.unwrap_or(1) as usize;
    let read = |group: &Group| match group {
        Group::Ordered { edges, .. } => edges.len(),
        Group::Number { .. } => embedding,
        Group::Category(range) => range.len(),
        Group::Flag(_) => 1,
        Group::Code(_) => 0,
    };
    layout.groups().iter().map(read).sum::<usize>() as f64
}

/// Most words of a text.
fn words(layout: &Layout) -> f64 {
    match layout {
        Layout::Text { words, .. } => *words as f64,
        _ => 0.0,
    }
}

fn attention_floats(attention: &AttentionNetwork, steps: f64, is_forecast: bool) -> f64 {
    let size = |value: Option<u32>| f64::from(value.unwrap_or(1));
    let tokens = match is_forecast {
        true => (steps / size(attention.patch_stride).max(1.0)).ceil() + 1.0,
        false => steps,
    };
    let of_token = 10.0 * size(attention.width) + 3.0 * size(attention.feed_forward);
    size(attention.layers) * (tokens * of_token + 3.0 * size(attention.heads) * tokens * tokens)
}

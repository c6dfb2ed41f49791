//! What the layers of a version make of rows, and how its places look at each other: for looking at, never
//! on the way of an answer.

mod flow;
mod places;
mod statistics;

use burn::backend::Flex;
use burn::backend::flex::FlexDevice;
use burn::tensor::{Tensor, TensorData};

pub use self::statistics::Statistics;
use super::features::{FittedFeatures, Layout};
use super::infer::build;
use super::networks::Network;
use super::networks::members::averaged;
use super::networks::observer::{Observer, Seen, SeenAttention};
use super::train::floats;
use super::weights;
use crate::domain::activation::{
    ActivationSummary, AttentionFlow, AttentionMaps, FULL_LAYER, LayerActivations, MAX_OBSERVED,
    PlacedActivation, RowActivations,
};
use crate::domain::model::Task;
use crate::domain::name::did_you_mean;
use crate::domain::training::TrainingSpec;
use crate::domain::version::Signature;
use crate::error::{Code, Error, FieldError, Result};
use crate::frame::Frame;

/// Rows that go through the networks at once, and numbers that these make of them.
const ROWS: usize = 256;
const NUMBERS: f64 = (1 << 22) as f64;
/// Numbers of all rows in one answer.
const ANSWERED: usize = 1 << 20;
/// Layers that are not there are named in a refusal, at most.
const MOST_NAMED: usize = 20;
/// Numbers of greatest size in a summary.
const STRONGEST: usize = 5;

/// A version whose layers can be looked at. It reads and answers as the served one does, on the CPU.
#[derive(Debug)]
pub struct Inspector {
    task: Task,
    features: FittedFeatures,
    layout: Layout,
    networks: Vec<Network<Flex>>,
    /// Logits of a row, of each member.
    outputs: usize,
    at_once: usize,
}

/// What is asked of rows.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Layers whose numbers are wanted however many they are.
    pub layers: &'a [String],
    pub attention: bool,
}

/// What the networks have made of some rows.
struct Looked {
    observers: Vec<Observer>,
    /// `[rows, outputs]`.
    outputs: Vec<f64>,
}

impl Inspector {
    /// Of what was stored of a version.
    ///
    /// # Errors
    /// As [`super::LoadedModel::load`].
    pub fn load(
        signature: &Signature,
        spec: &TrainingSpec,
        features: FittedFeatures,
        weights: &[u8],
    ) -> Result<Self> {
        let network = spec.network.as_ref().ok_or_else(|| {
            Error::new(Code::InvalidData, "the version's specification names no network")
        })?;
        let count = spec.ensemble.as_ref().map_or(1, |e| (e.folds * e.seeds) as usize);
        let weights = weights::parted(weights::decode(weights)?, count)?;
        let layout = features.layout();
        let outputs = layout.outputs(signature.task, signature.classes.len());
        let built =
            weights.iter().map(|w| build::<Flex>(network, &layout, outputs, w, &FlexDevice));
        let networks: Vec<Network<Flex>> = built.collect::<Result<_>>()?;
        let floats = floats(network, &layout, outputs).max(layout.width() as f64);
        let at_once = (NUMBERS / floats.max(1.0)).clamp(1.0, ROWS as f64) as usize;
        Ok(Self { task: signature.task, features, layout, networks, outputs, at_once })
    }

    /// The activations of the rows of a frame, or of the newest window of each of its series.
    ///
    /// # Errors
    /// As [`super::LoadedModel::predict`]; [`Code::InvalidRequest`] for a layer that is not there, more
    /// than so many rows, or numbers of theirs; [`Code::Cancelled`] when `stop` says so.
    pub fn observe(
        &self,
        frame: &Frame,
        wanted: Wanted<'_>,
        stop: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<RowActivations>> {
        let (inputs, entities) = match self.features.sequence() {
            Some(_) => {
                let newest = self.features.newest(frame)?;
                (newest.inputs, newest.entities)
            }
            None => (self.features.transform(frame)?, vec![None; frame.rows()]),
        };
        if inputs.rows > MAX_OBSERVED {
            let rows = inputs.rows;
            let detail = format!("{rows} rows are more than {MAX_OBSERVED}: ask in parts");
            return Err(Error::field(Code::InvalidRequest, "/rows", detail));
        }
        let texts = match self.layout {
            Layout::Text { .. } => self.features.names().next().map(|name| frame.texts(name)),
            _ => None,
        };
        let texts = texts.transpose()?;
        let mut observed: Vec<RowActivations> = Vec::with_capacity(inputs.rows);
        let mut numbers = 0;
        let mut entities = entities.into_iter();
        for rows in inputs.data.chunks((self.at_once * inputs.width).max(1)) {
            if stop() {
                return Err(Error::new(Code::Cancelled, "looking at activations was stopped"));
            }
            let looked = self.look(rows, inputs.width, wanted.attention)?;
            if observed.is_empty() {
                check_layers(&looked, wanted.layers, "/layers")?;
            }
            for row in 0..rows.len() / inputs.width.max(1) {
                let text = texts.as_ref().and_then(|texts| texts[observed.len()]);
                let entity = entities.next().flatten();
                let one = self.said(&looked, row, wanted, entity, text);
                numbers += size(&one);
                if numbers > ANSWERED {
                    return Err(too_many(&one, inputs.rows));
                }
                observed.push(one);
            }
        }
        Ok(observed)
    }

    /// Sends rows of `width` inputs through all networks, and looks at their layers and, where `maps` are
    /// wanted, at attention.
    fn look(&self, rows: &[f32], width: usize, maps: bool) -> Result<Looked> {
        let count = rows.len() / width.max(1);
        let inputs = TensorData::new(rows.to_vec(), [count, width]);
        let inputs: Tensor<Flex, 2> = Tensor::from_data(inputs, &FlexDevice);
        let (mut logits, mut observers) = (Vec::new(), Vec::new());
        for network in &self.networks {
            let mut observer = Observer::on(maps);
            let answer = network.observe(inputs.clone(), &mut observer);
            logits.extend(answer.into_data().iter::<f32>());
            observers.push(observer);
        }
        let members = self.networks.iter().map(Network::members).sum();
        let outputs = averaged(self.task, &logits, members, self.outputs.max(1));
        let seen = observers.iter().flat_map(|observer| &observer.layers);
        let is_finite = seen.flat_map(|layer| &layer.values).all(|value| value.is_finite());
        match is_finite && outputs.iter().all(|output| output.is_finite()) {
            true => Ok(Looked { observers, outputs }),
            false => Err(Error::internal("looking at activations", "a number is not finite")),
        }
    }

    /// Refuses layers that the version does not have, before there are any rows.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] naming each of them, up to 20.
    pub fn check_layers(&self, wanted: &[String], pointer: &str) -> Result<()> {
        if wanted.is_empty() {
            return Ok(());
        }
        // Layers are named while they are looked at, whatever they are sent.
        let width = self.layout.width();
        check_layers(&self.look(&vec![0.0; width], width, false)?, wanted, pointer)
    }

    /// What was seen of one row.
    fn said(
        &self,
        looked: &Looked,
        row: usize,
        wanted: Wanted<'_>,
        entity: Option<String>,
        text: Option<&str>,
    ) -> RowActivations {
        let each = self.outputs.max(1);
        let mut said = RowActivations {
            entity,
            outputs: looked.outputs[row * each..(row + 1) * each].to_vec(),
            layers: Vec::new(),
            attention: Vec::new(),
            flow: Vec::new(),
        };
        for (number, observer) in looked.observers.iter().enumerate() {
            let network = (looked.observers.len() > 1).then_some(number as u32 + 1);
            let layers = observer.layers.iter();
            said.layers.extend(layers.map(|seen| layer(seen, row, network, wanted.layers)));
            if wanted.attention {
                self.say_attention(observer, row, network, text, &mut said);
            }
        }
        said
    }

    fn say_attention(
        &self,
        observer: &Observer,
        row: usize,
        network: Option<u32>,
        text: Option<&str>,
        said: &mut RowActivations,
    ) {
        let Some(first) = observer.attentions.first() else { return };
        let forecast = self.features.sequence().map_or(&[][..], |sequence| &sequence.series);
        for series in 0..first.series {
            let named = forecast.get(series).filter(|_| first.series > 1);
            let name = || named.map(|series| series.name.clone());
            let (queries, keys) = places::names(first, &self.features, &self.layout, text);
            let keys = &keys[..keys_of(first, row).min(keys.len())];
            for seen in &observer.attentions {
                said.attention.push(AttentionMaps {
                    network,
                    layer: seen.name.clone(),
                    series: name(),
                    queries: queries.clone(),
                    keys: keys.to_vec(),
                    heads: maps(seen, row, series),
                });
            }
            let Some(answered_by) = first.answered_by else { continue };
            let blocks: Vec<Vec<f64>> =
                observer.attentions.iter().map(|seen| mean_map(seen, row, series)).collect();
            let places = first.keys;
            let Some(flow) = flow::rollout(&blocks, places) else { continue };
            said.flow.push(AttentionFlow {
                network,
                series: name(),
                places: keys.to_vec(),
                to_answer: flow::to_answer(&flow, places, answered_by),
                flow: flow.chunks_exact(places.max(1)).map(<[f64]>::to_vec).collect(),
            });
        }
    }
}

/// How many numbers of a row's axes mean something.
fn of_row(seen: &Seen, row: usize) -> (Vec<usize>, &[f32]) {
    let size: usize = seen.shape.iter().product();
    let values = seen.values.get(row * size..(row + 1) * size).unwrap_or_default();
    let mut shape = seen.shape.clone();
    if let (Some(lengths), Some(first)) = (&seen.lengths, shape.first_mut()) {
        let length = lengths.get(row).copied().unwrap_or(*first).min(*first);
        let each = size / (*first).max(1);
        *first = length;
        return (shape, &values[..length * each]);
    }
    (shape, values)
}

/// Refuses layers that were not seen, naming up to 20 of them at once.
fn check_layers(looked: &Looked, wanted: &[String], pointer: &str) -> Result<()> {
    let known = || {
        let seen = looked.observers.first().into_iter().flat_map(|o| &o.layers);
        seen.map(|layer| layer.name.as_str())
    };
    let unknown = wanted.iter().enumerate().filter(|(_, name)| known().all(|known| known != *name));
    let faults: Vec<FieldError> = unknown
        .take(MOST_NAMED)
        .map(|(at, name)| {
            let near = did_you_mean(name, known());
            let all: Vec<&str> = known().collect();
            let detail =
                format!("the version has no layer {name}{near}; its layers: {}", all.join(", "));
            FieldError::new(format!("{pointer}/{at}"), detail)
        })
        .collect();
    match faults.first() {
        None => Ok(()),
        Some(first) => {
            let detail = first.detail.clone();
            Err(Error::fields(Code::InvalidRequest, detail, faults))
        }
    }
}

fn layer(seen: &Seen, row: usize, network: Option<u32>, wanted: &[String]) -> LayerActivations {
    let (shape, values) = of_row(seen, row);
    let is_full = values.len() <= FULL_LAYER || wanted.contains(&seen.name);
    LayerActivations {
        network,
        layer: seen.name.clone(),
        function: seen.function,
        axes: seen.axes.iter().map(|axis| (*axis).to_owned()).collect(),
        shape: shape.iter().map(|length| *length as u32).collect(),
        summary: summary(&shape, values),
        values: is_full.then(|| values.to_vec()),
    }
}

fn summary(shape: &[usize], values: &[f32]) -> ActivationSummary {
    let n = values.len().max(1) as f64;
    let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum();
    let zeros = values.iter().filter(|v| **v == 0.0).count();
    let range = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
        (low.min(f64::from(*v)), high.max(f64::from(*v)))
    });
    let mut order: Vec<usize> = (0..values.len()).collect();
    let larger =
        |a: &usize, b: &usize| values[*b].abs().total_cmp(&values[*a].abs()).then(a.cmp(b));
    if order.len() > STRONGEST {
        order.select_nth_unstable_by(STRONGEST - 1, larger);
        order.truncate(STRONGEST);
    }
    order.sort_unstable_by(larger);
    let strongest =
        order.into_iter().map(|at| PlacedActivation { at: place(shape, at), value: values[at] });
    ActivationSummary {
        mean,
        standard_deviation: (squares / n).sqrt(),
        least: if values.is_empty() { 0.0 } else { range.0 },
        greatest: if values.is_empty() { 0.0 } else { range.1 },
        zeros: zeros as f64 / n,
        strongest: strongest.collect(),
    }
}

/// Where along each axis a number stands.
fn place(shape: &[usize], mut at: usize) -> Vec<u32> {
    let mut place: Vec<u32> = shape
        .iter()
        .rev()
        .map(|length| {
            let along = at % length.max(&1);
            at /= length.max(&1);
            along as u32
        })
        .collect();
    place.reverse();
    place
}

fn keys_of(seen: &SeenAttention, row: usize) -> usize {
    let lengths = seen.lengths.as_ref();
    lengths.and_then(|lengths| lengths.get(row)).copied().unwrap_or(seen.keys).min(seen.keys)
}

/// The maps of one row's series, `[heads, queries, keys]`.
fn numbers_of(seen: &SeenAttention, row: usize, series: usize) -> &[f32] {
    let size = seen.heads * seen.queries * seen.keys;
    let start = (row * seen.series + series) * size;
    seen.values.get(start..start + size).unwrap_or_default()
}

fn maps(seen: &SeenAttention, row: usize, series: usize) -> Vec<Vec<Vec<f32>>> {
    let keys = keys_of(seen, row);
    let heads = numbers_of(seen, row, series).chunks_exact((seen.queries * seen.keys).max(1));
    let lines = |head: &[f32]| {
        head.chunks_exact(seen.keys.max(1)).map(|line| line[..keys].to_vec()).collect()
    };
    heads.map(lines).collect()
}

/// The mean of the heads' maps.
fn mean_map(seen: &SeenAttention, row: usize, series: usize) -> Vec<f64> {
    let size = seen.queries * seen.keys;
    let mut mean = vec![0.0; size];
    for head in numbers_of(seen, row, series).chunks_exact(size.max(1)) {
        let each = mean.iter_mut().zip(head);
        each.for_each(|(mean, value)| *mean += f64::from(*value) / seen.heads as f64);
    }
    mean
}

/// Numbers that are answered of a row.
fn size(row: &RowActivations) -> usize {
    let layers: usize =
        row.layers.iter().map(|layer| layer.values.as_ref().map_or(0, Vec::len)).sum();
    layers + size_of_attention(row)
}

fn size_of_attention(row: &RowActivations) -> usize {
    let maps = row.attention.iter().map(|map| map.heads.len() * map.queries.len() * map.keys.len());
    let flow = row.flow.iter().map(|flow| flow.places.len() * flow.places.len());
    maps.chain(flow).sum()
}

/// The way out, where an answer would be too large.
fn too_many(row: &RowActivations, rows: usize) -> Error {
    let (each, attention) = (size(row), size_of_attention(row));
    let most = ANSWERED / each.max(1);
    let without = match attention * 2 > each {
        true => " or leave out the maps by \"attention\": false",
        false => " or name fewer layers",
    };
    let detail = format!(
        "of each of the {rows} rows {each} numbers would be answered, and {ANSWERED} at most: send \
         {most} rows at most{without}"
    );
    let pointer = if most > 0 {
        "/rows"
    } else if attention * 2 > each {
        "/attention"
    } else {
        "/layers"
    };
    Error::field(Code::InvalidRequest, pointer, detail)
}

#[cfg(test)]
mod tests;

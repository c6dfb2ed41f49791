//! What a version answers to points between rows, and its gradients by what the networks read.

use burn::backend::flex::FlexDevice;
use burn::backend::{Autodiff, Flex};
use burn::module::{AutodiffModule, Module};
use burn::tensor::{Tensor, TensorData};

use super::Quantity;
use super::layered::Layered;
use crate::domain::network::NetworkSpec;
use crate::engine::features::Layout;
use crate::engine::infer::build;
use crate::engine::networks::Network;
use crate::engine::networks::parameters::Parameters;
use crate::engine::train::floats;
use crate::error::{Context, Result};

type Tracked = Autodiff<Flex>;

/// The networks of a version, which know their gradients.
#[derive(Debug)]
pub(super) struct Differentiable {
    networks: Vec<Network<Tracked>>,
    /// Logits of a row, of each member.
    outputs: usize,
    /// Points that are evaluated at once.
    at_once: usize,
    /// The same networks, where they are of fully connected layers alone.
    layered: Option<Layered>,
}

/// Points that are evaluated at once, and numbers that networks make of them: three times as many are
/// kept for the gradients.
const POINTS: usize = 512;
const NUMBERS: f64 = (1 << 24) as f64;

impl Differentiable {
    /// # Errors
    /// As [`crate::engine::LoadedModel::load`].
    pub(super) fn new(
        spec: &NetworkSpec,
        layout: &Layout,
        outputs: usize,
        weights: &[Parameters],
    ) -> Result<Self> {
        let network = |weights| {
            // What is asked for is the gradient by inputs alone.
            Ok(build::<Tracked>(spec, layout, outputs, weights, &FlexDevice)?.no_grad())
        };
        let floats = floats(spec, layout, outputs) * weights.len() as f64;
        let at_once = (NUMBERS / floats.max(1.0)).clamp(1.0, POINTS as f64) as usize;
        let networks = weights.iter().map(network).collect::<Result<_>>()?;
        let layered = match layout {
            Layout::Text { .. } => None,
            _ => Layered::new(spec, layout, outputs, weights),
        };
        Ok(Self { networks, outputs, at_once, layered })
    }

    /// The networks layer by layer, where they are of fully connected layers alone.
    pub(super) fn layered(&self) -> Option<&Layered> {
        self.layered.as_ref()
    }

    /// Numbers that are held.
    pub(super) fn size(&self) -> usize {
        let networks = self.networks.iter().map(Module::num_params).sum::<usize>();
        networks + self.layered.as_ref().map_or(0, Layered::size)
    }

    /// The same, of whose layers nothing is known.
    #[cfg(test)]
    pub(super) fn by_graph(self) -> Self {
        Self { layered: None, ..self }
    }

    /// Points that are evaluated at once.
    pub(super) fn at_once(&self) -> usize {
        self.at_once
    }

    /// The quantity at points `[points, width]`, without its gradients.
    ///
    /// # Errors
    /// As [`Differentiable::at`].
    pub(super) fn values(&self, points: &[f32], width: usize, of: Quantity) -> Result<Vec<f64>> {
        let mut values = Vec::with_capacity(points.len() / width.max(1));
        for points in points.chunks((self.at_once * width).max(1)) {
            let rows = points.len() / width.max(1);
            let data = TensorData::new(points.to_vec(), [rows, width]);
            let inputs = Tensor::<Flex, 2>::from_data(data, &FlexDevice);
            let of_network =
                |network: &Network<Tracked>| read(network.valid().forward(inputs.clone(), None));
            let numbers = self.networks.iter().map(of_network).collect::<Result<Vec<_>>>()?;
            values.extend(self.measured(&numbers, rows, of, &mut |_, _, _| {}));
        }
        Ok(values)
    }

    /// What each network reads of rows `[rows, width]`, `[rows, numbers]` each.
    ///
    /// # Errors
    /// Internal, when numbers can't be read back.
    pub(super) fn read(&self, rows: &[f32], width: usize) -> Result<Vec<Vec<f32>>> {
        let count = rows.len() / width.max(1);
        let data = TensorData::new(rows.to_vec(), [count, width]);
        let inputs = Tensor::<Flex, 2>::from_data(data, &FlexDevice);
        self.networks.iter().map(|network| read(network.valid().read(inputs.clone()))).collect()
    }

    /// What is attributed to the numbers that each network reads, by the inputs that they are of.
    pub(super) fn by_inputs(&self, attributed: &[Vec<f64>], width: usize) -> Vec<f64> {
        let mut sums = vec![0.0; width];
        for (network, attributed) in self.networks.iter().zip(attributed) {
            let places = network.places();
            for (at, attribution) in attributed.iter().enumerate() {
                let input = places.as_ref().map_or(Some(at), |places| places.get(at).copied());
                if let Some(sum) = input.and_then(|input| sums.get_mut(input)) {
                    *sum += attribution;
                }
            }
        }
        sums
    }

    /// The gradients by what the networks read at so many points, `[rows, numbers]` of each network.
    ///
    /// # Errors
    /// Internal, when numbers can't be read back.
    pub(super) fn at(
        &self,
        points: Vec<Vec<f32>>,
        rows: usize,
        of: Quantity,
    ) -> Result<Vec<Vec<f32>>> {
        let read_by: Vec<_> = points
            .into_iter()
            .map(|points| {
                let shape = [rows, points.len() / rows.max(1)];
                let data = TensorData::new(points, shape);
                Tensor::<Tracked, 2>::from_data(data, &FlexDevice).require_grad()
            })
            .collect();
        let logits = self.networks.iter().zip(&read_by);
        let logits = logits.map(|(network, read)| network.answer(read.clone())).collect();
        let (_, loss) = self.weighed(logits, rows, of)?;
        let gradients = loss.backward();
        let by_read = |tensor: &Tensor<Tracked, 2>| match tensor.grad(&gradients) {
            Some(gradients) => read(gradients),
            // Nothing is read, as where only what lies behind a window is.
            None => Ok(vec![0.0; tensor.dims().iter().product()]),
        };
        read_by.iter().map(by_read).collect()
    }

    /// Of texts whose words are the mean of rows of the networks' own tables: `codes` `[points, width]`
    /// are of tables that `table` makes of each network's own, `[rows, width of the network]`. The
    /// gradients are those by the numbers of these tables, one list for each network.
    ///
    /// # Errors
    /// As [`Differentiable::at`].
    pub(super) fn by_tables(
        &self,
        codes: &[f32],
        width: usize,
        tables: Vec<Tensor<Tracked, 2>>,
        of: Quantity,
    ) -> Result<(Vec<f64>, Vec<Vec<f32>>)> {
        let rows = codes.len() / width.max(1);
        let data = TensorData::new(codes.to_vec(), [rows, width]);
        let inputs = Tensor::<Tracked, 2>::from_data(data, &FlexDevice);
        let tables: Vec<_> = tables.into_iter().map(Tensor::require_grad).collect();
        let logits = self.networks.iter().zip(&tables).map(|(network, table)| {
            network.clone().with_table(table.clone()).forward(inputs.clone(), None)
        });
        let (values, loss) = self.weighed(logits.collect(), rows, of)?;
        let gradients = loss.backward();
        let by_table = |table: &Tensor<Tracked, 2>| match table.grad(&gradients) {
            Some(gradients) => read(gradients),
            None => Ok(vec![0.0; table.dims().iter().product()]),
        };
        Ok((values, tables.iter().map(by_table).collect::<Result<_>>()?))
    }

    /// The table of words of each network that has one, and what each part of these words counts.
    pub(super) fn tables(
        &self,
        words: &[Vec<usize>],
    ) -> impl Iterator<Item = (Tensor<Tracked, 2>, Vec<Vec<f32>>)> {
        let of_network = |network: &Network<Tracked>| {
            Some((network.table()?.val(), network.parts_of_words(words)))
        };
        self.networks.iter().filter_map(of_network)
    }

    /// The quantity at each of `rows` points, and a sum of logits whose gradient by the inputs is that
    /// of the sum of these.
    fn weighed(
        &self,
        logits: Vec<Tensor<Tracked, 2>>,
        rows: usize,
        of: Quantity,
    ) -> Result<(Vec<f64>, Tensor<Tracked, 1>)> {
        let outputs = self.outputs.max(1);
        let read_all: Result<Vec<Vec<f32>>> =
            logits.iter().map(|logits| read(logits.clone().inner())).collect();
        let numbers = read_all?;
        let each = rows * outputs;
        let members = numbers.iter().map(|of_network| of_network.len() / each.max(1)).sum();
        let mut weights = vec![vec![0.0_f32; each]; members];
        let values = self.measured(&numbers, rows, of, &mut |row, member, slopes| {
            for (weight, slope) in weights[member][row * outputs..].iter_mut().zip(slopes) {
                *weight = *slope as f32;
            }
        });
        let mut weights = weights.into_iter();
        let mut loss = Tensor::<Tracked, 1>::zeros([1], &FlexDevice);
        for logits in logits {
            let shape = logits.dims();
            let of_network = weights.by_ref().take(shape[0] / rows.max(1));
            let weights = TensorData::new(of_network.flatten().collect::<Vec<f32>>(), shape);
            loss = loss + (logits * Tensor::from_data(weights, &FlexDevice)).sum();
        }
        Ok((values, loss))
    }
}

impl Differentiable {
    /// The quantity at each of `rows` points, of the logits of each network; `slopes` is given those of
    /// each point and member.
    fn measured(
        &self,
        numbers: &[Vec<f32>],
        rows: usize,
        of: Quantity,
        slopes_of: &mut dyn FnMut(usize, usize, &[f64]),
    ) -> Vec<f64> {
        let outputs = self.outputs.max(1);
        let each = (rows * outputs).max(1);
        let members: Vec<&[f32]> =
            numbers.iter().flat_map(|of_network| of_network.chunks_exact(each)).collect();
        let mut values = Vec::with_capacity(rows);
        let mut slopes = vec![0.0; members.len() * outputs];
        for row in 0..rows {
            let of_member =
                |member: usize, output: usize| f64::from(members[member][row * outputs + output]);
            values.push(of.at((members.len(), outputs), &of_member, &mut slopes));
            for (member, slopes) in slopes.chunks_exact(outputs).enumerate() {
                slopes_of(row, member, slopes);
            }
        }
        values
    }
}

fn read<const D: usize>(tensor: Tensor<Flex, D>) -> Result<Vec<f32>> {
    let values = tensor.into_data().into_vec::<f32>();
    values.map_err(|e| format!("{e:?}")).context("reading gradients")
}

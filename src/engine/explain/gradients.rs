//! What a version answers to points between rows, and its gradients by what the networks read.

use burn::backend::flex::FlexDevice;
use burn::backend::{Autodiff, Flex};
use burn::module::Module;
use burn::tensor::{Tensor, TensorData};

use super::Quantity;
use crate::domain::network::NetworkSpec;
use crate::engine::features::Layout;
use crate::engine::infer::build;
use crate::engine::networks::Network;
use crate::engine::networks::parameters::Parameters;
use crate::error::{Context, Result};

type Tracked = Autodiff<Flex>;

/// The networks of a version, which know their gradients.
#[derive(Debug)]
pub(super) struct Differentiable {
    networks: Vec<Network<Tracked>>,
    /// Logits of a row, of each member.
    outputs: usize,
}

/// Values and gradients of so many points.
pub(super) struct Sloped {
    /// `[points]`.
    pub(super) values: Vec<f64>,
    /// `[points, inputs]`.
    pub(super) gradients: Vec<f32>,
}

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
        Ok(Self { networks: weights.iter().map(network).collect::<Result<_>>()?, outputs })
    }

    /// Of points `[points, width]`.
    ///
    /// # Errors
    /// Internal, when numbers can't be read back.
    pub(super) fn at(&self, points: &[f32], width: usize, of: Quantity) -> Result<Sloped> {
        let rows = points.len() / width.max(1);
        let data = TensorData::new(points.to_vec(), [rows, width]);
        let inputs = Tensor::<Tracked, 2>::from_data(data, &FlexDevice).require_grad();
        let logits: Vec<_> =
            self.networks.iter().map(|n| n.forward(inputs.clone(), None)).collect();
        let (values, loss) = self.weighed(logits, rows, of)?;
        let gradients = loss.backward();
        let gradients = match inputs.grad(&gradients) {
            Some(gradients) => read(gradients)?,
            // Nothing is read, as where only what lies behind a window is.
            None => vec![0.0; points.len()],
        };
        Ok(Sloped { values, gradients })
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
        let members: Vec<&[f32]> =
            numbers.iter().flat_map(|of_network| of_network.chunks_exact(each.max(1))).collect();
        let mut weights = vec![vec![0.0_f32; each]; members.len()];
        let mut values = Vec::with_capacity(rows);
        let mut slopes = vec![0.0; members.len() * outputs];
        for row in 0..rows {
            let of_member =
                |member: usize, output: usize| f64::from(members[member][row * outputs + output]);
            values.push(of.at((members.len(), outputs), &of_member, &mut slopes));
            for (weights, slopes) in weights.iter_mut().zip(slopes.chunks_exact(outputs)) {
                for (weight, slope) in weights[row * outputs..].iter_mut().zip(slopes) {
                    *weight = *slope as f32;
                }
            }
        }
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

fn read<const D: usize>(tensor: Tensor<Flex, D>) -> Result<Vec<f32>> {
    let values = tensor.into_data().into_vec::<f32>();
    values.map_err(|e| format!("{e:?}")).context("reading gradients")
}

//! The rows of a step as tensors.
//!
//! On a GPU the rows of a training stay where they are learnt from: they are put into an epoch's order at
//! once, and a step takes its slice. A CPU gathers those of each step: what it would take them from is the
//! same memory.

use std::ops::Range;

use burn::tensor::backend::{AutodiffBackend, Backend, DeviceOps};
use burn::tensor::{Int, Tensor, TensorData};

use super::super::augment::{Batch, augment};
use super::{Part, Problem, Run};
use crate::engine::features::{Layout, Matrix};
use crate::engine::kernels::is_cpu;
use crate::engine::random::{Purpose, keyed};
use crate::error::{Context, Result};

/// Bytes of rows that may stay on a device, once as they came and once in order; of larger data each batch
/// goes there by itself.
const MOST_BYTES: usize = 2 << 30;

/// Inputs and targets, and weights where rows have them.
pub(super) type Tensors<B> = (Tensor<B, 2>, Tensor<B, 2>, Option<Tensor<B, 2>>);

/// The training rows on their device.
pub(super) struct Resident<B: AutodiffBackend> {
    rows: Tensors<B::InnerBackend>,
    /// The same in the order of the running epoch.
    ordered: Tensors<B::InnerBackend>,
}

impl<B: AutodiffBackend> Resident<B> {
    /// None where steps don't read rows as they are, and where they would not fit.
    pub(super) fn new(
        device: &B::Device,
        Problem { recipe, data }: Problem<'_>,
        has_table: bool,
    ) -> Option<Self> {
        let Part { inputs, targets, weights, .. } = &data.train;
        let numbers = inputs.data.len() + targets.data.len() + inputs.rows;
        let is_changed = has_table || recipe.augmentation.is_some();
        if is_cpu::<B::InnerBackend>() || is_changed || 2 * numbers * size_of::<f32>() > MOST_BYTES
        {
            return None;
        }
        let tensor = |values: &[f32], width: usize| {
            let data = TensorData::new(values.to_vec(), [inputs.rows, width]);
            Tensor::<B::InnerBackend, 2>::from_data(data, device.inner())
        };
        let weights = weights.as_ref().map(|weights| tensor(weights, 1));
        let rows =
            (tensor(&inputs.data, inputs.width), tensor(&targets.data, targets.width), weights);
        Some(Self { ordered: rows.clone(), rows })
    }

    /// Puts all rows into an order.
    ///
    /// Each tensor by itself, and waited for: burn 0.21 puts operations that follow each other into one
    /// kernel, in which a selection of one column beside one of several is filled by vectors as wide as those
    /// of the other, and the last number of each stays: that of a row up to three further on.
    fn put(&mut self, order: &[usize]) -> Result<()> {
        // What the last epoch took is not held beside what this one takes.
        self.ordered = self.rows.clone();
        if order.is_empty() {
            return Ok(());
        }
        let (inputs, targets, weights) = &self.rows;
        let device = inputs.device();
        let numbers: Vec<i64> = order.iter().map(|row| *row as i64).collect();
        let numbers: Tensor<B::InnerBackend, 1, Int> =
            Tensor::from_data(TensorData::new(numbers, [order.len()]), &device);
        let of = |all: &Tensor<B::InnerBackend, 2>| {
            B::InnerBackend::sync(&device).context("waiting for a device")?;
            let ordered = all.clone().select(0, numbers.clone());
            B::InnerBackend::sync(&device).context("putting rows into an order")?;
            Ok(ordered)
        };
        self.ordered = (of(inputs)?, of(targets)?, weights.as_ref().map(of).transpose()?);
        Ok(())
    }

    fn slice(&self, places: Range<usize>) -> Tensors<B> {
        let (inputs, targets, weights) = &self.ordered;
        let of = |all: &Tensor<B::InnerBackend, 2>| {
            Tensor::from_inner(all.clone().narrow(0, places.start, places.len()))
        };
        (of(inputs), of(targets), weights.as_ref().map(of))
    }
}

impl<B: AutodiffBackend> Run<'_, B> {
    /// Takes the order in which an epoch takes the rows.
    ///
    /// # Errors
    /// [`crate::error::Error::Internal`] when a device fails.
    pub(super) fn take_order(&mut self, order: Vec<usize>) -> Result<()> {
        if let Some(resident) = &mut self.resident {
            resident.put(&order)?;
        }
        self.order = order;
        Ok(())
    }

    /// Some rows of a batch by their places in the epoch's order; `slice` is their number among those of
    /// the batch.
    pub(super) fn tensors(&self, places: Range<usize>, slice: u32, epoch: u32) -> Tensors<B> {
        if let Some(resident) = &self.resident {
            return resident.slice(places);
        }
        let rows = &self.order[places];
        let Batch { inputs, targets, weights } = self.batch(rows, slice, epoch);
        let tensor = |matrix: Matrix| -> Tensor<B, 2> {
            let data = TensorData::new(matrix.data, [matrix.rows, matrix.width]);
            Tensor::from_data(data, self.device)
        };
        let weights = weights.map(|data| tensor(Matrix { rows: rows.len(), width: 1, data }));
        (tensor(inputs), tensor(targets), weights)
    }

    /// Some rows of a batch as they are learnt from in an epoch.
    fn batch(&self, rows: &[usize], slice: u32, epoch: u32) -> Batch {
        let Problem { recipe, data } = self.problem;
        let gather = |matrix: &Matrix| {
            let mut values = Vec::with_capacity(rows.len() * matrix.width);
            for &row in rows {
                let start = row * matrix.width;
                values.extend_from_slice(&matrix.data[start..start + matrix.width]);
            }
            Matrix { rows: rows.len(), width: matrix.width, data: values }
        };
        let weights = data.train.weights.as_ref();
        let mut batch = Batch {
            inputs: gather(&data.train.inputs),
            targets: gather(&data.train.targets),
            weights: weights.map(|weights| rows.iter().map(|&row| weights[row]).collect()),
        };
        if let (Some(spec), Layout::Image(shape)) = (&recipe.augmentation, &data.layout) {
            // Each slice of each batch draws numbers of its own.
            let of_epoch = u64::from(epoch) << 32 | u64::from(slice);
            let number = self.progress.batch as u64;
            let rng = keyed(recipe.seed, Purpose::Augmentation, of_epoch, number);
            augment(spec, *shape, &mut batch, rng);
        }
        if let Some(table) = &self.table {
            table.renumber(&mut batch.inputs);
        }
        batch
    }
}

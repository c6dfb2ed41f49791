//! The rows of a step as tensors.
//!
//! On a GPU the rows of a training stay where they are learnt from, and a step picks its own by number.
//! A CPU gathers them: what it would pick from is the same memory.

use burn::tensor::backend::{AutodiffBackend, DeviceOps};
use burn::tensor::{Int, Tensor, TensorData};

use super::super::augment::{Batch, augment};
use super::{Part, Problem, Run};
use crate::engine::features::{Layout, Matrix};
use crate::engine::kernels::is_cpu;
use crate::engine::random::{Purpose, keyed};

/// Bytes of rows that may stay on a device; of larger data each batch goes there by itself.
const MOST_BYTES: usize = 2 << 30;

/// Inputs and targets, and weights where rows have them.
pub(super) type Tensors<B> = (Tensor<B, 2>, Tensor<B, 2>, Option<Tensor<B, 2>>);

/// The training rows on their device.
pub(super) struct Resident<B: AutodiffBackend> {
    rows: Tensors<B::InnerBackend>,
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
        if is_cpu::<B::InnerBackend>() || is_changed || numbers * size_of::<f32>() > MOST_BYTES {
            return None;
        }
        let tensor = |values: &[f32], width: usize| {
            let data = TensorData::new(values.to_vec(), [inputs.rows, width]);
            Tensor::<B::InnerBackend, 2>::from_data(data, device.inner())
        };
        let weights = weights.as_ref().map(|weights| tensor(weights, 1));
        let rows =
            (tensor(&inputs.data, inputs.width), tensor(&targets.data, targets.width), weights);
        Some(Self { rows })
    }

    fn pick(&self, rows: &[usize]) -> Tensors<B> {
        let (inputs, targets, weights) = &self.rows;
        let numbers: Vec<i64> = rows.iter().map(|row| *row as i64).collect();
        let numbers: Tensor<B::InnerBackend, 1, Int> =
            Tensor::from_data(TensorData::new(numbers, [rows.len()]), &inputs.device());
        let of = |all: &Tensor<B::InnerBackend, 2>| {
            Tensor::from_inner(all.clone().select(0, numbers.clone()))
        };
        (of(inputs), of(targets), weights.as_ref().map(of))
    }
}

impl<B: AutodiffBackend> Run<'_, B> {
    /// Some rows of a batch; `slice` is their number among those of the batch.
    pub(super) fn tensors(&self, rows: &[usize], slice: u32, epoch: u32) -> Tensors<B> {
        if let Some(resident) = &self.resident {
            return resident.pick(rows);
        }
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

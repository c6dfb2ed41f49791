//! Networks with a table of which each step reads few rows.

use std::ops::Range;

use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Tensor, TensorData};

use super::{Problem, Progress, Run};
use crate::engine::networks::Network;
use crate::engine::networks::parameters::Parameters;
use crate::engine::train::table::Table;
use crate::error::Result;

impl Progress {
    /// Steps that are over.
    pub(super) fn steps(&self, Problem { data, recipe }: Problem<'_>) -> u64 {
        let batches = data.train.inputs.rows.div_ceil(recipe.batch_size) as u64;
        self.curve.len() as u64 * batches + self.batch as u64
    }
}

impl<B: AutodiffBackend> Run<'_, B> {
    /// Takes the network's table out of it, where it has one, as a resumed run left it.
    pub(super) fn take_table(&mut self, memory: Option<Parameters>) -> Result<()> {
        let Some(param) = self.network.table() else { return Ok(()) };
        let (data, shape) = (param.val().into_data(), param.dims());
        let values: Vec<f32> = data.iter::<f32>().collect();
        let table = Table::new(values.clone(), shape, &self.problem.recipe.optimiser);
        self.table = Some(match memory {
            Some(memory) => table.restored(values, memory, self.progress.steps(self.problem))?,
            None => table,
        });
        Ok(())
    }

    /// Gives the network those rows of its table that a step on a batch reads.
    pub(super) fn begin_table(&mut self, batch: Range<usize>) {
        let Some(table) = &mut self.table else { return };
        let rows = &self.order[batch];
        let (needed, shape) = table.begin(self.problem.data.train.inputs.each(rows));
        let needed = Tensor::from_data(TensorData::new(needed, shape), self.device);
        self.network = self.network.clone().with_table(needed.require_grad());
    }

    /// The network with all of its table.
    pub(super) fn whole(&self) -> Network<B> {
        match &self.table {
            None => self.network.clone(),
            Some(table) => {
                let data = TensorData::new(table.values().to_vec(), table.shape());
                self.network.clone().with_table(Tensor::from_data(data, self.device))
            }
        }
    }
}

//! What a training will take, from a few steps of each of its networks.

use std::time::Duration;

use super::fit::{Data, Pace, Problem};
use super::plan::Recipe;
use super::runs::pace_on;
use super::search;
use crate::domain::cost::Cost;
use crate::domain::search::SearchSpec;
use crate::domain::training::EnsembleSpec;
use crate::domain::version::PartRows;
use crate::engine::device::Device;
use crate::error::Result;

/// What starting the process, reading the job and keeping the version take.
const AROUND: f64 = 0.6;
/// Of the epochs that a training with patience may have, so many it usually has.
const USED_EPOCHS: f64 = 0.5;
/// Of the epochs that a training has, the best one usually comes after so many.
const BEST_EPOCH: f64 = 0.6;

/// How long the parts of a job take.
pub(super) struct Job<'a> {
    /// Rows of each part, all of them.
    pub(super) rows: PartRows,
    pub(super) ensemble: &'a EnsembleSpec,
    /// Whether each network is trained once more, on the validation rows too.
    pub(super) refits: bool,
    /// For a better configuration, before.
    pub(super) search: Option<&'a SearchSpec>,
    /// Seconds of preparing the rows.
    pub(super) preparing: f64,
    pub(super) device: Device,
    /// Networks that are trained at once.
    pub(super) threads: usize,
    /// Of the process.
    pub(super) memory_bytes: u64,
}

/// A network and its pace.
pub(super) struct Paced {
    pub(super) recipe: Recipe,
    pub(super) pace: Pace,
}

impl Paced {
    /// Measures a network for about `limit`.
    ///
    /// # Errors
    /// [`crate::error::Code::Cancelled`] when `stop` says so.
    pub(super) fn measure(
        data: &Data,
        recipe: Recipe,
        device: Device,
        limit: Duration,
        stop: &mut (dyn FnMut() -> bool + Send),
    ) -> Result<Self> {
        let pace = pace_on(device, &Problem { data, recipe: &recipe }, limit, stop)?;
        Ok(Self { recipe, pace })
    }

    /// Seconds of a training on so many rows.
    fn seconds(&self, training: f64, validation: f64) -> f64 {
        self.pace.of_epoch(training, validation) * f64::from(expected_epochs(&self.recipe))
    }
}

/// Epochs that a training is expected to have: it ends early where patience is not 0.
pub(super) fn expected_epochs(recipe: &Recipe) -> u32 {
    let Recipe { epochs, patience, .. } = *recipe;
    if patience == 0 {
        return epochs;
    }
    let usual = (f64::from(epochs) * USED_EPOCHS).round() as u32;
    usual.max(patience.saturating_add(1)).min(epochs)
}

/// How long tasks take that are taken up in order by so many who work at once.
fn makespan(tasks: &[f64], workers: usize) -> f64 {
    let mut busy = vec![0.0_f64; workers.clamp(1, tasks.len().max(1))];
    for task in tasks {
        busy.sort_unstable_by(f64::total_cmp);
        busy[0] += task;
    }
    busy.into_iter().fold(0.0, f64::max)
}

impl Job<'_> {
    /// What training a network, and simpler ones beside it, will take.
    pub(super) fn cost<'p>(
        &self,
        network: &Paced,
        simpler: impl Iterator<Item = &'p Paced> + Clone,
    ) -> Cost {
        let [train, validation, test] =
            [self.rows.train, self.rows.validation, self.rows.test].map(|rows| rows as f64);
        let (folds, seeds) = (self.ensemble.folds.max(1), self.ensemble.seeds.max(1));
        let networks = f64::from(folds * seeds);
        let of_network = match folds {
            1 => network.seconds(train, validation),
            folds => {
                let all = train + validation;
                let out = all / f64::from(folds);
                network.seconds(all - out, out)
            }
        };
        let again = |paced: &Paced| match self.refits {
            true => paced.seconds(train + validation, 0.0) * BEST_EPOCH,
            false => 0.0,
        };
        let with_again = |paced: &Paced| paced.seconds(train, validation) + again(paced);
        let own = std::iter::repeat_n(of_network + again(network), (folds * seeds) as usize);
        let chains: Vec<f64> = own.chain(simpler.clone().map(with_again)).collect();
        let searching = self
            .search
            .map_or(0.0, |asked| search::expected_seconds(asked, network, (train, validation)));
        let device_seconds = searching + chains.iter().sum::<f64>();
        let threads = if self.device == Device::Cpu { self.threads } else { 1 };
        // Threshold and metrics ask every network for the validation and the test rows.
        let each = |paced: &Paced| paced.pace.validation_row * test;
        let asked = network.pace.validation_row * (validation + test * networks);
        let finishing = asked + simpler.map(each).sum::<f64>();
        Cost {
            seconds: AROUND + self.preparing + searching + makespan(&chains, threads) + finishing,
            device_seconds,
            memory_bytes: self.memory_bytes,
            device: self.device.name(),
            price: None,
        }
    }
}

//! A training that is only measured: what it would take on all rows, from a sample of them.

use std::time::{Duration, Instant};

use super::baselines;
use super::check::{check_layout, check_spec};
use super::count_parameters;
use super::estimate::{Job, Paced, expected_epochs};
use super::footprint::Footprint;
use super::plan::{self, Recipe};
use super::precision;
use super::prepare::{Prepared, prepare};
use crate::domain::cost::Cost;
use crate::domain::network::NetworkSpec;
use crate::domain::training::{EnsembleSpec, TrainingSpec};
use crate::domain::version::PartRows;
use crate::engine::device::Device;
use crate::engine::features::Layout;
use crate::engine::networks::multiply_adds;
use crate::error::Result;
use crate::frame::Frame;

/// Rows of a dataset, and how many of its rows each of them stands for.
pub(crate) struct Sample<'a> {
    pub(crate) frame: &'a Frame,
    pub(crate) scale: f64,
}

/// What was measured of a specification.
pub(crate) struct Probed {
    /// Every default filled in, as suits all rows.
    pub(crate) spec: TrainingSpec,
    /// Trainable numbers of one network.
    pub(crate) parameters: u64,
    /// Rows or windows of each part, of the whole dataset.
    pub(crate) rows: PartRows,
    pub(crate) device: Device,
    /// Multiply-adds of a step, by which `auto` finds its device.
    pub(crate) multiply_adds: u64,
    network: Paced,
    /// Those beside it, with their numbers of parameters.
    beside: Vec<(Paced, u64)>,
    /// Whether each is trained once more, on the validation rows too.
    refits: bool,
    /// Seconds of preparing all rows.
    preparing: f64,
    layout: Layout,
    outputs: usize,
    /// Numbers of a row that the loss compares with.
    targets: usize,
    frame_bytes: f64,
}

impl Probed {
    /// What the training would take as an ensemble, with or without simpler networks beside it.
    pub(crate) fn cost(&self, ensemble: &EnsembleSpec, baselines: bool) -> Cost {
        let beside: Vec<&(Paced, u64)> = self.beside.iter().filter(|_| baselines).collect();
        let footprint = Footprint {
            layout: &self.layout,
            outputs: self.outputs,
            rows: self.rows,
            targets: self.targets,
            folds: ensemble.folds,
            refits: self.refits,
            frame_bytes: self.frame_bytes,
        };
        let of_network = (&self.network.recipe, self.parameters);
        let simpler = beside.iter().map(|(paced, parameters)| (&paced.recipe, *parameters));
        let trained: Vec<_> = std::iter::once(of_network).chain(simpler).collect();
        let networks = ensemble.folds.max(1) * ensemble.seeds.max(1);
        let job = Job {
            rows: self.rows,
            ensemble,
            refits: self.refits,
            search: None,
            preparing: self.preparing,
            device: self.device,
            threads: 1,
            memory_bytes: footprint.bytes(&trained, networks),
        };
        job.cost(&self.network, beside.iter().map(|(paced, _)| paced))
    }

    /// The network in its size.
    pub(crate) fn network(&self) -> &NetworkSpec {
        &self.network.recipe.network
    }

    /// Of one network, without those beside it.
    pub(crate) fn rows_per_second(&self) -> f64 {
        1.0 / self.network.pace.training_row.max(1e-12)
    }

    /// Epochs that it is expected to have.
    pub(crate) fn epochs(&self) -> u32 {
        expected_epochs(&self.network.recipe)
    }
}

/// Measures a training for about `limit`, beside preparing the sample.
///
/// # Errors
/// As [`super::train`].
pub(crate) fn probe(
    sample: &Sample<'_>,
    spec: &TrainingSpec,
    limit: Duration,
    stop: &mut (dyn FnMut() -> bool + Send),
) -> Result<Probed> {
    check_spec(spec)?;
    let began = Instant::now();
    let whole = |rows: u64| (rows as f64 * sample.scale).round() as u64;
    let spec = plan::suited_to(spec, whole(sample.frame.rows() as u64) as usize);
    let Prepared { spec: mut carried_out, data, rows, refit, .. } =
        prepare(sample.frame, &spec, None)?;
    let preparing = began.elapsed().as_secs_f64() * sample.scale;
    let rows = PartRows {
        train: whole(rows.train),
        validation: whole(rows.validation),
        test: whole(rows.test),
    };
    let recipe = Recipe::of(&spec, &data.layout, rows.train as usize);
    check_layout(&recipe.network, &data.layout)?;
    recipe.fill(&mut carried_out);
    let parameters = count_parameters(&recipe, &data)?;
    let of_row = multiply_adds(&recipe.network, &data.layout, parameters);
    let of_step = of_row * recipe.batch_size as u64 * 3;
    let device = precision::device(&spec, &recipe, &data, of_step)?;
    carried_out.device = device.name();

    let simpler = match spec.baselines {
        true => baselines::simpler(&recipe.network, &data).0,
        false => Vec::new(),
    };
    let share = limit / (simpler.len() as u32 + 1);
    let network = Paced::measure(&data, recipe, device, share, stop)?;
    let beside = simpler
        .into_iter()
        .map(|simple| {
            let recipe = Recipe::of_baseline(&spec, simple, &data.layout, rows.train as usize);
            let parameters = count_parameters(&recipe, &data)?;
            Ok((Paced::measure(&data, recipe, device, share, stop)?, parameters))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Probed {
        spec: carried_out,
        parameters,
        rows,
        device,
        multiply_adds: of_step,
        network,
        beside,
        refits: refit.is_some(),
        preparing,
        outputs: data.outputs,
        targets: data.train.targets.width,
        layout: data.layout,
        frame_bytes: sample.frame.bytes() as f64 * sample.scale,
    })
}

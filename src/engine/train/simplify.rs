//! A version made simpler: pruned, distilled or quantised, and what that saves and costs.
//!
//! The rows are those of the parent's training, read by the parent's own features, and fall into the
//! same parts, so that the test rows of the two are the same and were seen by neither.

mod check;
mod compare;
mod student;

use std::sync::Arc;
use std::time::Instant;

use sha2::{Digest, Sha256};

pub use self::check::check_simplification;
use self::check::of_method;
use super::ensemble::{Ensemble, Fold, Rows, refold, rows_of_fold};
use super::finish::{Finish, Served};
use super::fit::{Data, Fit, Problem};
use super::hooks::Hooks;
use super::plan::{Kept, Recipe, Start, Teaching};
use super::prepare::{Prepared, prepare};
use super::prior::Prior;
use super::runs::{Runs, side_by_side};
use super::trial::{Settled, settled};
use super::{Trained, count_parameters, estimate};
use crate::domain::optimiser::{CosineSchedule, ScheduleSpec};
use crate::domain::simplification::{Distillation, Pruning, SimplificationMethod};
use crate::domain::training::{EnsembleSpec, Precision, TrainingSpec};
use crate::domain::version::Version;
use crate::engine::device::Device;
use crate::engine::features::FittedFeatures;
use crate::engine::infer::LoadedModel;
use crate::engine::networks::monotone::gain;
use crate::engine::networks::parameters::{Parameters, can_be_pruned};
use crate::engine::networks::{multiply_adds, served};
use crate::engine::weights::{self, Form};
use crate::error::{Context, Result};
use crate::frame::Frame;

/// A version that is made simpler.
#[derive(Debug)]
pub struct Parent {
    pub version: Version,
    pub features: FittedFeatures,
    /// As they are stored.
    pub weights: Vec<u8>,
}

/// Makes a version simpler. `frame` holds the rows of the parent's dataset, `resume` what a checkpoint
/// of the same job held.
///
/// # Errors
/// As [`super::train`], the fields being those of a [`crate::domain::simplification::SimplificationSpec`].
pub fn simplify(
    frame: &Frame,
    parent: &Parent,
    method: &SimplificationMethod,
    resume: Option<&[u8]>,
    hooks: &mut dyn Hooks,
) -> Result<Trained> {
    check_simplification(&parent.version, method)?;
    let began = Instant::now();
    let spec = match method {
        SimplificationMethod::Distil(distillation) => {
            student::spec(&parent.version.provenance.spec, distillation)?
        }
        SimplificationMethod::Prune(_) | SimplificationMethod::Quantise(_) => {
            parent.version.provenance.spec.clone()
        }
    };
    // Where the parent was trained need not be a device of this machine, nor one for bf16, and what it
    // was found by is not done again.
    let (device, precision) = ("auto".to_owned(), Precision::F32);
    let spec = TrainingSpec { device, precision, search: None, start: None, ..spec };
    let prepared = prepare(frame, &spec, Some(&parent.features));
    let prepared = match method {
        SimplificationMethod::Distil(_) => prepared.map_err(of_method)?,
        SimplificationMethod::Prune(_) | SimplificationMethod::Quantise(_) => prepared?,
    };
    let Version { signature, provenance, .. } = &parent.version;
    let model =
        LoadedModel::load(signature, &provenance.spec, parent.features.clone(), &parent.weights)?;
    // Versions of earlier programs answer with what class weights added.
    let prior = match provenance.class_weights_taken_back {
        true => prepared.prior.clone(),
        false => Prior::default(),
    };
    let mut work = Work {
        prior,
        fingerprint: fingerprint(&prepared, parent, method)?,
        preparing: began.elapsed().as_secs_f64(),
        prepared,
        parent,
        resume,
    };
    let (mut trained, method) = match method {
        SimplificationMethod::Prune(pruning) => work.prune(pruning, hooks)?,
        SimplificationMethod::Distil(distillation) => work.distil(distillation, &model, hooks)?,
        SimplificationMethod::Quantise(_) => (work.quantise()?, method.clone()),
    };
    compare::compare(&work.prepared, (parent, &model), method, &mut trained)?;
    Ok(trained)
}

/// Tells whether a checkpoint is of this job.
fn fingerprint(
    prepared: &Prepared,
    parent: &Parent,
    method: &SimplificationMethod,
) -> Result<String> {
    let method = serde_json::to_string(method).context("hashing a method")?;
    let weights = hex::encode(Sha256::digest(&parent.weights));
    Ok(format!("{} {weights} {method}", prepared.fingerprint))
}

/// One simplification.
struct Work<'a> {
    prepared: Prepared,
    /// What was taken back of the parent's networks.
    prior: Prior,
    parent: &'a Parent,
    resume: Option<&'a [u8]>,
    fingerprint: String,
    /// Seconds.
    preparing: f64,
}

impl Work<'_> {
    fn prune(
        &mut self,
        pruning: &Pruning,
        hooks: &mut dyn Hooks,
    ) -> Result<(Trained, SimplificationMethod)> {
        let mut networks = self.networks()?;
        networks.iter_mut().for_each(|weights| prune(weights, pruning.sparsity));
        let recipe = self.fine_tuning(pruning);
        let carried_out = Pruning { learning_rate: Some(recipe.learning_rate), ..pruning.clone() };
        let method = SimplificationMethod::Prune(carried_out);
        if pruning.epochs == 0 {
            return Ok((self.as_served(networks, Form::Sparse)?, method));
        }
        let ensemble = self.prepared.spec.ensemble.clone().unwrap_or_default();
        let (folds, seeds) = (ensemble.folds.max(1), ensemble.seeds.max(1));
        self.prepared.recipe = recipe.clone();
        let settled = self.settled(&recipe, hooks)?;
        let device = settled.device;
        self.expect(device, hooks)?;
        let data = self.prepared.served_data();
        let fingerprint = self.fingerprint.clone();
        let at_once = side_by_side(hooks, device).min(networks.len());
        let mut runs = Runs::new(settled, fingerprint, networks.len(), self.resume, hooks);
        let rows_of =
            |fold| (folds > 1).then(|| rows_of_fold(&self.prepared.data, recipe.seed, fold, folds));
        let prior = &self.prior;
        let fits = runs.each(networks.len(), |chain, number| {
            let rows = rows_of(number as u32 / seeds);
            let own = rows.map(|rows| refold(&self.prepared.data, &rows));
            // They learn from weighted rows again, and are served as the parent was, whose threshold and
            // calibrator they keep.
            let mut weights = networks[number].clone();
            prior.give_to(&mut weights)?;
            let recipe = Recipe {
                seed: recipe.seed.wrapping_add(number as u64),
                start: Some(Arc::new(Start { weights, is_pruned: true })),
                ..recipe.clone()
            };
            let name = match number {
                0 => "fine-tuning".to_owned(),
                number => format!("fine-tuning {}", number + 1),
            };
            let mut fit = chain.run(&name, own.as_ref().unwrap_or(data), &recipe)?;
            prior.take_from(&mut fit.weights)?;
            Ok(fit)
        })?;
        let mut fits = fits.into_iter();
        let fold =
            |fold| Fold { fits: fits.by_ref().take(seeds as usize).collect(), rows: rows_of(fold) };
        let trained: Vec<Fold> = (0..folds).map(fold).collect();
        let mut trained = self.version(&trained, device, Some(self.kept(Form::Sparse)))?;
        trained.least_seconds /= at_once as f64;
        Ok((trained, method))
    }

    fn distil(
        &mut self,
        distillation: &Distillation,
        teacher: &LoadedModel,
        hooks: &mut dyn Hooks,
    ) -> Result<(Trained, SimplificationMethod)> {
        let Distillation { temperature, share, .. } = *distillation;
        let teaching = Some(Teaching { share, temperature });
        self.prepared.recipe.teaching = teaching;
        let recipe = self.prepared.recipe.clone();
        let prior = &self.prior;
        teach(&mut self.prepared.data, teacher, prior)?;
        if let Some(refit) = &mut self.prepared.refit {
            teach(&mut refit.data, teacher, prior)?;
        }
        let settled = self.settled(&recipe, hooks)?;
        let device = settled.device;
        self.expect(device, hooks)?;
        let fingerprint = self.fingerprint.clone();
        let all = self.prepared.refit.as_ref().map(|refit| &refit.data);
        let rows = Rows { parts: &self.prepared.data, all };
        let planned = 1 + usize::from(all.is_some());
        let mut runs = Runs::new(settled, fingerprint, planned, self.resume, hooks);
        let may_prolong = distillation.epochs.is_none() && recipe.network.has_members();
        let size = EnsembleSpec { folds: 1, seeds: 1 };
        let ensemble = Ensemble { rows, recipe: &recipe, size, may_prolong };
        let fits = runs.each(1, |chain, number| ensemble.train(chain, number))?;
        let folds = ensemble.folds(fits);
        let trained = self.version(&folds, device, None)?;
        let carried_out = Distillation {
            network: trained.spec.network.clone(),
            epochs: trained.spec.epochs,
            ..distillation.clone()
        };
        Ok((trained, SimplificationMethod::Distil(carried_out)))
    }

    fn quantise(&self) -> Result<Trained> {
        self.as_served(self.networks()?, Form::Eight)
    }

    /// The parent's networks.
    fn networks(&self) -> Result<Vec<Parameters>> {
        let ensemble = self.prepared.spec.ensemble.clone().unwrap_or_default();
        let count = ensemble.folds.max(1) * ensemble.seeds.max(1);
        weights::parted(weights::decode(&self.parent.weights)?, count as usize)
    }

    /// How what is not pruned is trained on: at the rate that it had, and to the end.
    fn fine_tuning(&self, pruning: &Pruning) -> Recipe {
        let recipe = &self.prepared.recipe;
        Recipe {
            network: served(&recipe.network),
            learning_rate: pruning.learning_rate.unwrap_or(recipe.learning_rate),
            schedule: ScheduleSpec::Cosine(CosineSchedule { warm_up: 0.0 }),
            epochs: pruning.epochs,
            ends_after: None,
            kept: Kept::Last,
            patience: 0,
            ..recipe.clone()
        }
    }

    /// Networks that answer as they are.
    fn as_served(&self, networks: Vec<Parameters>, form: Form) -> Result<Trained> {
        let Version { curve, provenance, .. } = &self.parent.version;
        let fit = |weights| Fit {
            weights,
            refitted: None,
            best_epoch: provenance.best_epoch,
            curve: curve.clone(),
            seconds: 0.0,
            diverged: None,
        };
        let fold = Fold { fits: networks.into_iter().map(fit).collect(), rows: None };
        self.version(&[fold], Device::Cpu, Some(self.kept(form)))
    }

    fn kept(&self, form: Form) -> Served {
        let signature = &self.parent.version.signature;
        let (threshold, calibrator) = (signature.threshold, signature.calibrator.clone());
        let calibration = self.parent.version.calibration.clone();
        let class_weights_taken_back = self.parent.version.provenance.class_weights_taken_back;
        Served { form, threshold, calibrator, calibration, class_weights_taken_back }
    }

    fn settled(&mut self, recipe: &Recipe, hooks: &mut dyn Hooks) -> Result<Settled> {
        let Prepared { data, spec, .. } = &self.prepared;
        let work = multiply_adds(&recipe.network, &data.layout, count_parameters(recipe, data)?);
        let device = Device::for_work(&spec.device, work * recipe.batch_size as u64 * 3)?;
        let before = Runs::settled_before(self.resume, &self.fingerprint);
        let settled = settled(device, &spec.device, &Problem { data, recipe }, before, hooks)?;
        self.prepared.warnings.extend(settled.notice.clone());
        Ok(settled)
    }

    /// Tells what is expected of the job, once.
    fn expect(&self, device: Device, hooks: &mut dyn Hooks) -> Result<()> {
        if self.resume.is_some() {
            return Ok(());
        }
        let Prepared { recipe, data, spec, .. } = &self.prepared;
        let parameters = count_parameters(recipe, data)?;
        let threads = side_by_side(hooks, device);
        hooks.estimate(&mut || {
            estimate(&self.prepared, spec, &[], device, (self.preparing, parameters), threads)
        })
    }

    fn version(&self, folds: &[Fold], device: Device, kept: Option<Served>) -> Result<Trained> {
        let prepared = &self.prepared;
        let recipe = Recipe {
            network: match &kept {
                Some(_) => served(&prepared.recipe.network),
                None => prepared.recipe.network.clone(),
            },
            ..prepared.recipe.clone()
        };
        let parameters = count_parameters(&recipe, prepared.served_data())?;
        Finish { prepared, folds, device, parameters, served: kept }.version(&[])
    }
}

/// Sets the smallest of the numbers that can be pruned to 0, of equal ones the first.
fn prune(weights: &mut Parameters, sparsity: f64) {
    let prunable = weights.iter_mut().filter(|(name, p)| can_be_pruned(name, &p.shape));
    // As they count in the network.
    let mut all: Vec<(f32, &mut f32)> = prunable
        .flat_map(|(name, p)| p.values.iter_mut().map(|w| (w.abs() * gain(name), w)))
        .collect();
    let count = (all.len() as f64 * sparsity).round() as usize;
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    all.into_iter().take(count).for_each(|(_, weight)| *weight = 0.0);
}

/// Puts what a teacher answers to the training rows beside their targets, as it would to weighted ones.
fn teach(data: &mut Data, teacher: &LoadedModel, prior: &Prior) -> Result<()> {
    let logits = teacher.logits_of(&data.train.inputs)?;
    let targets = &mut data.train.targets;
    let outputs = logits.len() / targets.rows.max(1);
    let rows = targets.data.chunks_exact(targets.width).zip(logits.chunks_exact(outputs.max(1)));
    let widened: Vec<f32> = rows
        .flat_map(|(targets, logits)| {
            let logits = prior.added(logits).into_iter().map(|logit| logit as f32);
            targets.iter().copied().chain(logits)
        })
        .collect();
    targets.width += outputs;
    targets.data = widened;
    Ok(())
}

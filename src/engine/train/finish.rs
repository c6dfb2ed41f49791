//! From weights to a version: threshold, metrics, comparison with the baselines.

use super::Trained;
use super::baselines::{self, Answers};
use super::ensemble::Fold;
use super::fit::{Fit, Part};
use super::forecasting::{self, Forecasting, Seen};
use super::plan::Recipe;
use super::prepare::Prepared;
use super::prior::Prior;
use super::report;
use crate::domain::calibration::{CalibrationChoice, Calibrator, Uncalibrated};
use crate::domain::model::Task;
use crate::domain::network::{NLinearNetwork, NetworkSpec};
use crate::domain::training::{ClassWeights, TrainingSpec};
use crate::domain::version::{Baseline, Metrics, MulticlassMetrics, Signature};
use crate::engine::device::Device;
use crate::engine::explain;
use crate::engine::features::{FittedFeatures, FittedIntervals};
use crate::engine::infer::LoadedModel;
use crate::engine::networks::for_serving;
use crate::engine::networks::parameters::Parameters;
use crate::engine::weights::{self, Form};
use crate::error::Result;

/// What a job has made.
pub(super) struct Finish<'a> {
    pub(super) prepared: &'a Prepared,
    pub(super) folds: &'a [Fold],
    pub(super) device: Device,
    /// Trainable numbers of a network.
    pub(super) parameters: u64,
    /// Of a version whose networks were served before: they are not made ready to be served again.
    pub(super) served: Option<Served>,
}

/// What is decided of networks that were served before.
#[derive(Debug, Clone)]
pub(super) struct Served {
    pub(super) form: Form,
    pub(super) threshold: Option<f64>,
    pub(super) calibrator: Option<Calibrator>,
    pub(super) calibration: Option<CalibrationChoice>,
    /// Whether what class weights added was taken back of the parent.
    pub(super) class_weights_taken_back: bool,
}

impl Finish<'_> {
    /// Threshold and metrics are of the model as it will be served.
    pub(super) fn version(&self, simple: &[baselines::Trained]) -> Result<Trained> {
        let Prepared { rows, forecasting, .. } = self.prepared;
        let features = self.prepared.served_features();
        let mut spec = self.prepared.spec.clone();
        let (seed, read) = (spec.seed, self.prepared.served_data());
        let drawn = self.prepared.served_drawn();
        let mut warnings = self.prepared.warnings.clone();
        let mut signature = self.prepared.signature();
        let fits: Vec<&Fit> = self.folds.iter().flat_map(|fold| &fold.fits).collect();
        warnings.extend(fits.iter().filter_map(|fit| fit.diverged.clone()));
        let served: Vec<&Parameters> = fits.iter().map(|fit| fit.served()).collect();
        let weights = match &self.served {
            Some(Served { form, .. }) => {
                let networks = served.into_iter().cloned().collect();
                weights::encode(&weights::joined(networks), *form)?
            }
            None => {
                let prior = &self.prepared.prior;
                encoded(&spec, &served, (forecasting.as_ref(), prior))?
            }
        };
        let model = LoadedModel::load(&signature, &spec, features.clone(), &weights)?;
        let (calibration, decided) = self.decide(&model, &mut signature)?;
        warnings.extend(decided);
        let model = model.calibrated(signature.calibrator.clone());
        let (mut metrics, answers) = tested(self.prepared, &model, signature.threshold)?;
        let features = match self.intervals(&model, &mut metrics)? {
            Some(intervals) => features.clone().with_intervals(intervals),
            None => features.clone(),
        };
        warnings.extend(forecasting::warnings(&metrics));
        let compared: Result<Vec<Baseline>> =
            simple.iter().map(|simple| self.compared(&signature, simple, &answers)).collect();
        let compared = compared?;
        let is_free = !spec.monotone.is_empty();
        warnings.extend(compared.iter().filter_map(|b| baselines::warning(b, is_free)));
        warnings.extend(self.hardly_better());
        spec.device = self.device.name();
        let first = baselines::first(&self.folds[0].fits)?;
        let device_seconds = fits
            .iter()
            .map(|fit| fit.seconds)
            .chain(simple.iter().map(|simple| simple.fit.seconds))
            .sum();
        Ok(Trained {
            spec,
            signature,
            features,
            metrics,
            baselines: compared,
            search: None,
            curve: first.curve.clone(),
            weights,
            background: explain::background(&read.layout, &read.train.inputs, drawn, seed)?,
            best_epoch: first.best_epoch,
            rows: *rows,
            parameters: self.parameters * fits.len() as u64,
            class_weights_taken_back: self
                .served
                .as_ref()
                .is_none_or(|served| served.class_weights_taken_back),
            device: self.device.description(),
            warnings,
            seconds: fits.iter().map(|fit| fit.seconds).sum(),
            device_seconds,
            least_seconds: device_seconds,
            simplification: None,
            calibration,
        })
    }

    /// Sets how the version calibrates and from which probability on it says yes, by the validation rows;
    /// beside how that was chosen, warnings.
    fn decide(
        &self,
        model: &LoadedModel,
        signature: &mut Signature,
    ) -> Result<(Option<CalibrationChoice>, Vec<String>)> {
        let Prepared { data, spec, .. } = self.prepared;
        if let Some(served) = &self.served {
            signature.threshold = served.threshold;
            signature.calibrator = served.calibrator.clone();
            return Ok((served.calibration.clone(), Vec::new()));
        }
        let mut warnings = Vec::new();
        let calibrated = match (data.task, data.positive) {
            (Task::Binary, Some(positive)) => {
                let (logits, truth) = self.validation_logits(model)?;
                let truth = report::is_positive(&truth, positive);
                let calibrated = report::calibrated(spec.calibration, &logits, &truth, spec.seed);
                let (threshold, warning) =
                    report::threshold(&spec.threshold, &calibrated.scores, &truth);
                signature.threshold = Some(threshold);
                warnings.extend(warning);
                calibrated
            }
            (Task::Multiclass, _) => {
                let (logits, truth) = self.validation_logits(model)?;
                let classes = signature.classes.len();
                report::calibrated_classes(spec.calibration, &logits, classes, &truth, spec.seed)
            }
            _ => return Ok((None, warnings)),
        };
        warnings.splice(0..0, calibrated.warning);
        signature.calibrator = calibrated.calibrator;
        Ok((Some(calibrated.choice), warnings))
    }

    /// Logits of the validation rows, each by the networks that have not been trained on it, and their
    /// classes.
    fn validation_logits(&self, model: &LoadedModel) -> Result<(Vec<f64>, Vec<usize>)> {
        let (mut logits, mut truth) = (Vec::new(), Vec::new());
        self.on_validation(model, &mut |answers, part| {
            logits.extend(answers);
            truth.extend(part.truth.classes().unwrap_or_default());
        })?;
        Ok((logits, truth))
    }

    /// Intervals of forecasts by the validation windows, which are measured on the test windows; None of
    /// other tasks.
    fn intervals(
        &self,
        model: &LoadedModel,
        metrics: &mut Metrics,
    ) -> Result<Option<FittedIntervals>> {
        let (Some(forecasting), Metrics::Forecast(metrics)) = (&self.prepared.forecasting, metrics)
        else {
            return Ok(None);
        };
        let (mut forecasts, mut truth) = (Vec::new(), Vec::new());
        self.on_validation(model, &mut |answers, part| {
            forecasts.extend(answers);
            truth.extend_from_slice(&part.targets.data);
        })?;
        let tested = model.logits_of(self.prepared.served_test())?;
        let (fitted, measured) = forecasting.intervals(
            Seen { forecasts: &forecasts, truth: &truth },
            Seen { forecasts: &tested, truth: &forecasting.truth.data },
        );
        metrics.intervals = measured;
        Ok(Some(fitted))
    }

    /// Hands over the logits of the validation rows, each by the networks that have not been trained on
    /// it.
    fn on_validation(
        &self,
        model: &LoadedModel,
        hear: &mut dyn FnMut(Vec<f64>, &Part),
    ) -> Result<()> {
        let Prepared { data, features, recipe, refit, .. } = self.prepared;
        for fold in self.folds {
            let part = fold.validation(data);
            let logits = if fold.rows.is_none() && refit.is_none() {
                model.logits_of(&part.inputs)?
            } else {
                let weights: Vec<&Parameters> = fold.fits.iter().map(|fit| &fit.weights).collect();
                loaded(self.prepared, features, recipe, &weights)?.logits_of(&part.inputs)?
            };
            hear(logits, &part);
        }
        Ok(())
    }

    /// A baseline's figures beside those of the version.
    fn compared(
        &self,
        signature: &Signature,
        simple: &baselines::Trained,
        ours: &[f64],
    ) -> Result<Baseline> {
        let Prepared { data, test, classes, .. } = self.prepared;
        let features = self.prepared.served_features();
        let model = loaded(self.prepared, features, &simple.recipe, &[simple.fit.served()])?;
        let theirs = model.score(self.prepared.served_test())?.values;
        let threshold = signature.threshold;
        let metrics =
            report::metrics(data.task, classes, data.positive, threshold, &theirs, &test.1)?;
        let (metric, value) = metrics.main();
        let answers = Answers { ours, theirs: &theirs };
        let difference = baselines::difference(data.task, data.positive, &answers, &test.1);
        Ok(Baseline {
            network: simple.recipe.network.kind().to_owned(),
            metric: metric.to_owned(),
            value,
            difference: difference.map(|d| d.value),
            interval: difference.and_then(|d| d.interval),
            parameters: simple.fit.weights.values().map(|p| p.values.len() as u64).sum(),
            seconds: simple.fit.seconds,
        })
    }

    /// That nothing was learnt, where that is so; forecasts have baselines that tell more.
    fn hardly_better(&self) -> Option<String> {
        let Prepared { data, spec, forecasting, .. } = self.prepared;
        let is_trained = self.served.is_none();
        if forecasting.is_some() || spec.class_weights != ClassWeights::None || !is_trained {
            return None;
        }
        let losses = self.folds.iter().flat_map(|fold| &fold.fits).flat_map(|fit| &fit.curve);
        let best = losses.map(|loss| loss.validation_loss).fold(f64::INFINITY, f64::min);
        let guess = data.guess;
        (best > super::HARDLY_BETTER * guess).then(|| {
            format!(
                "the validation loss {best:.4} is hardly better than the {guess:.4} of always \
                 answering the same: the columns tell little of the target, or training went wrong"
            )
        })
    }
}

/// What a model answers to the test rows, as `Outputs::values`, and how good that is; of several classes
/// beside what it was before a temperature was put to it.
///
/// # Errors
/// [`crate::error::Error::Internal`] when an output is not finite.
pub(super) fn tested(
    prepared: &Prepared,
    model: &LoadedModel,
    threshold: Option<f64>,
) -> Result<(Metrics, Vec<f64>)> {
    let Prepared { data, test, classes, forecasting, .. } = prepared;
    let inputs = prepared.served_test();
    let answers = model.score(inputs)?.values;
    let of = |answers: &[f64]| {
        report::metrics(data.task, classes, data.positive, threshold, answers, &test.1)
    };
    let mut metrics = match forecasting {
        Some(forecasting) => forecasting.metrics(&model.logits_of(inputs)?, inputs)?,
        None => of(&answers)?,
    };
    if let Metrics::Multiclass(metrics) = &mut metrics
        && let Some(calibration) = &mut metrics.calibration
        && model.is_calibrated()
    {
        let before = of(&model.uncalibrated(inputs)?)?;
        if let Metrics::Multiclass(MulticlassMetrics { log_loss, brier, calibration: of, .. }) =
            before
        {
            let expected_error = of.map_or(f64::NAN, |of| of.reliability.expected_error);
            calibration.before = Some(Uncalibrated { log_loss, brier, expected_error });
        }
    }
    Ok((metrics, answers))
}

/// Networks of one recipe as they answer together, trained on rows as these features read them.
///
/// # Errors
/// [`crate::error::Error::Internal`] for weights of another recipe.
pub(super) fn loaded(
    prepared: &Prepared,
    features: &FittedFeatures,
    recipe: &Recipe,
    weights: &[&Parameters],
) -> Result<LoadedModel> {
    let mut spec = of_networks(&prepared.spec, weights.len());
    recipe.fill(&mut spec);
    let weights = encoded(&spec, weights, (None, &prepared.prior))?;
    let features = if recipe.is_free { features.free() } else { features.clone() };
    LoadedModel::load(&prepared.signature(), &spec, features, &weights)
}

/// The specification of an ensemble of so many networks.
fn of_networks(spec: &TrainingSpec, count: usize) -> TrainingSpec {
    let mut spec = spec.clone();
    let seeds = u32::try_from(count).unwrap_or(u32::MAX);
    spec.ensemble = Some(crate::domain::training::EnsembleSpec { folds: 1, seeds });
    spec
}

/// The weights of networks as they are served: what class weights did is taken back, and they are joined
/// with the ridge where that is wanted.
fn encoded(
    spec: &TrainingSpec,
    weights: &[&Parameters],
    (forecasting, prior): (Option<&Forecasting>, &Prior),
) -> Result<Vec<u8>> {
    let parameters = weights.iter().map(|&weights| {
        let mut weights = weights.clone();
        prior.take_from(&mut weights)?;
        if let Some(forecasting) = forecasting.filter(|_| joins_ridge(spec)) {
            forecasting.join_ridge(&mut weights);
        }
        Ok(match &spec.network {
            Some(network) => for_serving(network, weights),
            None => weights,
        })
    });
    weights::encode(&weights::joined(parameters.collect::<Result<_>>()?), Form::Whole)
}

/// Whether the trained layer is joined with the ridge.
fn joins_ridge(spec: &TrainingSpec) -> bool {
    matches!(&spec.network, Some(NetworkSpec::NLinear(NLinearNetwork { ridge: Some(true), .. })))
}

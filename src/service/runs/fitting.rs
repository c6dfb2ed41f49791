//! A specification becomes a model's version, or a version a simpler one.

use std::num::NonZeroUsize;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::value::to_raw_value;
use tokio::runtime::Handle;

use super::reporter::{Reporter, written};
use super::{Claim, RunRef, Service, blocking};
use crate::domain::cost::Cost;
use crate::domain::dataset::DatasetRef;
use crate::domain::job::{
    JobCheckpoint, JobError, JobResult, ModelVersionResult, Progress, SimplificationJobSpec,
    TrainingJobSpec, TrainingProgress,
};
use crate::domain::training::TrainingSpec;
use crate::domain::version::{Answers, Metrics, Provenance, Signature, Version};
use crate::engine::{self, Control, Device, EpochReport, Hooks, LastFinite, Parent, Trained};
use crate::error::{Code, Context, Error, Result};
use crate::frame::{self, Frame};
use crate::service::jobs::CHECKPOINT_DAYS;
use crate::service::models::alike;
use crate::service::versions::no_version;
use crate::store::{Blob, NewVersion, Store};

/// Where nothing is set: steps on a GPU get slower from training to training in one process (cubecl#1406), and a new
/// process takes seconds. `actuary bench train --device cuda:0` measures 50 with this.
pub const GPU_TRAININGS: NonZeroUsize = NonZeroUsize::new(10).unwrap();

/// What the training thread tells and asks while it works.
struct RunHooks {
    store: Store,
    run: RunRef,
    runtime: Handle,
    reporter: Reporter,
    /// Seconds of reading the rows, of which the engine knows nothing.
    reading: f64,
    /// Of the last network that diverged.
    last_finite: Option<LastFinite>,
    threads: NonZeroUsize,
    trainings_per_process: Option<NonZeroUsize>,
}

impl Hooks for RunHooks {
    fn epoch(&mut self, report: &EpochReport) -> Result<Control> {
        let last = report.loss.clone();
        tracing::info!(
            job = %self.run.job,
            run = report.run.name,
            epoch = last.epoch,
            train_loss = last.train_loss,
            validation_loss = last.validation_loss,
            "epoch is over"
        );
        self.reporter.step(Progress::Training(TrainingProgress {
            run: report.run.name.clone(),
            run_number: report.run.number as u64,
            runs: report.run.of as u64,
            epoch: report.epoch,
            epochs: report.epochs,
            last,
            best_epoch: report.best_epoch,
            rows_per_second: report.rows_per_second,
            seconds_left: report.seconds_left,
            search: report.search.clone(),
        }));
        Ok(if self.should_stop() { Control::Stop } else { Control::Continue })
    }

    fn checkpoint(&mut self, bytes: &[u8]) -> Result<()> {
        self.runtime.block_on(kept(&self.store, self.run, bytes))
    }

    fn diverged(&mut self, last: LastFinite) {
        self.last_finite = Some(last);
    }

    fn estimate(&mut self, measure: &mut dyn FnMut() -> Result<Cost>) -> Result<()> {
        let mut estimate = measure()?;
        estimate.seconds += self.reading;
        tracing::info!(job = %self.run.job, seconds = estimate.seconds, "expected to take");
        self.runtime.block_on(self.store.run_estimate(self.run, &estimate)).map(|_| ())
    }

    fn should_stop(&mut self) -> bool {
        self.reporter.lost()
    }

    fn threads(&self) -> NonZeroUsize {
        self.threads
    }

    fn trainings_per_process(&self, device: Device) -> Option<NonZeroUsize> {
        self.trainings_per_process.or(match device {
            Device::Cpu => None,
            Device::Cuda(_) => Some(GPU_TRAININGS),
        })
    }
}

/// Takes the model's positive class where none is asked for: which is the rarer one may change with the rows.
/// Refuses a training whose version the model could not take, before the work; of windows the store finds it,
/// when they are trained. Returns a warning where the rows would have it otherwise.
fn settle_classes(
    frame: &Frame,
    spec: &mut TrainingSpec,
    model: &str,
    newest: &Signature,
) -> Result<Option<String>> {
    if spec.window.is_some() && newest.classes.is_empty() {
        return Ok(None);
    }
    let told = engine::told_apart(frame, spec);
    if spec.window.is_some() && told.is_err() {
        // Windows have errors of their own.
        return Ok(None);
    }
    let (task, classes, mut positive) = told?;
    let known = newest.positive_class.as_ref().filter(|class| classes.contains(*class));
    let mut warning = None;
    if let (None, Some(known)) = (&spec.positive_class, known.filter(|_| task == newest.task)) {
        if let Some(other) = positive.filter(|other| other != known) {
            warning = Some(format!(
                "the positive class stays {known}, as of the model's versions before; new rows alone would \
                 make it {other}: train a model of another name if that is meant"
            ));
        }
        spec.positive_class = Some(known.clone());
        positive = Some(known.clone());
    }
    if spec.window.is_some() {
        return Ok(warning);
    }
    let answers = Answers {
        task: Some(task),
        target: Some(&spec.target),
        classes: Some(&classes),
        positive_class: positive.as_deref(),
    };
    alike(model, answers, newest).map(|()| warning)
}

/// Keeps how far a run is; of one that was taken over nothing is kept.
pub(super) async fn kept(store: &Store, run: RunRef, bytes: &[u8]) -> Result<()> {
    let mut writer = store.write_blob().await?;
    writer.write(bytes).await?;
    let written = writer.complete().await?;
    store.run_checkpoint(run, &written).await.map(|_| ())
}

impl Service {
    pub(super) async fn fit(&self, claim: &Claim, job: &TrainingJobSpec) -> Result<()> {
        let spec = job.spec.clone();
        let start = match (&spec.start, claim.upload) {
            (Some(_), Some(blob)) => Some(self.store().load_blob(blob).await?),
            (Some(_), None) => {
                return Err(Error::internal("beginning with weights", "the job has none"));
            }
            (None, _) => None,
        };
        let newest = self.newest_signature(&claim.project, &job.model).await?;
        let model = job.model.clone();
        let work = move |frame: &Frame, resume: Option<&[u8]>, hooks: &mut RunHooks| {
            let mut spec = spec.clone();
            let warning = match &newest {
                Some(newest) => settle_classes(frame, &mut spec, &model, newest)?,
                None => None,
            };
            let mut trained = engine::train_from(frame, &spec, start.as_deref(), resume, hooks)?;
            trained.warnings.extend(warning);
            Ok(trained)
        };
        self.made(claim, (&job.model, &job.spec.dataset), work).await
    }

    pub(super) async fn simplify_run(
        &self,
        claim: &Claim,
        job: &SimplificationJobSpec,
    ) -> Result<()> {
        let SimplificationJobSpec { model, version, method } = job.clone();
        let found = self.store().get_servable(&claim.project, &model, version).await?;
        let found = found.ok_or_else(|| no_version(&model, version))?;
        let parent = Parent {
            features: serde_json::from_str(found.features.get())
                .context("reading a version's fitted features")?,
            weights: self.store().load_blob(found.weights).await?,
            version: found.version,
        };
        let dataset = parent.version.provenance.spec.dataset.clone();
        let work = move |frame: &Frame, resume: Option<&[u8]>, hooks: &mut RunHooks| {
            engine::simplify(frame, &parent, &method, resume, hooks)
        };
        self.made(claim, (&model, &dataset), work).await
    }

    /// Makes a version of a model of the rows of a dataset, and registers it. `work` gets the rows and
    /// what the job's last checkpoint held.
    async fn made(
        &self,
        claim: &Claim,
        (model, dataset): (&str, &DatasetRef),
        work: impl FnOnce(&Frame, Option<&[u8]>, &mut RunHooks) -> Result<Trained> + Send + 'static,
    ) -> Result<()> {
        let began = Instant::now();
        let found = self
            .store()
            .get_dataset_version(&claim.project, &dataset.name, dataset.version)
            .await?;
        let (dataset, content) =
            found.ok_or_else(|| Error::new(Code::NotFound, "the dataset was deleted"))?;
        let file = self.spool(content).await?;
        let checkpoint = match claim.checkpoint {
            Some(blob) => Some(self.store().load_blob(blob).await?),
            None => None,
        };
        let (reporter, task) = Reporter::start(self.store().clone(), claim.run);
        let mut hooks = RunHooks {
            store: self.store().clone(),
            run: claim.run,
            runtime: Handle::current(),
            reporter,
            reading: 0.0,
            last_finite: None,
            threads: self.0.settings.threads,
            trainings_per_process: self.0.settings.trainings_per_process,
        };
        let (trained, last_finite) = blocking(move || {
            let frame = frame::read_parquet(file, None)?;
            hooks.reading = began.elapsed().as_secs_f64();
            let trained = work(&frame, checkpoint.as_deref(), &mut hooks);
            Ok((trained, hooks.last_finite))
        })
        .await?;
        written(task).await?;
        match (trained, last_finite) {
            (Err(Error::Problem { code: Code::Diverged, detail, errors }), Some(last)) => {
                let error = JobError::new(Code::Diverged, detail, errors);
                self.fail_with(claim, error, last).await
            }
            (trained, _) => self.register(claim, model, trained?, (dataset.sha256, began)).await,
        }
    }

    /// Ends a run that diverged, and keeps with its job what it was before.
    async fn fail_with(&self, claim: &Claim, error: JobError, last: LastFinite) -> Result<()> {
        let job = claim.run.job;
        let LastFinite { run, epoch, last, best, weights, may_start } = last;
        let mut writer = self.store().write_blob().await?;
        writer.write(&weights).await?;
        let written = writer.complete().await?;
        let go_on = match may_start {
            true => format!(
                "; to go on from the best epoch, train with the start {{\"job\": \"{job}\"}}"
            ),
            false => String::new(),
        };
        let detail = format!(
            "{}; its weights of {epoch} epochs are kept for {CHECKPOINT_DAYS} days{go_on}",
            error.detail
        );
        let checkpoint = JobCheckpoint {
            run: run.name,
            epoch,
            last,
            best,
            bytes: written.size,
            sha256: written.hex(),
            may_start,
            kept_until: Utc::now() + TimeDelta::days(CHECKPOINT_DAYS.into()),
            location: format!("/api/v1/jobs/{job}/checkpoint"),
        };
        let error = JobError { detail, checkpoint: Some(checkpoint), ..error };
        let mut tx = self.store().begin().await?;
        let kept = tx.finish_blob(&written).await?;
        if tx.fail_run(claim.run, &error, Some(&kept)).await? {
            tx.commit().await?;
        }
        Ok(())
    }

    async fn kept_blob(&self, bytes: &[u8]) -> Result<Blob> {
        let mut writer = self.store().write_blob().await?;
        writer.write(bytes).await?;
        writer.complete().await
    }

    async fn register(
        &self,
        claim: &Claim,
        model: &str,
        trained: Trained,
        (dataset_sha256, began): (String, Instant),
    ) -> Result<()> {
        let weights = self.kept_blob(&trained.weights).await?;
        let background = self.kept_blob(&trained.background).await?;
        let input_kind = trained.features.input_kind();
        let features = to_raw_value(&trained.features).context("writing fitted features")?;
        let created_by =
            claim.created_by.ok_or_else(|| Error::internal("registering", "the job has no key"))?;
        let cost = Cost {
            // Who went on from a checkpoint has not seen what was trained before it.
            seconds: began.elapsed().as_secs_f64().max(trained.least_seconds),
            device_seconds: trained.device_seconds,
            memory_bytes: engine::peak_memory()?,
            device: trained.spec.device.clone(),
            price: None,
        };
        let against_random_walk = match &trained.metrics {
            Metrics::Forecast(metrics) => Some(metrics.verdict()),
            _ => None,
        };
        let version = Version {
            model: model.to_owned(),
            // The store gives number and time.
            version: 0,
            created_at: DateTime::<Utc>::UNIX_EPOCH,
            signature: trained.signature,
            metrics: trained.metrics,
            curve: trained.curve,
            baselines: trained.baselines,
            calibration: trained.calibration,
            search: trained.search,
            simplification: trained.simplification,
            provenance: Provenance {
                spec: trained.spec,
                dataset_sha256,
                weights_sha256: weights.hex(),
                rows: trained.rows,
                best_epoch: trained.best_epoch,
                device: trained.device,
                code_version: crate::code_version(),
                parameters: trained.parameters,
                class_weights_taken_back: trained.class_weights_taken_back,
                seconds: trained.seconds,
                cost: Some(cost),
                job: claim.run.job,
                created_by,
            },
            warnings: trained.warnings,
        };
        let mut tx = self.store().begin().await?;
        if !tx.hold_run(claim.run).await? {
            return Ok(());
        }
        let weights = tx.finish_blob(&weights).await?;
        let background = tx.finish_blob(&background).await?;
        let features = &features;
        let job = claim.run.job;
        let new = NewVersion { version, input_kind, features, weights, background, job };
        let number = tx.insert_version(&claim.project, new).await?;
        let result = ModelVersionResult {
            location: format!("/api/v1/models/{model}/versions/{number}"),
            model: model.to_owned(),
            version: number,
            against_random_walk,
        };
        if tx.finish_run(claim.run, &JobResult::ModelVersion(result)).await? {
            tx.commit().await?;
        }
        Ok(())
    }
}

//! A version is looked at over the rows of a dataset.

use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use uuid::Uuid;

use super::fitting::kept;
use super::reporter::{Reporter, written};
use super::{Claim, Service, blocking};
use crate::domain::job::{
    AnalysisJobResult, AnalysisJobSpec, AnalysisProgress, JobResult, Progress,
};
use crate::engine::{self, Analysed, CheckpointPolicy, Keeping, Subject};
use crate::error::{Code, Context, Error, Result};
use crate::frame;
use crate::service::versions::no_version;
use crate::store::NewAnalysis;

/// Steps of one stage are told so far apart: each is kept with the job.
const APART: Duration = Duration::from_millis(500);

impl Service {
    /// Of origins that roll, trainings that are over are kept; any other one that is taken up again begins
    /// anew. Both end by the same seed with the same numbers.
    pub(super) async fn analyse_run(&self, claim: &Claim, job: &AnalysisJobSpec) -> Result<()> {
        let AnalysisJobSpec { model, version, dataset, request } = job;
        let found = self.store().get_servable(&claim.project, model, *version).await?;
        let found = found.ok_or_else(|| no_version(model, *version))?;
        let subject = Subject {
            features: serde_json::from_str(found.features.get())
                .context("reading a version's fitted features")?,
            weights: self.store().load_blob(found.weights).await?,
            version: found.version,
        };
        let rows = self
            .store()
            .get_dataset_version(&claim.project, &dataset.name, dataset.version)
            .await?;
        let (_, content) =
            rows.ok_or_else(|| Error::new(Code::NotFound, "the dataset was deleted"))?;
        let file = self.spool(content).await?;
        let checkpoint = match claim.checkpoint {
            Some(blob) => Some(self.store().load_blob(blob).await?),
            None => None,
        };
        let (reporter, task) = Reporter::start(self.store().clone(), claim.run);
        let asked = request.clone();
        let (store, run, runtime) = (self.store().clone(), claim.run, Handle::current());
        let analysed = blocking(move || {
            let mut told: Option<(&str, Instant)> = None;
            let mut on_step = |stage: &'static str, done, total| {
                if reporter.lost() {
                    return Err(Error::new(Code::Unavailable, "the run was taken over"));
                }
                let is_due = told.is_none_or(|(of, at)| of != stage || at.elapsed() > APART);
                if is_due || done == total {
                    told = Some((stage, Instant::now()));
                    let stage = stage.to_owned();
                    reporter.step(Progress::Analysis(AnalysisProgress { stage, done, total }));
                }
                Ok(())
            };
            let frame = frame::read_parquet(file, None)?;
            let mut keep = |bytes: &[u8]| runtime.block_on(kept(&store, run, bytes));
            let keeping = Keeping {
                resume: checkpoint.as_deref(),
                keep: &mut keep,
                apart: CheckpointPolicy::default().after_epoch,
            };
            engine::analyse(&frame, &subject, &asked, keeping, &mut on_step)
        })
        .await;
        written(task).await?;
        self.keep_analysis(claim, job, &analysed?).await
    }

    /// Keeps what was found, and ends the run.
    async fn keep_analysis(
        &self,
        claim: &Claim,
        job: &AnalysisJobSpec,
        analysed: &Analysed,
    ) -> Result<()> {
        let AnalysisJobSpec { model, version, dataset, request } = job;
        let mut tx = self.store().begin().await?;
        if !tx.hold_run(claim.run).await? {
            return Ok(());
        }
        let id = Uuid::now_v7();
        let new = NewAnalysis {
            id,
            model,
            version: *version,
            dataset,
            rows: analysed.rows,
            request,
            result: &analysed.result,
            warnings: &analysed.warnings,
            job: claim.run.job,
        };
        tx.insert_analysis(&claim.project, new).await?;
        let result = AnalysisJobResult {
            location: format!("/api/v1/models/{model}/analyses/{id}"),
            model: model.clone(),
            id,
            analysis: request.analysis.kind(),
        };
        if tx.finish_run(claim.run, &JobResult::Analysis(result)).await? {
            tx.commit().await?;
        }
        Ok(())
    }
}

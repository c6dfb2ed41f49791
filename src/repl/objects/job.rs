//! Jobs: what they do, how far they are, what came of them.

use super::super::table::Table;
use super::super::text::{duration, grouped};
use crate::domain::job::{Job, JobResult, Progress};

/// `training of default   running, epoch 11/24   0198c0de-…`.
pub(super) fn text(job: &Job) -> String {
    format!("{} of {}   {}   {}", job.kind.as_str(), job.subject, state(job), job.id)
}

fn state(job: &Job) -> String {
    let name = match job.state.as_str() {
        "cancel_pending" => "being cancelled",
        name => name,
    };
    let more = match (&job.result, &job.error, &job.progress) {
        (Some(result), ..) => made(result),
        (_, Some(error), _) => error.detail.clone(),
        (_, _, Some(Progress::Training(p))) if !job.state.has_ended() => {
            format!("epoch {}/{}", p.epoch, p.epochs)
        }
        (_, _, Some(Progress::Ingestion(p))) if !job.state.has_ended() => {
            format!("{} {} rows", p.stage, grouped(p.rows))
        }
        (_, _, Some(Progress::Analysis(p))) if !job.state.has_ended() => {
            super::super::progress::analysis(p)
        }
        _ => String::new(),
    };
    if more.is_empty() { name.to_owned() } else { format!("{name}: {more}") }
}

fn made(result: &JobResult) -> String {
    match result {
        JobResult::DatasetVersion(r) => format!("{} {}", r.dataset, r.version),
        JobResult::ModelVersion(r) => {
            let verdict =
                r.against_random_walk.as_ref().map(|verdict| format!(", {}", verdict.text));
            format!("{} {}{}", r.model, r.version, verdict.unwrap_or_default())
        }
        JobResult::Analysis(r) => format!("{} of {}", r.analysis.as_str(), r.model),
        JobResult::Assessment(r) => format!("{} {}", r.dataset, r.version),
        JobResult::RejectInference(r) => format!("{} {}", r.dataset, r.version),
        JobResult::Sweep(r) => format!("{} blobs removed", grouped(r.blobs)),
    }
}

pub(super) fn table(jobs: &[&Job]) -> Table {
    let columns = [
        ("id", false),
        ("kind", false),
        ("of", false),
        ("state", false),
        ("took", true),
        ("created", false),
    ];
    let rows = jobs
        .iter()
        .map(|job| {
            let took = job.started_at.zip(job.finished_at).map(|(from, to)| to - from);
            let took = took.and_then(|time| time.to_std().ok());
            vec![
                job.id.to_string(),
                job.kind.as_str().to_owned(),
                job.subject.clone(),
                state(job),
                took.map(duration).unwrap_or_default(),
                job.created_at.format("%Y-%m-%d %H:%M").to_string(),
            ]
        })
        .collect();
    Table::new(&columns, rows)
}

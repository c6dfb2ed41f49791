//! What the engine's tests share.

use std::num::NonZeroUsize;
use std::time::Duration;

use chrono::DateTime;
use rand::RngCore;

use super::random::{Purpose, keyed, symmetric};
use super::{CheckpointPolicy, Control, Device, EpochReport, Hooks, LastFinite, Trained};
use crate::domain::training::TrainingSpec;
use crate::domain::version::{Provenance, Version};
use crate::error::Result;
use crate::frame::{Frame, Values};

/// A specification of nothing but its target.
pub(crate) fn spec(target: &str) -> TrainingSpec {
    serde_json::from_value(serde_json::json!({ "dataset": { "name": "d" }, "target": target }))
        .unwrap()
}

/// Hooks that keep what they are told.
#[derive(Default)]
pub(crate) struct Record {
    pub(super) reports: Vec<EpochReport>,
    pub(super) checkpoints: Vec<Vec<u8>>,
    /// Of networks that diverged.
    pub(super) left: Vec<LastFinite>,
    /// Batches, too, are checkpointed.
    pub(super) every_batch: bool,
    /// Stops after so many questions.
    pub(super) stop_after: Option<usize>,
    pub(super) asked: usize,
    pub(super) trainings_per_process: Option<NonZeroUsize>,
    pub(super) threads: Option<NonZeroUsize>,
}

impl Hooks for Record {
    fn epoch(&mut self, report: &EpochReport) -> Result<Control> {
        self.reports.push(report.clone());
        Ok(Control::Continue)
    }

    fn checkpoint(&mut self, bytes: &[u8]) -> Result<()> {
        self.checkpoints.push(bytes.to_vec());
        Ok(())
    }

    fn diverged(&mut self, last: LastFinite) {
        self.left.push(last);
    }

    fn should_stop(&mut self) -> bool {
        self.asked += 1;
        self.stop_after.is_some_and(|n| self.asked > n)
    }

    fn checkpoint_policy(&self) -> CheckpointPolicy {
        let within_epoch =
            if self.every_batch { Duration::ZERO } else { Duration::from_secs(3600) };
        CheckpointPolicy { after_epoch: Duration::ZERO, within_epoch }
    }

    fn threads(&self) -> NonZeroUsize {
        self.threads.unwrap_or(NonZeroUsize::MIN)
    }

    fn trainings_per_process(&self, _: Device) -> Option<NonZeroUsize> {
        self.trainings_per_process
    }
}

/// `count` columns `x0`, `x1`, ... of numbers in [-1, 1), the same for the same seed.
pub(crate) fn noise(rows: usize, count: usize, seed: u64) -> Vec<Vec<f64>> {
    let column = |i| {
        let mut rng = keyed(seed, Purpose::Sample, i as u64, 0);
        (0..rows).map(|_| f64::from(symmetric(&mut rng, 1.0))).collect()
    };
    (0..count).map(column).collect()
}

/// Numbers in [0, 1), for drawing classes.
pub(super) fn uniform(rows: usize, seed: u64) -> Vec<f64> {
    let mut rng = keyed(seed, Purpose::Sample, u64::MAX, 0);
    (0..rows).map(|_| (rng.next_u32() >> 8) as f64 / f64::from(1 << 24)).collect()
}

/// A frame of number columns `x0`, `x1`, ... and the target `y`.
pub(crate) fn frame(columns: &[Vec<f64>], target: Values) -> Frame {
    let rows = columns.first().map_or(0, Vec::len);
    let named = columns.iter().enumerate().map(|(i, column)| {
        (format!("x{i}"), Values::Float64(column.iter().copied().map(Some).collect()))
    });
    Frame::new(rows, named.chain([("y".to_owned(), target)]).collect()).unwrap()
}

/// A long table of series: an hourly time, one column `y` and a column of entities where there are
/// several.
pub(super) fn series(values: &[Vec<f64>]) -> Frame {
    const HOUR: i64 = 3_600_000_000;
    let each = || {
        values
            .iter()
            .enumerate()
            .flat_map(|(e, v)| v.iter().enumerate().map(move |(t, v)| (e, t, *v)))
    };
    let times = each().map(|(_, t, _)| Some(t as i64 * HOUR)).collect();
    let numbers = each().map(|(_, _, v)| Some(v)).collect();
    let mut columns = vec![
        ("time".to_owned(), Values::Timestamp(times)),
        ("y".to_owned(), Values::Float64(numbers)),
    ];
    if values.len() > 1 {
        let entities = each().map(|(e, _, _)| Some(format!("s{e}"))).collect();
        columns.push(("entity".to_owned(), Values::String(entities)));
    }
    Frame::new(each().count(), columns).unwrap()
}

/// A version as the registry keeps it.
pub(crate) fn version_of(trained: &Trained) -> Version {
    let trained = trained.clone();
    Version {
        model: "m".into(),
        version: 7,
        signature: trained.signature,
        metrics: trained.metrics,
        curve: trained.curve,
        baselines: trained.baselines,
        calibration: trained.calibration,
        search: trained.search,
        simplification: trained.simplification,
        provenance: Provenance {
            spec: trained.spec,
            dataset_sha256: String::new(),
            weights_sha256: String::new(),
            rows: trained.rows,
            best_epoch: trained.best_epoch,
            device: trained.device,
            code_version: String::new(),
            parameters: trained.parameters,
            class_weights_taken_back: trained.class_weights_taken_back,
            seconds: trained.seconds,
            cost: None,
            job: uuid::Uuid::nil(),
            created_by: uuid::Uuid::nil(),
        },
        warnings: trained.warnings,
        created_at: DateTime::UNIX_EPOCH,
    }
}

/// A random walk, the same for the same seed.
pub(super) fn random_walk(length: usize, seed: u64) -> Vec<f64> {
    let mut at = 100.0;
    let steps = noise(length, 1, seed).remove(0);
    steps
        .into_iter()
        .map(|step| {
            at += step;
            at
        })
        .collect()
}

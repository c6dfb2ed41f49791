//! What a specification says of a scorecard.

use actuary_finance::scorecard::{MAX_BINS, Options};

use super::{Bounds, Findings};
use crate::domain::calibration::CalibrationSpec;
use crate::domain::model::Task;
use crate::domain::name::did_you_mean;
use crate::domain::network::NetworkSpec;
use crate::domain::schema::ColumnType;
use crate::domain::scorecard::ScorecardNetwork;
use crate::domain::training::{DivergenceRule, LossSpec, Monitor, TrainingSpec};
use crate::engine::device::{Device, DeviceWish};

/// (0, 0.5].
const HALF: Bounds = Bounds { low: 0.0, from: false, high: 0.5, below: false };
/// [0, 10].
const VALUE: Bounds = Bounds { low: 0.0, from: true, high: 10.0, below: false };
/// [0, 1e6].
const PENALTY: Bounds = Bounds { low: 0.0, from: true, high: 1e6, below: false };
const EXACT: &str =
    "says how a network learns by steps, and a scorecard is fitted exactly; leave it out";

fn card(spec: &TrainingSpec) -> Option<&ScorecardNetwork> {
    match &spec.network {
        Some(NetworkSpec::Scorecard(card)) => Some(card),
        _ => None,
    }
}

fn pointer(list: &str, name: &str) -> String {
    format!("/network/{list}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// Checks what a scorecard asks for.
pub(super) fn check_card(card: &ScorecardNetwork, findings: &mut Findings) {
    if let Some(bins) = card.bins {
        findings.whole("/network/bins", bins.into(), 2..=MAX_BINS as u64);
    }
    if let Some(share) = card.least_share {
        findings.real("/network/least_share", share, HALF);
    }
    if let Some(iv) = card.min_iv {
        findings.real("/network/min_iv", iv, VALUE);
    }
    if let Some(l2) = card.l2 {
        findings.real("/network/l2", l2, PENALTY);
    }
    for (name, edges) in &card.edges {
        let options = Options { edges: Some(edges.clone()), ..Options::default() };
        if let Err(fault) = options.check() {
            findings.add(pointer("edges", name), fault.detail);
        } else if card.trends.contains_key(name) {
            let detail = format!(
                "{name} is cut at given edges, whatever the trend; leave one of the two out"
            );
            findings.add(pointer("trends", name), detail);
        }
    }
}

/// Checks what goes with a scorecard and what doesn't, before any row is read.
pub(super) fn check(spec: &TrainingSpec, findings: &mut Findings) {
    let Some(card) = card(spec) else { return };
    let learns = [
        ("/optimiser", spec.optimiser.is_some()),
        ("/schedule", spec.schedule.is_some()),
        ("/gradient_clip", spec.gradient_clip.is_some()),
        ("/average", spec.average.is_some()),
        ("/loss", spec.loss != LossSpec::default()),
        ("/monitor", spec.monitor != Monitor::default()),
        ("/divergence", spec.divergence != DivergenceRule::default()),
        ("/epochs", spec.epochs.is_some()),
        ("/batch_size", spec.batch_size.is_some()),
        ("/accumulation", spec.accumulation != 1),
        ("/patience", spec.patience.is_some()),
        ("/start", spec.start.is_some()),
    ];
    learns.iter().filter(|(_, is_set)| *is_set).for_each(|(field, _)| findings.add(*field, EXACT));
    if spec.search.is_some() {
        findings.add(
            "/search",
            "finds how a network learns best, and a scorecard is fitted exactly; leave it out",
        );
    }
    if spec.ensemble.as_ref().is_some_and(|ensemble| ensemble.folds * ensemble.seeds != 1) {
        let detail =
            "a scorecard is one table of points, and several would be several; leave it out";
        findings.add("/ensemble", detail);
    }
    if !matches!(spec.calibration, CalibrationSpec::Auto | CalibrationSpec::None) {
        let detail = "points are the log odds of the answer, which a calibration would bend: leave it out, \
                      the answers of a scorecard are calibrated as they are";
        findings.add("/calibration", detail);
    }
    if matches!(spec.device.parse(), Ok(DeviceWish::Exactly(Device::Cuda(_)))) {
        findings.add("/device", "a scorecard is fitted on the CPU; leave it out");
    }
    if spec.window.is_some() {
        findings.add(
            "/window",
            "a scorecard reads the columns of a row, and a window reads many rows; leave it out",
        );
    }
    for name in card.trends.keys().filter(|name| spec.monotone.contains_key(*name)) {
        let detail = format!("'monotone' says which way {name} goes; leave one of the two out");
        findings.add(pointer("trends", name), detail);
    }
    if let Some(task) = spec.task {
        check_task(spec, task, findings);
    }
}

/// A scorecard is of two outcomes.
pub(super) fn check_task(spec: &TrainingSpec, task: Task, findings: &mut Findings) {
    const FIELD: &str = "/network";
    if card(spec).is_none() || task == Task::Binary {
        return;
    }
    // A specification that names its task is checked twice.
    if !findings.0.iter().any(|found| found.pointer == FIELD) {
        let detail = format!(
            "a scorecard is of two outcomes, and this is a {} task: take linear, or make a column that says \
             whether the outcome is the bad one",
            task.as_str()
        );
        findings.add(FIELD, detail);
    }
}

/// Checks the columns that a scorecard names; `features` are those to predict from.
pub(super) fn check_kinds(
    spec: &TrainingSpec,
    columns: &[(&str, ColumnType)],
    features: &[String],
    findings: &mut Findings,
) {
    let Some(card) = card(spec) else { return };
    let trends = card.trends.keys().map(|name| ("trends", name));
    let edges = card.edges.keys().map(|name| ("edges", name));
    for (list, name) in trends.chain(edges) {
        let kind = columns.iter().find(|column| column.0 == name).map(|column| column.1);
        let detail = match kind {
            None => {
                let hint = did_you_mean(name, columns.iter().map(|column| column.0));
                format!("there is no column {name}{hint}")
            }
            Some(_) if !features.contains(name) => {
                format!("{name} is not predicted from; leave it out, or add it to the features")
            }
            Some(ColumnType::Int64 | ColumnType::Float64) => continue,
            Some(ColumnType::Timestamp) if list == "trends" => continue,
            Some(_) => format!("{name} is no number, which is cut at edges; leave it out"),
        };
        findings.add(pointer(list, name), detail);
    }
}

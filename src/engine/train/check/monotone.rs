//! What a specification says of the order that answers keep to.

use super::network::{share, whole};
use super::{Findings, parts_column};
use crate::domain::model::Task;
use crate::domain::name::did_you_mean;
use crate::domain::network::{MonotoneNetwork, NetworkSpec};
use crate::domain::schema::ColumnType;
use crate::domain::training::TrainingSpec;
use crate::engine::features::{Group, Layout};
use crate::engine::networks::monotone::has_order;
use crate::error::{Code, Error, Result};

const FIELD: &str = "/monotone";

/// What can be said of it before any row is read.
pub(super) fn check(spec: &TrainingSpec, findings: &mut Findings) {
    if spec.monotone.is_empty() {
        if let Some(NetworkSpec::Monotone(_)) = spec.network {
            let detail = "monotone keeps to an order, and none is asked for: name columns in 'monotone', \
                          as {\"income\": \"decreasing\"}, or take tabm";
            findings.add("/network", detail);
        }
        return;
    }
    if let Some(network) = spec.network.as_ref().filter(|network| !network.can_be_monotone()) {
        let detail = format!(
            "{} can't keep to the order that 'monotone' asks for: leave network out, or take monotone, \
             linear or scorecard",
            network.kind()
        );
        findings.add("/network", detail);
    }
    if spec.window.is_some() {
        let detail =
            "is for the columns of a row, and a window reads many rows; leave one of the two out";
        findings.add(FIELD, detail);
    }
    if spec.preprocessing.text.is_some() {
        findings
            .add(FIELD, "is for the columns of a table, and a text is read as words; leave it out");
    }
    if let Some(task) = spec.task {
        check_task(spec, task, findings);
    }
    for name in spec.monotone.keys() {
        let features = spec.features.as_ref();
        let problem = if *name == spec.target {
            "is the target, which is answered and not read"
        } else if Some(name.as_str()) == parts_column(spec) {
            "splits the rows and is not read; leave it out"
        } else if spec.exclude.contains(name) {
            "is excluded: it is not read; leave it out here or there"
        } else if features.is_some_and(|features| !features.contains(name)) {
            "is none of the features: add it to these, or leave it out here"
        } else {
            continue;
        };
        findings.add(pointer(name), format!("{name} {problem}"));
    }
}

/// Where a column's direction stands.
fn pointer(name: &str) -> String {
    format!("{FIELD}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// Only one number can rise or fall.
pub(super) fn check_task(spec: &TrainingSpec, task: Task, findings: &mut Findings) {
    if spec.monotone.is_empty() {
        return;
    }
    let detail = match task {
        Task::Binary | Task::Regression => return,
        Task::Multiclass => {
            "is of one number that rises or falls, and several classes have a probability each, which \
             can't all rise: make a column that says whether it is the class in question and train on \
             that, or leave it out"
        }
        Task::Forecast => {
            "is of one number that rises or falls, and a forecast is of many; leave it out"
        }
    };
    // A specification that names its task is checked twice.
    if !findings.0.iter().any(|found| found.pointer == FIELD) {
        findings.add(FIELD, detail);
    }
}

/// Checks the columns that are named; `features` are those to predict from.
pub(super) fn check_kinds(
    spec: &TrainingSpec,
    columns: &[(&str, ColumnType)],
    features: &[String],
    findings: &mut Findings,
) {
    for name in spec.monotone.keys() {
        let kind = columns.iter().find(|column| column.0 == name).map(|column| column.1);
        let detail = match kind {
            None => {
                let hint = did_you_mean(name, columns.iter().map(|column| column.0));
                format!("there is no column {name}{hint}")
            }
            Some(ColumnType::String) => format!(
                "{name} is text, whose values have no order: leave it out, or make numbers of it that \
                 have one"
            ),
            Some(ColumnType::Image) => {
                format!("{name} holds images, which have no order; leave it out")
            }
            Some(_) if !features.contains(name) => {
                format!("{name} is not predicted from; leave it out, or add it to the features")
            }
            Some(_) => continue,
        };
        if !findings.0.iter().any(|found| found.pointer == pointer(name)) {
            findings.add(pointer(name), detail);
        }
    }
}

/// Checks whether a column is left that a network can keep to the order of.
///
/// # Errors
/// [`Code::InvalidSpec`] where none is.
pub(in crate::engine::train) fn check_order(
    spec: &TrainingSpec,
    network: &NetworkSpec,
    layout: &Layout,
) -> Result<()> {
    let is_ordered = |group: &Group| matches!(group, Group::Ordered { .. });
    let is_left = match network {
        NetworkSpec::Linear(_) | NetworkSpec::Scorecard(_) => {
            layout.groups().iter().any(is_ordered)
        }
        _ => has_order(layout),
    };
    if spec.monotone.is_empty() || is_left {
        return Ok(());
    }
    let detail = "names no column that is left: each has one value in the training rows, or has drifted \
                  in the later ones; name another, or leave it out";
    Err(Error::field(Code::InvalidSpec, FIELD, detail))
}

pub(super) fn check_size(network: &MonotoneNetwork, findings: &mut Findings) {
    whole(findings, "members", network.members, 1, 64);
    whole(findings, "kept_members", network.kept_members, 1, 64);
    if let (Some(kept), Some(members)) = (network.kept_members, network.members)
        && kept > members
    {
        let detail = format!("{kept} are more than the {members} members that are trained");
        findings.add("/network/kept_members", detail);
    }
    whole(findings, "blocks", network.blocks, 1, 16);
    whole(findings, "width", network.width, 2, 4096);
    whole(findings, "embedding", network.embedding, 1, 256);
    whole(findings, "bins", network.bins, 2, 1024);
    share(findings, "dropout", network.dropout);
}

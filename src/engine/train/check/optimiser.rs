//! What can be said of how the loss is lessened.

use super::{Bounds, Findings, INSIDE, RATE, SHARE, UNIT};
use crate::domain::model::Task;
use crate::domain::optimiser::{OptimiserSpec, ScheduleSpec};
use crate::domain::training::{Monitor, TrainingSpec};

/// [0, 1e6].
const LENGTH: Bounds = Bounds { low: 0.0, from: true, high: 1e6, below: false };
/// [0, 10].
const GAMMA: Bounds = Bounds { low: 0.0, from: true, high: 10.0, below: false };

/// Checks optimiser, schedule, loss and what goes with them.
pub(super) fn check(spec: &TrainingSpec, findings: &mut Findings) {
    if let Some(optimiser) = &spec.optimiser {
        check_optimiser(optimiser, findings);
    }
    if let Some(schedule) = &spec.schedule {
        check_schedule(schedule, findings);
    }
    if let Some(length) = spec.gradient_clip {
        findings.real("/gradient_clip", length, LENGTH);
    }
    if let Some(keep) = spec.average {
        findings.real("/average", keep, INSIDE);
    }
    findings.whole("/accumulation", spec.accumulation.into(), 1..=1024);
    if let Some(share) = spec.loss.label_smoothing {
        findings.real("/loss/label_smoothing", share, SHARE);
    }
    if let Some(gamma) = spec.loss.focal_gamma {
        findings.real("/loss/focal_gamma", gamma, GAMMA);
    }
    if let Some(task) = spec.task {
        check_task(spec, task, findings);
    }
}

/// Checks what has a meaning for some tasks only.
pub(super) fn check_task(spec: &TrainingSpec, task: Task, findings: &mut Findings) {
    let is_number = matches!(task, Task::Regression | Task::Forecast);
    if is_number {
        for (name, value) in
            [("label_smoothing", spec.loss.label_smoothing), ("focal_gamma", spec.loss.focal_gamma)]
        {
            if value.is_some() {
                findings.add(format!("/loss/{name}"), "a number has no classes; leave it out");
            }
        }
    }
    let fits = match spec.monitor {
        Monitor::Loss => true,
        Monitor::Auc => task == Task::Binary,
        Monitor::Accuracy | Monitor::MacroF1 => !is_number,
        Monitor::R2 => task == Task::Regression,
    };
    if !fits {
        let takes = match task {
            Task::Binary => "loss, auc, accuracy or macro_f1",
            Task::Multiclass => "loss, accuracy or macro_f1",
            Task::Regression => "loss or r2",
            Task::Forecast => "loss",
        };
        let detail = format!("is no figure of a {} task; take {takes}", task.as_str());
        findings.add("/monitor", detail);
    }
}

fn check_optimiser(optimiser: &OptimiserSpec, findings: &mut Findings) {
    let betas = |findings: &mut Findings, beta_1: f64, beta_2: f64| {
        findings.real("/optimiser/beta_1", beta_1, SHARE);
        findings.real("/optimiser/beta_2", beta_2, SHARE);
    };
    let rate = match optimiser {
        OptimiserSpec::Sgd(sgd) => {
            findings.real("/optimiser/momentum", sgd.momentum, SHARE);
            findings.real("/optimiser/weight_decay", sgd.weight_decay, UNIT);
            if sgd.nesterov && sgd.momentum == 0.0 {
                findings.add("/optimiser/nesterov", "looks ahead along a momentum, which is 0");
            }
            sgd.learning_rate
        }
        OptimiserSpec::Adam(adam) => {
            betas(findings, adam.beta_1, adam.beta_2);
            adam.learning_rate
        }
        OptimiserSpec::AdamW(adam) => {
            betas(findings, adam.beta_1, adam.beta_2);
            if let Some(decay) = adam.weight_decay {
                findings.real("/optimiser/weight_decay", decay, UNIT);
            }
            adam.learning_rate
        }
        OptimiserSpec::RmsProp(rmsprop) => {
            findings.real("/optimiser/smoothing", rmsprop.smoothing, SHARE);
            findings.real("/optimiser/momentum", rmsprop.momentum, SHARE);
            rmsprop.learning_rate
        }
    };
    if let Some(rate) = rate {
        findings.real("/optimiser/learning_rate", rate, RATE);
    }
}

fn check_schedule(schedule: &ScheduleSpec, findings: &mut Findings) {
    let lowering = |findings: &mut Findings, epochs: u32, factor: f64| {
        findings.whole("/schedule/epochs", epochs.into(), 1..=10_000);
        findings.real("/schedule/factor", factor, INSIDE);
    };
    let warm_up = match schedule {
        ScheduleSpec::Constant(constant) => constant.warm_up,
        ScheduleSpec::Cosine(cosine) => cosine.warm_up,
        ScheduleSpec::OneCycle(cycle) => {
            findings.real("/schedule/peak", cycle.peak, INSIDE);
            findings.real("/schedule/start", cycle.start, UNIT);
            0.0
        }
        ScheduleSpec::Step(step) => {
            lowering(findings, step.epochs, step.factor);
            step.warm_up
        }
        ScheduleSpec::Plateau(plateau) => {
            lowering(findings, plateau.epochs, plateau.factor);
            plateau.warm_up
        }
    };
    findings.real("/schedule/warm_up", warm_up, UNIT);
}

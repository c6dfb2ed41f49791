//! What is measured on a GPU alone: beside this machine's CPU, after many trainings, and in the
//! process after the one that compiled its kernels.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::train::{Case, blocking, cases};
use super::{FirstStep, Row, median, tenth};
use crate::app::{Device, Rehearsal, device_memory, keep_kernels};
use crate::cli::output::print;
use crate::error::{Code, Context, Error, Result};

/// Trainings after which a step must not take longer than at first.
const FITS: usize = 50;
/// The network that they train: the default for tables.
const TRAINED: &str = "tabm";
/// The network that a process begins with, whose kernels are compiled soonest.
const BEGUN: &str = "mlp";
/// What would take the CPU minutes is not held against it.
const CPU_STEP: Duration = Duration::from_secs(2);

/// The figures after the steps themselves, of which `steps` are the seconds by the networks' ids.
pub(super) async fn rows(
    cases: &[Case],
    rehearsals: &[Arc<Rehearsal>],
    steps: &BTreeMap<&'static str, f64>,
    device: Device,
    time: Duration,
) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (case, rehearsal) in cases.iter().zip(rehearsals) {
        let Some(step) = steps.get(case.id) else { continue };
        if case.is_large() {
            continue;
        }
        let rehearsal = rehearsal.clone();
        let times = blocking(move || rehearsal.step_times(Device::Cpu, time.min(CPU_STEP))).await?;
        rows.push(case.against_the_cpu(*step, tenth(times)));
    }
    for (case, rehearsal) in cases.iter().zip(rehearsals) {
        let rehearsal = rehearsal.clone();
        match case.id {
            TRAINED => {
                rows.extend(blocking(move || after_many(&rehearsal, device, time)).await?);
            }
            BEGUN => rows.push(blocking(move || in_a_second_process(device)).await?),
            _ => {}
        }
    }
    Ok(rows)
}

/// A step of the last of many trainings in one process against the first one's, and the device's
/// memory then.
fn after_many(rehearsal: &Rehearsal, device: Device, time: Duration) -> Result<Vec<Row>> {
    let fit = || Ok::<_, Error>((tenth(rehearsal.step_times(device, time)?), used(device)));
    let (first, memory) = fit()?;
    let mut last = (first, memory);
    for _ in 0..FITS {
        last = fit()?;
    }
    let row = |id: &str, name: &str, unit, [ours, peer]: [f64; 2]| Row {
        id: format!("train.fits{id}"),
        name: format!("the default for tables after {FITS} trainings, {name}"),
        unit,
        ours,
        peer: Some(peer),
        ratio: Some(ours / peer),
    };
    let steps = row("", "a step against the first one's", "ms", [last.0 * 1e3, first * 1e3]);
    let mebibytes = |bytes: Option<u64>| bytes.map(|bytes| bytes as f64 / f64::from(1 << 20));
    let memory = mebibytes(last.1).zip(mebibytes(memory)).map(|(last, first)| {
        row(".memory", "memory of the device against that after one", "MiB", [last, first])
    });
    Ok(std::iter::once(steps).chain(memory).collect())
}

/// Bytes of the device's memory that are used, where the driver tells.
fn used(device: Device) -> Option<u64> {
    device_memory().into_iter().find(|(name, ..)| *name == device.name()).map(|(_, used, _)| used)
}

/// Until the first step is done in a process that finds its kernels compiled and tuned, against one
/// that does not.
fn in_a_second_process(device: Device) -> Result<Row> {
    let kernels = tempfile::tempdir().context("making a directory for kernels")?;
    let [first, second] = [started(device, kernels.path())?, started(device, kernels.path())?];
    Ok(Row {
        id: "train.second_process".to_owned(),
        name: "20-64-64-1: a second process to its first step, against the first process"
            .to_owned(),
        unit: "s",
        ours: second,
        peer: Some(first),
        ratio: Some(second / first),
    })
}

/// Seconds that a process took to its first step.
fn started(device: Device, kernels: &Path) -> Result<f64> {
    const STARTING: &str = "measuring the first step of a process";
    let program = std::env::current_exe().context(STARTING)?;
    let start = Instant::now();
    let status = Command::new(program)
        .args(["bench", "first-step", "--network", BEGUN, "--device", &device.name()])
        .arg("--kernels")
        .arg(kernels)
        // The driver keeps what it compiles as well.
        .env("CUDA_CACHE_PATH", kernels.join("driver"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .context(STARTING)?;
    if !status.success() {
        return Err(Error::new(Code::Unavailable, format!("a process for one step: {status}")));
    }
    Ok(start.elapsed().as_secs_f64())
}

/// What the processes do that are measured until their first step.
pub(super) async fn first_step(options: &FirstStep) -> Result<()> {
    // Before devices are looked for, which settles where their kernels are kept.
    keep_kernels(&options.kernels);
    let device = Device::resolve(&options.device)?;
    let case = cases(device).into_iter().find(|case| case.id == options.network);
    let case = case.ok_or_else(|| {
        Error::field(Code::InvalidRequest, "--network", format!("no network {}", options.network))
    })?;
    let rehearsal = case.rehearsal()?;
    let times = blocking(move || rehearsal.step_times(device, Duration::ZERO)).await?;
    print(&format!("{}\n", median(times)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn many_trainings_are_held_against_the_first() {
        let case = cases(Device::Cpu).into_iter().find(|case| case.id == "mlp").unwrap();
        let rehearsal = case.rehearsal().unwrap();
        let rows = after_many(&rehearsal, Device::Cpu, Duration::ZERO).unwrap();
        // A CPU's memory is not the driver's to tell.
        assert_eq!(rows.len(), 1);
        assert!(rows[0].ours > 0.0 && rows[0].ratio.unwrap() > 0.0, "{rows:?}");
    }

    #[test]
    fn what_is_measured_on_a_gpu_alone_is_of_networks_that_there_are() {
        for network in [TRAINED, BEGUN] {
            assert!(cases(Device::Cuda(0)).iter().any(|case| case.id == network));
        }
    }
}

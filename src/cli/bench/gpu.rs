//! What is measured on a GPU alone: beside this machine's CPU, after many trainings, and in the
//! process after the one that compiled its kernels.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::train::{Case, blocking, cases};
use super::{FirstStep, Row, Trainings, median, tenth};
use crate::app::{Device, GPU_TRAININGS, Rehearsal, device_memory, keep_kernels};
use crate::cli::output::print;
use crate::error::{Code, Context, Error, Result};

/// Trainings of a job, after which a step must not take longer than at first.
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
    for case in cases {
        match case.id {
            TRAINED => {
                rows.extend(blocking(move || in_processes(device, time)).await?);
            }
            BEGUN => rows.push(blocking(move || in_a_second_process(device)).await?),
            _ => {}
        }
    }
    Ok(rows)
}

/// What one of several trainings came to.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Trained {
    /// Seconds of a step.
    step: f64,
    /// Bytes of the device's memory after it, where the driver tells.
    memory: Option<u64>,
}

/// [`after_many`] by processes, which find what those before them compiled.
fn in_processes(device: Device, time: Duration) -> Result<Vec<Row>> {
    const READING: &str = "reading what a process measured";
    let kernels = tempfile::tempdir().context("making a directory for kernels")?;
    let seconds = time.as_secs_f64().to_string();
    after_many(|count| {
        let count = count.to_string();
        let more = ["--count", &count, "--seconds", &seconds];
        let output = process(device, ("trainings", TRAINED), kernels.path(), &more)?;
        serde_json::from_slice(&output.stdout).context(READING)
    })
}

/// A step of the last of many trainings against the first one's, and the device's memory then, where a
/// process is replaced as often as a job's is: `trained` gives those of a process, of so many trainings.
fn after_many(mut trained: impl FnMut(usize) -> Result<Vec<Trained>>) -> Result<Vec<Row>> {
    let each = GPU_TRAININGS.get();
    let mut all = Vec::new();
    for begun in (0..FITS).step_by(each) {
        all.extend(trained(each.min(FITS - begun))?);
    }
    let (Some(first), Some(last)) = (all.first(), all.last()) else { return Ok(Vec::new()) };
    let row = |id: &str, name: &str, unit, [ours, peer]: [f64; 2]| Row {
        id: format!("train.fits{id}"),
        name: format!("the default for tables, {FITS} trainings by processes of {each}, {name}"),
        unit,
        ours,
        peer: Some(peer),
        ratio: Some(ours / peer),
    };
    let name = "a step of the last one against the first one's";
    let steps = row("", name, "ms", [last.step * 1e3, first.step * 1e3]);
    let mebibytes = |bytes: Option<u64>| bytes.map(|bytes| bytes as f64 / f64::from(1 << 20));
    let memory = mebibytes(last.memory).zip(mebibytes(first.memory)).map(|(last, first)| {
        row(".memory", "memory of the device against that after one", "MiB", [last, first])
    });
    Ok(std::iter::once(steps).chain(memory).collect())
}

/// Some trainings in this process.
fn trained(
    rehearsal: &Rehearsal,
    device: Device,
    time: Duration,
    count: usize,
) -> Result<Vec<Trained>> {
    let one = |_| {
        let step = tenth(rehearsal.step_times(device, time)?);
        Ok::<_, Error>(Trained { step, memory: used(device) })
    };
    (0..count).map(one).collect()
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
    let start = Instant::now();
    process(device, ("first-step", BEGUN), kernels, &[])?;
    Ok(start.elapsed().as_secs_f64())
}

/// What a subcommand of this program gives in a process of its own, for a network.
fn process(
    device: Device,
    (subcommand, network): (&str, &str),
    kernels: &Path,
    more: &[&str],
) -> Result<Output> {
    const STARTING: &str = "measuring in a process of its own";
    let program = std::env::current_exe().context(STARTING)?;
    let output = Command::new(program)
        .args(["bench", subcommand, "--network", network, "--device", &device.name()])
        .arg("--kernels")
        .arg(kernels)
        .args(more)
        // The driver keeps what it compiles as well.
        .env("CUDA_CACHE_PATH", kernels.join("driver"))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context(STARTING)?;
    if !output.status.success() {
        let detail = format!("a process for '{subcommand}': {}", output.status);
        return Err(Error::new(Code::Unavailable, detail));
    }
    Ok(output)
}

/// What the processes do that are measured until their first step.
pub(super) async fn first_step(options: &FirstStep) -> Result<()> {
    let (device, rehearsal) = rehearsed(options)?;
    let times = blocking(move || rehearsal.step_times(device, Duration::ZERO)).await?;
    print(&format!("{}\n", median(times)))
}

/// What the processes do in which several networks are trained.
pub(super) async fn trainings(options: &Trainings) -> Result<()> {
    let (device, rehearsal) = rehearsed(&options.of)?;
    let (time, count) = (Duration::from_secs_f64(options.seconds), options.count);
    let trained = blocking(move || trained(&rehearsal, device, time, count)).await?;
    let text = serde_json::to_string(&trained).context("writing the figures")?;
    print(&format!("{text}\n"))
}

/// Where a process trains, and what.
fn rehearsed(options: &FirstStep) -> Result<(Device, Rehearsal)> {
    // Before devices are looked for, which settles where their kernels are kept.
    keep_kernels(&options.kernels);
    let device = Device::resolve(&options.device)?;
    let case = cases(device).into_iter().find(|case| case.id == options.network);
    let case = case.ok_or_else(|| {
        Error::field(Code::InvalidRequest, "--network", format!("no network {}", options.network))
    })?;
    Ok((device, case.rehearsal()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_tells_of_each_of_its_trainings() {
        let case = cases(Device::Cpu).into_iter().find(|case| case.id == "mlp").unwrap();
        let trained = trained(&case.rehearsal().unwrap(), Device::Cpu, Duration::ZERO, 3).unwrap();
        // A CPU's memory is not the driver's to tell.
        assert!(trained.iter().all(|one| one.step > 0.0 && one.memory.is_none()), "{trained:?}");
        let text = serde_json::to_string(&trained).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Trained>>(&text).unwrap().len(), 3);
    }

    #[test]
    fn the_last_of_many_trainings_is_held_against_the_first_in_processes_as_a_job_has_them() {
        let mut processes = Vec::new();
        let rows = after_many(|count| {
            let begun = processes.iter().sum::<usize>();
            processes.push(count);
            let one = |at: usize| Trained { step: at as f64, memory: Some((at as u64) << 20) };
            Ok((begun + 1..=begun + count).map(one).collect())
        });
        let rows = rows.unwrap();
        assert_eq!(processes.iter().sum::<usize>(), FITS);
        assert!(processes.iter().all(|count| *count <= GPU_TRAININGS.get()), "{processes:?}");
        let figures: Vec<_> =
            rows.iter().map(|row| (row.id.as_str(), row.ours, row.peer)).collect();
        let last = FITS as f64;
        assert_eq!(
            figures,
            [("train.fits", last * 1e3, Some(1e3)), ("train.fits.memory", last, Some(1.0))]
        );
    }

    #[test]
    fn what_is_measured_on_a_gpu_alone_is_of_networks_that_there_are() {
        for network in [TRAINED, BEGUN] {
            assert!(cases(Device::Cuda(0)).iter().any(|case| case.id == network));
        }
    }
}

//! Where matrix products may be taken in bf16 while a network learns.

use super::check::Findings;
use super::fit::Data;
use super::plan::Recipe;
use crate::domain::network::NetworkSpec;
use crate::domain::training::{Precision, TrainingSpec};
use crate::engine::device::{Device, DeviceWish};
use crate::engine::features::Layout;
use crate::error::{Code, Error, Result};

const FIELD: &str = "/precision";

/// What can be said of it before any row is read.
pub(super) fn check(spec: &TrainingSpec, findings: &mut Findings) {
    if spec.precision == Precision::F32 {
        return;
    }
    if let Some(network) = &spec.network
        && is_always_whole(network, None)
    {
        findings.add(FIELD, whole(network));
    }
    if let Ok(DeviceWish::Exactly(Device::Cpu)) = spec.device.parse() {
        findings.add(
            FIELD,
            "bf16 is for CUDA devices, and device asks for the CPU, which is slower in bf16: leave \
             precision out, or set device to auto or cuda:N",
        );
    }
}

/// The device of a job whose steps have so many multiply-adds.
///
/// # Errors
/// As [`Device::for_work`]; [`Code::InvalidSpec`] where it can't train the network in the precision
/// that is asked for.
pub(super) fn device(
    spec: &TrainingSpec,
    recipe: &Recipe,
    data: &Data,
    multiply_adds: u64,
) -> Result<Device> {
    if recipe.network.is_scorecard() {
        return Ok(Device::Cpu);
    }
    let device = Device::for_work(&spec.device, multiply_adds)?;
    if recipe.precision == Precision::F32 {
        return Ok(device);
    }
    let refused = |detail| Err(Error::field(Code::InvalidSpec, FIELD, detail));
    if is_always_whole(&recipe.network, Some(&data.layout)) {
        return refused(whole(&recipe.network));
    }
    if device.has_bf16() {
        return Ok(device);
    }
    let why = match device {
        Device::Cpu => {
            "auto has found the CPU: there is no CUDA device, or its steps are so small \
                        that a CPU is sooner done with them; leave precision out, or set device to \
                        cuda:N"
                .to_owned()
        }
        Device::Cuda(_) => {
            format!(
                "{} is older than Ampere, which is the first to have it; leave precision out",
                device.name()
            )
        }
    };
    refused(format!("bf16 is for CUDA devices, and {why}"))
}

/// Whether a network has no matrix products that are worth fewer bits. Where the layout is not known
/// yet, a linear network may be one of a table.
fn is_always_whole(network: &NetworkSpec, layout: Option<&Layout>) -> bool {
    match network {
        NetworkSpec::NLinear(_) | NetworkSpec::DLinear(_) | NetworkSpec::Scorecard(_) => true,
        NetworkSpec::Linear(_) => matches!(layout, Some(Layout::Text { .. })),
        _ => false,
    }
}

fn whole(network: &NetworkSpec) -> String {
    let kind = network.kind();
    format!(
        "{kind} has nothing large to multiply and learns in f32 alone: leave precision out, or name \
         another network"
    )
}

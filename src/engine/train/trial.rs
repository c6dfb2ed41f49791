//! Whether a GPU learns as the CPU does: from the same weights and rows both have to come to the same
//! gradients, and to the same losses over a few steps, before a training is left to it. A kernel that is
//! wrong in a driver or in a library would else show only as a network that learns badly.

use burn::backend::flex::FlexDevice;
use burn::backend::{Autodiff, Flex};
use burn::{Dispatch, DispatchDevice};

use super::fit::{FirstSteps, Problem, first_steps};
use super::hooks::Hooks;
use crate::domain::training::Precision;
use crate::engine::device::{Device, DeviceWish, gpu};
use crate::error::Result;

/// How far the first steps may be from the CPU's, as a share of them. A GPU's units for matrices round
/// numbers to 11 bits (TF32) or 8 (bf16).
const IN_F32: f64 = 0.02;
const IN_BF16: f64 = 0.1;

/// Where a job trains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settled {
    pub(super) device: Device,
    /// What has to be known of it, as a warning.
    pub(super) notice: Option<String>,
}

/// The device that a job is left to, after a trial of a GPU with its network: where its first steps are
/// others than the CPU's and nobody asked for it, the CPU. A job that was interrupted stays where it
/// was `before`.
///
/// # Errors
/// [`crate::error::Code::Cancelled`] when the hooks say so.
pub(super) fn settled(
    device: Device,
    wish: &str,
    problem: &Problem<'_>,
    before: Option<Settled>,
    hooks: &mut dyn Hooks,
) -> Result<Settled> {
    let Device::Cuda(number) = device else { return Ok(Settled { device, notice: None }) };
    if let Some(before) = before {
        return Ok(before);
    }
    tracing::info!(
        device = device.name(),
        "kernels that this device has not run before are compiled and tuned first, which takes minutes; \
         they are kept"
    );
    let mut stop = || hooks.should_stop();
    let there = DispatchDevice::autodiff(gpu(number));
    let found = first_steps::<Dispatch>(&there, problem, &mut stop)?;
    let wanted = first_steps::<Autodiff<Flex>>(&FlexDevice, problem, &mut stop)?;
    Ok(judged(device, wish, problem.recipe.precision, &wanted, &found))
}

/// What follows from the first steps on both.
fn judged(
    device: Device,
    wish: &str,
    precision: Precision,
    wanted: &FirstSteps,
    found: &FirstSteps,
) -> Settled {
    let apart = wanted.apart(found);
    let (tolerance, is_whole) = match precision {
        Precision::F32 => (IN_F32, true),
        Precision::Bf16 => (IN_BF16, false),
    };
    // Written so that a NaN counts as disagreement.
    if apart <= tolerance {
        return Settled { device, notice: None };
    }
    let name = device.name();
    let (apart, tolerance) = (100.0 * apart, 100.0 * tolerance);
    let differs = format!(
        "the first steps on {name} differ from the CPU's by {apart:.1} %, more than {tolerance} %"
    );
    // What only a GPU can do is not taken from it.
    match wish.parse() {
        Ok(DeviceWish::Auto) if is_whole => {
            let notice = Some(format!("{differs}: trained on the CPU"));
            Settled { device: Device::Cpu, notice }
        }
        _ => {
            let notice = format!("{differs}: hold its metrics against a training with device cpu");
            Settled { device, notice: Some(notice) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gpu_that_differs_is_left_alone_or_told_of() {
        let steps = |loss| FirstSteps::of(&[1.0, loss], &[1.0, 1.0]);
        let gpu = Device::Cuda(0);
        let judged =
            |wish, precision, loss| judged(gpu, wish, precision, &steps(1.0), &steps(loss));
        let agreed = Settled { device: gpu, notice: None };
        for wish in ["auto", "cuda:0"] {
            assert_eq!(judged(wish, Precision::F32, 1.01), agreed);
            assert_eq!(judged(wish, Precision::Bf16, 1.09), agreed);
        }
        let Settled { device, notice } = judged("auto", Precision::F32, 1.5);
        assert_eq!(device, Device::Cpu);
        let warning = notice.unwrap();
        assert!(warning.contains("cuda:0 differ ") && warning.contains("50.0 %"), "{warning}");
        for (wish, precision) in [("cuda:0", Precision::F32), ("auto", Precision::Bf16)] {
            let Settled { device, notice } = judged(wish, precision, f64::NAN);
            assert_eq!(device, gpu);
            assert!(notice.unwrap().contains("device cpu"));
        }
    }
}

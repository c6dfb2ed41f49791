//! Where a training runs: `auto`, `cpu` or `cuda:N`, chosen at run time.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

#[cfg(not(feature = "webgpu"))]
use burn::backend::cuda::CudaDevice;
#[cfg(feature = "webgpu")]
use burn::backend::wgpu::WgpuDevice;
use burn::tensor::backend::{Backend, DeviceOps};
use burn::{Dispatch, DispatchDevice};
use cubecl_common::config::RuntimeConfig;
use cubecl_runtime::config::CubeClRuntimeConfig;
use cubecl_runtime::config::cache::CacheConfig;
use nvml_wrapper::Nvml;
use serde::Serialize;

use crate::error::{Code, Context, Error, Result};

/// Keeps what is compiled for a GPU, and which of several kernels was the quickest there, in a directory,
/// which is made when there is something to keep: the next process begins with it. The first call in a
/// process counts, before a device is used. What variables say (`CUBECL_AUTOTUNE_LEVEL`,
/// `CUBECL_DEBUG_LOG`) counts, too.
pub fn keep_kernels(directory: &Path) {
    let mut kept = CubeClRuntimeConfig::storage().lock();
    if kept.is_none() {
        let mut config = CubeClRuntimeConfig::default().override_from_env();
        config.compilation.cache = Some(CacheConfig::File(directory.to_owned()));
        config.autotune.cache = CacheConfig::File(directory.to_owned());
        *kept = Some(Arc::new(config));
    }
}

/// A device that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    Cpu,
    /// A CUDA device by its number.
    Cuda(usize),
}

/// A device and what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeviceInfo {
    /// As a training specification names it: `cpu`, `cuda:0`.
    pub name: String,
    /// For people: `cpu (avx512)`.
    pub description: String,
}

/// What a specification or a setting asks for: `auto`, `cpu`, `cuda` (the first) or `cuda:N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceWish {
    Auto,
    Exactly(Device),
}

/// Multiply-adds per step under which a CUDA device waits for its launches longer than a CPU
/// needs for all of the work.
pub(crate) const WORTH_A_GPU: u64 = 500_000_000;

/// Compute capability from which on CUDA devices have units for bf16 (Ampere).
const BF16_GENERATION: i32 = 8;

impl FromStr for DeviceWish {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Exactly(Device::Cpu)),
            "cuda" => Ok(Self::Exactly(Device::Cuda(0))),
            _ => {
                let number = text.strip_prefix("cuda:").ok_or(())?;
                number.parse().map(|n| Self::Exactly(Device::Cuda(n))).map_err(|_| ())
            }
        }
    }
}

impl fmt::Display for DeviceWish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Exactly(device) => f.write_str(&device.name()),
        }
    }
}

impl DeviceWish {
    /// The device that is meant; `auto` is the first CUDA device where there is one, else the
    /// CPU.
    ///
    /// # Errors
    /// [`Code::DeviceUnavailable`] for a CUDA device that is not there.
    pub fn resolve(self) -> Result<Device> {
        match self {
            Self::Exactly(Device::Cpu) => Ok(Device::Cpu),
            Self::Auto if cuda_devices() == 0 => Ok(Device::Cpu),
            Self::Auto => Ok(Device::Cuda(0)),
            Self::Exactly(Device::Cuda(n)) if n < cuda_devices() => Ok(Device::Cuda(n)),
            Self::Exactly(Device::Cuda(n)) => Err(unavailable(n)),
        }
    }
}

impl Device {
    /// The device that `auto`, `cpu` or `cuda:N` names; `auto` is the first CUDA device where
    /// there is one, else the CPU.
    ///
    /// # Errors
    /// [`Code::InvalidSpec`] for other text, [`Code::DeviceUnavailable`] for a CUDA device that
    /// is not there.
    pub fn resolve(text: &str) -> Result<Self> {
        parse(text)?.resolve()
    }

    /// As [`Device::resolve`], but `auto` is the CPU where a step of so many multiply-adds is
    /// done sooner there.
    pub(crate) fn for_work(text: &str, multiply_adds: u64) -> Result<Self> {
        match parse(text)? {
            DeviceWish::Auto if multiply_adds < WORTH_A_GPU => Ok(Self::Cpu),
            wish => wish.resolve(),
        }
    }

    /// Whether networks can learn in bf16 on it: a CPU would take longer than in f32.
    pub(crate) fn has_bf16(self) -> bool {
        match self {
            Self::Cpu => false,
            Self::Cuda(_) if cfg!(feature = "webgpu") => false,
            Self::Cuda(_) => newest_generation().is_none_or(|major| major >= BF16_GENERATION),
        }
    }

    /// As a specification names it.
    pub fn name(self) -> String {
        match self {
            Self::Cpu => "cpu".into(),
            Self::Cuda(n) => format!("cuda:{n}"),
        }
    }

    /// With the SIMD level of a CPU: weights are bit-equal only within one level.
    pub fn description(self) -> String {
        match self {
            Self::Cpu => format!("cpu ({})", simd_level()),
            Self::Cuda(n) => format!("cuda:{n}"),
        }
    }
}

/// Every device that is there, the CPU first. The first call looks for CUDA devices, which takes
/// a moment where there are any.
pub fn devices() -> Vec<DeviceInfo> {
    std::iter::once(Device::Cpu)
        .chain((0..cuda_devices()).map(Device::Cuda))
        .map(|d| DeviceInfo { name: d.name(), description: d.description() })
        .collect()
}

fn parse(text: &str) -> Result<DeviceWish> {
    text.parse().map_err(|()| Error::field(Code::InvalidSpec, "/device", unknown(text)))
}

/// Bytes used, by any program, and bytes there are, of each CUDA device, as NVIDIA's driver tells;
/// nothing where it is not installed.
pub fn device_memory() -> Vec<(String, u64, u64)> {
    let Some(driver) = driver() else { return Vec::new() };
    let memory = |number: u32| {
        let memory = driver.device_by_index(number).and_then(|d| d.memory_info()).ok()?;
        Some((format!("cuda:{number}"), memory.used, memory.total))
    };
    (0..driver.device_count().unwrap_or(0)).filter_map(memory).collect()
}

/// NVIDIA's driver, where it is installed.
fn driver() -> Option<&'static Nvml> {
    static DRIVER: OnceLock<Option<Nvml>> = OnceLock::new();
    DRIVER.get_or_init(|| Nvml::init().ok()).as_ref()
}

/// Compute capability, its first number, of the newest device that the driver knows: its numbers need
/// not be those of CUDA, so that of several devices none is taken for an older one.
fn newest_generation() -> Option<i32> {
    let driver = driver()?;
    let devices = (0..driver.device_count().ok()?).filter_map(|n| driver.device_by_index(n).ok());
    devices.filter_map(|device| device.cuda_compute_capability().ok()).map(|c| c.major).max()
}

/// Most memory that this process has held at once, in bytes.
///
/// # Errors
/// [`Error::Internal`] where the system does not tell.
pub fn peak_memory() -> Result<u64> {
    const READING: &str = "reading this process's peak of memory";
    // getrusage counts what the process was before it became this program, which may be a server.
    let status = std::fs::read_to_string("/proc/self/status").context(READING)?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.map(|kilobytes| kilobytes * 1024).ok_or_else(|| Error::internal(READING, "no VmHWM"))
}

/// What is wrong with a device's name.
pub(crate) fn unknown(text: &str) -> String {
    let shown: String = text.chars().filter(|c| !c.is_control()).take(20).collect();
    format!("'{shown}' is no device; take auto, cpu or cuda:N, as in cuda:0")
}

fn unavailable(number: usize) -> Error {
    let found = match cuda_devices() {
        0 => "no CUDA device was found".to_owned(),
        1 => "the only CUDA device is cuda:0".to_owned(),
        n => format!("the CUDA devices are cuda:0 to cuda:{}", n - 1),
    };
    let detail = format!("cuda:{number} is not there: {found}; ask for cpu or auto");
    Error::field(Code::DeviceUnavailable, "/device", detail)
}

#[cfg(target_arch = "x86_64")]
fn simd_level() -> &'static str {
    if pulp::x86::V4::is_available() {
        "avx512"
    } else if pulp::x86::V3::is_available() {
        "avx2"
    } else {
        "scalar"
    }
}

#[cfg(target_arch = "aarch64")]
fn simd_level() -> &'static str {
    "neon"
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn simd_level() -> &'static str {
    "scalar"
}

/// The GPU of this number as burn reaches it.
#[cfg(not(feature = "webgpu"))]
pub(crate) fn gpu(number: usize) -> DispatchDevice {
    DispatchDevice::from(CudaDevice::new(number))
}

/// The device of WebGPU that stands for a CUDA device in tests; there is one.
#[cfg(feature = "webgpu")]
pub(crate) fn gpu(_: usize) -> DispatchDevice {
    DispatchDevice::Wgpu(WgpuDevice::DefaultDevice)
}

/// What the kernel shows of NVIDIA's devices: a driver, a Jetson's, Windows' for its Linux.
const NVIDIA: &[&str] = &["/dev/nvidiactl", "/dev/nvhost-gpu", "/dev/nvmap", "/dev/dxg"];

/// Number of CUDA devices, looked up once.
///
/// Where no driver is installed its loader panics, on a thread that is not ours: so it is not
/// asked where the kernel shows no device, else the panic is caught, and its message kept from
/// the terminal meanwhile.
fn cuda_devices() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| {
        let shows_devices = cfg!(target_os = "linux") && !cfg!(feature = "webgpu");
        if shows_devices && !NVIDIA.iter().any(|path| Path::new(path).exists()) {
            return 0;
        }
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let count = std::panic::catch_unwind(count_devices);
        std::panic::set_hook(hook);
        count.unwrap_or(0)
    })
}

fn count_devices() -> usize {
    let device = gpu(0);
    if cfg!(feature = "webgpu") {
        return usize::from(<Dispatch as Backend>::sync(&device).is_ok());
    }
    <Dispatch as Backend>::device_count(device.id().type_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read() {
        let exactly = |device| Ok(DeviceWish::Exactly(device));
        assert_eq!("auto".parse(), Ok(DeviceWish::Auto));
        assert_eq!("cpu".parse(), exactly(Device::Cpu));
        assert_eq!("cuda".parse(), exactly(Device::Cuda(0)));
        assert_eq!("cuda:3".parse(), exactly(Device::Cuda(3)));
        for bad in ["", "gpu", "cuda:", "cuda:-1", "cuda:1.5", "CPU", "cuda:99999999999999999999"] {
            assert_eq!(bad.parse::<DeviceWish>(), Err(()), "{bad}");
        }
    }

    #[test]
    fn cuda_that_is_not_there_is_refused_with_the_way_out() {
        let error = Device::resolve("cuda:99").unwrap_err();
        assert_eq!(error.code(), Code::DeviceUnavailable);
        let found = match cuda_devices() {
            0 => "no CUDA device was found; ask for cpu or auto",
            _ => "ask for cpu or auto",
        };
        assert!(error.to_string().contains(found), "{error}");
        assert_eq!(Device::resolve("gpu").unwrap_err().code(), Code::InvalidSpec);
    }

    #[test]
    fn a_cpu_is_no_device_for_bf16() {
        assert!(!Device::Cpu.has_bf16());
    }

    #[test]
    fn auto_takes_the_cpu_for_little_work() {
        assert_eq!(Device::for_work("auto", 1_000).unwrap(), Device::Cpu);
    }

    #[test]
    fn the_cpu_is_described_with_its_simd_level() {
        let all = devices();
        assert_eq!(all[0].name, "cpu");
        assert!(
            ["avx512", "avx2", "neon", "scalar"].iter().any(|l| all[0].description.contains(l))
        );
    }
}

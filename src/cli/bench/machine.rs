//! The machine that a figure is of.

use std::fmt;

use serde::Serialize;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use crate::app::{devices, size};

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Machine {
    pub(super) cpu: String,
    pub(super) cores: usize,
    pub(super) memory_bytes: u64,
    /// Devices as training names them, with the SIMD level of the CPU.
    pub(super) devices: String,
    /// Of this program.
    pub(super) version: String,
}

impl Machine {
    pub(super) fn this() -> Self {
        let what = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing())
            .with_memory(MemoryRefreshKind::nothing().with_ram());
        let system = System::new_with_specifics(what);
        let cpu = system.cpus().first().map(|cpu| cpu.brand().trim().to_owned());
        let devices: Vec<String> = devices().into_iter().map(|d| d.description).collect();
        Self {
            cpu: cpu.filter(|brand| !brand.is_empty()).unwrap_or_else(|| "unknown CPU".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            memory_bytes: system.total_memory(),
            devices: devices.join(", "),
            version: crate::code_version(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let memory = size(self.memory_bytes);
        write!(
            f,
            "{} · {} cores · {memory} · {} · actuary {}",
            self.cpu, self.cores, self.devices, self.version
        )
    }
}

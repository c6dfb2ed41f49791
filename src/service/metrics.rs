//! What is measured only when somebody looks: jobs, connections, memory.

use metrics::gauge;
use sysinfo::{MemoryRefreshKind, Pid, ProcessRefreshKind, ProcessesToUpdate, RefreshKind, System};

use super::{Service, blocking};
use crate::domain::job::{JobKind, JobState};
use crate::engine::device_memory;
use crate::error::Result;
use crate::telemetry::metrics as names;

impl Service {
    /// Brings the gauges up to date.
    ///
    /// # Errors
    /// [`crate::error::Code::Unavailable`] when the database can't be reached: what is known of it
    /// would no longer be true.
    pub async fn measure(&self) -> Result<()> {
        self.measure_database().await?;
        let connections = self.store().connections();
        gauge!(names::DATABASE_CONNECTIONS, "state" => "used").set(f64::from(connections.used));
        gauge!(names::DATABASE_CONNECTIONS, "state" => "idle").set(f64::from(connections.idle));
        let (count, bytes) = self.0.cache.size();
        gauge!(names::MODELS_LOADED).set(count as f64);
        gauge!(names::MODELS_LOADED_BYTES).set(bytes as f64);
        blocking(|| {
            measure_memory();
            Ok(())
        })
        .await
    }

    async fn measure_database(&self) -> Result<()> {
        let counts = self.store().count_jobs().await?;
        for kind in JobKind::ALL {
            // Also where there are none: a state that was left has to fall to 0.
            for state in JobState::ALL {
                let (kind, state) = (kind.as_str(), state.as_str());
                let count = counts.iter().find(|(k, s, _)| k == kind && s == state);
                let count = count.map_or(0, |(.., count)| *count);
                gauge!(names::JOBS, "kind" => kind, "state" => state).set(count as f64);
            }
        }
        let load = self.store().load().await?;
        gauge!(names::JOBS_OLDEST_QUEUED_SECONDS).set(load.oldest_queued_seconds);
        gauge!(names::DATABASE_BYTES).set(load.bytes as f64);
        Ok(())
    }
}

fn measure_memory() {
    let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let mut system = System::new_with_specifics(memory);
    let mut devices = device_memory();
    devices.push(("cpu".to_owned(), system.used_memory(), system.total_memory()));
    for (device, used, total) in devices {
        gauge!(names::DEVICE_MEMORY_USED_BYTES, "device" => device.clone()).set(used as f64);
        gauge!(names::DEVICE_MEMORY_BYTES, "device" => device).set(total as f64);
    }
    let process = Pid::from_u32(std::process::id());
    let what = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[process]), false, what);
    if let Some(process) = system.process(process) {
        gauge!(names::PROCESS_RESIDENT_BYTES).set(process.memory() as f64);
    }
}

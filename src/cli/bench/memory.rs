//! Memory of other processes, as the kernel tells it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often children are looked for: they live for seconds.
const PAUSE: Duration = Duration::from_millis(20);

/// Resident memory of a process in bytes: now, and the most that it ever was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Resident {
    pub(super) now: u64,
    pub(super) peak: u64,
}

/// None when there is no such process.
pub(super) fn resident(process: u32) -> Option<Resident> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let kilobytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()
    };
    Some(Resident { now: kilobytes("VmRSS:")? * 1024, peak: kilobytes("VmHWM:")? * 1024 })
}

/// Watches the children that carry a server's jobs out, until it is asked for the greatest peak.
pub(super) struct Watch {
    stop: Arc<AtomicBool>,
    peak: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(super) fn start(server: u32) -> Self {
        let (stop, peak) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let thread = std::thread::spawn({
            let (stop, peak) = (stop.clone(), peak.clone());
            move || {
                while !stop.load(Ordering::Relaxed) {
                    for child in children(server) {
                        let found = resident(child).map_or(0, |memory| memory.peak);
                        peak.fetch_max(found, Ordering::Relaxed);
                    }
                    std::thread::sleep(PAUSE);
                }
            }
        });
        Self { stop, peak, thread: Some(thread) }
    }

    /// The greatest resident memory, in bytes, of any such child.
    pub(super) fn peak(mut self) -> u64 {
        self.end();
        self.peak.load(Ordering::Relaxed)
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of it leaves the peak that it had seen.
            let _ = thread.join();
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end();
    }
}

/// A server's children that carry jobs out.
fn children(server: u32) -> Vec<u32> {
    let tasks = Path::new("/proc").join(server.to_string()).join("task");
    let threads = std::fs::read_dir(tasks).into_iter().flatten().flatten();
    let lists = threads.filter_map(|t| std::fs::read_to_string(t.path().join("children")).ok());
    let all: Vec<u32> = lists
        .flat_map(|l| l.split_whitespace().filter_map(|p| p.parse().ok()).collect::<Vec<_>>())
        .collect();
    all.into_iter().filter(|child| carries_out(*child)).collect()
}

fn carries_out(process: u32) -> bool {
    let line = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0).any(|argument| argument == b"internal-job")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory() {
        let memory = resident(std::process::id()).unwrap();
        assert!(memory.now > 1 << 20 && memory.peak >= memory.now, "{memory:?}");
        assert_eq!(resident(u32::MAX), None);
        assert!(!carries_out(std::process::id()));
    }
}

//! Ctrl-C, as the evaluator hears it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::Notify;

/// Says to a running cell that it is to end. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    count: AtomicU32,
    notify: Notify,
}

impl Interrupt {
    /// Interrupts what runs. A second time also ends the waiting for a job that is being cancelled.
    pub fn raise(&self) {
        self.0.count.fetch_add(1, Ordering::SeqCst);
        self.0.notify.notify_waiters();
    }

    /// Forgets what was meant for an earlier cell.
    pub fn clear(&self) {
        self.0.count.store(0, Ordering::SeqCst);
    }

    /// How often it was raised.
    pub fn count(&self) -> u32 {
        self.0.count.load(Ordering::SeqCst)
    }

    /// Waits until it was raised more than `before` times.
    pub(super) async fn beyond(&self, before: u32) {
        loop {
            let notified = self.0.notify.notified();
            tokio::pin!(notified);
            // Registered before the look, so that nothing is missed between.
            notified.as_mut().enable();
            if self.count() > before {
                return;
            }
            notified.await;
        }
    }
}

//! What the program tells of itself: logs and metrics.

mod logs;
pub mod metrics;

pub use logs::{DEFAULT_LEVEL, LogFormat, LogSettings, init};

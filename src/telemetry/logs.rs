//! Logs: what happens, on standard error.

use std::fmt;
use std::io::IsTerminal;
use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use crate::error::{Code, Error, Result};

/// What is logged when nothing is set.
pub const DEFAULT_LEVEL: &str = "info";

/// What is logged, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogSettings {
    pub format: LogFormat,
    /// A level for this program (`debug`), or a filter such as `actuary=debug,sqlx=info`.
    pub level: Option<String>,
}

/// How a line looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Pretty,
    /// One JSON object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "pretty" => Ok(Self::Pretty),
            "json" => Ok(Self::Json),
            _ => Err(()),
        }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pretty => "pretty",
            Self::Json => "json",
        })
    }
}

/// Begins to log to standard error. `default_level` counts where none is set.
///
/// # Errors
/// [`Code::InvalidRequest`] for a filter that can't be read; [`Error::Internal`] when something
/// logs already.
pub fn init(settings: &LogSettings, default_level: &str) -> Result<()> {
    let filter = filter(settings.level.as_deref().unwrap_or(default_level))?;
    let writer = BoxMakeWriter::new(std::io::stderr);
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    let result = match settings.format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Pretty => builder.with_ansi(colours()).with_target(false).try_init(),
    };
    result.map_err(|error| Error::internal("beginning to log", error))
}

/// A bare level is this program's; what others say is wanted from warnings on.
fn filter(level: &str) -> Result<EnvFilter> {
    let directives = match level.parse::<tracing_subscriber::filter::LevelFilter>() {
        Ok(level) => format!("warn,actuary={level}"),
        Err(_) => level.to_owned(),
    };
    EnvFilter::try_new(&directives).map_err(|error| {
        Error::field(
            Code::InvalidRequest,
            "log.level",
            format!(
                "log.level can't be '{level}' ({error}): give error, warn, info, debug, trace, or \
                 a filter such as actuary=debug,sqlx=info"
            ),
        )
    })
}

/// Whether colours are welcome on standard error.
fn colours() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_level_is_ours() {
        let text = |level| filter(level).unwrap().to_string();
        for (given, wanted) in [
            ("debug", vec!["warn", "actuary=debug"]),
            ("actuary=trace,sqlx=info", vec!["actuary=trace", "sqlx=info"]),
        ] {
            let shown = text(given);
            assert!(wanted.iter().all(|w| shown.contains(w)), "{given}: {shown}");
        }
        let refused = filter("actuary=loud").unwrap_err().to_string();
        assert!(refused.contains("actuary=debug"), "{refused}");
    }
}

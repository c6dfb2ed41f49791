//! What is asked of a version.

use bytes::Bytes;

use crate::domain::prediction::{PlainRows, PredictionRequest, VersionRef};
use crate::domain::reason::ReasonOptions;

/// Rows to score, and by which version.
#[derive(Debug, Clone)]
pub enum Question {
    /// As JSON has them.
    Rows(PredictionRequest),
    /// The same where it is plain, as it mostly is; nothing further is wanted of it.
    Plain { rows: PlainRows, version: Option<VersionRef>, record: bool },
    /// As an Arrow IPC stream.
    Stream { bytes: Bytes, version: Option<VersionRef>, record: bool },
}

impl Question {
    pub(super) fn version(&self) -> Option<&VersionRef> {
        match self {
            Self::Rows(request) => request.version.as_ref(),
            Self::Plain { version, .. } | Self::Stream { version, .. } => version.as_ref(),
        }
    }

    pub(super) fn record(&self) -> bool {
        match self {
            Self::Rows(request) => request.record,
            Self::Plain { record, .. } | Self::Stream { record, .. } => *record,
        }
    }

    /// What is wanted beside the answers; only JSON can ask for it.
    pub fn wanted(&self) -> Option<Box<Wanted>> {
        let Self::Rows(request) = self else { return None };
        let reasons = request.reasons.as_ref().and_then(|wanted| wanted.options());
        let explain = request.explain;
        (reasons.is_some() || explain).then(|| Box::new(Wanted { reasons, explain }))
    }
}

/// What is wanted beside answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The reasons of those that are adverse.
    pub reasons: Option<ReasonOptions>,
    /// What each column adds.
    pub explain: bool,
}

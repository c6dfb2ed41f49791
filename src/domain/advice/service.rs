//! Which service of the program suits the data.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Finding;

/// What somebody wants to do with data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To decide on loans: a row for each loan, with what became of it.
    Lending,
    /// To know what may be lost: prices of what is held, time by time.
    Risk,
    /// To choose among assets: prices of each, time by time.
    Investing,
    /// To know the next values of a series.
    Forecasting,
}

impl Purpose {
    pub const ALL: &[Purpose] = &[Self::Lending, Self::Risk, Self::Investing, Self::Forecasting];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lending => "lending",
            Self::Risk => "risk",
            Self::Investing => "investing",
            Self::Forecasting => "forecasting",
        }
    }
}

/// A service that suits the data, what to send it, and what it would lack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServiceAdvice {
    pub purpose: Purpose,
    /// Where it is.
    #[schema(example = "/api/v1/loans/policies")]
    pub path: String,
    /// Why it suits, and what it gives, in a sentence.
    pub text: String,
    /// Requests in their order.
    pub steps: Vec<ServiceStep>,
    /// Whether it needs a trained version, whose cost the advice's `estimate` tells; one that does not
    /// answers a request at once.
    pub needs_training: bool,
    /// What the data lack for it, or should not have, the gravest first.
    pub missing: Vec<Finding>,
}

/// One request on the way to an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServiceStep {
    #[schema(example = "POST /api/v1/models/{model}/versions")]
    pub request: String,
    /// What it is for.
    pub text: String,
}

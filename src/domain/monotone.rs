//! Order that answers keep to.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which way the answered number goes with a column, all others being the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// It never falls where the column's value rises.
    Increasing,
    /// It never rises where the column's value rises.
    Decreasing,
}

impl Direction {
    /// 1 or -1.
    pub fn sign(self) -> f32 {
        match self {
            Self::Increasing => 1.0,
            Self::Decreasing => -1.0,
        }
    }

    /// As a specification names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Increasing => "increasing",
            Self::Decreasing => "decreasing",
        }
    }
}

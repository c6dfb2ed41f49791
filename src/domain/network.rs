//! Networks and their sizes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::tagged::deserialize_tagged;

/// The network and its size.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NetworkSpec {
    Linear(LinearNetwork),
    Mlp(MlpNetwork),
}

deserialize_tagged! { NetworkSpec by "kind":
    "linear" => Linear(LinearNetwork),
    "mlp" => Mlp(MlpNetwork),
}

impl NetworkSpec {
    /// As a specification names it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Linear(_) => "linear",
            Self::Mlp(_) => "mlp",
        }
    }
}

/// Linear or logistic regression: the honest baseline.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinearNetwork {}

/// Multi-layer perceptron: fully connected layers with ReLU and dropout between.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MlpNetwork {
    /// Width of each hidden layer, 1 to 16 layers of 1 to 4,096 units; when absent 256 below
    /// 10,000 training rows, else 128 and 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 16)]
    pub hidden: Option<Vec<u32>>,
    /// Share of units that are dropped while training; when absent 0.5 below 10,000 training
    /// rows, else 0.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, exclusive_maximum = 1)]
    pub dropout: Option<f64>,
}

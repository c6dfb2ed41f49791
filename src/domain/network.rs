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
    Tabm(TabmNetwork),
    Transformer(TransformerNetwork),
}

deserialize_tagged! { NetworkSpec by "kind":
    "linear" => Linear(LinearNetwork),
    "mlp" => Mlp(MlpNetwork),
    "tabm" => Tabm(TabmNetwork),
    "transformer" => Transformer(TransformerNetwork),
}

impl NetworkSpec {
    /// As a specification names it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Linear(_) => "linear",
            Self::Mlp(_) => "mlp",
            Self::Tabm(_) => "tabm",
            Self::Transformer(_) => "transformer",
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

/// Several multi-layer perceptrons that share all weights but a scale of their inputs and their
/// heads, over piecewise-linear embeddings of numbers (TabM-mini, Gorishniy et al. 2025): the
/// default for tables.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TabmNetwork {
    /// Members that are trained together; 8 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 64)]
    pub members: Option<u32>,
    /// The first members, that are kept for serving; 4, or all where there are fewer, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 64)]
    pub kept_members: Option<u32>,
    /// Hidden layers; 2 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 16)]
    pub blocks: Option<u32>,
    /// Units of each hidden layer; 128 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 4_096)]
    pub width: Option<u32>,
    /// Numbers that each number of a row becomes; when absent 8 below 3,000 training rows, else 16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 256)]
    pub embedding: Option<u32>,
    /// Most bins of a number; when absent 32 below 3,000 training rows, else 128.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 2, maximum = 1_024)]
    pub bins: Option<u32>,
    /// Share of units that are dropped while training; when absent 0.3 below 3,000 training rows,
    /// else 0.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, exclusive_maximum = 1)]
    pub dropout: Option<f64>,
}

/// Self-attention over the columns of a row (FT-Transformer, Gorishniy et al. 2021). It takes far
/// longer than `tabm` and seldom answers better.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransformerNetwork {
    /// Blocks of attention and feed-forward layer; 2 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 16)]
    pub blocks: Option<u32>,
    /// Numbers of each token, a multiple of `heads`; 64 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1_024)]
    pub width: Option<u32>,
    /// Attention heads; 8 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 64)]
    pub heads: Option<u32>,
    /// Units of the feed-forward layers (ReGLU); four thirds of the width when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 4_096)]
    pub feed_forward: Option<u32>,
    /// Share of attention weights that are dropped while training; 0.2 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, exclusive_maximum = 1)]
    pub attention_dropout: Option<f64>,
    /// Share of feed-forward units that are dropped while training; 0.1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, exclusive_maximum = 1)]
    pub dropout: Option<f64>,
}

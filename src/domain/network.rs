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
    Lenet(LenetNetwork),
    Cnn(CnnNetwork),
}

deserialize_tagged! { NetworkSpec by "kind":
    "linear" => Linear(LinearNetwork),
    "mlp" => Mlp(MlpNetwork),
    "tabm" => Tabm(TabmNetwork),
    "transformer" => Transformer(TransformerNetwork),
    "lenet" => Lenet(LenetNetwork),
    "cnn" => Cnn(CnnNetwork),
}

impl NetworkSpec {
    /// As a specification names it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Linear(_) => "linear",
            Self::Mlp(_) => "mlp",
            Self::Tabm(_) => "tabm",
            Self::Transformer(_) => "transformer",
            Self::Lenet(_) => "lenet",
            Self::Cnn(_) => "cnn",
        }
    }

    /// Whether it reads nothing but images.
    pub fn is_for_images(&self) -> bool {
        matches!(self, Self::Lenet(_) | Self::Cnn(_))
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

/// LeNet (LeCun et al. 1998) for images of 16 pixels a side or more: convolutions of 5 x 5 to 6 and
/// to 16 channels without padding, each with ReLU and a pool of 2 x 2, then fully connected layers
/// of 120 and 84 units. When absent, its optimiser is `sgd` with a learning rate of 0.001 and a
/// momentum of 0.9, its epochs are 10 and its batch size 32; `sgd` keeps its rate and clips nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LenetNetwork {}

/// The default for images: convolutions of 3 x 3 without padding, each with ReLU and a pool of 2 x
/// 2, then a fully connected layer. When absent, its epochs are 8 and its batch size 128 from
/// 10,000 training rows on, else 30 and 32.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CnnNetwork {
    /// Channels of each convolution, 1 to 6 convolutions of 1 to 1,024 channels; when absent 32, 64
    /// and 128 ones, as many convolutions as leave 5 pixels a side or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 6)]
    pub channels: Option<Vec<u32>>,
    /// Width of the fully connected layer, 1 to 4,096 units; 128 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 4096)]
    pub hidden: Option<u32>,
    /// Share of that layer's units that are dropped while training, and half of it before the layer;
    /// 0.5 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, exclusive_maximum = 1)]
    pub dropout: Option<f64>,
}

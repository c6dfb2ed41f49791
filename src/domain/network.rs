//! Networks and their sizes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::scorecard::ScorecardNetwork;
use super::tagged::deserialize_tagged;

/// The network and its size.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NetworkSpec {
    Linear(LinearNetwork),
    Mlp(MlpNetwork),
    Tabm(TabmNetwork),
    Monotone(MonotoneNetwork),
    Scorecard(ScorecardNetwork),
    Transformer(TransformerNetwork),
    Lenet(LenetNetwork),
    Cnn(CnnNetwork),
    TextCnn(TextCnnNetwork),
    TextAttention(TextAttentionNetwork),
    Lstm(LstmNetwork),
    Attention(AttentionNetwork),
    #[serde(rename = "nlinear")]
    NLinear(NLinearNetwork),
    #[serde(rename = "dlinear")]
    DLinear(DLinearNetwork),
}

deserialize_tagged! { NetworkSpec by "kind":
    "linear" => Linear(LinearNetwork),
    "mlp" => Mlp(MlpNetwork),
    "tabm" => Tabm(TabmNetwork),
    "monotone" => Monotone(MonotoneNetwork),
    "scorecard" => Scorecard(ScorecardNetwork),
    "transformer" => Transformer(TransformerNetwork),
    "lenet" => Lenet(LenetNetwork),
    "cnn" => Cnn(CnnNetwork),
    "text_cnn" => TextCnn(TextCnnNetwork),
    "text_attention" => TextAttention(TextAttentionNetwork),
    "lstm" => Lstm(LstmNetwork),
    "attention" => Attention(AttentionNetwork),
    "nlinear" => NLinear(NLinearNetwork),
    "dlinear" => DLinear(DLinearNetwork),
}

impl NetworkSpec {
    /// As a specification names it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Linear(_) => "linear",
            Self::Mlp(_) => "mlp",
            Self::Tabm(_) => "tabm",
            Self::Monotone(_) => "monotone",
            Self::Scorecard(_) => "scorecard",
            Self::Transformer(_) => "transformer",
            Self::Lenet(_) => "lenet",
            Self::Cnn(_) => "cnn",
            Self::TextCnn(_) => "text_cnn",
            Self::TextAttention(_) => "text_attention",
            Self::Lstm(_) => "lstm",
            Self::Attention(_) => "attention",
            Self::NLinear(_) => "nlinear",
            Self::DLinear(_) => "dlinear",
        }
    }

    /// Whether it reads nothing but images.
    pub fn is_for_images(&self) -> bool {
        matches!(self, Self::Lenet(_) | Self::Cnn(_))
    }

    /// Whether it is several networks that are trained together.
    pub fn has_members(&self) -> bool {
        matches!(self, Self::Tabm(_) | Self::Monotone(_))
    }

    /// Whether its answer can keep to an order of columns.
    pub fn can_be_monotone(&self) -> bool {
        matches!(self, Self::Monotone(_) | Self::Linear(_) | Self::Scorecard(_))
    }

    /// Whether it is a points scorecard, which is fitted exactly.
    pub fn is_scorecard(&self) -> bool {
        matches!(self, Self::Scorecard(_))
    }

    /// Whether it reads nothing but a text.
    pub fn is_for_text(&self) -> bool {
        matches!(self, Self::TextCnn(_) | Self::TextAttention(_))
    }
}

/// Linear or logistic regression: the honest baseline. Of a text it is a number for each word, each
/// part of one and each class, none of which decays: a `weight_decay` is refused there.
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

/// Keeps to the order that `monotone` names: several perceptrons that share weights as those of `tabm`
/// do, in which ordered numbers reach the answer by weights of one sign and bounded units only (Sill
/// 1997; Daniels & Velikova 2010), and all other columns as they like. It holds for any weights. The
/// default for a table with columns that are `monotone`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MonotoneNetwork {
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
    /// Units of each hidden layer, half of which may see ordered columns; 128 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 2, maximum = 4_096)]
    pub width: Option<u32>,
    /// Numbers that each number without an order becomes; when absent 8 below 3,000 training rows, else
    /// 16.
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

/// The default for a text: words as means of learnt numbers of their parts, convolved in phrases of
/// several lengths, each with ReLU and the greatest of the text kept (Kim 2014; Bojanowski et al.
/// 2017). When absent, its optimiser is `adamw` at 0.006 with the schedule `one_cycle`, its epochs are 6
/// and its batch size 64 from 3,000 training rows on, else 20 and 16, its `label_smoothing` 0.05 and
/// its `ensemble` 3 folds (3 seeds where the parts are by time, where a column says which rows
/// validate, or with a `refit`). With `patience` 0, as it then is, and `monitor` `loss` the weights of
/// the last epoch are kept.
/// The numbers of the parts don't decay, and a step changes those that its rows have.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TextCnnNetwork {
    /// Numbers of a word; 64 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 512)]
    pub embedding: Option<u32>,
    /// Words of a phrase, 1 to 8 lengths of 1 to 10 words, none twice; 1, 2, 3 and 4 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 8)]
    pub phrases: Option<Vec<u32>>,
    /// Units for each length of phrases; 100 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1024)]
    pub channels: Option<u32>,
    /// Share of the units that are dropped while training; 0.5 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, exclusive_maximum = 1)]
    pub dropout: Option<f64>,
}

/// Words as `text_cnn` has them, of which several weighted means are taken, whose weights are learnt
/// from the words (attention pooling, Lin et al. 2017). What is absent is as for `text_cnn`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TextAttentionNetwork {
    /// Numbers of a word; 64 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 512)]
    pub embedding: Option<u32>,
    /// Units, with tanh, that the weights are read from; 64 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1024)]
    pub hidden: Option<u32>,
    /// Weighted means; 4 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 64)]
    pub heads: Option<u32>,
    /// Share of the means' numbers that are dropped while training; 0.5 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, exclusive_maximum = 1)]
    pub dropout: Option<f64>,
}

/// Long short-term memory over the steps of a window, from zero states; a linear layer reads the
/// last state. As it stands: two layers of 50, trained by Adam at 0.001 over 10 epochs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LstmNetwork {
    /// Layers, each over the states of the one before.
    #[serde(default = "defaults::lstm_layers")]
    #[schema(minimum = 1, maximum = 8)]
    pub layers: u32,
    /// Size of the state.
    #[serde(default = "defaults::lstm_hidden")]
    #[schema(minimum = 1, maximum = 1024)]
    pub hidden: u32,
    /// Whether a second one reads the steps from the last to the first; the linear layer then reads
    /// what both end in.
    #[serde(default)]
    pub bidirectional: bool,
    /// Share of the states between layers that are dropped while training.
    #[serde(default)]
    #[schema(minimum = 0, exclusive_maximum = 1)]
    pub dropout: f64,
    /// Forecasts only, there `last` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalisation: Option<Normalisation>,
}

impl Default for LstmNetwork {
    fn default() -> Self {
        Self {
            layers: defaults::lstm_layers(),
            hidden: defaults::lstm_hidden(),
            bidirectional: false,
            dropout: 0.0,
            normalisation: None,
        }
    }
}

/// Self-attention encoder: over the steps of a window, or over patches of each series that is
/// forecast (PatchTST).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AttentionNetwork {
    /// Numbers for each step, a multiple of `heads`; when absent 64, for a forecast 16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1024)]
    pub width: Option<u32>,
    /// Heads of attention; 4 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 64)]
    pub heads: Option<u32>,
    /// Layers; when absent 2, for a forecast 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 16)]
    pub layers: Option<u32>,
    /// Units of the layer between, with GELU; 128 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 4096)]
    pub feed_forward: Option<u32>,
    /// Share of units that are dropped while training; when absent 0.1, for a forecast 0.3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, exclusive_maximum = 1)]
    pub dropout: Option<f64>,
    /// How a step knows where in the window it stands.
    #[serde(default)]
    pub positions: Positions,
    /// Whether a step sees itself and earlier ones only.
    #[serde(default)]
    pub causal: bool,
    /// Forecasts only: steps in a patch; 16 when absent, at most the look-back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 4096)]
    pub patch: Option<u32>,
    /// Forecasts only: steps from one patch to the next, at most a patch; 8 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 4096)]
    pub patch_stride: Option<u32>,
    /// Forecasts only, there `revin` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalisation: Option<Normalisation>,
}

/// How a step knows its place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Positions {
    /// By sines and cosines of its number.
    #[default]
    Sinusoidal,
    /// By numbers that are learnt.
    Learnt,
}

/// The units in which a window of a series is read and its forecast given, so that a series that
/// has moved away from where it was trained is read as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Normalisation {
    /// As the training rows were scaled.
    None,
    /// Less the window's last value, over its standard deviation.
    Last,
    /// Less the window's mean, over its standard deviation (RevIN without its affine part).
    Revin,
}

/// One linear layer over the steps of a series less its last value, the same for all series
/// (NLinear), joined with ridge regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NLinearNetwork {
    #[serde(default = "defaults::revin")]
    pub normalisation: Normalisation,
    /// Whether the layer that is kept is the mean of the trained one and of ridge regression in
    /// closed form: both are linear, and so is their mean. Not with `normalisation` none, not for
    /// quantiles. True when absent wherever it can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ridge: Option<bool>,
}

impl Default for NLinearNetwork {
    fn default() -> Self {
        Self { normalisation: Normalisation::Revin, ridge: None }
    }
}

/// A linear layer over the moving average of a series and one over the rest, the same for all
/// series (DLinear).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DLinearNetwork {
    #[serde(default = "defaults::revin")]
    pub normalisation: Normalisation,
    /// Steps of the moving average, odd.
    #[serde(default = "defaults::kernel")]
    #[schema(minimum = 1, maximum = 999)]
    pub kernel: u32,
}

impl Default for DLinearNetwork {
    fn default() -> Self {
        Self { normalisation: Normalisation::Revin, kernel: defaults::kernel() }
    }
}

/// The defaults that have no type of their own to stand in.
mod defaults {
    use super::Normalisation;

    pub(super) fn lstm_layers() -> u32 {
        2
    }
    pub(super) fn lstm_hidden() -> u32 {
        50
    }
    pub(super) fn revin() -> Normalisation {
        Normalisation::Revin
    }
    pub(super) fn kernel() -> u32 {
        25
    }
}

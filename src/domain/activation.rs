//! Activations: what the layers of a version make of rows, and how its places look at each other.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::prediction::{Row, VersionRef, unique_rows};

/// Most rows, or windows, in one request.
pub const MAX_OBSERVED: usize = 200;
/// Layers that are named, at most.
pub const MAX_LAYERS: usize = 100;
/// Layers of so many numbers a row are answered in full without being named.
pub const FULL_LAYER: usize = 256;

/// Rows whose activations are asked for, and of which version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActivationRequest {
    /// As for predictions; of a version that reads windows, the newest rows of each series.
    #[serde(default, deserialize_with = "unique_rows")]
    #[schema(max_items = 100_000, required = true)]
    pub rows: Option<Vec<Row>>,
    /// A version's number or an alias; `champion` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionRef>,
    /// Layers whose numbers are answered in full, however many they are; layers of at most 256 numbers
    /// a row always are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub layers: Vec<String>,
    /// Whether attention maps and their flow are answered, where the version has any.
    #[serde(default = "defaults::attention")]
    pub attention: bool,
}

impl Default for ActivationRequest {
    fn default() -> Self {
        let attention = defaults::attention();
        Self { rows: None, version: None, layers: Vec::new(), attention }
    }
}

mod defaults {
    pub(super) fn attention() -> bool {
        true
    }
}

/// The answer to an [`ActivationRequest`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ActivationResponse {
    /// One for each row in the order of the rows; of a version that reads windows, one for the newest
    /// window of each series.
    pub activations: Vec<RowActivations>,
    pub model: String,
    /// The version that was looked at.
    pub version: u32,
}

/// What the layers have made of one row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RowActivations {
    /// Which series, where the version tells several apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// What leads to the answer: logits of classes, before they are calibrated, or scaled numbers; the
    /// mean answer of all networks and their members.
    pub outputs: Vec<f64>,
    /// In the order in which they are computed.
    pub layers: Vec<LayerActivations>,
    /// How places look at each other, where the version has attention.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attention: Vec<AttentionMaps>,
    /// Attention through all blocks, where the version has several that lead into each other or one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flow: Vec<AttentionFlow>,
}

/// What one layer has made of one row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LayerActivations {
    /// Which of the version's networks it is of, from 1 on, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<u32>,
    #[schema(example = "hidden.0")]
    pub layer: String,
    pub function: LayerFunction,
    /// What the axes of its numbers are, the slowest first: `unit`, or `word` and `unit`.
    pub axes: Vec<String>,
    /// How long each axis is.
    pub shape: Vec<u32>,
    pub summary: ActivationSummary,
    /// All its numbers, the last axis the fastest; absent of a large layer that was not named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<f32>>,
}

/// What a layer's numbers have been put through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LayerFunction {
    /// Nothing: they are sums.
    Linear,
    /// 0 in the place of what is negative; of two factors, one of them so.
    Relu,
    Gelu,
    Tanh,
    /// Sums, held within -1 and 1.
    Clipped,
    Sigmoid,
}

impl LayerFunction {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Relu => "relu",
            Self::Gelu => "gelu",
            Self::Tanh => "tanh",
            Self::Clipped => "clipped",
            Self::Sigmoid => "sigmoid",
        }
    }
}

/// A layer's numbers of one row in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ActivationSummary {
    pub mean: f64,
    /// Of its numbers about their mean, with n.
    pub standard_deviation: f64,
    pub least: f64,
    pub greatest: f64,
    /// Share of numbers that are 0.
    pub zeros: f64,
    /// The five numbers of greatest size.
    pub strongest: Vec<PlacedActivation>,
}

/// A number of a layer, and where it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlacedActivation {
    /// Along each axis, from 0 on.
    pub at: Vec<u32>,
    pub value: f32,
}

/// The attention maps of one block. Where a head looks is no attribution: what is looked at need not
/// matter to the answer, and other maps can give the same one (Jain and Wallace 2019).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AttentionMaps {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<u32>,
    #[schema(example = "blocks.0")]
    pub layer: String,
    /// Which of the columns that are forecast is read, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
    /// Who looks, one for each line of a map.
    pub queries: Vec<String>,
    /// Who is looked at, one for each number of a line.
    pub keys: Vec<String>,
    /// Of each head a line for each query, which sums to 1.
    pub heads: Vec<Vec<Vec<f32>>>,
}

/// Attention flow (Abnar and Zuidema 2020, "attention rollout"): the product over all blocks of
/// `(A + 1) / 2`, each line of which sums to 1, where A is the mean of the heads' maps and 1 what goes
/// past the attention. It follows where places have looked, and is no attribution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AttentionFlow {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
    pub places: Vec<String>,
    /// A line for each place behind the last block: from which of the places before the first.
    pub flow: Vec<Vec<f64>>,
    /// The same of the places from which the answer is read.
    pub to_answer: Vec<f64>,
}

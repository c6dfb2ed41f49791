//! Statistics of a version's layers and units over many rows.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::activation::LayerFunction;

/// What the layers of the version make of the rows: which units are dead or saturated, and which rows
/// activate each most. The networks are looked at as they are served, on the CPU.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActivationsSpec {
    /// The layers that are looked at, by their names; all when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub layers: Vec<String>,
    /// Rows that are named of each unit, which activate it most.
    #[serde(default = "defaults::strongest")]
    #[schema(minimum = 0, maximum = 100)]
    pub strongest: u32,
}

impl Default for ActivationsSpec {
    fn default() -> Self {
        Self { layers: Vec::new(), strongest: defaults::strongest() }
    }
}

mod defaults {
    pub(super) fn strongest() -> u32 {
        10
    }
}

/// What the layers make of the rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ActivationsResult {
    /// In the order in which they are computed.
    pub layers: Vec<LayerStatistics>,
    /// Of all layers, in words.
    #[schema(example = "2 of 128 units are dead, in hidden.0; none of 64 is saturated")]
    pub verdict: String,
}

/// What a layer makes of many rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LayerStatistics {
    /// Which of the version's networks it is of, from 1 on, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<u32>,
    #[schema(example = "hidden.0")]
    pub layer: String,
    pub function: LayerFunction,
    /// What the axes of its numbers are, the slowest first; the last `unit_axes` of them tell its units
    /// apart, and those before are places at which each unit stands.
    pub axes: Vec<String>,
    pub unit_axes: u32,
    pub units: u64,
    /// Numbers of each unit: one for each place of each row.
    pub n: u64,
    /// Units that are 0 in more than 99.9 % of their numbers; absent where the function can't be 0 for
    /// long. Of a GELU what is within 0.000001 of 0 counts as 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead: Option<u64>,
    /// Units within a hundredth of an end of their range in more than 99 % of their numbers: a tanh
    /// beyond 0.99 of 1, a sigmoid below 0.005 or above 0.995; absent for other functions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saturated: Option<u64>,
    /// Of all its numbers.
    pub mean: f64,
    pub standard_deviation: f64,
    pub zeros: f64,
    /// The same in words.
    #[schema(example = "2 of 64 units are dead")]
    pub verdict: String,
    /// In their order; none of a layer beyond so many units in all, whose warning says so.
    pub all: Vec<UnitStatistics>,
}

/// What a unit makes of many rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UnitStatistics {
    /// Along each of the axes that tell units apart, from 0 on.
    pub unit: Vec<u32>,
    pub mean: f64,
    /// With n.
    pub standard_deviation: f64,
    /// Share of numbers that are 0.
    pub zeros: f64,
    /// Share of numbers at an end of the range, of a tanh or a sigmoid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saturated: Option<f64>,
    /// The rows that activate it most, the strongest first: each by its greatest number over the places.
    /// Of a ReLU or GELU only rows that activate it at all.
    pub strongest: Vec<RowActivation>,
}

/// How much a row activates a unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RowActivation {
    /// Its number in the dataset, from 0 on; of a window that of the first row that it foretells.
    pub row: u64,
    pub value: f32,
}

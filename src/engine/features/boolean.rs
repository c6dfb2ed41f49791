//! True and false.

use serde::{Deserialize, Serialize};

use super::{Block, CONSTANT, EMPTY};
use crate::stats;

/// Inputs: 0 or 1, the share of true where it is missing; whether it is missing, when training
/// rows missed it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Boolean {
    share: f64,
    missing: bool,
}

impl Boolean {
    pub(super) fn fit(values: &[f64]) -> Result<Self, String> {
        let known: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        let missing = known.len() < values.len();
        let share = stats::mean(&known).ok_or(EMPTY)?;
        if (share == 0.0 || share == 1.0) && !missing {
            return Err(CONSTANT.into());
        }
        Ok(Self { share, missing })
    }

    pub(super) fn width(&self) -> usize {
        1 + usize::from(self.missing)
    }

    pub(super) fn encode(&self, values: &[f64], mut block: Block<'_>) {
        for (row, &value) in values.iter().enumerate() {
            let known = value.is_finite();
            block.set(row, 0, if known { value } else { self.share } as f32);
            if self.missing {
                block.set(row, 1, f32::from(u8::from(!known)));
            }
        }
    }
}

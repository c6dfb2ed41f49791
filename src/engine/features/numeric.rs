//! Whole and real numbers.

use serde::{Deserialize, Serialize};

use super::scale::{Binned, Quantile};
use super::{Block, CONSTANT, EMPTY, Group};
use crate::domain::training::PreprocessingSpec;
use crate::stats;

/// A whole-number column with at most so many different values may be a code: each value gets an
/// input of its own beside the scaled number.
const MAX_CODES: usize = 12;
/// Fewest training rows for that: below, the inputs cost more by chance than they tell.
const MIN_ROWS_OF_CODES: usize = 1000;

/// Numbers of a column that are scaled together.
const CHUNK: usize = 256;

/// Inputs: the scaled number; whether it is missing, when training rows missed it; one for each
/// code. A missing or infinite value is scaled as the median.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Numeric {
    scale: Binned,
    median: f64,
    missing: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    codes: Vec<f64>,
}

impl Numeric {
    pub(super) fn fit(
        values: &[f64],
        whole: bool,
        spec: &PreprocessingSpec,
        bins: usize,
    ) -> Result<Self, String> {
        let mut known: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        known.sort_unstable_by(f64::total_cmp);
        let missing = known.len() < values.len();
        let (Some(first), Some(last)) = (known.first(), known.last()) else {
            return Err(EMPTY.into());
        };
        if first == last && !missing {
            return Err(CONSTANT.into());
        }
        // A constant beside missing values: only that it is missing tells something.
        let scale = if first == last {
            Binned::constant(*first)
        } else {
            Binned::fit(&known, spec.scaling, bins)
                .ok_or("its values are too large to standardise; scale by quantile instead")?
        };
        let median = stats::quantile(&known, 0.5).ok_or(EMPTY)?;
        let codes = if whole { codes(&known, spec.min_category_count) } else { Vec::new() };
        Ok(Self { scale, median, missing, codes })
    }

    pub(super) fn into_scale(self) -> Binned {
        self.scale
    }

    pub(super) fn scale(&self) -> &Binned {
        &self.scale
    }

    pub(super) fn width(&self) -> usize {
        1 + usize::from(self.missing) + self.codes.len()
    }

    pub(super) fn groups(&self, offset: usize, groups: &mut Vec<Group>) {
        groups.push(Group::Number { input: offset, edges: self.scale.edges().to_vec() });
        let codes = offset + 1 + usize::from(self.missing);
        groups.extend(self.missing.then_some(Group::Flag(offset + 1)));
        if !self.codes.is_empty() {
            groups.push(Group::Code(codes..codes + self.codes.len()));
        }
    }

    pub(super) fn encode(&self, values: &[f64], mut block: Block<'_>) {
        let (mut numbers, mut scaled) = ([0.0; CHUNK], [0.0; CHUNK]);
        for (chunk, values) in values.chunks(CHUNK).enumerate() {
            for (number, &value) in numbers.iter_mut().zip(values) {
                *number = self.known(value);
            }
            let scaled = &mut scaled[..values.len()];
            self.scale.apply_all(&numbers[..values.len()], scaled);
            for (input, scaled) in block.column(chunk * CHUNK, 0).zip(scaled) {
                *input = *scaled;
            }
        }
        self.encode_beside(values, block);
    }

    /// The same of few rows, but for what is scaled together with other columns.
    pub(super) fn encode_few<'a>(
        &'a self,
        values: &[f64],
        mut block: Block<'_>,
        together: &mut Together<'a>,
    ) {
        for (row, &value) in values.iter().enumerate() {
            let value = self.known(value);
            match self.scale.quantile() {
                Some(quantile) => together.add(block.place(row, 0), &self.scale, quantile, value),
                None => block.set(row, 0, self.scale.apply(value)),
            }
        }
        self.encode_beside(values, block);
    }

    fn known(&self, value: f64) -> f64 {
        if value.is_finite() { value } else { self.median }
    }

    /// The inputs beside the scaled number.
    fn encode_beside(&self, values: &[f64], mut block: Block<'_>) {
        if self.missing {
            for (input, value) in block.column(0, 1).zip(values) {
                *input = f32::from(u8::from(!value.is_finite()));
            }
        }
        if self.codes.is_empty() {
            return;
        }
        for (row, value) in values.iter().enumerate() {
            if let Some(code) = self.codes.iter().position(|c| c == value) {
                block.set(row, 1 + usize::from(self.missing) + code, 1.0);
            }
        }
    }
}

/// Numbers of several columns that are scaled together: a row has one of each.
pub(super) struct Together<'a> {
    numbers: Vec<f64>,
    /// Of each number its place in the matrix, and its scale.
    places: Vec<(usize, &'a Binned, &'a Quantile)>,
}

impl<'a> Together<'a> {
    pub(super) fn with_capacity(numbers: usize) -> Self {
        Self { numbers: Vec::with_capacity(numbers), places: Vec::with_capacity(numbers) }
    }

    fn add(&mut self, place: usize, scale: &'a Binned, quantile: &'a Quantile, number: f64) {
        self.numbers.push(number);
        self.places.push((place, scale, quantile));
    }

    /// Writes what the numbers are into a matrix. One step of all comes before the next of any, so that a processor
    /// finds the level of one while it waits for the quantiles of another.
    pub(super) fn write(mut self, data: &mut [f32]) {
        for (number, &(_, _, quantile)) in self.numbers.iter_mut().zip(&self.places) {
            *number = quantile.level(*number);
        }
        stats::normal_inverse_cdfs(&mut self.numbers);
        for (&(place, scale, _), &deviate) in self.places.iter().zip(&self.numbers) {
            data[place] = scale.of_normal(deviate);
        }
    }
}

/// The different values that occur often enough, when there are few enough of them in all.
fn codes(sorted: &[f64], min_count: u32) -> Vec<f64> {
    let runs: Vec<&[f64]> = sorted.chunk_by(|a, b| a == b).collect();
    // Of two values one input tells which.
    if sorted.len() < MIN_ROWS_OF_CODES || !(3..=MAX_CODES).contains(&runs.len()) {
        return Vec::new();
    }
    runs.into_iter().filter(|run| run.len() >= min_count as usize).map(|run| run[0]).collect()
}

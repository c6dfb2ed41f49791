//! Points in time, taken apart.

use chrono::{DateTime, Datelike, Timelike, Utc};
use serde::{Deserialize, Serialize};

use super::scale::Binned;
use super::{Block, CONSTANT, EMPTY, Group};
use crate::domain::training::Scaling;

/// What is taken of a point in time (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Part {
    Year,
    Month,
    Day,
    /// Monday is 0.
    Weekday,
    Hour,
    /// Days since 1970, with their fraction.
    Days,
}

const PARTS: [Part; 6] =
    [Part::Year, Part::Month, Part::Day, Part::Weekday, Part::Hour, Part::Days];
/// What of it never falls while time goes on: a later month of an earlier year has no place.
const ORDERED: [Part; 1] = [Part::Days];

/// Inputs: each part that varies, scaled, 0 where the time is missing; whether it is missing,
/// when training rows missed it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Timestamp {
    parts: Vec<(Part, Binned)>,
    missing: bool,
}

impl Part {
    fn of(self, time: DateTime<Utc>) -> f64 {
        match self {
            Self::Year => f64::from(time.year()),
            Self::Month => f64::from(time.month()),
            Self::Day => f64::from(time.day()),
            Self::Weekday => f64::from(time.weekday().num_days_from_monday()),
            Self::Hour => f64::from(time.hour()),
            Self::Days => time.timestamp_micros() as f64 / 86_400e6,
        }
    }
}

impl Timestamp {
    /// Of one `is_ordered` only what never falls while time goes on is taken.
    pub(super) fn fit(
        values: &[Option<i64>],
        scaling: Scaling,
        bins: usize,
        is_ordered: bool,
    ) -> Result<Self, String> {
        let times: Vec<DateTime<Utc>> = values.iter().filter_map(|v| time(*v)).collect();
        let missing = times.len() < values.len();
        if times.is_empty() {
            return Err(EMPTY.into());
        }
        let mut parts = Vec::new();
        let taken: &[Part] = if is_ordered { &ORDERED } else { &PARTS };
        for &part in taken {
            let mut values: Vec<f64> = times.iter().map(|t| part.of(*t)).collect();
            values.sort_unstable_by(f64::total_cmp);
            let varies = values.first() != values.last();
            if let Some(scale) = Binned::fit(&values, scaling, bins).filter(|_| varies) {
                parts.push((part, scale));
            }
        }
        if parts.is_empty() && !missing {
            return Err(CONSTANT.into());
        }
        Ok(Self { parts, missing })
    }

    pub(super) fn width(&self) -> usize {
        self.parts.len() + usize::from(self.missing)
    }

    pub(super) fn groups(&self, offset: usize, groups: &mut Vec<Group>) {
        let flag = offset + self.parts.len();
        groups.extend(
            self.parts
                .iter()
                .zip(offset..)
                .map(|((_, scale), input)| Group::Number { input, edges: scale.edges().to_vec() }),
        );
        groups.extend(self.missing.then_some(Group::Flag(flag)));
    }

    pub(super) fn encode(&self, values: &[Option<i64>], mut block: Block<'_>) {
        for (row, value) in values.iter().enumerate() {
            let time = time(*value);
            if let Some(time) = time {
                for (input, (part, scale)) in self.parts.iter().enumerate() {
                    block.set(row, input, scale.apply(part.of(time)));
                }
            }
            if self.missing {
                block.set(row, self.parts.len(), f32::from(u8::from(time.is_none())));
            }
        }
    }
}

fn time(micros: Option<i64>) -> Option<DateTime<Utc>> {
    micros.and_then(DateTime::from_timestamp_micros)
}

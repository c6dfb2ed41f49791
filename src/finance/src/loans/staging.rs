//! Stages of impairment (IFRS 9, 5.5).

use serde::{Deserialize, Serialize};

use crate::{Fault, Result};

/// Probabilities that are apart by less are taken for the same.
const ROUNDING: f64 = 1e-12;

/// How far the credit risk of a loan has come since it was lent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It has not risen significantly: twelve months of expected loss.
    Performing,
    /// It has (5.5.3): the loss of the whole life.
    Underperforming,
    /// The loan is credit-impaired: the loss of the whole life of a loan in default.
    Impaired,
}

impl Stage {
    /// 1, 2 or 3.
    pub fn number(self) -> u8 {
        match self {
            Self::Performing => 1,
            Self::Underperforming => 2,
            Self::Impaired => 3,
        }
    }
}

/// When the risk of a loan has risen significantly, and when it is impaired. The standard sets the days
/// (B5.5.19 and B5.5.37, which may be rebutted); how far a probability may rise is the lender's judgement.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StageRules {
    /// From so many days past due on a loan is in stage 2.
    pub significant_days: u32,
    /// From so many on in stage 3.
    pub impaired_days: u32,
    /// The probability of default has risen significantly where it is at least so many times that of the
    /// origination, and
    pub ratio: f64,
    /// above it by so much at least.
    pub increase: f64,
}

impl Default for StageRules {
    /// 30 and 90 days; twice the probability, and a percentage point more.
    fn default() -> Self {
        Self { significant_days: 30, impaired_days: 90, ratio: 2.0, increase: 0.01 }
    }
}

impl StageRules {
    /// # Errors
    /// A [`Fault`] for days in the wrong order, and thresholds that no probability meets.
    pub fn check(&self) -> Result<()> {
        if self.impaired_days <= self.significant_days {
            let detail = format!(
                "{} days are no more than the {} of significant_days: a loan is impaired later",
                self.impaired_days, self.significant_days
            );
            return Err(Fault::new("/impaired_days", detail));
        }
        if !(self.ratio.is_finite() && self.ratio >= 1.0) {
            return Err(Fault::new("/ratio", "has to be 1 or more: how many times as probable"));
        }
        if !(0.0..=1.0).contains(&self.increase) {
            return Err(Fault::new(
                "/increase",
                "has to be from 0 to 1: a difference of probabilities",
            ));
        }
        Ok(())
    }

    /// Whether a loan is in stage 3, which days past due alone say.
    pub fn is_impaired(&self, days_past_due: u32) -> bool {
        days_past_due >= self.impaired_days
    }

    /// The stage of a loan by the twelve-month probabilities of default of now and of its origination;
    /// without the latter by days past due alone.
    pub fn stage(&self, probability: f64, origination: Option<f64>, days_past_due: u32) -> Stage {
        // Decimal fractions are no binary ones: who is at a threshold may be beside it by the last bits.
        let reaches = |value: f64, threshold: f64| value >= threshold - ROUNDING;
        let has_risen = origination.is_some_and(|then| {
            reaches(probability, self.ratio * then) && reaches(probability - then, self.increase)
        });
        match days_past_due {
            days if self.is_impaired(days) => Stage::Impaired,
            days if days >= self.significant_days => Stage::Underperforming,
            _ if has_risen => Stage::Underperforming,
            _ => Stage::Performing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_a_rise_move_a_loan() {
        let rules = StageRules::default();
        let stage = |pd, then, days| rules.stage(pd, then, days).number();
        assert_eq!([29, 30, 89, 90].map(|days| stage(0.01, Some(0.01), days)), [1, 2, 2, 3]);
        // Twice as much, but hardly more; much more, but not twice as much; both; unknown.
        assert_eq!(stage(0.004, Some(0.001), 0), 1);
        assert_eq!(stage(0.15, Some(0.10), 0), 1);
        assert_eq!(stage(0.20, Some(0.10), 0), 2);
        assert_eq!(stage(0.20, None, 0), 1);
        // Exactly a percentage point more (0.015 - 0.005 is less in binary), and exactly three times as much
        // (3 * 0.1 is more): at least is enough.
        assert_eq!(stage(0.015, Some(0.005), 0), 2);
        assert_eq!(stage(0.014_999, Some(0.005), 0), 1);
        let thrice = StageRules { ratio: 3.0, ..rules };
        assert_eq!(thrice.stage(0.3, Some(0.1), 0).number(), 2);
        assert_eq!(thrice.stage(0.299_999, Some(0.1), 0).number(), 1);
    }

    #[test]
    fn rules_that_say_nothing_are_refused() {
        let of = |rules: StageRules| rules.check().map_err(|fault| fault.pointer);
        let usual = StageRules::default();
        assert_eq!(of(usual), Ok(()));
        assert_eq!(of(StageRules { impaired_days: 30, ..usual }), Err("/impaired_days".to_owned()));
        assert_eq!(of(StageRules { ratio: 0.5, ..usual }), Err("/ratio".to_owned()));
        assert_eq!(of(StageRules { increase: f64::NAN, ..usual }), Err("/increase".to_owned()));
    }
}

//! How a loan is paid back.

use serde::{Deserialize, Serialize};

/// How the drawn amount falls month by month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Amortisation {
    /// By equal instalments of interest and repayment together.
    #[default]
    Annuity,
    /// By equal repayments.
    Linear,
    /// All of it at the end.
    Bullet,
}

impl Amortisation {
    /// Share of the amount of now that is still owed when `month` begins (counted from 1), of a loan that
    /// has `months` left at so much interest a month.
    pub fn owed(self, month: u32, months: u32, interest: f64) -> f64 {
        let (paid, months) = (f64::from(month.saturating_sub(1)), f64::from(months));
        let linear = (1.0 - paid / months).max(0.0);
        match self {
            Self::Bullet if paid < months => 1.0,
            Self::Bullet => 0.0,
            Self::Linear => linear,
            // Equal instalments without interest are equal repayments.
            Self::Annuity if interest.abs() < 1e-12 => linear,
            Self::Annuity => {
                let grown = |months: f64| (months * interest.ln_1p()).exp_m1();
                (1.0 - grown(paid) / grown(months)).max(0.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_annuity_owes_what_its_instalments_leave() {
        let (months, interest) = (36_u32, 0.01);
        let instalment = interest / (1.0 - 1.01_f64.powi(-36));
        let mut balance = 1.0;
        for month in 1..=months {
            let owed = Amortisation::Annuity.owed(month, months, interest);
            assert!((owed - balance).abs() < 1e-12, "month {month}: {owed} and {balance}");
            balance = balance * (1.0 + interest) - instalment;
        }
        assert!(balance.abs() < 1e-12);
        assert_eq!(Amortisation::Annuity.owed(months + 1, months, interest), 0.0);
    }

    #[test]
    fn others_fall_evenly_or_at_once() {
        let owed = |how: Amortisation| [1, 3, 4, 5].map(|month| how.owed(month, 4, 0.0));
        assert_eq!(owed(Amortisation::Linear), [1.0, 0.5, 0.25, 0.0]);
        assert_eq!(owed(Amortisation::Annuity), [1.0, 0.5, 0.25, 0.0]);
        assert_eq!(owed(Amortisation::Bullet), [1.0, 1.0, 1.0, 0.0]);
    }
}

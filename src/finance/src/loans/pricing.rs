//! What a loan has to cost, and how much may be lent.

use crate::{Fault, Result};

/// What a year of a loan costs whoever lends, each as a share of the amount.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Costs {
    /// What the money costs.
    pub funding: f64,
    /// What is to be earned, and what the work costs.
    pub margin: f64,
    /// Share of the amount that is held as capital.
    pub capital_ratio: f64,
    /// What a year of capital costs above the funding.
    pub cost_of_capital: f64,
    /// Rates that are offered lie between these.
    pub least_rate: f64,
    pub most_rate: f64,
}

/// A rate of a year, with what it is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price {
    /// Expected loss of a year: PD x LGD.
    pub expected_loss: f64,
    /// Capital ratio x cost of capital.
    pub capital: f64,
    /// What covers all costs: funding + expected loss + capital + margin.
    pub required: f64,
    /// What is offered: the required rate, or the least one where that is more; none where more than the
    /// greatest rate would be required.
    pub offered: Option<f64>,
}

impl Costs {
    /// # Errors
    /// A [`Fault`] with the field's name as its pointer.
    pub fn check(&self) -> Result<()> {
        let shares = [
            ("/funding", self.funding, -0.2, 1.0),
            ("/margin", self.margin, -0.2, 1.0),
            ("/capital_ratio", self.capital_ratio, 0.0, 1.0),
            ("/cost_of_capital", self.cost_of_capital, 0.0, 1.0),
            ("/least_rate", self.least_rate, 0.0, 10.0),
            ("/most_rate", self.most_rate, 0.0, 10.0),
        ];
        for (pointer, value, least, most) in shares {
            if !(least..=most).contains(&value) {
                return Err(Fault::new(
                    pointer,
                    format!("{value} is not from {least} to {most}: shares of a year, 0.05 is 5 %"),
                ));
            }
        }
        if self.least_rate > self.most_rate {
            let detail = format!("is above most_rate, {}", self.most_rate);
            return Err(Fault::new("/least_rate", detail));
        }
        Ok(())
    }

    /// The price at a probability of default within a year.
    pub fn price(&self, probability: f64, loss_given_default: f64) -> Price {
        let expected_loss = probability * loss_given_default;
        let capital = self.capital_ratio * self.cost_of_capital;
        let required = self.funding + expected_loss + capital + self.margin;
        let offered = (required <= self.most_rate).then(|| required.max(self.least_rate));
        Price { expected_loss, capital, required, offered }
    }
}

/// The instalment of each month for one unit of money over so many months at a rate of a year; a month
/// costs a twelfth of it.
pub fn instalment(rate: f64, months: u32) -> f64 {
    let (monthly, months) = (rate / 12.0, f64::from(months));
    match monthly.abs() < 1e-12 {
        true => 1.0 / months,
        false => monthly / -(-months * monthly.ln_1p()).exp_m1(),
    }
}

/// What bounds an amount.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Limits {
    /// Most money in any case.
    pub most: Option<f64>,
    /// Most expected loss, in money.
    pub expected_loss: Option<f64>,
    /// Most that all instalments of a month may be together, in money, less those of other debts.
    pub instalment: Option<f64>,
    /// Amounts are whole multiples of it.
    pub step: Option<f64>,
}

/// What can be offered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Offer {
    /// The largest amount; 0 where nothing can be lent.
    pub limit: f64,
    /// Its instalment of a month, where rate and term are known.
    pub instalment: Option<f64>,
}

/// The largest amount within all limits; none where nothing bounds it. Expected loss and instalments
/// rise with the amount in proportion, so that each bound is a quotient: `loss` is the expected loss of a
/// unit of money (PD x LGD), `instalment` the instalment of one.
pub fn largest_amount(limits: &Limits, loss: f64, instalment: Option<f64>) -> Option<Offer> {
    let by_loss = limits.expected_loss.filter(|_| loss > 0.0).map(|bound| bound / loss);
    let by_instalment = limits.instalment.zip(instalment).map(|(bound, one)| bound / one);
    let bounds = [limits.most, by_loss, by_instalment];
    let least = bounds.into_iter().flatten().reduce(f64::min)?.max(0.0);
    let limit = match limits.step {
        // A quotient that is a whole number but for its last bits is that number.
        Some(step) => (least / step * (1.0 + 1e-12)).floor() * step,
        None => least,
    };
    Some(Offer { limit, instalment: instalment.map(|one| one * limit) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COSTS: Costs = Costs {
        funding: 0.03,
        margin: 0.02,
        capital_ratio: 0.08,
        cost_of_capital: 0.10,
        least_rate: 0.06,
        most_rate: 0.20,
    };

    #[test]
    fn a_rate_covers_its_costs_within_bounds() {
        let price = COSTS.price(0.04, 0.5);
        assert!((price.required - 0.078).abs() < 1e-12);
        assert_eq!(price.offered, Some(price.required));
        assert_eq!(COSTS.price(0.0, 0.5).offered, Some(0.06), "no less than the least");
        assert_eq!(COSTS.price(0.5, 0.5).offered, None, "no loan at a loss");
    }

    #[test]
    fn an_instalment_pays_the_loan_back() {
        for rate in [0.0, 0.06, 0.24] {
            let paid = instalment(rate, 24);
            let left = (0..24).fold(1.0, |owed, _| owed * (1.0 + rate / 12.0) - paid);
            assert!(left.abs() < 1e-12, "{rate}: {left}");
        }
    }

    #[test]
    fn the_tightest_bound_is_the_limit() {
        let limits = Limits {
            most: Some(50_000.0),
            expected_loss: Some(300.0),
            instalment: Some(500.0),
            step: Some(100.0),
        };
        let one = instalment(0.12, 36);
        let limit = |loss| largest_amount(&limits, loss, Some(one)).map(|offer| offer.limit);
        assert_eq!(limit(0.02), Some(15_000.0), "300 / 0.02 and 500 / {one}");
        assert_eq!(limit(0.04), Some(7_500.0));
        let by_instalment = (500.0 / one / 100.0).floor() * 100.0;
        assert_eq!(limit(0.0), Some(by_instalment));
        let broke = Limits { instalment: Some(-20.0), ..limits };
        assert_eq!(largest_amount(&broke, 0.02, Some(one)).map(|offer| offer.limit), Some(0.0));
        assert_eq!(largest_amount(&Limits::default(), 0.02, Some(one)), None);
    }

    #[test]
    fn costs_that_can_not_be_are_refused() {
        let pointer = |costs: Costs| costs.check().map_err(|fault| fault.pointer);
        assert_eq!(pointer(COSTS), Ok(()));
        assert_eq!(pointer(Costs { margin: f64::NAN, ..COSTS }), Err("/margin".to_owned()));
        assert_eq!(pointer(Costs { least_rate: 0.3, ..COSTS }), Err("/least_rate".to_owned()));
    }
}

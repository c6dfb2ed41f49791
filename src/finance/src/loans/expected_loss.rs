//! What a loan is expected to lose: probability of default, loss given default, exposure at default.

use super::{Amortisation, Stage};
use crate::{Fault, Result};

/// Longest life of a loan.
pub const MAX_MONTHS: u32 = 600;
/// The weights of scenarios may miss 1 by so much.
const WEIGHT_SLACK: f64 = 1e-6;

/// What is owed, or may be drawn until a default, in money.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exposure {
    pub drawn: f64,
    pub undrawn: f64,
    /// Share of what is undrawn that is drawn by the time of a default (CCF).
    pub conversion: f64,
}

impl Exposure {
    /// Exposure at default: drawn + conversion x undrawn.
    pub fn at_default(&self) -> f64 {
        self.drawn + self.conversion * self.undrawn
    }
}

/// How probable a default is.
#[derive(Debug, Clone, PartialEq)]
pub enum DefaultRisk {
    /// Within twelve months; the hazard is the same in every month, also after these.
    TwelveMonths(f64),
    /// Within one year, two years and so on, cumulated; the hazard is the same in the months of a year, and
    /// after the last of them that of the last year.
    Years(Vec<f64>),
}

impl DefaultRisk {
    /// The probability of a default within twelve months.
    pub fn within_a_year(&self) -> f64 {
        match self {
            Self::TwelveMonths(probability) => *probability,
            Self::Years(cumulated) => cumulated.first().copied().unwrap_or(0.0),
        }
    }

    /// # Errors
    /// A [`Fault`] below the probability or its list.
    pub fn check(&self) -> Result<()> {
        let is_probability = |p: &f64| (0.0..=1.0).contains(p);
        match self {
            Self::TwelveMonths(probability) if is_probability(probability) => Ok(()),
            Self::TwelveMonths(_) => Err(Fault::new("", "has to be a probability, from 0 to 1")),
            Self::Years(cumulated) if cumulated.is_empty() => {
                Err(Fault::new("", "has to have a probability for one year at least"))
            }
            Self::Years(cumulated) => {
                let rises = |(at, p): (usize, &f64)| at == 0 || *p >= cumulated[at - 1];
                let wrong = cumulated
                    .iter()
                    .enumerate()
                    .find(|(at, p)| !is_probability(p) || !rises((*at, p)));
                match wrong {
                    None => Ok(()),
                    Some((at, _)) => Err(Fault::new(
                        format!("/{at}"),
                        "has to be a probability that is cumulated: from 0 to 1, none below the one before",
                    )),
                }
            }
        }
    }
}

/// The hazards of so many months: the probability of a default in a month of a loan that is alive when it
/// begins.
pub fn monthly_hazards(default: &DefaultRisk, months: u32) -> Vec<f64> {
    let monthly = |year: f64| -((-year.min(1.0)).ln_1p() / 12.0).exp_m1();
    match default {
        DefaultRisk::TwelveMonths(probability) => vec![monthly(*probability); months as usize],
        DefaultRisk::Years(cumulated) => {
            let survives = |year: usize| match year {
                0 => 1.0,
                year => 1.0 - cumulated.get(year - 1).copied().unwrap_or(1.0),
            };
            let last = cumulated.len().saturating_sub(1);
            let of_year = |year: usize| match survives(year) {
                alive if alive > 0.0 => monthly(1.0 - survives(year + 1) / alive),
                _ => 1.0,
            };
            (0..months as usize).map(|month| of_year((month / 12).min(last))).collect()
        }
    }
}

/// A future that may come, with a weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scenario {
    pub weight: f64,
    /// What the hazards are multiplied by, up to 1.
    pub hazard_factor: f64,
    /// What the loss given default is multiplied by, up to 1.
    pub loss_factor: f64,
}

impl Scenario {
    /// The future that is expected.
    pub const BASE: Self = Self { weight: 1.0, hazard_factor: 1.0, loss_factor: 1.0 };
}

/// # Errors
/// A [`Fault`] for factors that are no numbers from 0 to 100, and weights that don't add up to 1.
pub fn check_scenarios(scenarios: &[Scenario]) -> Result<()> {
    for (at, scenario) in scenarios.iter().enumerate() {
        let fields = [
            ("weight", scenario.weight, 1.0),
            ("hazard_factor", scenario.hazard_factor, 100.0),
            ("loss_factor", scenario.loss_factor, 100.0),
        ];
        for (field, value, most) in fields {
            if !(0.0..=most).contains(&value) {
                return Err(Fault::new(
                    format!("/{at}/{field}"),
                    format!("has to be from 0 to {most}"),
                ));
            }
        }
    }
    let sum: f64 = scenarios.iter().map(|scenario| scenario.weight).sum();
    if !scenarios.is_empty() && (sum - 1.0).abs() > WEIGHT_SLACK {
        return Err(Fault::new("", format!("have weights of {sum} together, which have to be 1")));
    }
    Ok(())
}

/// A loan whose loss over its life is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct LifetimeLoss {
    pub default: DefaultRisk,
    /// Share of the exposure that is lost in a default.
    pub loss_given_default: f64,
    pub exposure: Exposure,
    /// Months that are left: 1 at least, or none of a loan in stage 3.
    pub months: u32,
    /// Effective interest rate of a year, by which losses are discounted.
    pub effective_rate: f64,
    pub amortisation: Amortisation,
}

/// What a loan is expected to lose, discounted to now, in money.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CreditLoss {
    /// By defaults within twelve months.
    pub twelve_months: f64,
    /// By defaults at any time.
    pub lifetime: f64,
    /// What the stage asks for.
    pub provision: f64,
}

impl LifetimeLoss {
    /// All fields that can't hold for a loan in default (stage 3) or another, with their names as pointers.
    /// What is in default is lost whatever its term, which may be over.
    pub fn faults(&self, is_impaired: bool) -> Vec<Fault> {
        let least_months = if is_impaired { 0.0 } else { 1.0 };
        let fields = [
            ("/loss_given_default", self.loss_given_default, 0.0, 1.0),
            ("/drawn", self.exposure.drawn, 0.0, 1e15),
            ("/undrawn", self.exposure.undrawn, 0.0, 1e15),
            ("/credit_conversion", self.exposure.conversion, 0.0, 1.0),
            ("/remaining_months", f64::from(self.months), least_months, f64::from(MAX_MONTHS)),
            ("/effective_rate", self.effective_rate, -0.5, 10.0),
        ];
        let wrong =
            fields.into_iter().filter(|(_, value, least, most)| !(*least..=*most).contains(value));
        wrong
            .map(|(pointer, value, least, most)| {
                Fault::new(pointer, format!("{value} is not from {least} to {most}"))
            })
            .collect()
    }

    /// The loss by stage, over all scenarios by their weights; the base alone where there is none. With
    /// h_t the hazard, S_t the share that survives, D_t = (1 + rate)^(-t/12) and E_t the exposure in month
    /// t: the sum over t of D_t S_(t-1) h_t LGD E_t. A loan in stage 3 is in default: LGD E_1.
    pub fn by_stage(&self, stage: Stage, scenarios: &[Scenario]) -> CreditLoss {
        let base = [Scenario::BASE];
        let scenarios = if scenarios.is_empty() { &base[..] } else { scenarios };
        let hazards = monthly_hazards(&self.default, self.months);
        let exposures = self.discounted_exposures();
        let mut all = CreditLoss { twelve_months: 0.0, lifetime: 0.0, provision: 0.0 };
        for scenario in scenarios {
            let one = self.in_scenario(stage, scenario, &hazards, &exposures);
            all.twelve_months += scenario.weight * one.twelve_months;
            all.lifetime += scenario.weight * one.lifetime;
            all.provision += scenario.weight * one.provision;
        }
        all
    }

    /// The exposure of each month, discounted to now.
    fn discounted_exposures(&self) -> Vec<f64> {
        let interest = (self.effective_rate.ln_1p() / 12.0).exp_m1();
        let undrawn = self.exposure.conversion * self.exposure.undrawn;
        let mut discount = 1.0;
        let exposure = |month: u32| {
            discount /= 1.0 + interest;
            let owed = self.amortisation.owed(month, self.months, interest);
            discount * (self.exposure.drawn * owed + undrawn)
        };
        (1..=self.months).map(exposure).collect()
    }

    fn in_scenario(
        &self,
        stage: Stage,
        scenario: &Scenario,
        hazards: &[f64],
        exposures: &[f64],
    ) -> CreditLoss {
        let lost = (self.loss_given_default * scenario.loss_factor).min(1.0);
        if stage == Stage::Impaired {
            let loss = lost * self.exposure.at_default();
            return CreditLoss { twelve_months: loss, lifetime: loss, provision: loss };
        }
        let (mut survives, mut twelve_months, mut lifetime) = (1.0, 0.0, 0.0);
        for (month, (hazard, exposure)) in (1..).zip(hazards.iter().zip(exposures)) {
            let hazard = (hazard * scenario.hazard_factor).min(1.0);
            lifetime += survives * hazard * lost * exposure;
            survives *= 1.0 - hazard;
            if month <= 12 {
                twelve_months = lifetime;
            }
        }
        let provision = match stage {
            Stage::Performing => twelve_months,
            Stage::Underperforming | Stage::Impaired => lifetime,
        };
        CreditLoss { twelve_months, lifetime, provision }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loan() -> LifetimeLoss {
        LifetimeLoss {
            default: DefaultRisk::TwelveMonths(0.05),
            loss_given_default: 0.45,
            exposure: Exposure { drawn: 10_000.0, undrawn: 0.0, conversion: 0.0 },
            months: 36,
            effective_rate: 0.0,
            amortisation: Amortisation::Bullet,
        }
    }

    #[test]
    fn without_interest_and_repayment_it_is_the_product() {
        let loss = loan().by_stage(Stage::Performing, &[]);
        assert!((loss.twelve_months - 0.05 * 0.45 * 10_000.0).abs() < 1e-9);
        let life = (1.0 - 0.95_f64.powi(3)) * 0.45 * 10_000.0;
        assert!((loss.lifetime - life).abs() < 1e-9);
        assert_eq!(loss.provision, loss.twelve_months);
        assert_eq!(loan().by_stage(Stage::Underperforming, &[]).provision, loss.lifetime);
        assert_eq!(loan().by_stage(Stage::Impaired, &[]).provision, 4_500.0);
    }

    #[test]
    fn a_bullet_with_interest_is_a_geometric_series() {
        let loan = LifetimeLoss { effective_rate: 0.08, ..loan() };
        let hazard = 1.0 - 0.95_f64.powf(1.0 / 12.0);
        let step = (1.0 - hazard) / 1.08_f64.powf(1.0 / 12.0);
        let first = hazard / 1.08_f64.powf(1.0 / 12.0) * 0.45 * 10_000.0;
        let closed = first * (1.0 - step.powi(36)) / (1.0 - step);
        assert!((loan.by_stage(Stage::Underperforming, &[]).lifetime - closed).abs() < 1e-9);
    }

    #[test]
    fn a_linear_loan_loses_the_sum_over_its_balances() {
        let loan = LifetimeLoss {
            amortisation: Amortisation::Linear,
            months: 4,
            exposure: Exposure { drawn: 400.0, undrawn: 100.0, conversion: 0.5 },
            ..loan()
        };
        let h = 1.0 - 0.95_f64.powf(1.0 / 12.0);
        let s = 1.0 - h;
        let sum = h * 0.45 * (450.0 + s * 350.0 + s * s * 250.0 + s * s * s * 150.0);
        let loss = loan.by_stage(Stage::Performing, &[]);
        assert!((loss.lifetime - sum).abs() < 1e-9);
        assert_eq!(loss.twelve_months, loss.lifetime, "it is over within the year");
        assert_eq!(loan.exposure.at_default(), 450.0);
    }

    #[test]
    fn a_term_structure_gives_its_own_probabilities_back() {
        let years = DefaultRisk::Years(vec![0.02, 0.05, 0.09]);
        let hazards = monthly_hazards(&years, 48);
        let mut alive = 1.0;
        let mut at = Vec::new();
        for (month, hazard) in hazards.iter().enumerate() {
            alive *= 1.0 - hazard;
            if month % 12 == 11 {
                at.push(1.0 - alive);
            }
        }
        for (found, wanted) in at.iter().zip([0.02, 0.05, 0.09]) {
            assert!((found - wanted).abs() < 1e-12, "{at:?}");
        }
        assert!((at[3] - (1.0 - 0.91 * 0.91 / 0.95)).abs() < 1e-12, "the last year goes on");
        let flat = DefaultRisk::Years(vec![0.05]);
        let constant = monthly_hazards(&DefaultRisk::TwelveMonths(0.05), 24);
        let pairs = monthly_hazards(&flat, 24).into_iter().zip(constant);
        assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-15));
        let certain = monthly_hazards(&DefaultRisk::Years(vec![1.0, 1.0]), 24);
        assert!(certain.iter().all(|hazard| *hazard == 1.0));
    }

    #[test]
    fn scenarios_are_weighted() {
        let bad = Scenario { weight: 0.3, hazard_factor: 2.0, loss_factor: 1.0 };
        let good = Scenario { weight: 0.7, ..Scenario::BASE };
        let alone = |scenario: Scenario| {
            let whole = Scenario { weight: 1.0, ..scenario };
            loan().by_stage(Stage::Underperforming, &[whole]).provision
        };
        let both = loan().by_stage(Stage::Underperforming, &[bad, good]).provision;
        assert!((both - 0.3 * alone(bad) - 0.7 * alone(good)).abs() < 1e-9);
        assert!(alone(bad) > alone(good));
        let heavy = Scenario { loss_factor: 3.0, weight: 1.0, ..Scenario::BASE };
        assert_eq!(
            loan().by_stage(Stage::Impaired, &[heavy]).provision,
            10_000.0,
            "no more than all"
        );
    }

    #[test]
    fn what_can_not_be_is_refused() {
        let pointers = |loan: LifetimeLoss| -> Vec<String> {
            loan.faults(false).into_iter().map(|fault| fault.pointer).collect()
        };
        assert!(pointers(loan()).is_empty());
        let wrong = LifetimeLoss { months: 0, loss_given_default: f64::NAN, ..loan() };
        assert_eq!(pointers(wrong), ["/loss_given_default", "/remaining_months"]);
        let over = LifetimeLoss { months: 0, ..loan() };
        assert_eq!(over.faults(true), []);
        assert_eq!(over.by_stage(Stage::Impaired, &[]).provision, 4_500.0);
        let falls = DefaultRisk::Years(vec![0.05, 0.04]).check().map_err(|fault| fault.pointer);
        assert_eq!(falls, Err("/1".to_owned()));
        assert!(DefaultRisk::TwelveMonths(1.5).check().is_err());
        let half = Scenario { weight: 0.5, ..Scenario::BASE };
        assert!(check_scenarios(&[half]).is_err_and(|fault| fault.detail.contains("0.5")));
        assert!(check_scenarios(&[half, half]).is_ok());
    }
}

//! Expected losses of loans by their stage.

use std::collections::BTreeMap;

use actuary_finance::Fault;
use actuary_finance::loans::{
    Amortisation, DefaultRisk, Exposure, LifetimeLoss, Scenario, Stage, StageRules, check_scenarios,
};

use super::{Service, blocking};
use crate::domain::assessment::StageTotal;
use crate::domain::loan::{
    ExpectedLossRequest, ExpectedLossResponse, Loan, LoanLoss, LoanStage, LossScenario, MAX_LOANS,
    MAX_SCENARIOS, Repayment, StagingRules,
};
use crate::error::{Code, Error, FieldError, Result};

/// Most faults that are named.
const MAX_ERRORS: usize = 100;
/// Most years of a term structure.
const MAX_YEARS: usize = 50;
const NOTE: &str = "illustrative, not an accounting opinion";

impl Service {
    /// The stage of each loan (IFRS 9) and what it is expected to lose.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] naming every field that can't hold.
    pub async fn expected_losses(
        &self,
        request: ExpectedLossRequest,
    ) -> Result<ExpectedLossResponse> {
        blocking(move || losses(&request)).await
    }
}

fn losses(request: &ExpectedLossRequest) -> Result<ExpectedLossResponse> {
    let mut errors = Vec::new();
    let mut note = |pointer: &str, checked: Result<(), Fault>| {
        let fault =
            |fault: Fault| FieldError::new(format!("{pointer}{}", fault.pointer), fault.detail);
        errors.extend(checked.err().map(fault));
    };
    let count = request.loans.len();
    if !(1..=MAX_LOANS).contains(&count) {
        let detail = format!("{count} loans are not from 1 to {MAX_LOANS}: send them in parts");
        return Err(Error::field(Code::InvalidRequest, "/loans", detail));
    }
    if request.scenarios.len() > MAX_SCENARIOS {
        let detail = format!("must be at most {MAX_SCENARIOS}");
        return Err(Error::field(Code::InvalidRequest, "/scenarios", detail));
    }
    let rules = stage_rules(&request.rules);
    note("/rules", rules.check());
    let scenarios: Vec<Scenario> = request.scenarios.iter().map(scenario).collect();
    note("/scenarios", check_scenarios(&scenarios));
    let mut told = Vec::with_capacity(count);
    for (at, loan) in request.loans.iter().enumerate() {
        match lifetime(loan, &rules) {
            Err(faults) => {
                let below = |fault: Fault| {
                    FieldError::new(format!("/loans/{at}{}", fault.pointer), fault.detail)
                };
                errors.extend(faults.into_iter().map(below));
                if errors.len() >= MAX_ERRORS {
                    break;
                }
            }
            Ok(lifetime) if errors.is_empty() => {
                let pd = lifetime.default.within_a_year();
                let stage = rules.stage(pd, loan.origination_pd, loan.days_past_due);
                let loss = lifetime.by_stage(stage, &scenarios);
                told.push(LoanLoss {
                    id: loan.id.clone(),
                    stage: loan_stage(stage),
                    exposure: lifetime.exposure.at_default(),
                    twelve_months: loss.twelve_months,
                    lifetime: loss.lifetime,
                    provision: loss.provision,
                });
            }
            Ok(_) => {}
        }
    }
    if !errors.is_empty() {
        errors.truncate(MAX_ERRORS);
        return Err(Error::fields(Code::InvalidRequest, "some fields can't hold", errors));
    }
    Ok(ExpectedLossResponse {
        stages: totals(told.iter().map(|loss| (loss.stage, loss.exposure, loss.provision))),
        exposure: told.iter().map(|loss| loss.exposure).sum(),
        provision: told.iter().map(|loss| loss.provision).sum(),
        loans: told,
        note: NOTE.to_owned(),
    })
}

/// Sums by stage, from the first on.
pub(super) fn totals(loans: impl Iterator<Item = (LoanStage, f64, f64)>) -> Vec<StageTotal> {
    let mut totals: BTreeMap<LoanStage, StageTotal> = BTreeMap::new();
    for (stage, exposure, provision) in loans {
        let empty = StageTotal { stage, count: 0, exposure: 0.0, provision: 0.0 };
        let total = totals.entry(stage).or_insert(empty);
        total.count += 1;
        total.exposure += exposure;
        total.provision += provision;
    }
    totals.into_values().collect()
}

pub(super) fn stage_rules(rules: &StagingRules) -> StageRules {
    let StagingRules { significant_days, impaired_days, ratio, increase } = *rules;
    StageRules { significant_days, impaired_days, ratio, increase }
}

pub(super) fn loan_stage(stage: Stage) -> LoanStage {
    match stage {
        Stage::Performing => LoanStage::Performing,
        Stage::Underperforming => LoanStage::Underperforming,
        Stage::Impaired => LoanStage::Impaired,
    }
}

fn scenario(scenario: &LossScenario) -> Scenario {
    let LossScenario { weight, pd_factor, loss_factor, .. } = *scenario;
    Scenario { weight, hazard_factor: pd_factor, loss_factor }
}

/// A loan as it is calculated, or all that is wrong with it.
fn lifetime(loan: &Loan, rules: &StageRules) -> Result<LifetimeLoss, Vec<Fault>> {
    let mut faults = Vec::new();
    let default = match (loan.pd, &loan.pd_by_year) {
        (Some(pd), None) => Some((DefaultRisk::TwelveMonths(pd), "/pd")),
        (None, Some(years)) if years.len() <= MAX_YEARS => {
            Some((DefaultRisk::Years(years.clone()), "/pd_by_year"))
        }
        (None, Some(_)) => {
            faults.push(Fault::new("/pd_by_year", format!("has more than {MAX_YEARS} years")));
            None
        }
        (None, None) => {
            faults.push(Fault::new("/pd", "is missing: give pd or pd_by_year"));
            None
        }
        (Some(_), Some(_)) => {
            faults.push(Fault::new("/pd_by_year", "pd and pd_by_year say the same: give one"));
            None
        }
    };
    if let Some((default, pointer)) = &default
        && let Err(fault) = default.check()
    {
        faults.push(Fault::new(format!("{pointer}{}", fault.pointer), fault.detail));
    }
    if loan.origination_pd.is_some_and(|pd| !(0.0..=1.0).contains(&pd)) {
        faults.push(Fault::new("/origination_pd", "has to be a probability, from 0 to 1"));
    }
    let lifetime = LifetimeLoss {
        default: default.map_or(DefaultRisk::TwelveMonths(0.0), |(default, _)| default),
        loss_given_default: loan.loss_given_default,
        exposure: Exposure {
            drawn: loan.drawn,
            undrawn: loan.undrawn,
            conversion: loan.credit_conversion,
        },
        months: loan.remaining_months,
        effective_rate: loan.effective_rate,
        amortisation: match loan.amortisation {
            Repayment::Annuity => Amortisation::Annuity,
            Repayment::Linear => Amortisation::Linear,
            Repayment::Bullet => Amortisation::Bullet,
        },
    };
    faults.extend(lifetime.faults(rules.is_impaired(loan.days_past_due)));
    if faults.is_empty() { Ok(lifetime) } else { Err(faults) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn asked(loans: Value) -> Result<ExpectedLossResponse> {
        losses(&serde_json::from_value(json!({ "loans": loans })).unwrap())
    }

    fn loan(more: Value) -> Value {
        let mut loan = json!({"pd": 0.02, "loss_given_default": 0.5, "drawn": 1_000.0,
            "remaining_months": 24, "effective_rate": 0.0, "amortisation": "bullet"});
        loan.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        loan
    }

    #[test]
    fn each_stage_sets_its_own_aside() {
        let answer = asked(json!([
            loan(json!({"id": "a"})),
            loan(json!({"origination_pd": 0.005})),
            loan(json!({"days_past_due": 30})),
            loan(json!({"days_past_due": 91}))
        ]))
        .unwrap();
        let stages: Vec<u8> = answer.loans.iter().map(|loan| loan.stage.number()).collect();
        assert_eq!(stages, [1, 2, 2, 3]);
        let life = (1.0 - 0.98 * 0.98) * 500.0;
        for (loan, provision) in answer.loans.iter().zip([10.0, life, life, 500.0]) {
            assert!((loan.provision - provision).abs() < 1e-9, "{loan:?}");
        }
        let counts: Vec<u64> = answer.stages.iter().map(|total| total.count).collect();
        assert_eq!((counts, answer.exposure), (vec![1, 2, 1], 4_000.0));
        assert!((answer.provision - 510.0 - 2.0 * life).abs() < 1e-9);
    }

    #[test]
    fn a_loan_in_default_needs_no_months() {
        let over =
            |days: u32| asked(json!([loan(json!({"remaining_months": 0, "days_past_due": days}))]));
        let answer = over(120).unwrap();
        assert_eq!((answer.loans[0].stage, answer.provision), (LoanStage::Impaired, 500.0));
        let Error::Problem { errors, .. } = over(89).unwrap_err() else { panic!("it is taken") };
        assert_eq!(errors[0].pointer, "/loans/0/remaining_months");
    }

    #[test]
    fn all_that_is_wrong_is_named() {
        let error = asked(json!([
            loan(json!({"pd": 1.5, "drawn": -1.0, "loss_given_default": 2.0})),
            loan(json!({"pd_by_year": [0.1], "remaining_months": 0})),
            loan(json!({"pd": null, "pd_by_year": [0.1, 0.05]}))
        ]))
        .unwrap_err();
        let Error::Problem { errors, .. } = error else { panic!("{error}") };
        let pointers: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/loans/0/pd",
                "/loans/0/loss_given_default",
                "/loans/0/drawn",
                "/loans/1/pd_by_year",
                "/loans/1/remaining_months",
                "/loans/2/pd_by_year/1",
            ]
        );
        let none = asked(json!([])).unwrap_err().to_string();
        assert!(none.contains("0 loans"), "{none}");
    }
}

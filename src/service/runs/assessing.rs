//! The rows of a dataset are assessed under a policy.

use std::sync::Arc;
use std::time::Duration;

use actuary_finance::loans::{Amortisation, DefaultRisk, Exposure, LifetimeLoss, StageRules};

use super::reporter::{Reporter, written};
use super::{Claim, Service, blocking};
use crate::domain::assessment::{
    Assessment, Decision, DecisionTotal, LoanPortfolioRequest, LoanPortfolioSummary, PointsBin,
    UnstagedTotal,
};
use crate::domain::dataset::DatasetOrigin;
use crate::domain::job::{
    AssessmentJobResult, AssessmentJobSpec, AssessmentProgress, JobResult, Progress,
};
use crate::domain::loan::LoanStage;
use crate::domain::policy::{PolicyTerms, Pricing};
use crate::error::{Code, Error, Result};
use crate::frame::{self, Frame, Values};
use crate::service::assessments::{MAX_MONEY, within_a_year};
use crate::service::loans::{loan_stage, stage_rules, totals};
use crate::service::portfolios::{COLUMNS, STAGING_COLUMNS};

/// Rows that are assessed at once.
const AT_ONCE: usize = 500;
/// Bars of the distribution of points.
const BINS: usize = 40;

impl Service {
    /// Nothing of it is kept before it is done; one that is taken up again begins anew.
    pub(super) async fn assess_run(&self, claim: &Claim, job: &AssessmentJobSpec) -> Result<()> {
        let AssessmentJobSpec { policy, policy_version, model_version, request } = job;
        let found = self.policy_version(&claim.project, policy, Some(*policy_version)).await?;
        let bound = self.bound(&claim.project, found, Some(*model_version)).await?;
        let frame = self.frame_of(claim, &request.dataset).await?;
        let manner = self.manner(&bound, None).await?;
        let (reporter, task) = Reporter::start(self.store().clone(), claim.run);
        let total = frame.rows() as u64;
        let mut columns = Columns::default();
        for start in (0..frame.rows()).step_by(AT_ONCE) {
            if reporter.lost() {
                return Err(Error::new(Code::Unavailable, "the run was taken over"));
            }
            let part = frame.part(start, AT_ONCE)?;
            let assessed = self.assessed(&bound, part, &manner, Duration::MAX).await?;
            assessed.assessments.into_iter().for_each(|one| columns.push(one));
            let done = columns.decisions.len() as u64;
            reporter.step(Progress::Assessment(AssessmentProgress { done, total }));
        }
        drop(reporter);
        written(task).await?;
        let (request, terms) = (request.clone(), bound.policy.clone());
        let (frame, summary) = blocking(move || {
            columns.exposure = exposures(&frame, &terms.terms)?;
            let stages = stages(&frame, &columns, &request, &terms.terms)?;
            let summary = columns.summary(stages.as_deref());
            let frame = frame.with_columns(columns.named(&request.prefix, stages))?;
            Ok((frame, summary))
        })
        .await?;
        let table = manner.options.table.map(|table| format!(", reason table {table}"));
        let origin = DatasetOrigin {
            dataset: job.request.dataset.clone(),
            how: format!(
                "assessed by policy {policy} {policy_version}, model {} {model_version}{}",
                bound.terms().model,
                table.unwrap_or_default()
            ),
        };
        let derived = self.derive(frame, origin).await?;
        let mut tx = self.store().begin().await?;
        if !tx.hold_run(claim.run).await? {
            return Ok(());
        }
        let dataset = job.request.into.clone();
        let version = derived.name(&mut tx, claim, &dataset).await?;
        let result = AssessmentJobResult {
            policy: policy.clone(),
            policy_version: *policy_version,
            model: bound.terms().model.clone(),
            model_version: *model_version,
            location: format!("/api/v1/datasets/{dataset}/versions/{version}"),
            dataset,
            version,
            rows: derived.ingested.rows,
            summary,
        };
        if tx.finish_run(claim.run, &JobResult::Assessment(result)).await? {
            tx.commit().await?;
        }
        Ok(())
    }

    /// All rows of a dataset.
    pub(super) async fn frame_of(
        &self,
        claim: &Claim,
        dataset: &crate::domain::dataset::DatasetRef,
    ) -> Result<Arc<Frame>> {
        let rows = self
            .store()
            .get_dataset_version(&claim.project, &dataset.name, dataset.version)
            .await?;
        let (_, content) =
            rows.ok_or_else(|| Error::new(Code::NotFound, "the dataset was deleted"))?;
        let file = self.spool(content).await?;
        blocking(move || frame::read_parquet(file, None).map(Arc::new)).await
    }
}

/// What is found, column by column: assessments with their texts would take much more.
#[derive(Default)]
struct Columns {
    decisions: Vec<Decision>,
    points: Vec<Option<f64>>,
    pd: Vec<Option<f64>>,
    exposure: Vec<Option<f64>>,
    expected_loss: Vec<Option<f64>>,
    limit: Vec<Option<f64>>,
    rate: Vec<Option<f64>>,
    rules: Vec<Option<String>>,
    reasons: Vec<Option<String>>,
    reason_texts: Vec<Option<String>>,
}

/// What a loan is exposed to, its stage and what is set aside for it, as far as they can be known.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Staged {
    exposure: Option<f64>,
    stage: Option<(LoanStage, f64)>,
}

impl Columns {
    fn push(&mut self, one: Assessment) {
        let joined = |texts: Vec<&str>, by: &str| (!texts.is_empty()).then(|| texts.join(by));
        let reasons = || one.reasons.iter();
        self.decisions.push(one.decision);
        self.points.push(one.points);
        self.pd.push(one.pd);
        self.expected_loss.push(one.expected_loss);
        self.limit.push(one.offer.and_then(|offer| offer.limit));
        self.rate.push(one.offer.and_then(|offer| offer.rate));
        self.rules.push(joined(one.rules.iter().map(|rule| rule.id.as_str()).collect(), "; "));
        self.reasons.push(joined(reasons().map(|reason| reason.code.as_str()).collect(), "; "));
        self.reason_texts
            .push(joined(reasons().map(|reason| reason.text.as_str()).collect(), " | "));
    }

    fn named(self, prefix: &str, stages: Option<Vec<Staged>>) -> Vec<(String, Values)> {
        let decisions = self.decisions.iter().map(|one| Some(one.as_str().to_owned()));
        let values = [
            Values::String(decisions.collect()),
            Values::Float64(self.points),
            Values::Float64(self.pd),
            Values::Float64(self.exposure),
            Values::Float64(self.expected_loss),
            Values::Float64(self.limit),
            Values::Float64(self.rate),
            Values::String(self.rules),
            Values::String(self.reasons),
            Values::String(self.reason_texts),
        ];
        let staged = stages.map(|stages| {
            let stage = |one: &Staged| one.stage.map(|(stage, _)| i64::from(stage.number()));
            let provision = |one: &Staged| one.stage.map(|(_, provision)| provision);
            [
                Values::Int64(stages.iter().map(stage).collect()),
                Values::Float64(stages.iter().map(provision).collect()),
            ]
        });
        let name = |(name, values): (&str, Values)| (format!("{prefix}{name}"), values);
        let found = COLUMNS.into_iter().zip(values);
        let staged = STAGING_COLUMNS.into_iter().zip(staged.into_iter().flatten());
        found.chain(staged).map(name).collect()
    }

    fn summary(&self, stages: Option<&[Staged]>) -> LoanPortfolioSummary {
        let rows = self.decisions.len().max(1) as f64;
        let sum = |values: &[Option<f64>], of: Decision| -> f64 {
            let pairs = self.decisions.iter().zip(values);
            pairs.filter(|(decision, _)| **decision == of).filter_map(|(_, value)| *value).sum()
        };
        let total = |decision: Decision| {
            let count = self.decisions.iter().filter(|one| **one == decision).count() as u64;
            DecisionTotal {
                decision,
                count,
                share: count as f64 / rows,
                exposure: sum(&self.exposure, decision),
                expected_loss: sum(&self.expected_loss, decision),
            }
        };
        let staged = stages.into_iter().flatten().filter_map(|one| {
            let (stage, provision) = one.stage?;
            Some((stage, one.exposure?, provision))
        });
        let unstaged = |stages: &[Staged]| {
            let left_out = || stages.iter().filter(|one| one.stage.is_none());
            UnstagedTotal {
                count: left_out().count() as u64,
                exposure: left_out().filter_map(|one| one.exposure).sum(),
            }
        };
        LoanPortfolioSummary {
            decisions: Decision::ALL.map(total).to_vec(),
            exposure: self.exposure.iter().flatten().sum(),
            expected_loss: self.expected_loss.iter().flatten().sum(),
            points: self.distribution(),
            stages: totals(staged),
            unstaged: stages.map(unstaged),
        }
    }

    /// Equal bins between the least and the greatest points; one where all are the same.
    fn distribution(&self) -> Vec<PointsBin> {
        let scored = || self.points.iter().flatten().copied();
        let (low, high) =
            (scored().fold(f64::INFINITY, f64::min), scored().fold(f64::NEG_INFINITY, f64::max));
        if low > high {
            return Vec::new();
        }
        let count = if low < high { BINS } else { 1 };
        let width = (high - low) / count as f64;
        let mut bins: Vec<PointsBin> = (0..count)
            .map(|bin| PointsBin {
                low: low + bin as f64 * width,
                high: low + (bin + 1) as f64 * width,
                decisions: Default::default(),
            })
            .collect();
        for (points, decision) in self.points.iter().zip(&self.decisions) {
            let Some(points) = points else { continue };
            let at = if width > 0.0 { ((points - low) / width) as usize } else { 0 };
            if let Some(bin) = bins.get_mut(at.min(count - 1)) {
                bin.decisions.add(*decision);
            }
        }
        bins
    }
}

/// What each loan is exposed to, whatever was decided on it.
fn exposures(frame: &Frame, terms: &PolicyTerms) -> Result<Vec<Option<f64>>> {
    let Some(pricing) = &terms.pricing else { return Ok(vec![None; frame.rows()]) };
    let money = Money::new(frame, pricing)?;
    let of = |row| money.exposure(row).map(|exposure| exposure.at_default());
    Ok((0..frame.rows()).map(of).collect())
}

/// The stage of each loan, where stages are asked for.
fn stages(
    frame: &Frame,
    columns: &Columns,
    request: &LoanPortfolioRequest,
    terms: &PolicyTerms,
) -> Result<Option<Vec<Staged>>> {
    let (Some(staging), Some(pricing)) = (&request.staging, &terms.pricing) else {
        return Ok(None);
    };
    let numbers = |name: &Option<String>| -> Result<Option<Vec<f64>>> {
        name.as_ref().map(|name| frame.numbers(name)).transpose()
    };
    let book = Book {
        days: frame.numbers(&staging.days_past_due)?,
        months: frame.numbers(&staging.remaining_months)?,
        origination: numbers(&staging.origination_pd)?,
        money: Money::new(frame, pricing)?,
        rules: stage_rules(&staging.rules),
        effective_rate: staging.effective_rate,
        horizon_months: terms.horizon_months,
        pricing,
    };
    let pds = columns.pd.iter().enumerate();
    Ok(Some(pds.map(|(row, pd)| book.staged(row, *pd)).collect()))
}

/// What stages need, row by row; NaN where a number is missing.
struct Book<'a> {
    days: Vec<f64>,
    months: Vec<f64>,
    origination: Option<Vec<f64>>,
    money: Money,
    rules: StageRules,
    effective_rate: f64,
    /// Within which the policy's probabilities are of a default.
    horizon_months: u32,
    pricing: &'a Pricing,
}

/// What is owed and may be drawn, row by row.
struct Money {
    amount: Vec<f64>,
    undrawn: Option<Vec<f64>>,
    conversion: f64,
}

impl Money {
    fn new(frame: &Frame, pricing: &Pricing) -> Result<Self> {
        let undrawn = pricing.undrawn.as_ref().map(|name| frame.numbers(name)).transpose()?;
        let amount = frame.numbers(&pricing.amount)?;
        Ok(Self { amount, undrawn, conversion: pricing.credit_conversion })
    }

    /// None where what is owed, or may be drawn, is no amount.
    fn exposure(&self, row: usize) -> Option<Exposure> {
        let money = |values: &[f64]| at(values, row).filter(|v| (0.0..=MAX_MONEY).contains(v));
        let undrawn = self.undrawn.as_ref().map_or(Some(0.0), |values| money(values))?;
        Some(Exposure { drawn: money(&self.amount)?, undrawn, conversion: self.conversion })
    }
}

impl Book<'_> {
    fn staged(&self, row: usize, pd: Option<f64>) -> Staged {
        let Some(exposure) = self.money.exposure(row) else { return Staged::default() };
        let stage = self.stage(row, pd, exposure);
        Staged { exposure: Some(exposure.at_default()), stage }
    }

    /// The stage and what it sets aside. A loan whose days say that it is in default needs neither a
    /// probability nor months.
    fn stage(&self, row: usize, pd: Option<f64>, exposure: Exposure) -> Option<(LoanStage, f64)> {
        let days = whole(at(&self.days, row).filter(|days| *days >= 0.0)?);
        let is_impaired = self.rules.is_impaired(days);
        let (pd, origination, months) = match is_impaired {
            true => (1.0, None, 0),
            false => (
                within_a_year(pd?, self.horizon_months),
                self.origination(row)?,
                whole(at(&self.months, row)?),
            ),
        };
        let lifetime = LifetimeLoss {
            default: DefaultRisk::TwelveMonths(pd),
            loss_given_default: self.pricing.loss_given_default,
            exposure,
            months,
            effective_rate: self.effective_rate,
            amortisation: Amortisation::Annuity,
        };
        if !lifetime.faults(is_impaired).is_empty() {
            return None;
        }
        let stage = self.rules.stage(pd, origination, days);
        Some((loan_stage(stage), lifetime.by_stage(stage, &[]).provision))
    }

    /// The probability of default of the origination, where the book has one; none where it is no
    /// probability.
    fn origination(&self, row: usize) -> Option<Option<f64>> {
        let value = self.origination.as_ref().and_then(|values| values.get(row).copied());
        match value.filter(|value| !value.is_nan()) {
            Some(value) => (0.0..=1.0).contains(&value).then_some(Some(value)),
            None => Some(None),
        }
    }
}

fn at(values: &[f64], row: usize) -> Option<f64> {
    values.get(row).copied().filter(|value| value.is_finite())
}

fn whole(value: f64) -> u32 {
    value.clamp(0.0, f64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Probability of default, days past due, months left, and the probability when the loan was made.
    type Late = (Option<f64>, f64, f64, f64);

    #[test]
    fn a_summary_counts_and_sums() {
        let mut columns = Columns::default();
        for (decision, points) in [
            (Decision::Approve, Some(600.0)),
            (Decision::Approve, Some(640.0)),
            (Decision::Refer, Some(560.0)),
            (Decision::Decline, None),
        ] {
            let loss = points.map(|_| 10.0);
            let exposure = points.map(|_| 100.0);
            columns.push(Assessment {
                decision,
                points,
                expected_loss: loss,
                ..Assessment::default()
            });
            columns.exposure.push(exposure);
        }
        let of = |exposure, stage| Staged { exposure, stage };
        let stages = [
            of(Some(100.0), Some((LoanStage::Impaired, 50.0))),
            of(Some(70.0), None),
            of(Some(100.0), Some((LoanStage::Performing, 1.0))),
            of(None, None),
        ];
        let summary = columns.summary(Some(&stages));
        let counts: Vec<u64> = summary.decisions.iter().map(|total| total.count).collect();
        assert_eq!((counts, summary.exposure, summary.expected_loss), (vec![2, 1, 1], 300.0, 30.0));
        assert_eq!(summary.decisions[0].exposure, 200.0);
        let binned: u64 = summary.points.iter().map(|bin| bin.decisions.approve).sum();
        assert_eq!((summary.points.len(), binned), (BINS, 2));
        assert_eq!(summary.points[0].decisions.refer, 1);
        let stages: Vec<(u8, u64)> =
            summary.stages.iter().map(|total| (total.stage.number(), total.count)).collect();
        assert_eq!(stages, [(1, 1), (3, 1)]);
        assert_eq!(summary.unstaged, Some(UnstagedTotal { count: 2, exposure: 70.0 }));
        let empty = Columns::default().summary(None);
        assert!(empty.points.is_empty() && empty.unstaged.is_none());
    }

    /// One loan a row: probability of now, days past due, months left, probability of the origination.
    fn staged(horizon_months: u32, loans: &[(Option<f64>, f64, f64, f64)]) -> Vec<Staged> {
        let terms: PolicyTerms = serde_json::from_value(serde_json::json!({
            "model": "m", "cut_offs": {"unit": "points", "approve": 560, "decline": 520},
            "horizon_months": horizon_months,
            "pricing": {"loss_given_default": 0.5, "amount": "amount", "funding": 0.03,
                        "margin": 0.02, "most_rate": 0.2}
        }))
        .unwrap();
        let request: LoanPortfolioRequest = serde_json::from_value(serde_json::json!({
            "dataset": {"name": "book"}, "into": "out",
            "staging": {"days_past_due": "days", "remaining_months": "months",
                        "origination_pd": "then", "effective_rate": 0.0}
        }))
        .unwrap();
        let floats = |of: &dyn Fn(&Late) -> f64| {
            let values = loans.iter().map(of);
            Values::Float64(values.map(|v| (!v.is_nan()).then_some(v)).collect())
        };
        let frame = Frame::new(
            loans.len(),
            vec![
                ("amount".into(), floats(&|_| 1_000.0)),
                ("days".into(), floats(&|loan| loan.1)),
                ("months".into(), floats(&|loan| loan.2)),
                ("then".into(), floats(&|loan| loan.3)),
            ],
        )
        .unwrap();
        let pd = loans.iter().map(|loan| loan.0).collect();
        let columns = Columns { pd, ..Columns::default() };
        stages(&frame, &columns, &request, &terms).unwrap().unwrap()
    }

    #[test]
    fn a_loan_in_default_needs_neither_score_nor_months() {
        let nan = f64::NAN;
        let found = staged(
            12,
            &[
                (None, 120.0, nan, nan),
                (Some(0.05), 90.0, 0.0, 7.0),
                (Some(0.05), 0.0, 0.0, nan),
                (None, 0.0, 12.0, nan),
                (Some(0.05), 0.0, 12.0, 7.0),
                (Some(0.05), nan, 12.0, nan),
                (Some(0.05), 0.0, 12.0, nan),
                (Some(0.05), -3.0, 12.0, nan),
            ],
        );
        let stages: Vec<Option<u8>> =
            found.iter().map(|one| one.stage.map(|(stage, _)| stage.number())).collect();
        assert_eq!(stages, [Some(3), Some(3), None, None, None, None, Some(1), None]);
        assert_eq!(found[0].stage, Some((LoanStage::Impaired, 500.0)), "LGD x EAD");
        assert!(found.iter().all(|one| one.exposure == Some(1_000.0)));
    }

    #[test]
    fn a_loan_is_as_large_whatever_was_decided() {
        let terms: PolicyTerms = serde_json::from_value(serde_json::json!({
            "model": "m", "cut_offs": {"unit": "points", "approve": 560, "decline": 520},
            "pricing": {"loss_given_default": 0.5, "amount": "amount", "undrawn": "line",
                        "credit_conversion": 0.4, "funding": 0.03, "margin": 0.02, "most_rate": 0.2}
        }))
        .unwrap();
        let floats = |values: [Option<f64>; 4]| Values::Float64(values.into());
        let columns = vec![
            ("amount".into(), floats([Some(1_000.0), Some(0.0), None, Some(-1.0)])),
            ("line".into(), floats([Some(0.0), Some(1_500.0), Some(0.0), Some(0.0)])),
        ];
        let frame = Frame::new(4, columns).unwrap();
        assert_eq!(exposures(&frame, &terms).unwrap(), [Some(1_000.0), Some(600.0), None, None]);
        let without = PolicyTerms { pricing: None, ..terms };
        assert_eq!(exposures(&frame, &without).unwrap(), [None; 4]);
    }

    #[test]
    fn probabilities_of_a_horizon_become_those_of_a_year() {
        let loan = |pd| [(Some(pd), 0.0, 36.0, 0.02)];
        let (one, two) = (staged(12, &loan(0.03)), staged(24, &loan(1.0 - 0.97 * 0.97)));
        let (one, two) = (one[0].stage.unwrap(), two[0].stage.unwrap());
        assert_eq!((one.0, two.0), (LoanStage::Performing, LoanStage::Performing));
        assert!((one.1 - two.1).abs() < 1e-9, "{one:?} {two:?}");
    }
}

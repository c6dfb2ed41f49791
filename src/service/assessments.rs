//! Assessments of loans: rules, then a score, then a price; with reasons, on record, and made again.

mod changes;
mod decide;
mod replay;
mod rules;

use std::num::NonZeroUsize;
use std::time::Duration;

use futures_util::future::try_join_all;
use uuid::Uuid;

pub(super) use self::decide::{LEAST_PD, MAX_MONEY, costs, scaling, within_a_year};
use self::decide::{Priced, Scale, Shares};
use self::rules::Judged;
use super::policies::Bound;
use super::reasons::{Answered, unreached};
use super::turns::PATIENCE;
use super::{Idempotency, Service, blocking};
use crate::domain::assessment::{
    Assessment, AssessmentReason, AssessmentRequest, AssessmentResponse, Decision, DecisionCounts,
    FiredRule, MAX_ASSESSED, ReasonBasis, ReasonSource,
};
use crate::domain::counterfactual::MAX_COUNTERFACTUALS;
use crate::domain::key::Caller;
use crate::domain::policy::{PolicyTerms, RuleOutcome, RuleStage};
use crate::domain::prediction::{Row, Scores};
use crate::domain::reason::{MAX_REASONS, Reason, ReasonDirections, ReasonOptions, Reasons};
use crate::domain::version::Signature;
use crate::error::{Code, Error, Result};
use crate::frame::{Frame, RowReader};
use crate::store::NewAssessment;

/// Fewer reasons are not worth a thread of their own.
const LEAST_PART: usize = 16;

/// How reasons are told under a policy.
pub(super) struct Manner {
    pub(super) options: ReasonOptions,
    directions: ReasonDirections,
    /// Whether an assessment on record is made again.
    is_replay: bool,
}

/// What was decided on the rows of a frame.
pub(super) struct Assessed {
    pub(super) assessments: Vec<Assessment>,
    pub(super) basis: Option<ReasonBasis>,
}

/// Decisions without the reasons of scores.
struct Decided {
    assessments: Vec<Assessment>,
    /// The rows that have a score, their columns, and their scores.
    scored: Vec<usize>,
    frame: Frame,
    scores: Option<Scores>,
    /// Of the scored ones those whose score is not approved.
    short: Vec<usize>,
}

impl Service {
    /// Decides on applicants by a policy.
    ///
    /// # Errors
    /// [`Code::InvalidRows`] naming every value that can't be read; [`Code::InvalidRequest`] for too many
    /// rows or none, changes that the policy does not name, and a policy that doesn't fit its model any
    /// more; [`Code::NotFound`] for an unknown policy or version; [`Code::TooManyRequests`] while others'
    /// answers are explained; [`Code::Unavailable`] when the answer can't be recorded.
    pub async fn assess(
        &self,
        caller: &Caller,
        once: Option<&Idempotency>,
        policy: &str,
        request: AssessmentRequest,
    ) -> Result<AssessmentResponse> {
        if let Some(kept) = self.kept(caller, once).await? {
            return Ok(kept);
        }
        let AssessmentRequest { rows, version, record, counterfactuals } = request;
        let rows = rows.unwrap_or_default();
        let found = self.policy_version(&caller.project, policy, version).await?;
        let bound = self.bound(&caller.project, found, None).await?;
        check_rows(&bound, &rows, counterfactuals)?;
        let columns = bound.columns();
        let (rows, frame) = blocking(move || {
            let frame = RowReader::new(&columns).rows(&rows)?;
            Ok((rows, frame))
        })
        .await?;
        let manner = self.manner(&bound, None).await?;
        let Assessed { mut assessments, basis } =
            self.assessed(&bound, frame, &manner, PATIENCE).await?;
        if counterfactuals {
            self.add_changes(caller, &bound, &rows, &mut assessments).await?;
        }
        let mut decisions = DecisionCounts::default();
        assessments.iter().for_each(|one| decisions.add(one.decision));
        let response = AssessmentResponse {
            assessments,
            decisions,
            policy: policy.to_owned(),
            policy_version: bound.policy.version,
            model: bound.terms().model.clone(),
            version: bound.loaded.version.version,
            basis,
            id: None,
        };
        match record {
            true => self.record_assessment(caller, once, bound.loaded.row, rows, response).await,
            false => Ok(response),
        }
    }

    /// Makes an answer durable before it is given.
    async fn record_assessment(
        &self,
        caller: &Caller,
        once: Option<&Idempotency>,
        model: i64,
        rows: Vec<Row>,
        mut response: AssessmentResponse,
    ) -> Result<AssessmentResponse> {
        let id = Uuid::now_v7();
        response.id = Some(id);
        let by = caller.clone();
        self.once(caller, once, |tx| {
            Box::pin(async move {
                let new = NewAssessment {
                    id,
                    project: &by.project,
                    key: by.key,
                    policy: &response.policy,
                    policy_version: response.policy_version,
                    model,
                    version: response.version,
                    rows: &rows,
                    assessments: &response.assessments,
                    basis: response.basis.as_ref(),
                };
                tx.insert_assessment(new).await?;
                Ok(response)
            })
        })
        .await
    }

    /// How reasons are told under a policy, all of them by one table: the policy's, or the newest one now;
    /// as it was `then`, where they were told before.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub(super) async fn manner(&self, bound: &Bound, then: Option<&ReasonBasis>) -> Result<Manner> {
        let mut options = options(bound, then);
        if then.is_none() && options.table.is_none() {
            options.table = self.newest_table(bound.model()).await?;
        }
        let directions = then.map_or(ReasonDirections::Scored, |then| then.directions);
        Ok(Manner { options, directions, is_replay: false })
    }

    /// Decides on the rows of a frame, which has the policy's columns; with reasons by
    /// [`Service::manner`], within so long.
    pub(super) async fn assessed(
        &self,
        bound: &Bound,
        frame: Frame,
        manner: &Manner,
        patience: Duration,
    ) -> Result<Assessed> {
        let Decided { mut assessments, scored, frame, scores, short } =
            self.decided(bound, frame).await?;
        let most = manner.options.max.unwrap_or(MAX_REASONS) as usize;
        let Some(scores) = scores.filter(|_| !short.is_empty()) else {
            assessments.iter_mut().for_each(|one| one.reasons.truncate(most));
            return Ok(Assessed { assessments, basis: None });
        };
        let asked = (&frame, &scores, short.as_slice());
        let reasons = self.reasons_of_short(bound, asked, manner, patience).await;
        let reasons = reasons.map_err(of_policy)?;
        let scale = Scale::new(bound.terms());
        for (row, told) in scored.iter().zip(&reasons.rows) {
            if let Some(assessment) = assessments.get_mut(*row) {
                add_reasons(assessment, told, &scale);
            }
        }
        assessments.iter_mut().for_each(|one| one.reasons.truncate(most));
        Ok(Assessed { assessments, basis: basis(reasons) })
    }

    /// The reasons of those who fall short, in as many parts at once as there are cores: applicants wait
    /// for an answer, and most of it is these.
    async fn reasons_of_short(
        &self,
        bound: &Bound,
        (frame, scores, short): (&Frame, &Scores, &[usize]),
        Manner { options, directions, is_replay }: &Manner,
        patience: Duration,
    ) -> Result<Reasons> {
        // A job waits for its turn as long as it takes: nobody sits before it.
        let turn = match patience {
            Duration::MAX => self.0.explaining.take_within(patience).await?,
            _ => self.0.explaining.take().await?,
        };
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let cut_off = cut_off(bound.terms(), bound.signature()).0;
        let parts = short.chunks(short.len().div_ceil(cores).max(LEAST_PART)).map(|told| {
            let told = Some(told);
            let answered = Answered {
                frame,
                scores,
                cut_off,
                told,
                patience,
                is_replay: *is_replay,
                is_settled: true,
                directions: *directions,
            };
            self.reasons(bound.model(), &bound.loaded, answered, options, turn.clone())
        });
        let mut parts = try_join_all(parts).await?.into_iter();
        let nothing = || Error::internal("telling reasons", "nobody fell short");
        let mut all = parts.next().ok_or_else(nothing)?;
        for part in parts {
            all.holds &= part.holds;
            for (row, told) in all.rows.iter_mut().zip(part.rows) {
                row.extend(told);
            }
        }
        Ok(all)
    }

    /// Decides on the rows of a frame.
    async fn decided(&self, bound: &Bound, frame: Frame) -> Result<Decided> {
        let terms = bound.terms();
        let policy = bound.policy.clone();
        let read = frame.clone();
        let (before, after): (Vec<_>, Vec<_>) = blocking(move || {
            let judged = Judged::new(&policy.terms, &read)?;
            let of = |stage| (0..read.rows()).map(|row| judged.fired(stage, row)).collect();
            Ok((of(RuleStage::Before), of(RuleStage::After)))
        })
        .await?;
        let mut assessments: Vec<Assessment> = Vec::with_capacity(frame.rows());
        let mut scored = Vec::with_capacity(frame.rows());
        for (row, fired) in before.into_iter().enumerate() {
            let mut assessment = Assessment::default();
            add_rules(&mut assessment, fired);
            if assessment.decision != Decision::Decline {
                scored.push(row);
            }
            assessments.push(assessment);
        }
        if scored.is_empty() {
            return Ok(Decided { assessments, scored, frame, scores: None, short: Vec::new() });
        }
        let frame = if scored.len() == frame.rows() { frame } else { frame.take(&scored)? };
        let outputs = self.0.scorer.score(&bound.loaded, frame.clone()).await?;
        let scores = bound.loaded.naming.named(outputs);
        let place = scores.classes().iter().position(|class| *class == bound.adverse);
        let place = place.ok_or_else(|| {
            Error::internal("assessing", format!("there is no class {}", bound.adverse))
        })?;
        let (scale, shares) = (Scale::new(terms), Shares::new(bound));
        let priced = Priced::new(terms, &frame)?;
        let mut short = Vec::new();
        for (at, (row, pd)) in scored.iter().zip(scores.column(place)).enumerate() {
            let (Some(one), Some(fired)) = (assessments.get_mut(*row), after.get(*row)) else {
                continue;
            };
            one.pd = Some(pd);
            one.points = Some(scale.points(pd));
            one.pd_interval = shares.interval(pd);
            add_rules(one, fired.clone());
            let decision = scale.decision(pd);
            if decision != Decision::Approve {
                short.push(at);
            }
            one.decision = one.decision.max(decision);
            let unpriced = priced.as_ref().map_or_else(Vec::new, |priced| priced.price(at, one));
            if one.decision == Decision::Decline {
                one.offer = None;
            } else if !unpriced.is_empty() {
                one.decision = Decision::Refer;
                one.reasons.extend(unpriced);
            }
        }
        Ok(Decided { assessments, scored, frame, scores: Some(scores), short })
    }
}

/// Adds rules that decide; those that decline are told before those that refer.
fn add_rules(assessment: &mut Assessment, fired: Vec<(FiredRule, AssessmentReason)>) {
    for (rule, reason) in fired {
        let is_decline = |rule: &FiredRule| rule.outcome == RuleOutcome::Decline;
        let declines = assessment.rules.iter().filter(|rule| is_decline(rule)).count();
        let (decision, place) = match rule.outcome {
            RuleOutcome::Decline => (Decision::Decline, declines),
            RuleOutcome::Refer => (Decision::Refer, assessment.rules.len()),
        };
        assessment.decision = assessment.decision.max(decision);
        assessment.reasons.insert(place, reason);
        assessment.rules.push(rule);
    }
}

/// Puts the reasons of a score behind those of rules, and before those of the price; where the score
/// declines, before those of rules that only refer, so that none of these takes the place of what decided.
fn add_reasons(assessment: &mut Assessment, told: &[Reason], scale: &Scale) {
    let reason = |reason: &Reason| AssessmentReason {
        source: ReasonSource::Score,
        code: reason.code.clone(),
        text: reason.text.clone(),
        columns: reason.columns.clone(),
        contribution: Some(reason.contribution),
    };
    let rules = match assessment.pd.map(|pd| scale.decision(pd)) {
        Some(Decision::Decline) => {
            let declines = |rule: &&FiredRule| rule.outcome == RuleOutcome::Decline;
            assessment.rules.iter().filter(declines).count()
        }
        _ => assessment.reasons.iter().filter(|r| r.source == ReasonSource::Rule).count(),
    };
    assessment.reasons.splice(rules..rules, told.iter().map(reason));
}

/// The probability of the positive class at which the policy's decision changes, and whether that class is
/// the adverse one. Who is exactly at the cut-off is approved, and reasons begin at it.
pub(super) fn cut_off(terms: &PolicyTerms, signature: &Signature) -> (f64, bool) {
    let approved = Scale::new(terms).approved_pd();
    let adverse = terms.adverse.as_ref();
    match adverse.is_none_or(|adverse| signature.positive_class.as_ref() == Some(adverse)) {
        true => (approved.next_up(), true),
        false => (1.0 - approved, false),
    }
}

/// A problem with what the policy says of reasons, which the request does not.
fn of_policy(error: Error) -> Error {
    match error {
        Error::Problem {
            code: code @ (Code::InvalidRequest | Code::NotFound),
            detail,
            mut errors,
        } => {
            for error in &mut errors {
                match error.pointer.as_str() {
                    "/reasons" => *error = unreached("/policy/cut_offs/approve"),
                    pointer if pointer.starts_with("/reasons/") => {
                        error.pointer = format!("/policy{pointer}");
                    }
                    _ => {}
                }
            }
            let detail = errors.first().map_or(detail, |error| error.detail.clone());
            Error::fields(code, detail, errors)
        }
        error => error,
    }
}

fn options(bound: &Bound, then: Option<&ReasonBasis>) -> ReasonOptions {
    let of_policy = &bound.terms().reasons;
    let adverse = Some(bound.adverse.clone());
    match then {
        None => ReasonOptions {
            max: of_policy.max,
            method: of_policy.method,
            table: of_policy.table,
            adverse,
            language: of_policy.language.clone(),
        },
        Some(then) => ReasonOptions {
            max: of_policy.max,
            method: Some(then.method),
            table: then.table,
            adverse,
            language: then.language.clone(),
        },
    }
}

/// None where nobody fell short.
fn basis(reasons: Reasons) -> Option<ReasonBasis> {
    Some(ReasonBasis {
        cut_off: reasons.cut_off,
        method: reasons.method,
        directions: reasons.directions,
        table: reasons.table,
        language: reasons.language,
        baseline: reasons.baseline?,
        holds: reasons.holds,
    })
}

fn check_rows(bound: &Bound, rows: &[Row], counterfactuals: bool) -> Result<()> {
    let refuse =
        |pointer: &str, detail: String| Err(Error::field(Code::InvalidRequest, pointer, detail));
    let count = rows.len();
    if count == 0 {
        return refuse("/rows", "there are no applicants: send a row for each".to_owned());
    }
    if count > MAX_ASSESSED {
        let detail = format!(
            "{count} rows are more than {MAX_ASSESSED}: send them in parts, or assess a dataset by \
             POST .../portfolios"
        );
        return refuse("/rows", detail);
    }
    if counterfactuals && bound.terms().changeable.is_empty() {
        let detail = format!(
            "policy {} {} does not say in changeable what an applicant can change",
            bound.policy.policy, bound.policy.version
        );
        return refuse("/counterfactuals", detail);
    }
    if counterfactuals && count > MAX_COUNTERFACTUALS {
        let detail = format!("{count} rows are more than the {MAX_COUNTERFACTUALS} of a search");
        return refuse("/rows", detail);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::reason::ReasonMethod;

    /// Who waits too long is not told that the policy approves nobody.
    #[test]
    fn what_takes_too_long_is_no_fault_of_the_policy() {
        for (method, pointer) in [
            (ReasonMethod::ExpectedGradients, "/rows"),
            (ReasonMethod::Shapley, "/policy/reasons/method"),
        ] {
            let told = of_policy(super::super::reasons::takes_too_long(method, false));
            let Error::Problem { errors, detail, .. } = told else { panic!("{told}") };
            assert_eq!(errors[0].pointer, pointer);
            assert!(detail.contains("longer than a minute") && detail == errors[0].detail);
            // Who has an assessment made again can't ask for less.
            let told = of_policy(super::super::reasons::takes_too_long(method, true));
            let Error::Problem { code, errors, detail } = told else { panic!("{told}") };
            assert_eq!((code, errors), (Code::TooManyRequests, Vec::new()));
            assert!(detail.contains("try again when less is asked"), "{detail}");
        }
    }

    #[test]
    fn a_score_that_declines_is_told_before_rules_that_refer() {
        let terms: PolicyTerms = serde_json::from_value(json!({"model": "m",
            "cut_offs": {"unit": "probability", "approve": 0.1, "decline": 0.3}}))
        .unwrap();
        let scale = Scale::new(&terms);
        let of = |source, code: &str| AssessmentReason {
            source,
            code: code.to_owned(),
            text: String::new(),
            columns: Vec::new(),
            contribution: None,
        };
        let fired = |id: &str, outcome: RuleOutcome| {
            let rule = json!({"id": id, "stage": RuleStage::After, "outcome": outcome});
            (serde_json::from_value(rule).unwrap(), of(ReasonSource::Rule, id))
        };
        let told = ["income", "age"].map(|code| Reason {
            code: code.to_owned(),
            text: String::new(),
            columns: Vec::new(),
            contribution: 1.0,
        });
        let codes = |pd: f64| -> Vec<String> {
            let mut one = Assessment { pd: Some(pd), ..Assessment::default() };
            let refer = fired("young", RuleOutcome::Refer);
            add_rules(&mut one, vec![refer, fired("fraud", RuleOutcome::Decline)]);
            one.reasons.push(of(ReasonSource::Price, "RATE"));
            add_reasons(&mut one, &told, &scale);
            one.reasons.into_iter().map(|reason| reason.code).collect()
        };
        assert_eq!(codes(0.4), ["fraud", "income", "age", "young", "RATE"]);
        assert_eq!(codes(0.2), ["fraud", "young", "income", "age", "RATE"]);
    }
}

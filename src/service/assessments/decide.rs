//! What a score means: points, a decision, a price and a limit.

use actuary_finance::Scaling;
use actuary_finance::loans::{Costs, Exposure, Limits, instalment, largest_amount};

use super::super::policies::Bound;
use crate::domain::assessment::{
    Assessment, AssessmentReason, Decision, Offer, PdInterval, PdIntervalKind, ReasonSource,
};
use crate::domain::calibration::ReliabilityBin;
use crate::domain::policy::{CutOffUnit, PointsScale, PolicyTerms, Pricing};
use crate::domain::version::Metrics;
use crate::error::Result;
use crate::frame::Frame;

/// Probabilities nearer to 0 and 1 have the points of this one, and of 1 less it: those of certainty are
/// infinite.
pub(in crate::service) const LEAST_PD: f64 = 1e-9;
/// Most money that a loan, an income or a limit may be: sums over a portfolio stay finite.
pub(in crate::service) const MAX_MONEY: f64 = 1e15;
/// Longest term of a loan, in months.
const MAX_MONTHS: f64 = 600.0;

pub(in crate::service) fn scaling(scale: &PointsScale) -> Scaling {
    Scaling { points: scale.points, points_to_double: scale.points_to_double, odds: scale.odds }
}

/// The probability of a default within twelve months of one within so many, where the hazard is the same in
/// all of them.
pub(in crate::service) fn within_a_year(pd: f64, horizon_months: u32) -> f64 {
    1.0 - (1.0 - pd).powf(12.0 / f64::from(horizon_months))
}

/// The costs of a policy's loans.
pub(in crate::service) fn costs(pricing: &Pricing) -> Costs {
    Costs {
        funding: pricing.funding,
        margin: pricing.margin,
        capital_ratio: pricing.capital_ratio,
        cost_of_capital: pricing.cost_of_capital,
        least_rate: pricing.least_rate,
        most_rate: pricing.most_rate,
    }
}

/// How a policy reads probabilities of default.
pub(super) struct Scale {
    scaling: Scaling,
    /// The greatest probabilities of default that are approved, and that are not declined.
    approved: f64,
    kept: f64,
}

impl Scale {
    pub(super) fn new(terms: &PolicyTerms) -> Self {
        let cut_offs = terms.cut_offs;
        let scaling = scaling(&terms.scale);
        let greatest = |cut_off: f64| match cut_offs.unit {
            CutOffUnit::Probability => cut_off,
            CutOffUnit::Points => greatest_with(&scaling, cut_off),
        };
        let (approved, kept) = (greatest(cut_offs.approve), greatest(cut_offs.decline));
        Self { scaling, approved, kept }
    }

    pub(super) fn points(&self, pd: f64) -> f64 {
        points_of(&self.scaling, pd)
    }

    /// The greatest probability of default that is approved.
    pub(super) fn approved_pd(&self) -> f64 {
        self.approved
    }

    /// By probabilities in either unit, as reasons and counterfactuals are.
    pub(super) fn decision(&self, pd: f64) -> Decision {
        match (pd <= self.approved, pd > self.kept) {
            (true, _) => Decision::Approve,
            (false, true) => Decision::Decline,
            (false, false) => Decision::Refer,
        }
    }
}

fn points_of(scaling: &Scaling, pd: f64) -> f64 {
    scaling.points_of(pd.clamp(LEAST_PD, 1.0 - LEAST_PD))
}

/// The greatest probability of default whose points, as they are told, reach a cut-off. That which the cut-off
/// itself is worth may miss it by its last bits.
fn greatest_with(scaling: &Scaling, cut_off: f64) -> f64 {
    let reaches = |pd: f64| points_of(scaling, pd) >= cut_off;
    if reaches(1.0) {
        return 1.0;
    }
    // Bits of numbers from 0 on are in the order of these, and points fall with the probability.
    let (mut reached, mut missed) = (0.0_f64.to_bits(), 1.0_f64.to_bits());
    while missed - reached > 1 {
        let middle = u64::midpoint(reached, missed);
        match reaches(f64::from_bits(middle)) {
            true => reached = middle,
            false => missed = middle,
        }
    }
    f64::from_bits(reached)
}

/// How often those defaulted to whom a version gave about the same probability.
pub(super) struct Shares<'a> {
    bins: &'a [ReliabilityBin],
    /// Whether the adverse class is the positive one, of which the bins are.
    is_positive: bool,
}

impl<'a> Shares<'a> {
    pub(super) fn new(bound: &'a Bound) -> Self {
        let calibration = match &bound.loaded.version.metrics {
            Metrics::Binary(metrics) => metrics.calibration.as_ref(),
            _ => None,
        };
        let bins = calibration.map_or(&[][..], |calibration| &calibration.reliability.bins);
        let positive = bound.signature().positive_class.as_deref();
        Self { bins, is_positive: positive == Some(bound.adverse.as_str()) }
    }

    /// Of the first bin whose greatest probability is no less than this one, or of the last.
    pub(super) fn interval(&self, pd: f64) -> Option<PdInterval> {
        let positive = if self.is_positive { pd } else { 1.0 - pd };
        let at = self.bins.partition_point(|bin| bin.high < positive);
        let bin = self.bins.get(at).or(self.bins.last())?;
        let (low, high) = match self.is_positive {
            true => (bin.interval.low, bin.interval.high),
            false => (1.0 - bin.interval.high, 1.0 - bin.interval.low),
        };
        Some(PdInterval { kind: PdIntervalKind::CalibrationBin, low, high, rows: bin.n })
    }
}

/// The numbers that prices need, row by row; NaN where one is missing.
pub(super) struct Priced<'a> {
    pricing: &'a Pricing,
    costs: Costs,
    terms: &'a PolicyTerms,
    amount: Vec<f64>,
    undrawn: Option<Vec<f64>>,
    months: Option<Vec<f64>>,
    income: Option<Vec<f64>>,
    debts: Option<Vec<f64>>,
}

impl<'a> Priced<'a> {
    /// None where the policy prices nothing.
    ///
    /// # Errors
    /// As [`Frame::numbers`].
    pub(super) fn new(terms: &'a PolicyTerms, frame: &Frame) -> Result<Option<Self>> {
        let Some(pricing) = &terms.pricing else { return Ok(None) };
        let numbers = |name: Option<&String>| name.map(|name| frame.numbers(name)).transpose();
        let instalment = terms.limit.as_ref().and_then(|limit| limit.instalment.as_ref());
        let constant = pricing.term_months.map(|months| vec![f64::from(months); frame.rows()]);
        Ok(Some(Self {
            pricing,
            costs: costs(pricing),
            terms,
            amount: frame.numbers(&pricing.amount)?,
            undrawn: numbers(pricing.undrawn.as_ref())?,
            months: numbers(pricing.term.as_ref())?.or(constant),
            income: numbers(instalment.map(|limit| &limit.income))?,
            debts: numbers(instalment.and_then(|limit| limit.debts.as_ref()))?,
        }))
    }

    /// Adds exposure, expected loss and offer to a scored row, by its number in the frame, and says what
    /// keeps it from being approved.
    pub(super) fn price(&self, row: usize, assessed: &mut Assessment) -> Vec<AssessmentReason> {
        let Some(pd) = assessed.pd else { return Vec::new() };
        let at = |values: &Vec<f64>| values.get(row).copied().unwrap_or(f64::NAN);
        let pricing = self.pricing;
        let amount = at(&self.amount);
        let undrawn = self.undrawn.as_ref().map_or(0.0, at);
        let mut reasons = Vec::new();
        if !(amount > 0.0 && amount <= MAX_MONEY) {
            let problem = "is missing, or no amount above 0 and up to 10^15";
            reasons.push(unpriced(&pricing.amount, problem));
        }
        if let Some(column) = &pricing.undrawn
            && !(0.0..=MAX_MONEY).contains(&undrawn)
        {
            reasons.push(unpriced(column, "is missing, below 0 or above 10^15"));
        }
        if !reasons.is_empty() {
            return reasons;
        }
        let exposure =
            Exposure { drawn: amount, undrawn, conversion: pricing.credit_conversion }.at_default();
        assessed.exposure = Some(exposure);
        assessed.expected_loss = Some(pd * pricing.loss_given_default * exposure);
        let months = self.months.as_ref().map(at);
        if let (Some(months), Some(column)) = (months, &pricing.term)
            && !(1.0..=MAX_MONTHS).contains(&months)
        {
            return vec![unpriced(column, "is missing, or not from 1 to 600 months")];
        }
        self.offer(row, (pd, amount, months), assessed)
    }

    fn offer(
        &self,
        row: usize,
        (pd, amount, months): (f64, f64, Option<f64>),
        assessed: &mut Assessment,
    ) -> Vec<AssessmentReason> {
        let at = |values: &Vec<f64>| values.get(row).copied().unwrap_or(f64::NAN);
        let lost = self.pricing.loss_given_default;
        let price = self.costs.price(within_a_year(pd, self.terms.horizon_months), lost);
        let mut offer = Offer {
            limit: None,
            covers: None,
            rate: price.offered,
            required_rate: price.required,
            loss_rate: price.expected_loss,
            instalment: None,
        };
        let Some(rate) = price.offered else {
            assessed.offer = Some(offer);
            let text = format!(
                "The rate that would cover the risk, {:.1} %, is above the greatest, {:.1} %.",
                100.0 * price.required,
                100.0 * self.costs.most_rate
            );
            return vec![of_price("RATE", text, Vec::new())];
        };
        let one = months.map(|months| instalment(rate, months.round() as u32));
        let mut limits = Limits::default();
        if let Some(limit) = &self.terms.limit {
            limits = Limits {
                most: limit.most,
                // What is drawn of a line by the time of a default is lost as well.
                expected_loss: limit.expected_loss.map(|most| {
                    let line = assessed.exposure.map_or(0.0, |exposure| exposure - amount);
                    (most - pd * lost * line).max(0.0)
                }),
                instalment: None,
                step: limit.step,
            };
            if let Some(bound) = &limit.instalment {
                let income = self.income.as_ref().map_or(f64::NAN, at);
                let debts = self.debts.as_ref().map_or(0.0, at);
                let missing = [(Some(&bound.income), income), (bound.debts.as_ref(), debts)];
                let is_money = |value: f64| (0.0..=MAX_MONEY).contains(&value);
                let missing = missing.into_iter().filter(|(_, value)| !is_money(*value));
                let reasons: Vec<AssessmentReason> = missing
                    .filter_map(|(column, _)| {
                        Some(unpriced(column?, "is missing, below 0 or beyond 10^15"))
                    })
                    .collect();
                if !reasons.is_empty() {
                    assessed.offer = Some(offer);
                    return reasons;
                }
                limits.instalment = Some(bound.share * income - debts);
            }
        }
        let largest = largest_amount(&limits, pd * lost, one).map(|offer| offer.limit);
        offer.limit = largest;
        offer.covers = largest.map(|limit| limit >= amount);
        let lent = largest.map_or(amount, |limit| limit.min(amount));
        offer.instalment = one.map(|one| one * lent);
        assessed.offer = Some(offer);
        match largest {
            Some(limit) if limit <= 0.0 => {
                let text = "No amount can be lent within the limits.".to_owned();
                vec![of_price("LIMIT", text, Vec::new())]
            }
            Some(limit) if limit < amount => {
                let text = format!(
                    "The most that can be lent within the limits is {limit}, less than the {amount} asked for."
                );
                vec![of_price("LIMIT", text, vec![self.pricing.amount.clone()])]
            }
            _ => Vec::new(),
        }
    }
}

fn unpriced(column: &str, problem: &str) -> AssessmentReason {
    let text = format!("{column} {problem}: there is no price without it.");
    of_price("UNPRICED", text, vec![column.to_owned()])
}

fn of_price(code: &str, text: String, columns: Vec<String>) -> AssessmentReason {
    let code = code.to_owned();
    AssessmentReason { source: ReasonSource::Price, code, text, columns, contribution: None }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::frame::Values;

    fn terms(more: Value) -> PolicyTerms {
        let mut terms = json!({
            "model": "m", "cut_offs": {"unit": "points", "approve": 560, "decline": 520},
            "pricing": {"loss_given_default": 0.5, "amount": "amount", "term": "months",
                "undrawn": "line", "credit_conversion": 0.4, "funding": 0.03, "margin": 0.02,
                "capital_ratio": 0.1, "cost_of_capital": 0.1, "most_rate": 0.12},
            "limit": {"most": 20_000, "expected_loss": 200, "step": 100,
                "instalment": {"income": "income", "share": 0.5, "debts": "debts"}}
        });
        terms.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(terms).unwrap()
    }

    fn frame() -> Frame {
        let floats = |values: [f64; 4]| {
            Values::Float64(values.into_iter().map(|v| v.is_finite().then_some(v)).collect())
        };
        Frame::new(
            4,
            vec![
                ("amount".into(), floats([10_000.0, f64::NAN, 5_000.0, 5_000.0])),
                ("line".into(), floats([1_000.0, 0.0, 0.0, 0.0])),
                ("months".into(), floats([24.0, 24.0, 0.0, 24.0])),
                ("income".into(), floats([4_000.0, 4_000.0, 4_000.0, f64::NAN])),
                ("debts".into(), floats([500.0, 0.0, 0.0, 0.0])),
            ],
        )
        .unwrap()
    }

    fn priced(terms: &PolicyTerms, row: usize, pd: f64) -> (Assessment, Vec<String>) {
        let frame = frame();
        let priced = Priced::new(terms, &frame).unwrap().unwrap();
        let mut assessed = Assessment { pd: Some(pd), ..Assessment::default() };
        let reasons = priced.price(row, &mut assessed);
        (assessed, reasons.into_iter().map(|reason| reason.code).collect())
    }

    #[test]
    fn a_score_decides_where_it_says() {
        let points = Scale::new(&terms(json!({})));
        let at = |score: f64| points.scaling.probability_at(score);
        for (score, decision) in [
            (560.5, Decision::Approve),
            (559.5, Decision::Refer),
            (520.5, Decision::Refer),
            (519.5, Decision::Decline),
        ] {
            assert_eq!(points.decision(at(score)), decision, "{score}");
        }
        assert!(points.points(0.0).is_finite() && points.points(1.0).is_finite());
        let cut_offs = json!({"unit": "probability", "approve": 0.1, "decline": 0.3});
        let of = Scale::new(&terms(json!({"cut_offs": cut_offs})));
        let decisions = [0.1, 0.1001, 0.3, 0.3001].map(|pd| of.decision(pd));
        use Decision::{Approve, Decline, Refer};
        assert_eq!(decisions, [Approve, Refer, Refer, Decline]);
        assert_eq!(of.approved_pd(), 0.1);
    }

    #[test]
    fn who_is_at_a_cut_off_of_points_is_not_below_it() {
        for points in [400.0, 402.0, 408.0, 409.0, 417.0] {
            let look = |approve: f64, decline: f64, pd_at: f64| {
                let cut_offs = json!({"unit": "points", "approve": approve, "decline": decline});
                let scale = Scale::new(&terms(json!({"cut_offs": cut_offs})));
                let near =
                    (scale.approved_pd() / scale.scaling.probability_at(approve) - 1.0).abs();
                assert!(near < 1e-12, "{points}");
                // All that may be told of who is there, and a little beside it.
                let about = scale.scaling.probability_at(pd_at).to_bits();
                for pd in (about - 200..about + 200).map(f64::from_bits) {
                    let told = scale.points(pd);
                    let wanted = match () {
                        () if told >= approve => Decision::Approve,
                        () if told >= decline => Decision::Refer,
                        () => Decision::Decline,
                    };
                    assert_eq!(scale.decision(pd), wanted, "{told} of {pd}");
                }
            };
            look(points, points - 50.0, points);
            look(points + 50.0, points, points);
        }
        for pd in [0.0, LEAST_PD, 0.3, 1.0 - LEAST_PD, 1.0] {
            let points = Scale::new(&terms(json!({}))).points(pd);
            let cut_offs = json!({"unit": "points", "approve": points, "decline": points});
            let scale = Scale::new(&terms(json!({"cut_offs": cut_offs})));
            assert_eq!(scale.decision(pd), Decision::Approve, "{pd}");
        }
    }

    #[test]
    fn what_is_below_nothing_raises_no_limit() {
        let terms = terms(json!({}));
        for (income, debts, columns) in
            [(4_000.0, -5_000.0, 1), (-4_000.0, 0.0, 1), (-1.0, -5_000.0, 2), (0.0, 0.0, 0)]
        {
            let columns_of = [
                ("amount", 5_000.0),
                ("line", 0.0),
                ("months", 24.0),
                ("income", income),
                ("debts", debts),
            ];
            let one = |value: f64| Values::Float64(vec![Some(value)]);
            let frame =
                Frame::new(1, columns_of.map(|(name, value)| (name.into(), one(value))).into());
            let priced = Priced::new(&terms, &frame.unwrap()).unwrap().unwrap();
            let mut assessed = Assessment { pd: Some(0.03), ..Assessment::default() };
            let reasons = priced.price(0, &mut assessed);
            let unpriced: Vec<_> = reasons.iter().filter(|r| r.code == "UNPRICED").collect();
            assert_eq!(unpriced.len(), columns, "{income} {debts}");
            assert!(unpriced.iter().all(|reason| reason.text.contains("below 0")), "{reasons:?}");
            assert!(assessed.offer.unwrap().limit.is_none_or(|limit| limit == 0.0));
        }
    }

    #[test]
    fn the_offer_is_what_the_costs_and_the_limits_say() {
        let (assessed, reasons) = priced(&terms(json!({})), 0, 0.04);
        assert_eq!(reasons, ["LIMIT"], "more is asked for than can be lent");
        assert!(priced(&terms(json!({})), 0, 0.03).1.is_empty(), "200 / 0.015 is enough");
        assert_eq!(assessed.exposure, Some(10_400.0));
        assert!((assessed.expected_loss.unwrap() - 208.0).abs() < 1e-9);
        let offer = assessed.offer.unwrap();
        assert!((offer.required_rate - 0.08).abs() < 1e-12, "0.03 + 0.02 + 0.1 x 0.1 + 0.02");
        assert_eq!(
            (offer.limit, offer.covers),
            (Some(9_600.0), Some(false)),
            "200 / 0.02 - 0.4 x 1000"
        );
        assert!(
            (offer.instalment.unwrap() - 9_600.0 * instalment(offer.rate.unwrap(), 24)).abs()
                < 1e-9
        );
        let two_years = terms(json!({"horizon_months": 24}));
        let loss_rate = priced(&two_years, 0, 0.0784).0.offer.unwrap().loss_rate;
        assert!((loss_rate - 0.02).abs() < 1e-12, "0.96^2 = 1 - 0.0784");
    }

    #[test]
    fn what_can_not_be_priced_says_why() {
        let terms = terms(json!({}));
        let (assessed, reasons) = priced(&terms, 0, 0.4);
        assert_eq!((reasons, assessed.offer.unwrap().rate), (vec!["RATE".to_owned()], None));
        let (assessed, reasons) = priced(&terms, 1, 0.04);
        assert_eq!((reasons, assessed.expected_loss), (vec!["UNPRICED".to_owned()], None));
        let (assessed, reasons) = priced(&terms, 2, 0.04);
        assert_eq!((reasons, assessed.offer), (vec!["UNPRICED".to_owned()], None));
        assert!(assessed.expected_loss.is_some());
        assert_eq!(priced(&terms, 3, 0.04).1, ["UNPRICED"], "no income");
    }

    #[test]
    fn money_without_bound_has_no_price() {
        let terms = terms(json!({}));
        for (amount, line, codes) in
            [(1e15, 1e15, 0), (1.5e308, 0.0, 1), (1e308, 1e308, 2), (5_000.0, f64::INFINITY, 1)]
        {
            let one = |value: f64| Values::Float64(vec![Some(value)]);
            let columns = [
                ("amount", amount),
                ("line", line),
                ("months", 24.0),
                ("income", 4_000.0),
                ("debts", 0.0),
            ];
            let columns = columns.map(|(name, value)| (name.into(), one(value)));
            let frame = Frame::new(1, columns.into()).unwrap();
            let mut assessed = Assessment { pd: Some(0.04), ..Assessment::default() };
            let reasons = Priced::new(&terms, &frame).unwrap().unwrap().price(0, &mut assessed);
            let unpriced = reasons.iter().filter(|reason| reason.code == "UNPRICED").count();
            assert_eq!(unpriced, codes, "{amount} {line}");
            assert_eq!(assessed.exposure.is_some(), codes == 0, "{amount} {line}");
            assert!(assessed.exposure.is_none_or(f64::is_finite));
        }
    }
}

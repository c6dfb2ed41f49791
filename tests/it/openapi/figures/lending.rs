//! Assessments, expected losses, scorecards and binnings.

use actuary::domain::assessment::{
    Assessment, AssessmentRecord, AssessmentReplay, AssessmentResponse, Decision,
};
use actuary::domain::binning::BinningAnswer;
use actuary::domain::loan::{
    ExpectedLossRequest, ExpectedLossResponse, Loan, LoanStage, LossScenario, Repayment,
};
use actuary::domain::policy::{CutOffUnit, PolicyTerms};
use actuary::domain::scorecard::{Scorecard, ScorecardBin};
use actuary::stats::wilson_interval;
use actuary_finance::Scaling;
use actuary_finance::loans::{
    Amortisation, Costs, DefaultRisk, Exposure, LifetimeLoss, Limits, Scenario, Stage, StageRules,
    check_scenarios, instalment, largest_amount,
};
use actuary_finance::scorecard::{Bin, Card, Strength, base_points, points_of_bin};

use super::{answered, asked, both_close, close};

#[test]
fn an_assessment_is_what_its_policy_makes_of_its_probability() {
    let terms: PolicyTerms = asked("create_policy_version");
    let told: AssessmentResponse = answered("create_assessment");
    let [assessed] = told.assessments.as_slice() else { panic!("{told:?}") };
    let scale = terms.scale;
    let scaling = Scaling {
        points: scale.points,
        points_to_double: scale.points_to_double,
        odds: scale.odds,
    };
    let pd = assessed.pd.unwrap();
    both_close("points", assessed.points, Some(scaling.points_of(pd)), 0.05);
    assert_eq!(terms.cut_offs.unit, CutOffUnit::Points);
    let cut_off = scaling.probability_at(terms.cut_offs.approve);
    close("cut_off", told.basis.unwrap().cut_off, cut_off, 5e-5);
    assert!(assessed.points.unwrap() < terms.cut_offs.approve);
    assert!(assessed.points.unwrap() > terms.cut_offs.decline);
    assert_eq!(assessed.decision, Decision::Refer);
    let counts = (told.decisions.approve, told.decisions.refer, told.decisions.decline);
    assert_eq!(counts, (0, 1, 0));

    // A Wilson interval of so many of the bin's rows.
    let interval = assessed.pd_interval.unwrap();
    assert!(interval.low < pd && pd < interval.high);
    let is_it = |adverse: &u64| {
        let of = wilson_interval(*adverse, interval.rows).unwrap();
        (of.low - interval.low).abs() < 5e-5 && (of.high - interval.high).abs() < 5e-5
    };
    assert!((0..=interval.rows).any(|adverse| is_it(&adverse)), "{interval:?}");

    let pricing = terms.pricing.unwrap();
    assert_eq!((pricing.undrawn, terms.horizon_months), (None, 12));
    let exposure = assessed.exposure.unwrap();
    let loss = pd * pricing.loss_given_default;
    both_close("expected_loss", assessed.expected_loss, Some(loss * exposure), 0.005);
    let offer = assessed.offer.as_ref().unwrap();
    let costs = Costs {
        funding: pricing.funding,
        margin: pricing.margin,
        capital_ratio: pricing.capital_ratio,
        cost_of_capital: pricing.cost_of_capital,
        least_rate: pricing.least_rate,
        most_rate: pricing.most_rate,
    };
    let price = costs.price(pd, pricing.loss_given_default);
    close("required_rate", offer.required_rate, price.required, 5e-7);
    close("loss_rate", offer.loss_rate, price.expected_loss, 5e-7);
    both_close("rate", offer.rate, price.offered, 5e-7);
    let one = instalment(offer.rate.unwrap(), pricing.term_months.unwrap());
    let limit = terms.limit.unwrap();
    let limits = Limits {
        most: limit.most,
        expected_loss: limit.expected_loss,
        instalment: None,
        step: limit.step,
    };
    let largest = largest_amount(&limits, loss, Some(one)).map(|largest| largest.limit);
    both_close("limit", offer.limit, largest, 1e-9);
    assert_eq!(offer.covers, largest.map(|largest| largest >= exposure));
    both_close("instalment", offer.instalment, largest.map(|l| l.min(exposure) * one), 0.005);
}

#[test]
fn an_assessment_stays_what_it_was() {
    let told: AssessmentResponse = answered("create_assessment");
    let record: AssessmentRecord = answered("get_assessment");
    let replay: AssessmentReplay = answered("replay_assessment");
    let same = |others: &[Assessment]| assert_eq!(others, told.assessments);
    same(&record.assessments);
    same(&replay.assessments);
    assert_eq!((Some(record.id), replay.id), (told.id, record.id));
}

fn lifetime(loan: &Loan) -> LifetimeLoss {
    LifetimeLoss {
        default: DefaultRisk::TwelveMonths(loan.pd.unwrap()),
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
    }
}

fn staged(stage: Stage) -> LoanStage {
    match stage {
        Stage::Performing => LoanStage::Performing,
        Stage::Underperforming => LoanStage::Underperforming,
        Stage::Impaired => LoanStage::Impaired,
    }
}

#[test]
fn expected_losses_are_those_of_the_loans() {
    let asked: ExpectedLossRequest = asked("create_expected_losses");
    let told: ExpectedLossResponse = answered("create_expected_losses");
    let scenario = |one: &LossScenario| Scenario {
        weight: one.weight,
        hazard_factor: one.pd_factor,
        loss_factor: one.loss_factor,
    };
    let scenarios: Vec<Scenario> = asked.scenarios.iter().map(scenario).collect();
    check_scenarios(&scenarios).unwrap();
    let rules = StageRules {
        significant_days: asked.rules.significant_days,
        impaired_days: asked.rules.impaired_days,
        ratio: asked.rules.ratio,
        increase: asked.rules.increase,
    };
    assert_eq!(told.loans.len(), asked.loans.len());
    for (loan, told) in asked.loans.iter().zip(&told.loans) {
        let stage = rules.stage(loan.pd.unwrap(), loan.origination_pd, loan.days_past_due);
        let of = lifetime(loan);
        let loss = of.by_stage(stage, &scenarios);
        assert_eq!((&told.id, told.stage), (&loan.id, staged(stage)));
        close("exposure", told.exposure, of.exposure.at_default(), 1e-9);
        close("twelve_months", told.twelve_months, loss.twelve_months, 0.005);
        close("lifetime", told.lifetime, loss.lifetime, 0.005);
        close("provision", told.provision, loss.provision, 0.005);
    }
    for total in &told.stages {
        let of = told.loans.iter().filter(|loan| loan.stage == total.stage);
        let sums = of.fold((0, 0.0, 0.0), |(count, exposure, provision), loan| {
            (count + 1, exposure + loan.exposure, provision + loan.provision)
        });
        assert_eq!(total.count, sums.0);
        close("exposure", total.exposure, sums.1, 1e-9);
        close("provision", total.provision, sums.2, 1e-9);
    }
    close("exposure", told.exposure, told.stages.iter().map(|one| one.exposure).sum(), 1e-9);
    close("provision", told.provision, told.stages.iter().map(|one| one.provision).sum(), 1e-9);
}

#[test]
fn a_scorecard_adds_up() {
    let told: Scorecard = answered("get_scorecard");
    let (points, points_to_double, odds) = (told.points, told.points_to_double, told.odds);
    let card = Card {
        intercept: told.intercept,
        columns: told.columns.len(),
        scaling: Scaling { points, points_to_double, odds },
        rounded: told.rounded,
    };
    close("base_points", told.base_points, base_points(&card), 0.005);
    let mut ends = (0.0, 0.0);
    for column in &told.columns {
        let adverse = |bin: &ScorecardBin| {
            bin.adverse_rate.map_or(0.0, |rate| rate * bin.rows as f64).round()
        };
        let rows: u64 = column.bins.iter().map(|bin| bin.rows).sum();
        assert_eq!(rows, told.favourable_rows + told.adverse_rows, "{}", column.column);
        let all: f64 = column.bins.iter().map(adverse).sum();
        assert_eq!(all, told.adverse_rows as f64, "{}", column.column);
        let mut iv = 0.0;
        for bin in &column.bins {
            let bad = adverse(bin) as u64;
            let of = Bin::new((bin.rows - bad, bad), (told.favourable_rows, told.adverse_rows));
            iv += of.iv;
            close(&bin.label, bin.woe, of.woe, 5e-5);
            both_close(&bin.label, bin.adverse_rate, of.bad_rate(), 5e-5);
            assert_eq!(bin.points, points_of_bin(&card, column.coefficient, bin.woe), "{bin:?}");
        }
        close(&column.column, column.iv, iv, 5e-5);
        let strength = format!("{:?}", Strength::of(iv)).to_lowercase();
        assert_eq!(column.strength.as_str(), strength);
        let points = || column.bins.iter().map(|bin| bin.points);
        ends.0 += points().fold(f64::INFINITY, f64::min);
        ends.1 += points().fold(f64::NEG_INFINITY, f64::max);
    }
    assert_eq!((told.least_score, told.greatest_score), ends);
}

#[test]
fn a_binning_adds_up() {
    let told: BinningAnswer = answered("create_binning");
    let all = (told.rows - told.adverse_rows, told.adverse_rows);
    for column in &told.columns {
        let sums = column.bins.iter().fold((0, 0, 0.0), |(rows, adverse, iv), bin| {
            (rows + bin.rows, adverse + bin.adverse_rows, iv + bin.iv)
        });
        assert_eq!((sums.0, sums.1), (told.rows, told.adverse_rows), "{}", column.column);
        close(&column.column, column.iv, sums.2, 1.5e-4);
        assert_eq!(
            column.strength.as_str(),
            format!("{:?}", Strength::of(column.iv)).to_lowercase()
        );
        for bin in &column.bins {
            let of = Bin::new((bin.rows - bin.adverse_rows, bin.adverse_rows), all);
            close(&bin.label, bin.woe, of.woe, 5e-5);
            close(&bin.label, bin.iv, of.iv, 5e-5);
            both_close(&bin.label, bin.adverse_rate, of.bad_rate(), 5e-5);
        }
    }
    assert!(told.columns.windows(2).all(|two| two[0].iv >= two[1].iv));
}

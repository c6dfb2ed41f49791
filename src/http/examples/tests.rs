//! Each example is what its type reads and writes.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::*;
use crate::domain::{
    assessment, counterfactual, dataset, explanation, forecast, investment, job, key, loan, model,
    policy, prediction, reason, risk, training, version,
};
use crate::http::answer;

/// An example is what its type reads and writes, no more and no less.
fn check<T: Serialize + DeserializeOwned>(example: Value) {
    let read: T = serde_json::from_value(example.clone())
        .unwrap_or_else(|e| panic!("{}: {e} in {example}", std::any::type_name::<T>()));
    assert_eq!(serde_json::to_value(read).unwrap(), example);
}

#[test]
fn answers_are_what_their_types_write() {
    check::<answer::DatasetPage>(dataset_page());
    check::<answer::DatasetVersionPage>(dataset_version_page());
    check::<dataset::DatasetVersion>(dataset_version());
    check::<Vec<prediction::Row>>(row_preview()["rows"].clone());
    check::<job::Job>(ingestion_job());
    check::<job::Job>(training_job());
    check::<job::Job>(cancelled_job());
    check::<answer::JobPage>(job_page());
    check::<answer::ModelPage>(model_page());
    check::<answer::ModelVersionPage>(model_version_page());
    check::<Vec<version::Alias>>(alias_list()["items"].clone());
    check::<answer::AliasMovePage>(alias_move_page());
    check::<prediction::PredictionResponse>(prediction_response());
    check::<prediction::PredictionRecord>(prediction_record());
    check::<prediction::Replay>(replay());
    check::<forecast::ForecastResponse>(forecast_response());
    check::<explanation::ExplanationResponse>(explanation_response());
    check::<counterfactual::CounterfactualResponse>(counterfactual_response());
    check::<crate::domain::activation::ActivationResponse>(activation_response());
    check::<answer::ReasonTablePage>(reason_table_page());
    check::<reason::ReasonTable>(reason_table());
    check::<investment::PortfolioResponse>(portfolio_response());
    check::<investment::BacktestResponse>(backtest_response());
    check::<investment::FrontierResponse>(frontier_response());
    check::<risk::RiskAssessment>(risk_assessment());
    check::<risk::backtest::RiskBacktest>(risk_backtest());
    check::<risk::credit::CreditLossAnswer>(credit_losses());
    check::<crate::domain::scorecard::Scorecard>(scorecard());
    check::<answer::PolicyPage>(policy_page());
    check::<answer::PolicyVersionPage>(policy_version_page());
    check::<policy::PolicyVersion>(policy_version());
    check::<assessment::AssessmentResponse>(assessment_response());
    check::<assessment::AssessmentRecord>(assessment_record());
    check::<assessment::AssessmentReplay>(assessment_replay());
    check::<loan::ExpectedLossResponse>(expected_loss_response());
    check::<job::Job>(portfolio_job());
    check::<job::Job>(reject_inference_job());
    check::<answer::KeyPage>(key_page());
    check::<key::Key>(revoked_key());
    check::<key::CreatedKey>(created_key());
    check::<crate::http::problem::Problem>(problem(Code::InvalidRows, 422));
}

#[test]
fn a_version_is_what_its_type_writes_once_the_defaults_are_filled_in() {
    let mut example = version();
    let spec: training::TrainingSpec =
        serde_json::from_value(example["provenance"]["spec"].clone()).unwrap();
    example["provenance"]["spec"] = serde_json::to_value(spec).unwrap();
    check::<version::Version>(example);
}

#[test]
fn advice_is_what_its_type_writes_once_the_defaults_are_filled_in() {
    let mut example = advice();
    let spec: training::TrainingSpec = serde_json::from_value(example["spec"].clone()).unwrap();
    example["spec"] = serde_json::to_value(spec).unwrap();
    check::<crate::domain::advice::Advice>(example);
    check::<crate::domain::advice::AdviceRequest>(advice_request());
}

#[test]
fn requests_can_be_read() {
    serde_json::from_value::<training::TrainingSpec>(training_spec()).unwrap();
    check::<model::ModelSettings>(model_settings());
    check::<version::AliasTarget>(alias_target());
    check::<prediction::PredictionRequest>(prediction_request());
    check::<forecast::ForecastRequest>(forecast_request());
    check::<explanation::ExplanationRequest>(explanation_request());
    serde_json::from_value::<counterfactual::CounterfactualRequest>(counterfactual_request())
        .unwrap();
    check::<crate::domain::activation::ActivationRequest>(activation_request());
    check::<reason::NewReasonTable>(new_reason_table());
    serde_json::from_value::<risk::RiskRequest>(risk_request()).unwrap();
    serde_json::from_value::<risk::backtest::RiskBacktestRequest>(risk_backtest_request()).unwrap();
    check::<risk::credit::CreditLossRequest>(credit_loss_request());
    check::<policy::PolicyTerms>(policy_terms());
    check::<assessment::AssessmentRequest>(assessment_request());
    check::<assessment::LoanPortfolioRequest>(loan_portfolio_request());
    serde_json::from_value::<investment::PortfolioRequest>(portfolio_request()).unwrap();
    serde_json::from_value::<investment::BacktestRequest>(backtest_request()).unwrap();
    serde_json::from_value::<investment::FrontierRequest>(frontier_request()).unwrap();
    check::<crate::domain::reject::RejectInferenceRequest>(reject_inference_request());
    check::<loan::ExpectedLossRequest>(expected_loss_request());
    check::<key::NewKey>(new_key());
}

#[test]
fn the_stream_of_events_holds_events() {
    let data: Vec<&str> = event_stream().lines().filter_map(|l| l.strip_prefix("data: ")).collect();
    assert_eq!(data.len(), 2);
    for line in data {
        check::<job::JobEvent>(serde_json::from_str(line).unwrap());
    }
}

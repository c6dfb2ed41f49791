//! Examples of the description. A test holds each against its schema.

use serde_json::{Value, json};

use crate::error::Code;

mod explaining;
mod investing;
mod lending;
mod reasons;
mod risk;
mod scorecards;

pub(super) use self::explaining::{
    activation_request, activation_response, counterfactual_request, counterfactual_response,
    explanation_request, explanation_response,
};
pub(super) use self::investing::{
    backtest_request, backtest_response, frontier_request, frontier_response, portfolio_request,
    portfolio_response,
};
pub(super) use self::lending::{
    assessment_record, assessment_replay, assessment_request, assessment_response,
    expected_loss_request, expected_loss_response, loan_portfolio_request, policy_page,
    policy_terms, policy_version, policy_version_page, portfolio_job, reject_inference_job,
    reject_inference_request,
};
use self::reasons::reasons;
pub(super) use self::reasons::{
    new_reason_table, reason_table, reason_table_csv, reason_table_page,
};
pub(super) use self::risk::{
    credit_loss_request, credit_losses, risk_assessment, risk_backtest, risk_backtest_request,
    risk_request,
};
pub(super) use self::scorecards::{binning, binning_request, scorecard, scorecard_csv};

const LOANS_SHA256: &str = "9f2c1a5e7d3b8046c2e1f0a9d8b7c6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a1b0c9";
const JOB: &str = "01920d1e-7c3a-7b52-9a41-3f6c5d2e8b10";
const KEY: &str = "01920d1a-02b4-7f31-8c55-aa10bb20cc30";
const ANALYSIS: &str = "01920d30-1b2c-7d3e-8f40-223344556677";
const PREDICTION: &str = "01920d2f-5a6b-7c8d-9e0f-112233445566";

pub(super) fn live() -> Value {
    json!({"status": "live"})
}

pub(super) fn ready() -> Value {
    json!({"status": "ready"})
}

pub(super) fn metrics_text() -> &'static str {
    "# HELP actuary_jobs Jobs by kind and state\n# TYPE actuary_jobs gauge\n\
     actuary_jobs{kind=\"training\",state=\"queued\"} 0\n"
}

pub(super) fn csv() -> &'static str {
    "income,age,education,default\n42000,31,master,0\n18500,,secondary,1\n"
}

pub(super) fn json_lines() -> &'static str {
    "{\"income\": 42000, \"age\": 31, \"education\": \"master\", \"default\": 0}\n\
     {\"income\": 18500, \"age\": null, \"education\": \"secondary\", \"default\": 1}\n"
}

/// The beginning of a PNG stands for all of it.
pub(super) fn image_form() -> Value {
    json!({"part": "train", "label": "cat", "image": ["iVBORw0KGgo="]})
}

pub(super) fn dataset() -> Value {
    json!({"name": "loans", "latest_version": 1, "created_at": "2026-03-01T09:00:04Z"})
}

pub(super) fn dataset_page() -> Value {
    json!({"items": [dataset()]})
}

pub(super) fn dataset_version() -> Value {
    json!({
        "dataset": "loans",
        "version": 1,
        "rows": 20000,
        "columns": [
            {"name": "income", "type": "float64", "nulls": 0, "distinct": 10000,
             "distinct_is_lower_bound": true, "min": 6000.0, "max": 310000.0, "mean": 41250.5,
             "std": 18230.25},
            {"name": "default", "type": "int64", "nulls": 0, "distinct": 2,
             "distinct_is_lower_bound": false, "min": 0, "max": 1, "mean": 0.221, "std": 0.415,
             "top": [{"value": 0, "count": 15580}, {"value": 1, "count": 4420}]}
        ],
        "sha256": LOANS_SHA256,
        "size_bytes": 812345,
        "source": {"format": "csv", "sha256": LOANS_SHA256, "size_bytes": 1804321},
        "created_at": "2026-03-01T09:00:04Z",
        "job": JOB
    })
}

pub(super) fn dataset_version_page() -> Value {
    json!({"items": [dataset_version()]})
}

fn row() -> Value {
    json!({"income": 42000.0, "age": 31, "education": "master"})
}

pub(super) fn row_preview() -> Value {
    json!({"offset": 0, "rows": [row(), {"income": 18500.0, "age": null, "education": "secondary"}]})
}

fn job(kind: &str, subject: &str, state: &str) -> Value {
    json!({
        "id": JOB,
        "kind": kind,
        "state": state,
        "subject": subject,
        "attempts": 0,
        "max_attempts": 3,
        "created_at": "2026-03-01T09:00:00Z"
    })
}

pub(super) fn ingestion_job() -> Value {
    job("ingestion", "loans", "queued")
}

pub(super) fn training_job() -> Value {
    let mut running = job("training", "default-risk", "running");
    running["attempts"] = json!(1);
    running["started_at"] = json!("2026-03-01T09:00:01Z");
    running["estimate"] = json!({
        "seconds": 14.1, "device_seconds": 12.9, "memory_bytes": 231_000_000, "device": "cpu"
    });
    running["progress"] = json!({
        "kind": "training", "run": "tabm", "run_number": 1, "runs": 3, "epoch": 11, "epochs": 24,
        "last": losses(), "best_epoch": 11,
        "rows_per_second": 212000.0, "seconds_left": 9.0
    });
    running
}

pub(super) fn simplification_job() -> Value {
    job("simplification", "default-risk", "queued")
}

pub(super) fn simplification_spec() -> Value {
    json!({"version": "champion", "method": {"kind": "prune", "sparsity": 0.7, "epochs": 3}})
}

pub(super) fn analysis_request() -> Value {
    json!({
        "version": "champion", "rows": 10000, "seed": 0,
        "analysis": {
            "kind": "importance", "metric": "auc", "repeats": 10, "groups": [["income", "age"]]
        }
    })
}

pub(super) fn analysis_job() -> Value {
    let mut running = job("analysis", "default-risk", "running");
    running["attempts"] = json!(1);
    running["started_at"] = json!("2026-03-01T09:00:01Z");
    running["progress"] =
        json!({"kind": "analysis", "stage": "importance", "done": 40000, "total": 124_000});
    running
}

fn analysis_summary() -> Value {
    json!({
        "id": ANALYSIS, "kind": "importance", "model": "default-risk", "version": 3,
        "dataset": "loans", "dataset_version": 1, "rows": 4000,
        "created_at": "2026-03-02T10:05:00Z", "job": JOB
    })
}

pub(super) fn analysis_page() -> Value {
    json!({"items": [analysis_summary()]})
}

pub(super) fn analysis() -> Value {
    json!({
        "id": ANALYSIS, "model": "default-risk", "version": 3, "dataset": "loans",
        "dataset_version": 1, "rows": 4000, "created_at": "2026-03-02T10:05:00Z", "job": JOB,
        "request": analysis_request(),
        "result": {
            "kind": "importance", "metric": "auc", "sense": "higher_is_better", "base": 0.783,
            "repeats": 10,
            "columns": [
                {"columns": ["income", "age"], "mean": 0.114, "standard_deviation": 0.0041,
                 "standard_error": 0.0013},
                {"columns": ["education"], "mean": 0.0003, "standard_deviation": 0.0009,
                 "standard_error": 0.0003}
            ]
        },
        "warnings": []
    })
}

pub(super) fn cancelled_job() -> Value {
    job("training", "default-risk", "cancel_pending")
}

pub(super) fn job_page() -> Value {
    json!({"items": [training_job()], "next_cursor": "MDE5MjBkMWU"})
}

pub(super) fn event_stream() -> &'static str {
    "retry: 2000\n\n\
     id: 1\nevent: state\ndata: {\"sequence\":1,\"at\":\"2026-03-01T09:00:01Z\",\
     \"event\":{\"kind\":\"state\",\"state\":\"running\"}}\n\n\
     id: 2\nevent: state\ndata: {\"sequence\":2,\"at\":\"2026-03-01T09:00:15Z\",\
     \"event\":{\"kind\":\"state\",\"state\":\"done\"}}\n\n"
}

pub(super) fn model() -> Value {
    json!({
        "name": "default-risk", "task": "binary", "input_kind": "tabular", "latest_version": 3,
        "record": true, "created_at": "2026-03-01T09:00:15Z"
    })
}

pub(super) fn model_page() -> Value {
    json!({"items": [model()]})
}

pub(super) fn model_settings() -> Value {
    json!({"record": true})
}

pub(super) fn advice_request() -> Value {
    json!({"dataset": {"name": "loans"}, "purpose": "lending", "target": "default", "horizon": 1,
           "minutes": 10.0})
}

fn estimate(seconds: f64, device_seconds: f64, price: f64) -> Value {
    json!({
        "seconds": seconds, "device_seconds": device_seconds, "memory_bytes": 412_000_000, "device": "cpu",
        "price": {"amount": price, "currency": "EUR"}
    })
}

pub(super) fn advice() -> Value {
    json!({
        "dataset": {"name": "loans", "version": 1},
        "task": "binary",
        "network": "tabm",
        "spec": {
            "dataset": {"name": "loans", "version": 1}, "target": "default",
            "features": ["income", "age", "education"], "task": "binary", "positive_class": "1",
            "network": {"kind": "tabm", "members": 8, "kept_members": 4, "blocks": 2, "width": 128,
                        "embedding": 16, "bins": 128, "dropout": 0.1},
            "epochs": 24, "batch_size": 512, "patience": 0, "gradient_clip": 1.0, "device": "cpu"
        },
        "estimate": estimate(48.2, 45.6, 0.0013),
        "reasons": [
            {"code": "rows", "text": "20000 rows have a default, beside which there are 4 columns",
             "columns": ["default"], "figures": {"rows": 20000.0, "columns": 4.0}},
            {"code": "measured",
             "text": "tabm for a table: 9985 numbers to train learn 7300 rows a second on cpu (avx2), \
                      as measured; 12800 rows for about 24 epochs",
             "figures": {"rows_per_second": 7300.0, "training_rows": 12800.0, "epochs": 24.0,
                         "parameters": 9985.0, "device_seconds": 45.6}}
        ],
        "warnings": [
            {"code": "leakage_suspect",
             "text": "collections_fee alone tells default with an AUC of 0.9702: exclude it unless it \
                      is known before the outcome",
             "columns": ["collections_fee"], "figures": {"auc": 0.9702}}
        ],
        "alternatives": [{
            "network": {"kind": "mlp", "hidden": [128, 64], "dropout": 0.2},
            "estimate": estimate(9.6, 7.1, 0.0003), "rows_per_second": 61000.0, "parameters": 11_000,
            "why_not": "tabm bins numbers and averages several networks, and mostly answers better; \
                        it takes 0.2 times as long"
        }],
        "services": [{
            "purpose": "lending", "path": "/api/v1/loans/policies",
            "text": "a loan book, whose default tells what became of each loan: a policy decides on \
                     applications by the probability that default is 1, with reasons, expected loss, limit \
                     and rate",
            "steps": [
                {"request": "POST /api/v1/models/{model}/versions",
                 "text": "train the recommended network; estimate tells what that takes"},
                {"request": "POST /api/v1/loans/policies",
                 "text": "say where to approve, refer and decline"}
            ],
            "needs_training": true,
            "missing": [{
                "code": "no_exposure",
                "text": "no column tells what is owed (amount, balance, limit): expected loss needs an \
                         exposure for each loan, in the dataset or in each assessment"
            }]
        }],
        "probe": {"seconds": 5.1, "limit_seconds": 8.0, "rows": 20000, "device": "cpu (avx2)",
                  "rows_per_second": 7300.0}
    })
}

/// The least that a training needs.
pub(super) fn training_spec() -> Value {
    json!({"dataset": {"name": "loans"}, "target": "default"})
}

pub(super) fn model_version_page() -> Value {
    json!({"items": [{
        "model": "default-risk", "version": 3, "task": "binary", "network": "tabm",
        "metric": "auc", "value": 0.783, "aliases": ["champion"],
        "created_at": "2026-03-01T09:00:15Z"
    }]})
}

fn losses() -> Value {
    json!({"epoch": 11, "train_loss": 0.4271, "validation_loss": 0.4402, "validation_metric": 0.7831})
}

pub(super) fn version() -> Value {
    json!({
        "model": "default-risk",
        "version": 3,
        "signature": {
            "task": "binary",
            "inputs": [{"name": "income", "type": "float64", "nullable": false},
                       {"name": "age", "type": "int64", "nullable": true}],
            "target": "default", "classes": ["0", "1"], "positive_class": "1", "threshold": 0.31,
            "calibrator": {"kind": "temperature", "temperature": 1.21}
        },
        "metrics": metrics(),
        "calibration": {"kind": "temperature", "candidates": [
            {"kind": "none", "log_loss": 0.4391, "excess": 0.0021, "standard_error": 0.0007},
            {"kind": "temperature", "log_loss": 0.4371, "excess": 0.0001, "standard_error": 0.0002},
            {"kind": "platt", "log_loss": 0.437, "excess": 0.0, "standard_error": 0.0}
        ]},
        "curve": [losses()],
        "baselines": [{
            "network": "linear", "metric": "auc", "value": 0.768, "difference": 0.015,
            "interval": {"low": 0.009, "high": 0.021}, "parameters": 84, "seconds": 3.1
        }],
        "provenance": {
            "spec": training_spec(),
            "dataset_sha256": LOANS_SHA256,
            "weights_sha256": LOANS_SHA256,
            "rows": {"train": 12800, "validation": 3200, "test": 4000},
            "best_epoch": 11, "device": "cpu (avx2)", "code_version": "0.1.0", "parameters": 9985,
            "class_weights_taken_back": true, "seconds": 14.2,
            "cost": {"seconds": 18.3, "device_seconds": 17.1, "memory_bytes": 231_000_000,
                     "device": "cpu"},
            "job": JOB, "created_by": KEY
        },
        "warnings": [],
        "created_at": "2026-03-01T09:00:15Z"
    })
}

fn metrics() -> Value {
    json!({
        "task": "binary", "n": 4000, "positives": 884, "auc": 0.783,
        "auc_interval": {"low": 0.774, "high": 0.792}, "pr_auc": 0.541, "log_loss": 0.438,
        "brier": 0.139, "ks": 0.43, "gini": 0.566, "accuracy": 0.794,
        "macro_f1": 0.711,
        "calibration": {
            "reliability": {
                "bins": [
                    {"low": 0.021, "high": 0.164, "n": 2000, "mean_predicted": 0.094,
                     "observed": 0.1, "interval": {"low": 0.0876, "high": 0.1139}},
                    {"low": 0.164, "high": 0.912, "n": 2000, "mean_predicted": 0.351,
                     "observed": 0.342, "interval": {"low": 0.3215, "high": 0.3631}}
                ],
                "expected_error": 0.0075, "maximum_error": 0.009
            },
            "brier": {"score": 0.139, "reliability": 0.0001, "resolution": 0.0146,
                      "uncertainty": 0.1722, "within_variance": 0.0141, "within_covariance": 0.0328},
            "line": {"slope": 1.02, "intercept": 0.01, "in_the_large": -0.01}
        },
        "threshold": 0.31,
        "confusion": [[2660, 456], [368, 516]],
        "per_class": [
            {"class": "0", "support": 3116, "precision": 0.878, "recall": 0.854, "f1": 0.866},
            {"class": "1", "support": 884, "precision": 0.531, "recall": 0.584, "f1": 0.556}
        ]
    })
}

pub(super) fn alias() -> Value {
    json!({
        "model": "default-risk", "alias": "champion", "version": 3, "revision": 4,
        "moved_at": "2026-03-02T10:00:00Z"
    })
}

pub(super) fn alias_list() -> Value {
    json!({"items": [alias()]})
}

pub(super) fn alias_target() -> Value {
    json!({"version": 3, "reason": "better AUC on the test rows"})
}

pub(super) fn alias_move() -> Value {
    json!({
        "alias": "champion", "revision": 4, "version": 3, "previous": 2,
        "moved_at": "2026-03-02T10:00:00Z", "moved_by": KEY,
        "reason": "better AUC on the test rows"
    })
}

pub(super) fn alias_move_page() -> Value {
    json!({"items": [alias_move()]})
}

pub(super) fn prediction_request() -> Value {
    json!({"rows": [row()], "version": "champion", "record": true, "reasons": {"max": 2}})
}

fn predictions() -> Value {
    json!([{"probabilities": {"0": 0.563, "1": 0.437}, "label": "1"}])
}

pub(super) fn prediction_response() -> Value {
    json!({
        "predictions": predictions(), "threshold": 0.31, "model": "default-risk", "version": 3,
        "id": PREDICTION, "reasons": reasons()
    })
}

pub(super) fn prediction_record() -> Value {
    json!({
        "id": PREDICTION, "at": "2026-03-03T14:02:00Z", "key": KEY, "model": "default-risk",
        "version": 3, "rows": [row()], "predictions": predictions(), "threshold": 0.31,
        "reasons": reasons()
    })
}

/// The newest rows of a series, of which a version reads hundreds.
pub(super) fn forecast_request() -> Value {
    json!({
        "rows": [{"date": "2026-02-27T00:00:00Z", "close": 18.4},
                 {"date": "2026-02-28T00:00:00Z", "close": 18.9}],
        "horizon": 2, "quantiles": [0.1, 0.9], "coverage": 0.9, "version": "champion"
    })
}

pub(super) fn forecast_response() -> Value {
    let step = |step: u32, value: f64, low: f64, high: f64| {
        json!({"step": step, "value": value,
        "quantiles": {"0.1": low, "0.9": high},
        "intervals": {"0.9": {"low": low - 0.5, "high": high + 0.5}}})
    };
    json!({
        "forecasts": [{
            "target": "close", "from": "2026-02-28T00:00:00Z",
            "steps": [step(1, 18.8, 17.6, 20.4), step(2, 18.7, 17.1, 21.2)]
        }],
        "model": "vix", "version": 2, "beats_random_walk": false,
        "against_random_walk": {
            "beats": false, "r2": 0.004, "statistic": -0.83, "p_value": 0.407,
            "text": "does not beat the random walk (Diebold-Mariano p = 0.41)"
        },
        "intervals": [{
            "coverage": 0.9, "method": "quantile", "calibrated_on": 610, "covered": 0.885,
            "interval": {"low": 0.852, "high": 0.911}, "trials": 452, "mean_width": 0.61,
            "adaptive": {"covered": 0.897, "rate": 0.005, "unbounded": 0.0, "mean_width": 0.64}
        }]
    })
}

pub(super) fn replay() -> Value {
    json!({
        "id": PREDICTION, "model": "default-risk", "version": 3, "identical": true,
        "max_difference": 0.0, "same_labels": true, "predictions": predictions(),
        "same_reasons": true, "reasons": reasons()
    })
}

fn key() -> Value {
    json!({
        "id": KEY, "name": "scoring service", "prefix": "act_3Jx9QpVa",
        "scopes": ["read", "predict"], "created_at": "2026-03-01T08:59:00Z",
        "expires_at": "2026-03-31T08:59:00Z"
    })
}

pub(super) fn key_page() -> Value {
    json!({"items": [key()]})
}

pub(super) fn new_key() -> Value {
    json!({"name": "scoring service", "scopes": ["read", "predict"], "expires_in_hours": 720})
}

pub(super) fn created_key() -> Value {
    let mut created = key();
    created["secret"] = json!("act_3Jx9QpVaExampleOnlyNotARealSecret");
    created
}

pub(super) fn revoked_key() -> Value {
    let mut revoked = key();
    revoked["revoked_at"] = json!("2026-03-05T12:00:00Z");
    revoked
}

pub(super) fn problem(code: Code, status: u16) -> Value {
    json!({
        "type": format!("/problems/{}", code.as_str().replace('_', "-")),
        "title": code.title(),
        "status": status,
        "detail": code.title(),
        "instance": "/api/v1/models/default-risk/predictions",
        "code": code,
        "request_id": "01920d2f-0000-7000-8000-000000000001"
    })
}

#[cfg(test)]
mod tests;

//! Examples of credit policies, assessments and loans.

use serde_json::{Value, json};

use super::{JOB, KEY, LOANS_SHA256};

const ASSESSMENT: &str = "01920d33-4d5e-7f60-8a71-5566778899aa";

pub(in crate::http) fn policy_terms() -> Value {
    json!({
        "model": "default-risk", "version": "champion", "horizon_months": 12,
        "scale": {"points": 600.0, "points_to_double": 20.0, "odds": 50.0},
        "cut_offs": {"unit": "points", "approve": 560.0, "decline": 530.0},
        "columns": [
            {"name": "amount", "type": "float64"}, {"name": "debt", "type": "float64"}
        ],
        "rules": [
            {"id": "AGE", "text": "You are under 18 years old.", "stage": "before",
             "outcome": "decline", "when": {"column": "age", "is": "<", "value": 18},
             "if_missing": "refer"},
            {"id": "DEBT", "text": "Your debts are high against your income.", "stage": "after",
             "outcome": "refer",
             "when": {"column": "debt", "over": "income", "is": ">", "value": 0.45},
             "if_missing": "refer"}
        ],
        "pricing": {
            "loss_given_default": 0.45, "amount": "amount", "credit_conversion": 0.0,
            "term_months": 36, "funding": 0.03, "margin": 0.02, "capital_ratio": 0.08,
            "cost_of_capital": 0.1, "least_rate": 0.05, "most_rate": 0.2
        },
        "limit": {"most": 50000.0, "expected_loss": 500.0, "step": 100.0},
        "reasons": {"language": "en"},
        "changeable": {"income": {"max": 80000.0, "direction": "increase", "step": 500.0}}
    })
}

pub(in crate::http) fn policy_version() -> Value {
    json!({
        "policy": "consumer", "version": 1, "terms": policy_terms(),
        "created_at": "2026-03-02T11:00:00Z", "created_by": KEY
    })
}

pub(in crate::http) fn policy_page() -> Value {
    json!({"items": [
        {"name": "consumer", "latest_version": 1, "created_at": "2026-03-02T11:00:00Z"}
    ]})
}

pub(in crate::http) fn policy_version_page() -> Value {
    json!({"items": [
        {"version": 1, "model": "default-risk", "rules": 2, "created_at": "2026-03-02T11:00:00Z",
         "created_by": KEY}
    ]})
}

fn applicant() -> Value {
    json!({"income": 42000.0, "age": 31, "education": "master", "amount": 12000.0, "debt": 6500.0})
}

pub(in crate::http) fn assessment_request() -> Value {
    json!({"rows": [applicant()], "record": true, "counterfactuals": false})
}

fn assessment() -> Value {
    json!({
        "decision": "refer", "points": 541.5, "pd": 0.1317,
        "pd_interval": {"kind": "calibration_bin", "low": 0.0958, "high": 0.1769, "rows": 267},
        "exposure": 12000.0, "expected_loss": 711.18,
        "offer": {
            "limit": 8400.0, "covers": false, "rate": 0.117265, "required_rate": 0.117265,
            "loss_rate": 0.059265, "instalment": 277.9
        },
        "reasons": [
            {"source": "score", "code": "R01",
             "text": "Your income is low for the amount that you ask for.", "columns": ["income"],
             "contribution": 0.62},
            {"source": "price", "code": "LIMIT",
             "text": "The most that can be lent within the limits is 8400, less than the 12000 asked for.",
             "columns": ["amount"]}
        ]
    })
}

fn basis() -> Value {
    json!({
        "cut_off": 0.0741, "method": "expected_gradients", "directions": "scored", "table": 1,
        "language": "en",
        "baseline": {
            "id": LOANS_SHA256, "rows": 143, "rule": "near_cut_off", "source": "applicants",
            "chosen_from": 4096
        },
        "holds": true
    })
}

pub(in crate::http) fn assessment_response() -> Value {
    json!({
        "assessments": [assessment()], "decisions": {"approve": 0, "refer": 1, "decline": 0},
        "policy": "consumer", "policy_version": 1, "model": "default-risk", "version": 3,
        "basis": basis(), "id": ASSESSMENT
    })
}

pub(in crate::http) fn assessment_record() -> Value {
    json!({
        "id": ASSESSMENT, "at": "2026-03-02T14:02:11Z", "key": KEY, "policy": "consumer",
        "policy_version": 1, "model": "default-risk", "version": 3, "rows": [applicant()],
        "assessments": [assessment()], "basis": basis()
    })
}

pub(in crate::http) fn assessment_replay() -> Value {
    json!({
        "id": ASSESSMENT, "identical": true, "same_decisions": true, "same_reasons": true,
        "max_difference": 0.0, "assessments": [assessment()]
    })
}

pub(in crate::http) fn loan_portfolio_request() -> Value {
    json!({
        "dataset": {"name": "loans", "version": 1}, "into": "loans-assessed", "prefix": "",
        "staging": {
            "days_past_due": "days_late", "origination_pd": "pd_then",
            "remaining_months": "months_left", "effective_rate": 0.08,
            "rules": {"significant_days": 30, "impaired_days": 90, "ratio": 2.0, "increase": 0.01}
        }
    })
}

fn job(kind: &str, subject: &str) -> Value {
    json!({
        "id": JOB, "kind": kind, "state": "queued", "subject": subject, "attempts": 0,
        "max_attempts": 3, "created_at": "2026-03-02T15:00:00Z"
    })
}

pub(in crate::http) fn portfolio_job() -> Value {
    job("assessment", "consumer")
}

pub(in crate::http) fn reject_inference_request() -> Value {
    json!({
        "dataset": {"name": "applications", "version": 2}, "model": "default-risk",
        "version": "champion", "into": "applications-inferred", "bands": 10, "factor": 1.5,
        "seed": 7
    })
}

pub(in crate::http) fn reject_inference_job() -> Value {
    job("reject_inference", "applications")
}

pub(in crate::http) fn expected_loss_request() -> Value {
    json!({
        "loans": [
            {"id": "L-1", "pd": 0.02, "origination_pd": 0.015, "loss_given_default": 0.45,
             "drawn": 12000.0, "undrawn": 0.0, "credit_conversion": 0.0, "remaining_months": 36,
             "effective_rate": 0.08, "days_past_due": 0, "amortisation": "annuity"},
            {"id": "L-2", "pd": 0.12, "loss_given_default": 0.45, "drawn": 5000.0, "undrawn": 1000.0,
             "credit_conversion": 0.5, "remaining_months": 24, "effective_rate": 0.1,
             "days_past_due": 95, "amortisation": "linear"}
        ],
        "rules": {"significant_days": 30, "impaired_days": 90, "ratio": 2.0, "increase": 0.01},
        "scenarios": [
            {"name": "base", "weight": 0.7, "pd_factor": 1.0, "loss_factor": 1.0},
            {"name": "downturn", "weight": 0.3, "pd_factor": 1.6, "loss_factor": 1.2}
        ]
    })
}

pub(in crate::http) fn expected_loss_response() -> Value {
    json!({
        "loans": [
            {"id": "L-1", "stage": "performing", "exposure": 12000.0, "twelve_months": 113.89,
             "lifetime": 200.18, "provision": 113.89},
            {"id": "L-2", "stage": "impaired", "exposure": 5500.0, "twelve_months": 2623.5,
             "lifetime": 2623.5, "provision": 2623.5}
        ],
        "stages": [
            {"stage": "performing", "count": 1, "exposure": 12000.0, "provision": 113.89},
            {"stage": "impaired", "count": 1, "exposure": 5500.0, "provision": 2623.5}
        ],
        "exposure": 17500.0, "provision": 2737.39, "note": "illustrative, not an accounting opinion"
    })
}

//! Explanations, counterfactuals and activations.

use serde_json::{Value, json};

use super::row;

pub(in crate::http) fn explanation_request() -> Value {
    json!({"rows": [row()], "version": "champion", "method": "expected_gradients"})
}

pub(in crate::http) fn explanation_response() -> Value {
    let column = |name: &str, value: Value, attribution: f64| json!({"column": name, "value": value, "attribution": attribution});
    json!({
        "explanations": [{
            "class": "default", "scale": "log_odds", "value": 0.41, "base": -1.27,
            "probability": 0.6010878788483698, "gap": 0.0004, "holds": true, "points": 256,
            "attributions": [
                column("income", json!(42000.0), 1.02), column("age", json!(31), 0.24),
                column("education", json!("master"), 0.42)
            ]
        }],
        "method": "expected_gradients", "model": "default-risk", "version": 3
    })
}

pub(in crate::http) fn counterfactual_request() -> Value {
    json!({
        "rows": [row()], "version": "champion",
        "change": {
            "income": {"min": 30000.0, "max": 80000.0, "direction": "increase", "step": 500.0},
            "education": {"values": ["master", "phd"]}
        }
    })
}

pub(in crate::http) fn counterfactual_response() -> Value {
    let answer = |p: f64, label: &str| json!({"probabilities": {"default": p, "paid": 1.0 - p}, "label": label});
    let income = json!({"column": "income", "from": 42000.0, "to": 55500.0, "cost": 0.84});
    json!({
        "counterfactuals": [{
            "outcome": "found", "goal": {"class": "paid"}, "prediction": answer(0.3125, "default"),
            "alternatives": [
                {"changes": [income], "cost": 0.84, "prediction": answer(0.1875, "paid")}
            ]
        }],
        "threshold": 0.21, "model": "default-risk", "version": 3
    })
}

pub(in crate::http) fn activation_request() -> Value {
    json!({"rows": [row()], "version": "champion", "layers": ["hidden.0"], "attention": true})
}

pub(in crate::http) fn activation_response() -> Value {
    let summary = |mean: f64, deviation: f64, least: f64, zeros: f64, at: usize, greatest: f64| {
        json!({
            "mean": mean, "standard_deviation": deviation, "least": least, "greatest": greatest,
            "zeros": zeros, "strongest": [{"at": [at], "value": greatest}]
        })
    };
    json!({
        "activations": [{
            "outputs": [0.40625],
            "layers": [
                {"layer": "hidden.0", "function": "relu", "axes": ["unit"], "shape": [4],
                 "summary": summary(0.5, 0.7289, 0.0, 0.5, 2, 1.75), "values": [0.0, 0.25, 1.75, 0.0]},
                {"layer": "output", "function": "linear", "axes": ["output"], "shape": [1],
                 "summary": summary(0.40625, 0.0, 0.40625, 0.0, 0, 0.40625), "values": [0.40625]}
            ]
        }],
        "model": "default-risk", "version": 3
    })
}

//! Examples of market risk and losses of books of loans.

use serde_json::{Value, json};

fn prices() -> Value {
    json!({
        "dataset": {"name": "stocks"}, "time": "date", "asset": "name", "price": "close",
        "from": "2013-02-08", "to": "2018-02-07"
    })
}

pub(in crate::http) fn risk_request() -> Value {
    json!({
        "prices": prices(),
        "holdings": {"weights": {"AAPL": 0.6, "JPM": 0.4}, "value": 1000000.0},
        "levels": [0.99], "horizon": 1, "methods": ["historical", "garch_t"],
        "stress": {
            "windows": [{"name": "Brexit", "from": "2016-06-24", "to": "2016-06-27"}],
            "scenarios": [{"name": "technology falls", "groups": {"technology": -0.25}, "others": -0.05}],
            "groups": {"AAPL": "technology"}
        }
    })
}

pub(in crate::http) fn risk_assessment() -> Value {
    let figure = |var: f64, shortfall: f64, low: f64, high: f64| {
        json!({
            "level": 0.99, "value_at_risk": var, "expected_shortfall": shortfall,
            "interval": [low, high], "amount": var * 1e6
        })
    };
    let mut student = figure(0.031315, 0.041033, 0.025063, 0.037567);
    student["standard_error"] = json!(0.00319);
    let stressed =
        |asset: &str, shock: f64, loss: f64| json!({"asset": asset, "shock": shock, "loss": loss});
    json!({
        "dataset": {"name": "stocks", "version": 1},
        "from": "2013-02-11", "to": "2018-02-07", "observations": 1258, "horizon": 1, "value": 1000000.0,
        "weights": {"AAPL": 0.6, "JPM": 0.4},
        "methods": [
            {
                "method": "historical", "figures": [figure(0.0296875, 0.0390625, 0.0265625, 0.034375)],
                "assumptions": ["the next return is one of 1258, each as likely; the tail by order statistics"]
            },
            {
                "method": "garch_t", "figures": [student],
                "parameters": {"volatility": 0.0125, "mu": 0.001, "omega": 0.000004, "alpha": 0.0625,
                    "beta": 0.90625, "nu": 5.5, "log_likelihood": 3901.5},
                "assumptions": ["a constant mean and GARCH(1,1) with Student's innovations, by maximum \
                    likelihood of 1258 returns"]
            }
        ],
        "contributions": [{
            "method": "historical", "level": 0.99, "assets": [
                {"asset": "AAPL", "weight": 0.6, "value_at_risk": 0.02, "expected_shortfall": 0.027,
                 "marginal": 0.03333},
                {"asset": "JPM", "weight": 0.4, "value_at_risk": 0.0096875,
                 "expected_shortfall": 0.0120625, "marginal": 0.02422}
            ]
        }],
        "stress": [
            {
                "name": "Brexit", "kind": "window", "from": "2016-06-24", "to": "2016-06-27",
                "loss": 0.0675, "amount": 67500.0,
                "assets": [stressed("JPM", -0.1, 0.04), stressed("AAPL", -0.0458, 0.0275)]
            },
            {
                "name": "technology falls", "kind": "scenario", "loss": 0.17, "amount": 170000.0,
                "assets": [stressed("AAPL", -0.25, 0.15), stressed("JPM", -0.05, 0.02)]
            }
        ],
        "assumptions": [
            "losses are positive, as shares of the portfolio's value",
            "today's weights are held against the whole history"
        ],
        "warnings": []
    })
}

pub(in crate::http) fn risk_backtest_request() -> Value {
    json!({
        "prices": prices(), "weights": {"AAPL": 0.6, "JPM": 0.4}, "level": 0.99,
        "methods": ["filtered_historical"], "window": 500, "refit_every": 20, "start": "2017-02-08",
        "network": {"model": "portfolio-tail", "version": 1, "dataset": {"name": "portfolio-returns"},
            "means": "return"}
    })
}

pub(in crate::http) fn risk_backtest() -> Value {
    let test = |statistic: f64, p: f64| json!({"statistic": statistic, "p_value": p});
    let day =
        |time: &str, loss: f64, var: f64| json!({"time": time, "loss": loss, "value_at_risk": var});
    json!({
        "dataset": {"name": "stocks", "version": 1}, "level": 0.99, "window": 500, "refit_every": 20,
        "from": "2017-02-08", "to": "2018-02-07", "days": 252, "expected": 2.52,
        "weights": {"AAPL": 0.6, "JPM": 0.4},
        "methods": [
            {
                "method": "filtered_historical",
                "result": {
                    "exceedances": 4, "kupiec": test(0.7451, 0.3880), "independence": test(0.1296, 0.7189),
                    "transitions": [243, 4, 4, 0], "conditional_coverage": test(0.8746, 0.6458),
                    "shortfall": {"z2": -0.75, "critical_5_percent": -0.7, "critical_hundredth_percent": -1.8},
                    "traffic_light": {"exceptions": 4, "zone": "green", "multiplier": 1.5},
                    "mean_value_at_risk": 0.0265625, "pinball": 0.000406,
                    "exceeded": [day("2017-05-17", 0.0312, 0.0236), day("2017-06-09", 0.0325, 0.0245),
                        day("2017-09-05", 0.0349, 0.0262), day("2018-02-05", 0.0371, 0.0281)]
                }
            },
            {
                "method": "network",
                "result": {
                    "exceedances": 3, "kupiec": test(0.0870, 0.7680), "independence": test(0.0726, 0.7876),
                    "transitions": [245, 3, 3, 0], "conditional_coverage": test(0.1596, 0.9233),
                    "traffic_light": {"exceptions": 3, "zone": "green", "multiplier": 1.5},
                    "mean_value_at_risk": 0.0253906, "pinball": 0.000371,
                    "exceeded": [day("2017-05-17", 0.0312, 0.0222), day("2017-09-05", 0.0349, 0.0258),
                        day("2018-02-05", 0.0371, 0.0276)]
                }
            }
        ],
        "network": {"model": "portfolio-tail", "version": 1,
            "dataset": {"name": "portfolio-returns", "version": 2}, "target": "move", "look_back": 40,
            "trained_until": "2017-02-07"},
        "assumptions": ["each day's figures of the other methods are made of the 500 returns before it alone; \
            models of variance are estimated anew every 20 days"],
        "warnings": ["2.5 exceedances are expected of 252 days, of which tests tell little: a wrong method \
            may well pass"]
    })
}

pub(in crate::http) fn credit_loss_request() -> Value {
    let loan = |name: &str, probability: f64, exposure: f64| json!({"name": name, "default_probability": probability, "exposure": exposure});
    json!({
        "exposures": [loan("A-17", 0.02, 12000.0), loan("A-18", 0.11, 5000.0)],
        "loss_given_default": 0.45, "correlation": 0.15, "levels": [0.99], "simulations": 20000, "seed": 7
    })
}

pub(in crate::http) fn credit_losses() -> Value {
    let percentile =
        |probability: f64, loss: f64| json!({"probability": probability, "loss": loss});
    let loan = |name: &str, exposure: f64, probability: f64, loss: f64| json!({"name": name, "exposure": exposure, "default_probability": probability, "loss": loss});
    json!({
        "loans": 2, "exposure": 17000.0, "expected_loss": 355.5, "simulated_loss": 360.855,
        "simulated_error": 7.59, "deviation": 1073.19,
        "figures": [{
            "level": 0.99, "value_at_risk": 5400.0, "interval": [5400.0, 5400.0],
            "expected_shortfall": 6333.75, "shortfall_error": 102.28, "unexpected_loss": 5044.5,
            "large_pool": 1384.69
        }],
        "percentiles": [percentile(0.5, 0.0), percentile(0.9, 2250.0), percentile(0.99, 5400.0)],
        "concentration": 0.5848, "simulations": 20000, "seed": 7,
        "largest": [loan("A-18", 5000.0, 0.11, 814.52), loan("A-17", 12000.0, 0.02, 570.17)],
        "assumptions": ["probabilities of default are true; intervals tell of the simulation alone"],
        "warnings": ["few loans make up much of the book, so that the large pool in closed form says too \
            little"]
    })
}

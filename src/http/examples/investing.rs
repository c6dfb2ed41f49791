//! Portfolios, backtests and frontiers.

use serde_json::{Value, json};

use crate::domain::investment::NOTICE;

fn prices() -> Value {
    json!({"dataset": {"name": "stocks"}, "asset": "name", "price": "close", "from": "2016-01-01"})
}

fn universe() -> Value {
    json!({
        "assets": 3, "returns": 502, "from": "2016-01-05", "to": "2017-12-29", "dropped_assets": [],
        "dropped_dates": 0, "filled": 0, "shrinkage": 0.0267
    })
}

pub(in crate::http) fn portfolio_request() -> Value {
    json!({
        "prices": prices(),
        "profile": {
            "horizon": 252, "risk_free_rate": 0.02, "limits": {"volatility": 0.15},
            "max_weight": 0.5, "groups": {"staples": {"assets": ["KO", "PG"], "max": 0.7}},
            "scores": {"esg": {"values": {"AAPL": 7.0, "KO": 5.5, "PG": 6.0}, "min": 5.8}},
            "current": {"KO": 0.5, "PG": 0.5}, "max_turnover": 1.0, "cost": 0.001
        },
        "goal": {"objective": "min_variance"},
        "resamples": 100, "seed": 7
    })
}

fn holdings() -> Value {
    let weight =
        |value: f64, low: f64, high: f64| json!({"value": value, "low": low, "high": high});
    json!([
        {
            "asset": "PG", "weight": weight(0.42, 0.31, 0.5), "current": 0.5, "standing": "free",
            "reason": "38.3 % of the risk for 42.0 % of the wealth; volatility 17.6 % a year, correlation with \
                the portfolio 0.72",
            "risk_share": 0.383, "expected_return": 0.0381, "volatility": 0.176
        },
        {
            "asset": "AAPL", "weight": weight(0.3, 0.3, 0.41), "current": 0.0, "standing": "free",
            "reason": "36.1 % of the risk for 30.0 % of the wealth; volatility 24.1 % a year, correlation with \
                the portfolio 0.69",
            "risk_share": 0.361, "expected_return": 0.129, "volatility": 0.241
        },
        {
            "asset": "KO", "weight": weight(0.28, 0.2, 0.39), "current": 0.5, "standing": "free",
            "reason": "25.6 % of the risk for 28.0 % of the wealth; volatility 15.9 % a year, correlation with \
                the portfolio 0.79",
            "risk_share": 0.256, "expected_return": 0.0939, "volatility": 0.159
        }
    ])
}

pub(in crate::http) fn portfolio_response() -> Value {
    let estimate =
        |value: f64, low: f64, high: f64| json!({"value": value, "low": low, "high": high});
    json!({
        "notice": NOTICE,
        "goal": {"objective": "min_variance"},
        "estimates": {"covariance": "ledoit_wolf", "mean": "shrunk"},
        "holdings": holdings(),
        "portfolio": {
            "expected_return": estimate(0.081, -0.07, 0.22), "volatility": estimate(0.138, 0.12, 0.155),
            "sharpe": 0.442, "cvar": 0.0201, "drawdown": 0.148, "turnover": 0.6, "cost": 0.0006
        },
        "equal_weight": {
            "expected_return": {"value": 0.087}, "volatility": {"value": 0.14}, "sharpe": 0.479,
            "cvar": 0.0209, "drawdown": 0.151, "turnover": 0.6667, "cost": 0.0006667
        },
        "current": {
            "expected_return": {"value": 0.066}, "volatility": {"value": 0.144}, "sharpe": 0.319,
            "cvar": 0.0213, "drawdown": 0.17, "turnover": 0.0, "cost": 0.0
        },
        "binding": [{
            "pointer": "/profile/groups/staples/max", "price": 0.0004, "gains": "volatility",
            "says": "group staples is held to at most 0.7: 0.01 more would lower the volatility by about 0.0004"
        }],
        "moved": false,
        "starts_from": "current",
        "outcomes": {"horizon": 252, "paths": 1000, "low": -0.13, "median": 0.08, "high": 0.33, "loss_share": 0.28},
        "resampling": {"resamples": 100, "failed": 0, "block": 8, "seed": 7, "level": 0.9},
        "unknown": [
            "2.0 years of history leave the mean return of this portfolio uncertain by 9.8 % a year (one standard error)",
            "taxes, liquidity, and whatever prices don't show"
        ],
        "universe": universe()
    })
}

pub(in crate::http) fn backtest_request() -> Value {
    json!({
        "prices": {"dataset": {"name": "stocks-monthly"}, "asset": "name", "price": "close",
            "from": "2015-06-30", "to": "2017-12-29"},
        "profile": {"periods_per_year": 12.0, "max_weight": 0.5, "cost": 0.001},
        "strategies": [
            {"goal": {"objective": "min_variance"}},
            {"name": "careful", "goal": {"objective": "max_utility", "risk_aversion": 8.0}}
        ],
        "window": 24, "every": 3
    })
}

/// Few months, so that wealth, trades and figures can be held against each other.
pub(in crate::http) fn backtest_response() -> Value {
    json!({
        "notice": NOTICE,
        "strategies": strategies(),
        "dates": ["2017-08-31", "2017-09-29", "2017-10-31", "2017-11-30", "2017-12-29"],
        "assets": ["AAPL", "KO", "PG"], "trials": 2,
        "unknown": [
            "whether 0.4 years, one path of many, are typical: a Sharpe ratio of that length has a standard error of 1.55",
            "how many other strategies were tried before these: say it in trials"
        ],
        "universe": {
            "assets": 3, "returns": 30, "from": "2015-07-31", "to": "2017-12-29", "dropped_assets": [],
            "dropped_dates": 0, "filled": 0
        }
    })
}

fn strategies() -> Value {
    // Return, volatility, Sharpe, Sortino, drawdown, Calmar, CVaR, probabilistic Sharpe, turnover and cost.
    let performance = |figures: [f64; 10]| {
        let [earned, volatility, sharpe, sortino, fall, calmar, cvar, above, turnover, cost] =
            figures;
        json!({
            "annual_return": earned, "annual_volatility": volatility, "sharpe": sharpe, "sortino": sortino,
            "max_drawdown": fall, "calmar": calmar, "cvar": cvar, "probabilistic_sharpe": above,
            "annual_turnover": turnover, "annual_cost": cost
        })
    };
    let deflated = |figures: [f64; 10], deflated: f64| {
        let mut performance = performance(figures);
        performance["deflated_sharpe"] = json!(deflated);
        performance
    };
    let first = |weights: [f64; 3]| json!({"decided": "2017-06-30", "traded": "2017-07-31", "weights": weights, "turnover": 1.0, "cost": 0.001});
    let then = |weights: [f64; 3], turnover: f64, cost: f64| json!({"decided": "2017-09-29", "traded": "2017-10-31", "weights": weights, "turnover": turnover, "cost": cost});
    let third = 0.333_333;
    json!([
        {
            "name": "min_variance", "wealth": [1.01862, 1.000825, 1.006664, 1.023783, 1.030445],
            "performance": deflated(
                [0.07463, 0.04994, 1.4655, 2.7044, 0.01747, 4.272, 0.01747, 0.7584, 2.505, 0.002505], 0.757),
            "rebalancings": [first([0.16, 0.46, 0.38]), then([0.17, 0.45, 0.38], 0.043736, 0.000043736)]
        },
        {
            "name": "careful", "wealth": [1.024874, 1.003456, 1.0148, 1.032632, 1.037719],
            "performance": deflated(
                [0.09293, 0.06077, 1.4921, 2.8006, 0.020898, 4.447, 0.020898, 0.7633, 2.4676, 0.0024676], 0.7618),
            "rebalancings": [first([0.22, 0.41, 0.37]), then([0.24, 0.4, 0.36], 0.028176, 0.000028176)]
        },
        {
            "name": "equal_weight", "wealth": [1.036296, 1.008217, 1.031254, 1.05009, 1.053052],
            "performance": performance(
                [0.13209, 0.08397, 1.5187, 3.0381, 0.027095, 4.875, 0.027095, 0.7738, 2.5613, 0.0025613]),
            "rebalancings": [first([third; 3]), then([third; 3], 0.067213, 0.000067213)]
        },
        {
            "name": "buy_and_hold", "wealth": [1.036296, 1.008217, 1.031254, 1.049623, 1.051441],
            "performance": performance(
                [0.12793, 0.08417, 1.4711, 2.9499, 0.027095, 4.722, 0.027095, 0.7695, 2.4, 0.0024]),
            "rebalancings": [first([third; 3])]
        },
        {
            "name": "cash", "wealth": [1.0, 1.0, 1.0, 1.0, 1.0],
            "performance": {"annual_return": 0.0, "annual_volatility": 0.0, "max_drawdown": 0.0, "cvar": 0.0,
                "annual_turnover": 0.0, "annual_cost": 0.0},
            "rebalancings": []
        }
    ])
}

pub(in crate::http) fn frontier_request() -> Value {
    json!({"prices": prices(), "profile": {"max_weight": 0.5}, "points": 20})
}

pub(in crate::http) fn frontier_response() -> Value {
    let point = |expected: f64, volatility: f64, sharpe: f64, weights: Value| {
        json!({
            "expected_return": expected, "volatility": volatility, "sharpe": sharpe, "weights": weights
        })
    };
    let asset = |name: &str, expected: f64, volatility: f64| json!({"asset": name, "expected_return": expected, "volatility": volatility});
    json!({
        "notice": NOTICE,
        "points": [
            point(0.081, 0.138, 0.587, json!({"AAPL": 0.3, "KO": 0.28, "PG": 0.42})),
            point(0.11145, 0.17, 0.656, json!({"AAPL": 0.5, "KO": 0.5}))
        ],
        "best_sharpe": 1,
        "starts_from": "cash",
        "assets": [asset("AAPL", 0.129, 0.241), asset("KO", 0.0939, 0.159), asset("PG", 0.0381, 0.176)],
        "unknown": ["taxes, liquidity, and whatever prices don't show"],
        "universe": universe()
    })
}

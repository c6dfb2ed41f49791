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

pub(in crate::http) fn portfolio_response() -> Value {
    let estimate =
        |value: f64, low: f64, high: f64| json!({"value": value, "low": low, "high": high});
    let holding = |asset: &str,
                   weight: Value,
                   current: f64,
                   standing: &str,
                   reason: &str,
                   risk_share: f64| {
        json!({
            "asset": asset, "weight": weight, "current": current, "standing": standing, "reason": reason,
            "risk_share": risk_share, "expected_return": 0.09, "volatility": 0.18
        })
    };
    json!({
        "notice": NOTICE,
        "goal": {"objective": "min_variance"},
        "estimates": {"covariance": "ledoit_wolf", "mean": "shrunk"},
        "holdings": [
            holding("PG", estimate(0.42, 0.31, 0.5), 0.5, "free",
                "41.0 % of the risk for 42.0 % of the wealth; volatility 17.6 % a year, correlation with the \
                 portfolio 0.81", 0.41),
            holding("AAPL", estimate(0.3, 0.3, 0.41), 0.0, "free",
                "38.0 % of the risk for 30.0 % of the wealth; volatility 24.1 % a year, correlation with the \
                 portfolio 0.66", 0.38),
            holding("KO", estimate(0.28, 0.2, 0.39), 0.5, "free",
                "21.0 % of the risk for 28.0 % of the wealth; volatility 15.9 % a year, correlation with the \
                 portfolio 0.64", 0.21)
        ],
        "portfolio": {
            "expected_return": estimate(0.081, -0.07, 0.22), "volatility": estimate(0.138, 0.12, 0.155),
            "sharpe": 0.442, "cvar": 0.0201, "drawdown": 0.148, "turnover": 0.6, "cost": 0.0006
        },
        "equal_weight": {
            "expected_return": {"value": 0.087}, "volatility": {"value": 0.141}, "sharpe": 0.475,
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
        "prices": prices(),
        "profile": {"max_weight": 0.5, "cost": 0.001},
        "strategies": [
            {"goal": {"objective": "min_variance"}},
            {"name": "careful", "goal": {"objective": "max_utility", "risk_aversion": 8.0}}
        ],
        "window": 252, "every": 21
    })
}

pub(in crate::http) fn backtest_response() -> Value {
    let performance = |annual_return: f64, turnover: f64| {
        json!({
            "annual_return": annual_return, "annual_volatility": 0.131, "sharpe": 0.71, "sortino": 1.02,
            "max_drawdown": 0.081, "calmar": 1.15, "cvar": 0.018, "probabilistic_sharpe": 0.76,
            "deflated_sharpe": 0.58, "annual_turnover": turnover, "annual_cost": 0.0012
        })
    };
    json!({
        "notice": NOTICE,
        "strategies": [{
            "name": "min_variance", "performance": performance(0.093, 1.2), "wealth": [0.9991, 1.0042],
            "rebalancings": [{
                "decided": "2017-01-04", "traded": "2017-01-05", "weights": [0.3, 0.28, 0.42],
                "turnover": 1.0, "cost": 0.001
            }]
        }],
        "dates": ["2017-01-06", "2017-01-09"], "assets": ["AAPL", "KO", "PG"], "trials": 2,
        "unknown": ["how many other strategies were tried before these: say it in trials"],
        "universe": {
            "assets": 3, "returns": 502, "from": "2016-01-05", "to": "2017-12-29", "dropped_assets": [],
            "dropped_dates": 0, "filled": 0
        }
    })
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
    json!({
        "notice": NOTICE,
        "points": [
            point(0.081, 0.138, 0.587, json!({"AAPL": 0.3, "KO": 0.28, "PG": 0.42})),
            point(0.112, 0.171, 0.655, json!({"AAPL": 0.5, "PG": 0.5}))
        ],
        "best_sharpe": 1,
        "starts_from": "cash",
        "assets": [{"asset": "AAPL", "expected_return": 0.15, "volatility": 0.241}],
        "unknown": ["taxes, liquidity, and whatever prices don't show"],
        "universe": universe()
    })
}

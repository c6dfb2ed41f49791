"""Writes tests/fixtures/investments.json: prices, and the portfolios that src/finance has to find for them.

    python3 -m venv /tmp/oracles
    /tmp/oracles/bin/pip install scikit-learn==1.9.1 skfolio==1.12.2 PyPortfolioOpt==1.6.0 numpy==2.4.6
    /tmp/oracles/bin/python examples/oracles/investments.py

The prices are five stocks of skfolio's own example, 2018 to 2022 (BSD-3-Clause). Ledoit and Wolf's covariance is
scikit-learn's, hierarchical risk parity and Black-Litterman PyPortfolioOpt's, everything else skfolio's, which
hands its problems to Clarabel by CVXPY; tolerances are set as low as it goes.
"""

import json
import pathlib

import cvxpy
import numpy as np
import pandas as pd
from pypfopt import BlackLittermanModel, HRPOpt
from scipy import stats
from skfolio import RiskMeasure
from skfolio.datasets import load_sp500_dataset
from skfolio.measures import cvar, get_drawdowns
from skfolio.moments import EmpiricalCovariance, ShrunkMu, ShrunkMuMethods
from skfolio.optimization import MeanRisk, ObjectiveFunction, RiskBudgeting
from sklearn.covariance import LedoitWolf

ASSETS = ["AAPL", "JPM", "KO", "PG", "XOM"]
TIGHT = {"tol_gap_abs": 1e-13, "tol_gap_rel": 1e-13, "tol_feas": 1e-12, "max_iter": 1000}


def by_hand(sample, mean, current, most):
    """Least variance with all trades together limited, which skfolio limits for each asset alone."""
    weights = cvxpy.Variable(5)
    limits = [cvxpy.sum(weights) == 1, weights >= 0, cvxpy.norm1(weights - current) <= most]
    cvxpy.Problem(cvxpy.Minimize(1e4 * cvxpy.quad_form(weights, sample)), limits).solve("CLARABEL", **TIGHT)
    found = weights.value
    return {"weights": found.tolist(), "return": float(mean @ found), "variance": float(found @ sample @ found)}


def main():
    everything = load_sp500_dataset()
    prices = everything.loc["2018-01-01":"2022-12-31", ASSETS].dropna()
    returns = prices.pct_change().dropna()
    sample = EmpiricalCovariance().fit(returns).covariance_
    assert np.allclose(sample, np.cov(returns.T, ddof=1), rtol=0, atol=1e-16)
    ledoit = LedoitWolf().fit(returns)
    mean = returns.mean().to_numpy()

    def solved(model):
        model.fit(returns)
        weights = model.weights_
        found = {"weights": weights.tolist(), "return": float(mean @ weights),
                 "variance": float(weights @ sample @ weights)}
        return found

    def mean_risk(objective="MINIMIZE_RISK", risk="VARIANCE", **more):
        return solved(MeanRisk(objective_function=ObjectiveFunction[objective], risk_measure=RiskMeasure[risk],
                               solver="CLARABEL", solver_params=TIGHT, **more))

    groups = [["tech", "bank", "staple", "staple", "oil"]]
    current = np.full(5, 0.2)
    portfolios = {
        "min_variance": mean_risk(),
        "capped": mean_risk(max_weights=0.3),
        "grouped": mean_risk(groups=groups, linear_constraints=["staple <= 0.5", "tech >= 0.2"]),
        "scored": mean_risk(left_inequality=-np.array([[8.0, 4.0, 5.0, 6.0, 1.0]]), right_inequality=np.array([-6.0])),
        "max_sharpe": mean_risk("MAXIMIZE_RATIO", risk_free_rate=0.0001),
        "max_sharpe_capped": mean_risk("MAXIMIZE_RATIO", risk_free_rate=0.0001, max_weights=0.35),
        "utility": mean_risk("MAXIMIZE_UTILITY", risk_aversion=2.5),  # skfolio: mu - aversion * variance
        "target": mean_risk(min_return=0.0007),
        "turnover": by_hand(sample, mean, current, 0.3),
        "costs": mean_risk("MAXIMIZE_UTILITY", risk_aversion=2.5, transaction_costs=0.0001, previous_weights=current),
        "min_tail": mean_risk(risk="CVAR", cvar_beta=0.95),
        "volatility_limit": mean_risk("MAXIMIZE_RETURN", max_standard_deviation=0.0125),
        "tail_limit": mean_risk("MAXIMIZE_RETURN", max_cvar=0.03, cvar_beta=0.95),
        "drawdown_limit": mean_risk("MAXIMIZE_RETURN", max_max_drawdown=0.28),
        "parity": solved(RiskBudgeting(solver="CLARABEL", solver_params=TIGHT)),
        "parity_capped": solved(RiskBudgeting(max_weights=0.22, solver="CLARABEL", solver_params=TIGHT)),
    }
    frame = pd.DataFrame(sample, ASSETS, ASSETS)
    wide = everything.loc["2018-01-01":"2022-12-31"].dropna(axis=1).pct_change().dropna()
    wide_covariance = wide.cov()
    black = BlackLittermanModel(frame * 252, pi=np.full(5, 0.06), absolute_views={"AAPL": 0.10, "XOM": 0.02})
    picks, values = np.array([[1.0, -1.0, 0, 0, 0], [0, 0, 0.5, 0.5, 0]]), np.array([0.05, 0.03])
    relative = BlackLittermanModel(frame * 252, pi=np.array([0.09, 0.07, 0.04, 0.05, 0.06]), P=picks, Q=values,
                                   omega=np.diag([0.004, 0.0009]), tau=0.02)
    shrunk = ShrunkMu(method=ShrunkMuMethods.BAYES_STEIN, covariance_estimator=EmpiricalCovariance()).fit(returns)
    decay = 0.94 ** np.arange(len(returns))[::-1]
    ewma = (returns.to_numpy().T * (decay / decay.sum())) @ returns.to_numpy()
    equal = returns.mean(axis=1).to_numpy()
    free = 0.00008
    excess = equal - free
    wealth = np.cumprod(1 + equal)
    annual = wealth[-1] ** (252 / len(equal)) - 1
    deepest = float((1 - wealth / np.maximum.accumulate(np.maximum(wealth, 1))).max())
    sharpe = excess.mean() / excess.std(ddof=1)
    spread = 1 - stats.skew(excess) * sharpe + (stats.kurtosis(excess, fisher=False) - 1) / 4 * sharpe**2
    fixture = {
        "assets": ASSETS,
        "prices": prices.to_numpy().tolist(),
        "ledoit_wolf": {"covariance": ledoit.covariance_.tolist(), "shrinkage": float(ledoit.shrinkage_)},
        "sample": sample.tolist(),
        "ewma": ewma.tolist(),
        "shrunk": shrunk.mu_.tolist(),
        "portfolios": portfolios,
        "tail_loss": float(cvar(returns @ np.array(portfolios["min_tail"]["weights"]), beta=0.95)),
        "hierarchical_20": {"covariance": wide_covariance.to_numpy().tolist(),
                            "weights": [HRPOpt(cov_matrix=wide_covariance).optimize()[name] for name in wide.columns]},
        "black_litterman": {"mean": black.bl_returns().tolist(), "covariance": black.bl_cov().to_numpy().tolist()},
        "relative_views": {"mean": relative.bl_returns().tolist(), "covariance": relative.bl_cov().to_numpy().tolist()},
        "performance": {
            "annual_return": annual, "annual_volatility": float(equal.std(ddof=1) * np.sqrt(252)),
            "sharpe": float(sharpe * np.sqrt(252)),
            "sortino": float(excess.mean() * np.sqrt(252) / np.sqrt((np.minimum(excess, 0) ** 2).mean())),
            "max_drawdown": deepest, "calmar": annual / deepest, "tail_loss": float(cvar(equal, beta=0.95)),
            "probabilistic_sharpe": float(stats.norm.cdf(sharpe * np.sqrt((len(equal) - 1) / spread))),
            "summed_drawdown": float(-get_drawdowns(equal, compounded=False).min()),
        },
    }
    hierarchical = HRPOpt(cov_matrix=frame).optimize()
    fixture["hierarchical"] = [hierarchical[name] for name in ASSETS]
    place = pathlib.Path(__file__).parents[2] / "tests" / "fixtures" / "investments.json"
    place.write_text(json.dumps(fixture) + "\n")
    for name, found in portfolios.items():
        print(f"{name:18}", *(f"{weight:9.6f}" for weight in found["weights"]))


if __name__ == "__main__":
    main()

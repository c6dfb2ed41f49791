"""Writes tests/fixtures/conformal.json: inputs and the intervals that src/stats has to give for them.

    python3 -m venv /tmp/oracles
    /tmp/oracles/bin/pip install MAPIE==1.6.0 numpy==2.4.6
    /tmp/oracles/bin/python examples/oracles/conformal.py

Intervals round means and round quantiles come from MAPIE; adaptive coverage is written from Gibbs and
Candès (2021), equation 2, with the scores of the calibration rows held fixed.
"""

import json
import math
import pathlib

import numpy as np
from mapie.regression import ConformalizedQuantileRegressor, SplitConformalRegressor
from sklearn.base import BaseEstimator, RegressorMixin

LEVELS = (0.8, 0.9, 0.95)


class Column(RegressorMixin, BaseEstimator):
    """Answers one of its columns."""

    def __init__(self, at=0):
        self.at = at

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def predict(self, X):
        return np.asarray(X)[:, self.at]


def case(rng, rows, spread):
    middle = np.round(rng.normal(0, 2, rows), 3)
    truth = np.round(middle + rng.standard_t(4, rows), 3)
    low, high = np.round(middle - spread, 3), np.round(middle + 1.2 * spread, 3)
    X, new = np.column_stack([middle, low, high]), np.array([[1.0, 0.25, 1.75]])
    one = Column().fit(X)
    means = SplitConformalRegressor(one, confidence_level=list(LEVELS), prefit=True)
    round_mean = means.conformalize(X, truth).predict_interval(new)[1][0]
    round_quantiles = []
    for level in LEVELS:
        several = [Column(1).fit(X), Column(2).fit(X), Column(0).fit(X)]
        of = ConformalizedQuantileRegressor(several, confidence_level=level, prefit=True)
        found = of.conformalize(X, truth).predict_interval(new, symmetric_correction=True)[1]
        round_quantiles.append(found[0, :, 0].tolist())
    return {
        "middle": middle.tolist(),
        "low": low.tolist(),
        "high": high.tolist(),
        "truth": truth.tolist(),
        "new": new[0].tolist(),
        "round_mean": round_mean.T.tolist(),
        "round_quantiles": round_quantiles,
    }


def adaptive(rng, coverage, rate):
    scores = np.sort(np.round(np.abs(rng.normal(0, 1, 150)), 3))
    errors = np.round(np.abs(rng.normal(0, 1, 600)) * np.linspace(0.8, 1.8, 600), 3)
    aimed, missed, aims = 1 - coverage, [], []
    for error in errors:
        rank = math.ceil((len(scores) + 1) * (1 - aimed) - 1e-9)
        if 1 - aimed >= 1 or rank > len(scores):
            radius = math.inf
        else:
            radius = scores[rank - 1] if rank > 0 else -1.0
        missed.append(bool(error > radius))
        aimed += rate * ((1 - coverage) - missed[-1])
        aims.append(aimed)
    return {
        "coverage": coverage,
        "rate": rate,
        "scores": scores.tolist(),
        "errors": errors.tolist(),
        "missed": missed,
        "unbounded": sum(a <= 0 for a in aims),
    }


rng = np.random.default_rng(11)
fixture = {
    "levels": LEVELS,
    "cases": [case(rng, 99, 1.0), case(rng, 100, 3.0), case(rng, 237, 6.0)],
    "adaptive": [adaptive(rng, 0.9, 0.005), adaptive(rng, 0.8, 0.05)],
}
to = pathlib.Path(__file__).parents[2] / "tests" / "fixtures" / "conformal.json"
to.write_text(json.dumps(fixture) + "\n")
print(to)

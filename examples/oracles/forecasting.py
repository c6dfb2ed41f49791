"""Writes tests/fixtures/forecasting.json: inputs and the figures that src/stats has to give for them.

    python3 -m venv /tmp/oracles
    /tmp/oracles/bin/pip install scikit-learn==1.9.1 scipy==1.17.1 numpy==2.4.6 \\
        dieboldmariano==1.1.0 scoringrules==0.10.0
    /tmp/oracles/bin/python examples/oracles/forecasting.py

The tests of Diebold and Mariano come from dieboldmariano, the pinball loss and the ridge from
scikit-learn, the ensemble's CRPS from scoringrules. MASE and sMAPE are written from Hyndman and
Koehler (2006) and from the M4 competition.
"""

import json
import pathlib

import numpy as np
import scoringrules
from dieboldmariano import dm_test
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_pinball_loss


def comparison(rng, rows, horizon, estimator="acf"):
    truth = np.round(rng.normal(0, 1, rows).cumsum(), 3)
    noise = np.convolve(rng.normal(0, 1, rows + horizon), np.ones(horizon), "valid")[:rows]
    first = np.round(truth + 0.9 * noise, 3)
    second = np.round(truth + 0.6 * noise + rng.normal(0, 0.9, rows), 3)
    statistic, p = dm_test(
        truth.tolist(), first.tolist(), second.tolist(), h=horizon, variance_estimator=estimator
    )
    differences = (truth - first) ** 2 - (truth - second) ** 2
    return {
        "differences": differences.tolist(),
        "horizon": horizon,
        "statistic": float(statistic),
        "p_value": float(p),
    }


def errors(rng, rows, season):
    history = np.round(10 + np.sin(np.arange(200) * 2 * np.pi / season) + rng.normal(0, 0.3, 200), 3)
    truth = np.round(rng.normal(10, 2, rows), 3)
    forecast = np.round(truth + rng.normal(0, 1, rows), 3)
    scale = np.abs(history[season:] - history[:-season]).mean()
    absolute = np.abs(truth - forecast)
    return {
        "history": history.tolist(),
        "season": season,
        "truth": truth.tolist(),
        "forecast": forecast.tolist(),
        "scale": float(scale),
        "mase": float(absolute.mean() / scale),
        "smape": float((200 * absolute / (np.abs(truth) + np.abs(forecast))).mean()),
        "pinball": {
            str(level): float(mean_pinball_loss(truth, forecast, alpha=level))
            for level in (0.05, 0.5, 0.9)
        },
    }


def ensemble(rng):
    members = np.round(rng.normal(0, 2, 31), 2)
    return {
        "members": members.tolist(),
        "truth": 1.25,
        "crps": float(scoringrules.crps_ensemble(1.25, members, estimator="nrg")),
    }


def ridge(rng):
    x = np.round(rng.normal(0, 1, (40, 4)), 2)
    y = np.round(x @ rng.normal(0, 1, (4, 2)) + rng.normal(0, 0.5, (40, 2)), 2)
    model = Ridge(alpha=2.5, fit_intercept=False, solver="cholesky").fit(x, y)
    return {
        "x": x.ravel().tolist(),
        "y": y.ravel().tolist(),
        "penalty": 2.5,
        "coefficients": model.coef_.T.ravel().tolist(),
    }


def main():
    rng = np.random.default_rng(20260102)
    fixture = {
        "comparisons": [comparison(rng, 120, 1), comparison(rng, 300, 6), comparison(rng, 80, 12)],
        "errors": errors(rng, 60, 12),
        "ensemble": ensemble(rng),
        "ridge": ridge(rng),
    }
    path = pathlib.Path(__file__).parents[2] / "tests" / "fixtures" / "forecasting.json"
    path.write_text(json.dumps(fixture, separators=(",", ":")).replace('],"', '],\n"') + "\n")


if __name__ == "__main__":
    main()

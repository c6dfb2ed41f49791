"""Writes src/finance/src/scorecard/oracle.json: rows, and the bins, coefficients and points of others.

    python3 -m venv /tmp/oracles
    /tmp/oracles/bin/pip install optbinning==1.0.0 scikit-learn==1.9.1 statsmodels==0.15.0 numpy==2.4.6
    /tmp/oracles/bin/python examples/oracles/scorecard.py

Bins, weights of evidence, information values and points come from optbinning, cuts to begin with from
scikit-learn's tree, coefficients without a penalty and their standard errors from statsmodels, those with
one from scikit-learn. optbinning drops cuts that leave a bin of one outcome alone before it merges, which we
keep: what it merges (`prebins`) is told, and merging is held against it from there. Numbers are those of
scikit-learn's table of breast cancers; its class 1 (benign) is the outcome that is modelled. Categories
and missing values are made by a seed.
"""

import json
import pathlib
import warnings

import numpy as np
import statsmodels.api as sm
from optbinning import BinningProcess, OptimalBinning, Scorecard
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

warnings.filterwarnings("ignore")
COLUMNS = ["mean radius", "mean texture", "mean smoothness", "mean symmetry", "texture error"]
TRENDS = {"auto": "auto", "rising": "ascending", "falling": "descending", "peak": "peak",
          "valley": "valley"}


class Recorded(OptimalBinning):
    """Keeps where it cuts before it merges."""

    def _fit_optimizer(self, splits, n_nonevent, n_event):
        self.prebins = [float(s) for s in splits]
        return super()._fit_optimizer(splits, n_nonevent, n_event)


def tree(x, y):
    """Where a tree of 20 leaves of a twentieth of the rows each cuts."""
    grown = DecisionTreeClassifier(max_leaf_nodes=20, min_samples_leaf=int(np.ceil(0.05 * len(x))))
    grown.fit(x.reshape(-1, 1), y)
    return sorted(float(t) for t in grown.tree_.threshold[grown.tree_.feature >= 0])


def table(binning):
    """Bins in their order, without the row of totals."""
    built = binning.binning_table.build()
    rows = []
    for _, row in built.iloc[:-1].iterrows():
        rows.append({
            "good": int(row["Non-event"]), "bad": int(row["Event"]),
            "woe": float(row["WoE"]), "iv": float(row["IV"]),
        })
    special, missing = rows[-2], rows[-1]
    assert special["good"] + special["bad"] == 0
    return {"bins": rows[:-2], "missing": missing, "iv": float(binning.binning_table.iv)}


def numbers(x, y, trend, most):
    binning = Recorded(dtype="numerical", monotonic_trend=TRENDS[trend], max_n_bins=most)
    binning.fit(x, y)
    assert binning.status == "OPTIMAL"
    return {"trend": trend, "most": most, "prebins": binning.prebins,
            "edges": [float(s) for s in binning.splits], **table(binning)}


def given(x, y, edges):
    binning = OptimalBinning(
        dtype="numerical", user_splits=edges, user_splits_fixed=[True] * len(edges))
    binning.fit(x, y)
    assert [float(s) for s in binning.splits] == edges
    return {"edges": edges, **table(binning)}


def categories(x, y, most):
    binning = OptimalBinning(dtype="categorical", max_n_bins=most, monotonic_trend="auto",
                             min_bin_size=0.05)
    binning.fit(x, y)
    assert binning.status == "OPTIMAL"
    return {"most": most, "groups": [sorted(map(str, g)) for g in binning.splits], **table(binning)}


def scorecard(frame, y):
    process = BinningProcess(list(frame.columns))
    estimator = LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-13, max_iter=1000)
    card = Scorecard(
        binning_process=process, estimator=estimator, scaling_method="pdo_odds",
        scaling_method_params={"pdo": 20, "odds": 50, "scorecard_points": 600})
    card.fit(frame, y)
    built = card.table(style="detailed")
    columns = []
    for name in frame.columns:
        rows = built[built["Variable"] == name]
        rows = rows[~rows["Bin"].astype(str).isin(["Special", "Missing"])]
        optb = card.binning_process_.get_binned_variable(name)
        columns.append({
            "edges": [float(s) for s in optb.splits],
            "coefficient": float(rows["Coefficient"].iloc[0]),
            "points": [float(p) for p in rows["Points"]],
        })
    scores = card.score(frame)
    return {"intercept": float(card.estimator_.intercept_[0]), "columns": columns,
            "least": float(sum(min(c["points"]) for c in columns)),
            "greatest": float(sum(max(c["points"]) for c in columns)),
            "scores": [float(s) for s in scores[:20]]}


def logit(frame, y):
    inputs = {}
    for name in frame.columns:
        binning = OptimalBinning(dtype="numerical", monotonic_trend="descending")
        inputs[name] = binning.fit_transform(frame[name].values, y, metric="woe")
    fitted = sm.Logit(y, sm.add_constant(np.column_stack(list(inputs.values())))).fit(
        disp=0, tol=1e-14, maxiter=200)
    return {"coefficients": fitted.params.tolist(), "errors": fitted.bse.tolist(),
            "loss": float(-fitted.llf)}


def main():
    data = load_breast_cancer(as_frame=True)
    frame, y = data.data[COLUMNS].astype(float), data.target.values
    # As the tree of scikit-learn reads them, so that cuts lie at the same numbers.
    frame = frame.astype(np.float32).astype(float)
    rng = np.random.default_rng(7)
    rows = 1200
    kind = rng.choice(list("abcdefghij"), rows, p=[.2, .15, .12, .12, .1, .1, .08, .06, .05, .02])
    odds = {k: o for k, o in zip("abcdefghij", [-2, -1, 0, -1.5, .5, -2, 1, -.5, 0, .2])}
    outcome = (rng.random(rows) < 1 / (1 + np.exp(-np.array([odds[k] for k in kind])))).astype(int)
    holes = rng.random(rows) < 0.1
    kind = np.where(holes, None, kind).astype(object)
    amount = np.round(rng.gamma(2, 50, rows) + 40 * outcome, 0)
    amount = np.where(rng.random(rows) < 0.08, np.nan, amount)
    fixture = {
        "made_by": "examples/oracles/scorecard.py, optbinning 1.0.0",
        "columns": {name: frame[name].tolist() for name in COLUMNS},
        "bad": [int(v) for v in y],
        "numbers": {name: [numbers(frame[name].values, y, trend, most)
                           for trend, most in [("rising", None), ("falling", None), ("falling", 3),
                                               ("rising", 4), ("peak", 5), ("valley", 5)]]
                    for name in COLUMNS},
        "trees": {name: tree(frame[name].values, y) for name in COLUMNS},
        "given": given(frame["mean radius"].values, y, [12.0, 13.5, 15.0, 17.0]),
        "scorecard": scorecard(frame, y),
        "logit": logit(frame, y),
        "kind": list(kind),
        "amount": [None if np.isnan(a) else float(a) for a in amount],
        "outcome": [int(v) for v in outcome],
        "categories": [categories(kind, outcome, most) for most in (3, 5)],
        "with_missing": numbers(amount, outcome, "rising", 5),
    }
    here = pathlib.Path(__file__).resolve().parents[2]
    path = here / "src/finance/src/scorecard/oracle.json"
    path.write_text(json.dumps(fixture, separators=(",", ":")) + "\n")
    print(path, path.stat().st_size)


main()

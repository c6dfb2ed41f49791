"""Writes tests/fixtures/fairness.json: decisions about groups and the figures that src/stats has to give.

    python3 -m venv /tmp/oracles
    /tmp/oracles/bin/pip install fairlearn==0.15.0 scikit-learn==1.9.1 scipy==1.17.1 numpy==2.4.6
    /tmp/oracles/bin/python examples/oracles/fairness.py

Distances and rates come from Fairlearn, AUC and Brier score from scikit-learn, Fisher's test, Wilson's
and Katz's intervals from SciPy. Scores are rounded: the decimal text is the exact value.
"""

import json
import pathlib

import numpy as np
from fairlearn import metrics as fair
from scipy import stats
from sklearn.metrics import brier_score_loss, roc_auc_score

DISTANCES = [
    f"{name}_{what}"
    for name in ("demographic_parity", "equalized_odds", "equal_opportunity")
    for what in ("difference", "ratio")
]


def rate(mask):
    part, n = int(mask.sum()), len(mask)
    wilson = stats.binomtest(part, n).proportion_ci(0.95, "wilson")
    return {"part": part, "n": n, "value": part / n,
            "interval": {"low": float(wilson.low), "high": float(wilson.high)}}


def group(name, favourable, truth, scores, deserving, reference):
    deserves = truth == deserving
    figures = {
        "name": name,
        "n": len(truth),
        "with_outcome": len(truth),
        "selection_rate": rate(favourable),
        "true_positive_rate": rate(favourable[deserves]),
        "false_positive_rate": rate(favourable[~deserves]),
        "base_rate": rate(truth),
        "auc": float(roc_auc_score(truth, scores)),
        "calibration": {
            "mean_predicted": float(scores.mean()),
            "observed": float(truth.mean()),
            "expected_error": expected_error(scores, truth),
            "brier": float(brier_score_loss(truth, scores)),
        },
    }
    if reference is not None:
        a, n, c, m = int(favourable.sum()), len(favourable), int(reference.sum()), len(reference)
        katz = stats.contingency.relative_risk(a, n, c, m).confidence_interval(0.95)
        figures["impact"] = {
            "ratio": (a / n) / (c / m),
            "p_value": float(stats.fisher_exact([[a, n - a], [c, m - c]])[1]),
            "interval": {"low": float(katz.low), "high": float(katz.high)},
            "below_four_fifths": 5 * a * m < 4 * c * n,
        }
    return figures


def expected_error(scores, truth, bins=15):
    at = np.minimum((scores * bins).astype(int), bins - 1)
    each = [(at == b) for b in range(bins)]
    return float(sum(abs(scores[m].sum() - truth[m].sum()) for m in each if m.any()) / len(scores))


def case(rng, rows, groups, deserving):
    while True:
        of = rng.integers(0, groups, rows)
        scores = np.round(np.clip(rng.beta(2, 4, rows) + 0.05 * of, 0, 1), 4)
        truth = rng.random(rows) < scores
        favourable = (scores >= 0.35) if deserving else (scores < 0.35)
        favourable ^= rng.random(rows) < 0.1
        if all(0 < truth[of == g].sum() < (of == g).sum() for g in range(groups)):
            break
    y, d = (truth == deserving).astype(int), favourable.astype(int)
    largest = int(np.bincount(of).argmax())
    expected = {name: {"value": float(getattr(fair, name)(y, d, sensitive_features=of))} for name in DISTANCES}
    expected["reference"] = str(largest)
    expected["groups"] = [
        group(str(g), favourable[of == g], truth[of == g], scores[of == g], deserving,
              None if g == largest else favourable[of == largest])
        for g in range(groups)
    ]
    return {
        "favourable": favourable.tolist(),
        "truths": truth.tolist(),
        "deserving": deserving,
        "scores": scores.tolist(),
        "groups": of.tolist(),
        "names": groups,
        "expected": expected,
    }


def main():
    rng = np.random.default_rng(8)
    cases = [case(rng, 200, 2, False), case(rng, 240, 3, True), case(rng, 160, 4, False)]
    path = pathlib.Path(__file__).parents[2] / "tests/fixtures/fairness.json"
    path.write_text(json.dumps(cases, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()

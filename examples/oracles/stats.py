"""Writes tests/fixtures/stats.json: inputs and the figures that src/stats has to give for them.

    python3 -m venv /tmp/oracles
    /tmp/oracles/bin/pip install scikit-learn==1.9.1 scipy==1.17.1 numpy==2.4.6
    /tmp/oracles/bin/python examples/oracles/stats.py

Inputs are rounded to a few decimals: that makes ties, and the decimal text is the exact value.
Metrics come from scikit-learn, quantiles from NumPy, the rest from SciPy; DeLong's covariance
follows Sun and Xu (2014), written from the paper, since neither library has it.
"""

import json
import pathlib

import numpy as np
from scipy import stats
from sklearn import metrics

Z = stats.norm.ppf(0.975)


def delong(truth, scores):
    """Logit-scale 95 % interval of the AUC by mid-ranks."""
    positive, negative = scores[truth], scores[~truth]
    m, n = len(positive), len(negative)
    together = stats.rankdata(np.concatenate([positive, negative]))
    v01 = (together[:m] - stats.rankdata(positive)) / n
    v10 = 1.0 - (together[m:] - stats.rankdata(negative)) / m
    auc = v01.mean()
    error = np.sqrt(v01.var(ddof=1) / m + v10.var(ddof=1) / n)
    centre, half = np.log(auc / (1 - auc)), Z * error / (auc * (1 - auc))
    return [float(1 / (1 + np.exp(-(centre + s * half)))) for s in (-1, 1)]


def per_class(truth, labels, classes):
    columns = metrics.precision_recall_fscore_support(
        truth, labels, labels=range(classes), zero_division=0
    )
    return [dict(zip(("precision", "recall", "f1", "support"), map(float, c))) for c in zip(*columns)]


def best_f1(truth, scores):
    return max(float(metrics.f1_score(truth, scores >= t)) for t in np.unique(scores))


def binary(rng, rows, decimals, threshold):
    truth = rng.random(rows) < 0.3
    scores = np.round(1 / (1 + np.exp(-rng.normal(-1.0 + 1.2 * truth, 1.3))), decimals)
    scores[:2] = [0.0, 1.0]
    labels = scores >= threshold
    both = np.column_stack([1 - scores, scores]).clip(1e-15, 1 - 1e-15)
    return {
        "scores": scores.tolist(),
        "truth": truth.tolist(),
        "threshold": threshold,
        "auc": float(metrics.roc_auc_score(truth, scores)),
        "auc_interval": delong(truth, scores),
        "pr_auc": float(metrics.average_precision_score(truth, scores)),
        "log_loss": float(metrics.log_loss(truth, both)),
        "brier": float(metrics.brier_score_loss(truth, scores)),
        "ks": float(stats.ks_2samp(scores[truth], scores[~truth]).statistic),
        "accuracy": float(metrics.accuracy_score(truth, labels)),
        "confusion": metrics.confusion_matrix(truth, labels).tolist(),
        "per_class": per_class(truth, labels, 2),
        "best_f1": best_f1(truth, scores),
    }


def multiclass(rng, rows, classes):
    # The last class occurs but is never predicted: its precision and F1 are 0.
    truth = rng.choice(classes, rows, p=[0.5, 0.3, 0.15, 0.05])
    logits = rng.normal(0.0, 1.0, (rows, classes)) + 1.5 * np.eye(classes)[truth]
    logits[:, -1] -= 9.0
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    probabilities = np.round(probabilities, 2)
    probabilities[:, 0] = np.round(1.0 - probabilities[:, 1:].sum(axis=1), 2)
    labels = probabilities.argmax(axis=1)
    correct = int((labels == truth).sum())
    wilson = stats.binomtest(correct, rows).proportion_ci(0.95, method="wilson")
    picked = np.clip(probabilities[np.arange(rows), truth], 1e-15, 1 - 1e-15)
    areas = [metrics.roc_auc_score(truth == c, probabilities[:, c]) for c in range(classes)]
    return {
        "probabilities": probabilities.ravel().tolist(),
        "truth": truth.tolist(),
        "auc": float(np.mean(areas)),
        "log_loss": float(-np.log(picked).mean()),
        "brier": float(((probabilities - np.eye(classes)[truth]) ** 2).sum(axis=1).mean()),
        "accuracy": float(metrics.accuracy_score(truth, labels)),
        "accuracy_interval": [float(wilson.low), float(wilson.high)],
        "macro_f1": float(
            metrics.f1_score(truth, labels, labels=range(classes), average="macro", zero_division=0)
        ),
        "confusion": metrics.confusion_matrix(truth, labels, labels=range(classes)).tolist(),
        "per_class": per_class(truth, labels, classes),
    }


def regression(rng, rows):
    truth = np.round(rng.lognormal(3.0, 0.6, rows), 2)
    predictions = np.round(truth * rng.normal(1.0, 0.2, rows) + 1.0, 2)
    squares = (predictions - truth) ** 2
    rmse = float(metrics.root_mean_squared_error(truth, predictions))
    half = float(Z * squares.std(ddof=1) / np.sqrt(rows) / (2 * rmse))
    return {
        "predictions": predictions.tolist(),
        "truth": truth.tolist(),
        "r2": float(metrics.r2_score(truth, predictions)),
        "rmse": rmse,
        "rmse_interval": [rmse - half, rmse + half],
        "mae": float(metrics.mean_absolute_error(truth, predictions)),
    }


def describe(rng, rows):
    values = np.round(rng.normal(10.0, 5.0, rows), 1)
    points = [0.0, 0.01, 0.1, 0.25, 0.333, 0.5, 0.75, 0.9, 0.999, 1.0]
    return {
        "values": values.tolist(),
        "mean": float(values.mean()),
        "variance": float(values.var(ddof=1)),
        "points": points,
        "quantiles": np.quantile(values, points).tolist(),
    }


def normal():
    x = [-30.0, -8.0, -3.0, -1.5, -0.1, 0.0, 0.5, 1.0, 2.5, 6.0]
    p = [1e-12, 1e-6, 0.001, 0.025, 0.3, 0.5, 0.8, 0.975, 0.9999]
    return {
        "x": x,
        "cdf": stats.norm.cdf(x).tolist(),
        "p": p,
        "inverse": stats.norm.ppf(p).tolist(),
    }


def main():
    rng = np.random.default_rng(20260101)
    fixture = {
        "binary": [
            binary(rng, 300, 2, 0.4),
            binary(rng, 120, 1, 0.5),
            binary(rng, 400, 6, 0.99),
        ],
        "multiclass": multiclass(rng, 250, 4),
        "regression": regression(rng, 200),
        "describe": describe(rng, 101),
        "normal": normal(),
    }
    path = pathlib.Path(__file__).parents[2] / "tests" / "fixtures" / "stats.json"
    path.write_text(json.dumps(fixture, separators=(",", ":")).replace('],"', '],\n"') + "\n")


if __name__ == "__main__":
    main()

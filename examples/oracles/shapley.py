"""Adds to src/engine/explain/fixtures/*.json what shap's exact explainer attributes to their inputs.

    python3 -m venv /tmp/oracles
    /tmp/oracles/bin/pip install shap==0.51.0 numpy==2.4.6
    /tmp/oracles/bin/python examples/oracles/shapley.py

Run after explanations.py, which makes the networks. The value of a coalition is the mean over the
references of what the networks answer to the row with all other inputs taken from the reference. shap
is asked once more with the inputs 0, 2 and 1, 3 told as one, by brute force over the 16 coalitions.
"""

import itertools
import json
import math
import pathlib

import numpy as np
import shap

FOLDER = pathlib.Path(__file__).parents[2] / "src" / "engine" / "explain" / "fixtures"
GROUPS = [[0, 2], [1, 3], [4], [5]]


def array(tensor):
    return np.array(tensor["values"], dtype=np.float64).reshape(tensor["shape"])


def logits(network, x):
    for layer in (0, 2, 4):
        x = x @ array(network[f"{layer}.weight"]).T + array(network[f"{layer}.bias"])
        x = np.maximum(x, 0) if layer < 4 else x
    return x


def probability(z):
    if z.shape[1] == 1:
        return 1 / (1 + np.exp(-z[:, 0]))
    shares = np.exp(z - z.max(1, keepdims=True))
    return (shares / shares.sum(1, keepdims=True))[:, 1]


def grouped(of, row, references):
    """The values of groups, by all coalitions."""
    count = len(GROUPS)

    def value(coalition):
        mixed = references.copy()
        for group in coalition:
            mixed[:, GROUPS[group]] = row[GROUPS[group]]
        return of(mixed).mean()

    values = np.zeros(count)
    for group in range(count):
        others = [other for other in range(count) if other != group]
        for size in range(count):
            weight = math.factorial(size) * math.factorial(count - size - 1) / math.factorial(count)
            for coalition in itertools.combinations(others, size):
                values[group] += weight * (value((*coalition, group)) - value(coalition))
    return values


def main():
    for path in sorted(FOLDER.glob("*_classes.json")):
        fixture = json.loads(path.read_text())
        rows, references = array(fixture["rows"]), array(fixture["references"])

        def of(x):
            p = np.mean([probability(logits(network, x)) for network in fixture["networks"]], 0)
            return np.log(p) - np.log1p(-p)

        masker = shap.maskers.Independent(references, max_samples=len(references))
        found = shap.ExactExplainer(of, masker)(rows)
        assert np.abs(found.values.sum(1) + found.base_values - of(rows)).max() < 1e-9
        fixture["shapley"] = found.values.tolist()
        fixture["shapley_of_groups"] = [grouped(of, row, references).tolist() for row in rows]
        path.write_text(json.dumps(fixture) + "\n")


if __name__ == "__main__":
    main()

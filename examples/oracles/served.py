"""Holds what a server answers against the libraries that practitioners trust, figure by figure.

    python3 -m venv /tmp/oracles
    /tmp/oracles/bin/pip install torch==2.15.0 captum==0.9.0 shap==0.51.0 scikit-learn==1.9.1 \
        scipy==1.17.1 numpy==2.4.6 pandas==3.1.1 fairlearn==0.15.0 safetensors==0.8.0 requests==2.34.2
    cargo build --release
    /tmp/oracles/bin/python examples/oracles/served.py [PROGRAM]

It starts the program (target/release/actuary when none is named) on a data directory of its own,
generates data, trains, asks over HTTP, and prints what was asked, both figures and how far they may be
apart. Networks are rebuilt in PyTorch from the weights that the server hands out. It ends with 1 when
anything is too far off.
"""

import os
import sys
import tempfile
import warnings

import numpy as np
import pandas as pd
import shap
import torch
from asking import PROJECT, Server, ended, held
from captum.attr import IntegratedGradients
from fairlearn import metrics as fair
from safetensors.numpy import load as read_weights
from scipy import stats
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.inspection import permutation_importance
from sklearn.isotonic import IsotonicRegression
from sklearn import metrics

COLUMNS = ["income", "debt", "age", "late", "noise"]
FAVOURABLE, ADVERSE = "paid", "default"


class Loans(Server):
    """A server with versions that read the loans below."""

    def probabilities(self, model, version, frame):
        """Of the adverse class."""
        columns = {name: frame[name].tolist() for name in COLUMNS}
        answer = self.post(f"/models/{model}/predictions", {"columns": columns, "version": version})
        return np.array([one["probabilities"][ADVERSE] for one in answer["predictions"]])


def borrowers(rng, train, validation, test):
    """Loans whose truth bends and interacts, and does not know the noise."""
    rows = train + validation + test
    frame = pd.DataFrame({
        "income": np.round(rng.lognormal(10.3, 0.5, rows)),
        "debt": np.round(rng.beta(2, 4, rows), 4),
        "age": rng.integers(19, 75, rows),
        "late": rng.poisson(0.6, rows),
        "noise": np.round(rng.normal(size=rows), 4),
        "group": rng.choice(["north", "east", "south"], rows, p=[0.5, 0.3, 0.2]),
    })
    logit = (
        -1.0 - 1.4 * np.log(frame.income / 30_000) + 3.5 * (frame.debt - 0.33)
        + 0.9 * frame.late - 0.02 * (frame.age - 40) + 1.5 * frame.debt * (frame.late > 1)
        + 0.5 * (frame.group == "south")
    )
    defaults = rng.random(rows) < 1 / (1 + np.exp(-logit))
    frame["outcome"] = np.where(defaults, ADVERSE, FAVOURABLE)
    frame["part"] = ["train"] * train + ["validation"] * validation + ["test"] * test
    return frame


SPEC = {
    "target": "outcome", "positive_class": ADVERSE, "features": COLUMNS, "baselines": False,
    "parts": {"by": "column", "column": "part"}, "preprocessing": {"scaling": "standard"},
}


class Rebuilt:
    """A served perceptron in PyTorch and f64, from its weights and its training rows."""

    def __init__(self, server, model, version, training):
        content = server.call("GET", f"/models/{model}/versions/{version}/weights").content
        tensors = read_weights(content)
        self.layers = []
        names = sorted({name.rsplit(".", 1)[0] for name in tensors}, key=lambda n: (n == "head", n))
        for name in names:
            weight = torch.tensor(tensors[f"{name}.weight"]).double()
            self.layers.append((weight, torch.tensor(tensors[f"{name}.bias"]).double()))
        values = training[COLUMNS].to_numpy(float)
        self.mean, self.deviation = values.mean(0), values.std(0, ddof=1)
        self.references = self.read(training)

    def read(self, frame):
        """What the network reads of rows, as f32 numbers."""
        scaled = (frame[COLUMNS].to_numpy(float) - self.mean) / self.deviation
        return torch.tensor(scaled.astype(np.float32)).double()

    def __call__(self, inputs):
        """The log odds of the adverse class."""
        for weight, bias in self.layers[:-1]:
            inputs = torch.relu(inputs @ weight + bias)
        weight, bias = self.layers[-1]
        return (inputs @ weight + bias).squeeze(-1)


def attributions(server, rng):
    """Gradients and Shapley values of a network whose references are known: all 64 training rows."""
    frame = borrowers(rng, 64, 200, 40)
    server.upload("few", frame)
    spec = SPEC | {"dataset": {"name": "few"}, "calibration": "none", "epochs": 40,
                   "network": {"kind": "mlp", "hidden": [16, 8], "dropout": 0}}
    version = server.train("few", **spec)["version"]
    network = Rebuilt(server, "few", version, frame[frame.part == "train"])
    rows = frame[frame.part == "test"].head(8)
    inputs, references = network.read(rows), network.references
    served = server.probabilities("few", version, rows)
    held("probabilities, PyTorch with the same weights", served,
         torch.sigmoid(network(inputs)).detach(), 1e-6)

    def explained(method):
        body = {"rows": rows[COLUMNS].to_dict("records"), "version": version, "method": method}
        found = server.post("/models/few/explanations", body)["explanations"]
        assert all(one["holds"] for one in found), "attributions that do not add up"
        return found, np.array([[c["attribution"] for c in one["attributions"]] for one in found])

    def along(starts, steps):
        """The mean of the ways from each start, for each row by as many steps as its entry says."""
        ways = IntegratedGradients(network)
        return np.array([
            ways.attribute(
                row.expand_as(starts), baselines=starts, n_steps=count, method="riemann_middle",
                internal_batch_size=65_536,
            ).detach().numpy().mean(0)
            for row, count in zip(inputs, steps)
        ])

    for method, starts in [
        ("integrated_gradients", references.mean(0, keepdim=True).float().double()),
        ("expected_gradients", references),
    ]:
        found, ours = explained(method)
        name = method.replace("_", " ")
        if len(starts) == 1:
            held(f"{name}, captum by as many points", ours,
                 along(starts, [one["points"] for one in found]), 1e-4)
        # `holds` promises the sum: a thousandth of the difference and a ten-thousandth.
        with torch.no_grad():
            differences = (network(inputs) - network(starts).mean()).numpy()
        promised = 1e-3 * np.abs(differences) + 1e-4
        held(f"{name}, their sum and PyTorch's difference", ours.sum(1) / promised,
             differences / promised, 1, "of what holds promises")
        # A column may be off by as much; at 8,192 points a way the engine's own tests hold each to 1e-4.
        # Of several ways each is looked at in other places than captum's.
        count = 6_400 // len(starts)
        held(f"{name}, captum by {count:,} points a way", ours, along(starts, [count] * len(rows)), 1e-3)
    log_odds = lambda x: network(torch.tensor(x)).detach().numpy()
    masker = shap.maskers.Independent(references.numpy(), max_samples=len(references))
    theirs = shap.explainers.ExactExplainer(log_odds, masker)(inputs.numpy()).values
    held("Shapley values, shap's exact explainer", explained("shapley")[1], theirs, 1e-4)


class Served(ClassifierMixin, BaseEstimator):
    """A version as scikit-learn's inspection wants it."""

    def __init__(self, server=None, model=None, version=None):
        self.server, self.model, self.version = server, model, version
        self.classes_ = np.array([ADVERSE, FAVOURABLE])

    def fit(self, x, y):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict_proba(self, frame):
        scores = self.server.probabilities(self.model, self.version, frame)
        return np.column_stack([scores, 1 - scores])


def quality(server, found, scores, truth):
    """The figures of a version's test rows."""
    ours = found["metrics"]["binary"] if "binary" in found["metrics"] else found["metrics"]
    fallen = [scores[truth], scores[~truth]]
    both = np.column_stack([1 - scores, scores])
    held("AUC, scikit-learn", ours["auc"], metrics.roc_auc_score(truth, scores), 1e-9)
    held("Gini, scikit-learn", ours["gini"], 2 * metrics.roc_auc_score(truth, scores) - 1, 1e-9)
    held("KS, scipy", ours["ks"], stats.ks_2samp(*fallen).statistic, 1e-9)
    held("average precision, scikit-learn", ours["pr_auc"],
         metrics.average_precision_score(truth, scores), 1e-9)
    held("log loss, scikit-learn", ours["log_loss"], metrics.log_loss(truth, both), 1e-9)
    held("Brier score, scikit-learn", ours["brier"], metrics.brier_score_loss(truth, scores), 1e-9)
    order = np.argsort(scores, kind="stable")
    reliability = ours["calibration"]["reliability"]
    edges = np.cumsum([0] + [one["n"] for one in reliability["bins"]])
    parts = [order[a:b] for a, b in zip(edges, edges[1:])]
    gaps = [abs(scores[part].mean() - truth[part].mean()) * len(part) for part in parts]
    held("expected calibration error, NumPy", reliability["expected_error"],
         sum(gaps) / len(scores), 1e-9)
    intervals = [stats.binomtest(int(truth[p].sum()), len(p)).proportion_ci(method="wilson")
                 for p in parts]
    held("reliability bands, scipy's Wilson", [list(b["interval"].values()) for b in reliability["bins"]],
         [[i.low, i.high] for i in intervals], 1e-9)


def isotonic(server, spec, plain, frame):
    """The same network with isotonic regression, which scikit-learn fits on its logits."""
    version = server.train("loans", **spec | {"calibration": "isotonic"})
    validation, test = (frame[frame.part == part] for part in ("validation", "test"))
    truth = (validation.outcome == ADVERSE).to_numpy()
    logit = lambda part: np.log(s := server.probabilities("loans", plain, part)) - np.log1p(-s)
    fitted = IsotonicRegression(out_of_bounds="clip").fit(logit(validation), truth)
    n, positives = len(truth), truth.sum()
    # No row is answered by 0 or by 1: knots are held as far from these as Platt's targets are.
    knots = np.clip(fitted.y_thresholds_, 1 / (n - positives + 2), (positives + 1) / (positives + 2))
    theirs = np.interp(logit(test), fitted.X_thresholds_, knots)
    ours = server.probabilities("loans", version["version"], test)
    held("isotonic regression, scikit-learn", ours, theirs, 1e-9)


def fairness(server, version, scores, truth, groups, threshold):
    """How decisions fall on groups of a column that is not read."""
    result = server.analyse("loans", version, {"kind": "fairness", "column": "group"}, rows=1_000_000)
    approved, deserving = scores < threshold, ~truth
    figures = result["figures"]
    given = dict(sensitive_features=groups)
    for name, function in [
        ("demographic_parity_difference", fair.demographic_parity_difference),
        ("demographic_parity_ratio", fair.demographic_parity_ratio),
        ("equalized_odds_difference", fair.equalized_odds_difference),
        ("equalized_odds_ratio", fair.equalized_odds_ratio),
        ("equal_opportunity_difference", fair.equal_opportunity_difference),
        ("equal_opportunity_ratio", fair.equal_opportunity_ratio),
    ]:
        held(f"{name.replace('_', ' ')}, fairlearn", figures[name]["value"],
             function(deserving, approved, **given), 1e-9)
    rates = fair.MetricFrame(metrics=fair.selection_rate, y_true=deserving, y_pred=approved, **given)
    reference = figures["reference"]
    of = {one["name"]: one for one in figures["groups"]}
    for name, rate in rates.by_group.items():
        held(f"selection rate of {name}, fairlearn", of[name]["selection_rate"]["value"], rate, 1e-9)
        scored = metrics.roc_auc_score(truth[groups == name], scores[groups == name])
        held(f"AUC of {name}, scikit-learn", of[name]["auc"], scored, 1e-9)
        if name != reference:
            impact = of[name]["impact"]
            held(f"adverse impact ratio of {name}, fairlearn", impact["ratio"],
                 rate / rates.by_group[reference], 1e-9)
            table = [[(approved & (groups == g)).sum(), (~approved & (groups == g)).sum()]
                     for g in (name, reference)]
            held(f"Fisher's exact test of {name}, scipy", impact["p_value"], stats.fisher_exact(table).pvalue, 1e-9)


def of_the_model(server, rng):
    """What is found of a whole model, on rows that it has not learnt from."""
    frame = borrowers(rng, 3_000, 2_000, 2_000)
    server.upload("loans", frame)
    spec = SPEC | {"dataset": {"name": "loans"}, "calibration": "none", "epochs": 15,
                   "network": {"kind": "mlp", "hidden": [32, 16]}}
    found = server.train("loans", **spec)
    version, threshold = found["version"], found["signature"]["threshold"]
    test = frame[frame.part == "test"]
    truth, groups = (test.outcome == ADVERSE).to_numpy(), test.group.to_numpy()
    scores = server.probabilities("loans", version, test)
    quality(server, found, scores, truth)
    isotonic(server, spec, version, frame)
    fairness(server, version, scores, truth, groups, threshold)

    ours = server.analyse("loans", version, {"kind": "importance", "repeats": 10})
    model = Served(server, "loans", version)
    theirs = permutation_importance(model, test[COLUMNS], test.outcome, n_repeats=10,
                                    scoring="neg_log_loss", random_state=0)
    of = {one["columns"][0]: one for one in ours["columns"]}
    for at, name in enumerate(COLUMNS):
        error = np.hypot(of[name]["standard_error"], theirs.importances_std[at] / np.sqrt(9))
        held(f"permutation importance of {name}, scikit-learn", of[name]["mean"],
             theirs.importances_mean[at], 2 * error, "two standard errors of the difference")


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else str(PROJECT / "target/release/actuary")
    warnings.filterwarnings("ignore")
    rng = np.random.default_rng(20261126)
    with tempfile.TemporaryDirectory(prefix="actuary-oracles-") as place:
        os.chmod(place, 0o755)
        server = Loans(program, os.path.join(place, "data"))
        try:
            attributions(server, rng)
            of_the_model(server, rng)
        finally:
            server.process.terminate()
            server.process.wait()
    ended()


if __name__ == "__main__":
    main()

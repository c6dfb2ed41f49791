"""What others reach on the same rows: scikit-learn's linear models and LightGBM near its defaults.

    python3 -m venv /tmp/peers
    /tmp/peers/bin/pip install lightgbm==4.7.0 scikit-learn==1.9.1 scipy==1.17.1 pandas==3.1.1 \
        numpy==2.4.6
    /tmp/peers/bin/python examples/quality/peers.py FILE... --part part --target y --positive 1
    /tmp/peers/bin/python examples/quality/peers.py --images FOLDER
    /tmp/peers/bin/python examples/quality/peers.py --text TRAIN VALID
    /tmp/peers/bin/python examples/quality/peers.py --series FILE --columns all --horizon 96

Tables are CSV (.gz, too; separated by comma, semicolon or tab) with a column that says of each row
whether it is for `train`, `validation` or `test`; other rows are left out. The linear model is
trained on train and validation, boosting on train, stopped by validation ("boosting_refitted": with
as many trees on both), held to `--increasing` and `--decreasing` where these are given. They are
judged on test: by AUC for two classes, accuracy for more, R2 for numbers. One JSON object a file, and one with means and standard errors after several. One thread.
"""

import argparse
import gzip
import json
import os
import pathlib
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import lightgbm
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, f1_score, r2_score, roc_auc_score
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

PARTS = ("train", "validation", "test")

# A number with more different values than this is a quantity, not a class.
MOST_CLASSES = 20


def opened(path):
    return gzip.open(path, "rt") if str(path).endswith(".gz") else open(path, encoding="utf-8")


def read_csv(path):
    with opened(path) as file:
        header = file.readline()
    return pd.read_csv(path, sep=max(",;\t", key=header.count))


def timed(work):
    start = time.perf_counter()
    return work(), round(time.perf_counter() - start, 2)


# Tables


class Table:
    """Rows of three parts, their target coded as numbers."""

    def __init__(self, path, arguments):
        rows = read_csv(path)
        for name in (arguments.part, arguments.target):
            if name not in rows:
                raise SystemExit(f"{path} has no column {name}")
        rows = rows[rows[arguments.part].isin(PARTS) & rows[arguments.target].notna()]
        self.part = rows[arguments.part]
        target = rows[arguments.target].convert_dtypes()
        excluded = [name for name in arguments.exclude.split(",") if name]
        self.x = rows.drop(columns=[arguments.part, arguments.target, *excluded])
        self.numbers = [n for n in self.x if pd.api.types.is_numeric_dtype(self.x[n])]
        self.categories = [n for n in self.x if n not in self.numbers]
        ways = ((arguments.increasing, 1), (arguments.decreasing, -1))
        self.order = {name: way for names, way in ways for name in names.split(",") if name}
        if not set(self.order) <= set(self.numbers):
            raise SystemExit(f"{path}: not all of {sorted(self.order)} are columns of numbers")
        self.x[self.categories] = self.x[self.categories].astype("str").fillna("missing")
        self.x[self.numbers] = self.x[self.numbers].astype("float64")
        self.task = arguments.task or self.guess(target)
        self.positive = None
        if self.task == "regression":
            self.y = target.astype("float64")
        elif self.task == "binary":
            names = [str(value) for value in sorted(target.unique())]
            self.positive = names[-1] if arguments.positive is None else arguments.positive
            if self.positive not in names:
                raise SystemExit(f"{arguments.target} is never {self.positive}: it is {names}")
            self.y = (target.astype(str) == self.positive).astype(int)
        else:
            self.y = target.astype("category").cat.codes.astype(int)

    @staticmethod
    def guess(target):
        if target.nunique() == 2:
            return "binary"
        many = target.nunique() > MOST_CLASSES
        return "regression" if many and pd.api.types.is_numeric_dtype(target) else "multiclass"

    def rows(self, *parts):
        chosen = self.part.isin(parts)
        return self.x[chosen], self.y[chosen]

    def judge(self, model):
        x, y = self.rows("test")
        if self.task == "binary":
            return float(roc_auc_score(y, model.predict_proba(x)[:, 1]))
        score = r2_score if self.task == "regression" else accuracy_score
        return float(score(y, model.predict(x)))


def prepared(table, numbers):
    """The table's columns as a model wants them: numbers by the step given, categories one-hot."""
    one_hot = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=100)
    return make_column_transformer((numbers, table.numbers), (one_hot, table.categories))


def linear(table):
    filled = SimpleImputer(add_indicator=True, keep_empty_features=True)
    numbers = make_pipeline(filled, StandardScaler())
    last = Ridge() if table.task == "regression" else LogisticRegression(max_iter=5000)
    model = make_pipeline(prepared(table, numbers), last)
    return table.judge(model.fit(*table.rows("train", "validation")))


def boosting(table):
    """What trees stopped by validation reach, as many on validation's rows, too; how many."""
    of_task = lightgbm.LGBMRegressor if table.task == "regression" else lightgbm.LGBMClassifier
    settings = {"learning_rate": 0.05, "n_jobs": 1, "random_state": 0, "verbosity": -1}
    columns = prepared(table, "passthrough").set_params(sparse_threshold=0)
    x, y = table.rows("train")
    x = columns.fit_transform(x)
    if table.order:
        # Numbers come first.
        ways = [table.order.get(name, 0) for name in table.numbers]
        settings["monotone_constraints"] = ways + [0] * (x.shape[1] - len(ways))
    unseen_x, unseen_y = table.rows("validation")
    model = of_task(n_estimators=300, **settings)
    model.fit(
        x,
        y,
        eval_X=columns.transform(unseen_x),
        eval_y=unseen_y,
        callbacks=[lightgbm.early_stopping(50, verbose=False)],
    )
    trees = int(model.best_iteration_ or model.n_estimators)
    stopped = table.judge(make_pipeline(columns, model))
    again = make_pipeline(columns, of_task(n_estimators=trees, **settings))
    return stopped, table.judge(again.fit(*table.rows("train", "validation"))), trees


def tables(arguments):
    found = []
    for path in arguments.files:
        table = Table(path, arguments)
        counts = table.part.value_counts()
        of_linear, linear_seconds = timed(lambda: linear(table))
        (stopped, refitted, trees), boosting_seconds = timed(lambda: boosting(table))
        found.append((of_linear, stopped, refitted))
        metrics = {"binary": "auc", "multiclass": "accuracy", "regression": "r2"}
        report = {
            "file": path,
            "task": table.task,
            "positive": table.positive,
            "rows": {part: int(counts.get(part, 0)) for part in PARTS},
            "metric": metrics[table.task],
            "linear": round(of_linear, 5),
            "boosting": round(stopped, 5),
            "boosting_refitted": round(refitted, 5),
            "trees": trees,
            "seconds": {"linear": linear_seconds, "boosting": boosting_seconds},
        }
        print(json.dumps(report), flush=True)
    if len(found) > 1:
        names = ("linear", "boosting", "boosting_refitted")
        means = np.mean(found, axis=0).round(5).tolist()
        errors = (np.std(found, axis=0, ddof=1) / np.sqrt(len(found))).round(5).tolist()
        summary = {n: {"mean": m, "error": e} for n, m, e in zip(names, means, errors)}
        print(json.dumps({"files": len(found), **summary}))


# Images


def idx(path):
    data = gzip.decompress(path.read_bytes())
    sizes = np.frombuffer(data, ">u4", count=data[3], offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(sizes)


def images(folder, rows=10_000):
    folder = pathlib.Path(folder)
    read = {
        (part, kind): idx(folder / f"{part}-{kind}-ubyte.gz")
        for part in ("train", "t10k")
        for kind in ("images-idx3", "labels-idx1")
    }
    pixels = lambda part: read[part, "images-idx3"].reshape(-1, 784) / 255.0
    x, y = pixels("train")[:rows], read["train", "labels-idx1"][:rows]
    model, seconds = timed(lambda: LogisticRegression(max_iter=500).fit(x, y))
    accuracy = model.score(pixels("t10k"), read["t10k", "labels-idx1"])
    report = {
        "folder": str(folder),
        "rows": {"train": rows, "test": len(read["t10k", "labels-idx1"])},
        "accuracy": round(float(accuracy), 5),
        "seconds": seconds,
    }
    print(json.dumps(report))


# Text


def text(train, valid):
    train, valid = read_csv(train), read_csv(valid)
    texts, labels = train.columns[0], train.columns[-1]
    model = make_pipeline(
        make_union(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
            TfidfVectorizer(analyzer="char", ngram_range=(3, 5), sublinear_tf=True),
        ),
        LinearSVC(random_state=0),
    )
    _, seconds = timed(lambda: model.fit(train[texts], train[labels]))
    predicted = model.predict(valid[texts])
    report = {
        "rows": {"train": len(train), "validation": len(valid)},
        "classes": int(train[labels].nunique()),
        "accuracy": round(float(accuracy_score(valid[labels], predicted)), 5),
        "macro_f1": round(float(f1_score(valid[labels], predicted, average="macro")), 5),
        "seconds": seconds,
    }
    print(json.dumps(report))


# Series


def windows(values, look_back, horizon, first, end):
    """Windows whose horizons lie in rows first to end, one channel after another."""
    rows = values[max(first - look_back, 0) : end]
    both = np.lib.stride_tricks.sliding_window_view(rows, look_back + horizon, axis=0)
    both = both.reshape(-1, look_back + horizon)
    return both[:, :look_back], both[:, look_back:]


def solve(values, look_back, horizon, end, penalty):
    """Ridge regression of the horizon on the look-back, as steps away from the last value."""
    gram, product = 0.0, 0.0
    for channel in values.T:
        x, y = windows(channel[:, None], look_back, horizon, 0, end)
        last = x[:, -1:]
        x, y = np.hstack([x - last, np.ones_like(last)]), y - last
        gram, product = gram + x.T @ x, product + x.T @ y
    # The last column of ones is not penalised.
    return np.linalg.solve(gram + penalty * np.diag([1.0] * look_back + [1e-9]), product)


def series_errors(values, look_back, horizon, first, end, weights=None):
    square = absolute = count = 0
    for channel in values.T:
        x, y = windows(channel[:, None], look_back, horizon, first, end)
        last = x[:, -1:]
        error = y - last
        if weights is not None:
            error = error - np.hstack([x - last, np.ones_like(last)]) @ weights
        square, absolute = square + np.sum(error**2), absolute + np.sum(np.abs(error))
        count += error.size
    return {"mse": round(float(square / count), 5), "mae": round(float(absolute / count), 5)}


def series(arguments):
    rows = read_csv(arguments.series).select_dtypes("number")
    if arguments.columns != "all":
        rows = rows[arguments.columns.split(",")]
    train, validation, test = np.cumsum([int(n) for n in arguments.split.split(",")]).tolist()
    values = rows.to_numpy("float64")[:test]
    values = (values - values[:train].mean(axis=0)) / values[:train].std(axis=0)
    shape = (arguments.look_back, arguments.horizon)
    fits = []
    start = time.perf_counter()
    for penalty in [10.0**power for power in range(1, 6)]:
        weights = solve(values, *shape, train, penalty)
        error = series_errors(values, *shape, train, validation, weights)["mse"]
        fits.append((error, penalty, weights))
    _, penalty, weights = min(fits, key=lambda fit: fit[0])
    report = {
        "file": arguments.series,
        "columns": rows.columns.tolist(),
        "look_back": arguments.look_back,
        "horizon": arguments.horizon,
        "windows": test - validation - arguments.horizon + 1,
        "repeat": series_errors(values, *shape, validation, test),
        "ridge": series_errors(values, *shape, validation, test, weights),
        "penalty": penalty,
        "seconds": round(time.perf_counter() - start, 2),
    }
    print(json.dumps(report))


def main():
    parser = argparse.ArgumentParser(description="What others reach on the same rows.")
    parser.add_argument("files", nargs="*", help="CSV files")
    parser.add_argument("--part", default="part", help="column that names each row's part")
    parser.add_argument("--target", help="column to predict")
    parser.add_argument("--positive", help="class whose probability is judged; else the last one")
    parser.add_argument("--exclude", default="", help="columns to leave out, with commas between")
    parser.add_argument("--increasing", default="", help="columns that boosting's answer rises with")
    parser.add_argument("--decreasing", default="", help="columns that it falls with")
    parser.add_argument("--task", choices=("binary", "multiclass", "regression"))
    parser.add_argument("--images", metavar="FOLDER", help="MNIST's four files")
    parser.add_argument("--text", nargs=2, metavar=("TRAIN", "VALID"), help="text, ..., label")
    parser.add_argument("--series", metavar="FILE", help="a series of ETT's kind")
    parser.add_argument("--columns", default="all", help="all, or names with commas between")
    parser.add_argument("--look-back", type=int, default=336)
    parser.add_argument("--horizon", type=int, default=96)
    parser.add_argument("--split", default="8640,2880,2880", help="rows to train, validate, test")
    arguments = parser.parse_args()
    if arguments.files and not arguments.target:
        parser.error("FILE needs --target")
    if arguments.files:
        tables(arguments)
    if arguments.images:
        images(arguments.images)
    if arguments.text:
        text(*arguments.text)
    if arguments.series:
        series(arguments)
    if not (arguments.files or arguments.images or arguments.text or arguments.series):
        parser.error("name a FILE, or one of --images, --text, --series")


if __name__ == "__main__":
    main()

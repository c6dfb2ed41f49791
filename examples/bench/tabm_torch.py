"""Seconds an epoch of the default table network takes in PyTorch, on one thread.

    python3 -m venv /tmp/torch
    /tmp/torch/bin/pip install torch==2.15.0 tabm==0.0.3 rtdl_num_embeddings==0.0.12 \
        scikit-learn==1.9.1 scipy==1.17.1 pandas==3.1.1 numpy==2.4.6
    /tmp/torch/bin/python examples/bench/tabm_torch.py FILE --part part --target y --epochs 3

FILE is a CSV (.gz, too; separated by comma, semicolon or tab) with a column that says of each row
whether it is for `train`, `validation` or `test`. The network is the authors' own, of the package
tabm: TabM-mini, 8 members, 2 blocks of 128, dropout 0.1, piecewise-linear embeddings of 16 on up to
128 bins a number, batches of 512, fused AdamW with warm-up, cosine and clipped gradients. "seconds"
are those of the epochs alone ("cpu_seconds" tells whether others had the core in between); "auc" is
that after the last one, on test.
"""

import argparse
import gzip
import json
import math
import os
import time
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import torch
from rtdl_num_embeddings import PiecewiseLinearEmbeddings
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import QuantileTransformer
from tabm import TabM
from torch.nn import functional

MEMBERS = 8


def read_csv(path):
    opened = gzip.open if path.endswith(".gz") else open
    with opened(path, "rt") as file:
        header = file.readline()
    return pd.read_csv(path, sep=max(",;\t", key=header.count))


def numbers(rows, train, seed):
    """Normal quantiles fitted on the training rows, missing ones 0 beside a column that says so."""
    values = rows.to_numpy("float64")
    fitted = values[train] + np.random.default_rng(seed).normal(0.0, 1e-5, values[train].shape)
    quantiles = max(min(train.sum() // 30, 1000), 10)
    transformer = QuantileTransformer(
        output_distribution="normal", n_quantiles=quantiles, subsample=None
    ).fit(fitted)
    missing = np.isnan(values)
    columns = np.hstack([np.nan_to_num(transformer.transform(values)), missing])
    return columns[:, columns[train].min(axis=0) < columns[train].max(axis=0)].astype("float32")


def mixed_bins(values, count):
    """Half from quantiles of the values, half from quantiles of the different ones."""
    points = np.linspace(0.0, 1.0, count // 2 + 1)
    different = np.unique(values)
    if len(different) > count:
        parts = np.quantile(values, points), np.quantile(different, points)
        different = np.unique(np.concatenate(parts).astype("float32"))
    return torch.tensor(different)


def levels(column, train):
    """Numbers of the levels that training saw; one more for all others."""
    known = pd.Index(column[train].unique())
    codes = known.get_indexer(column)
    return np.where(codes < 0, len(known), codes), len(known) + 1


def scores(network, numeric, categories):
    network.eval()
    with torch.inference_mode():
        parts = zip(numeric.split(4096), categories.split(4096))
        found = [network(x, c if c.shape[1] else None).sigmoid().mean(1)[:, 0] for x, c in parts]
    network.train()
    return torch.cat(found).numpy()


def main():
    parser = argparse.ArgumentParser(description="Seconds an epoch takes in PyTorch.")
    parser.add_argument("file", help="CSV file")
    parser.add_argument("--part", default="part", help="column that names each row's part")
    parser.add_argument("--target", required=True, help="column to predict, of two classes")
    parser.add_argument("--positive", help="class whose probability is judged; else the last one")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--bins", type=int, default=128, help="most bins a number gets")
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)

    rows = read_csv(arguments.file)
    for name in (arguments.part, arguments.target):
        if name not in rows:
            parser.error(f"{arguments.file} has no column {name}")
    train, test = (np.array(rows[arguments.part] == part) for part in ("train", "test"))
    target = rows[arguments.target]
    names = [str(value) for value in sorted(target.unique())]
    if len(names) != 2:
        parser.error(f"{arguments.target} has {len(names)} classes, not 2")
    positive = arguments.positive or names[-1]
    if positive not in names:
        parser.error(f"{arguments.target} is never {positive}: it is {names}")
    truth = torch.tensor(np.array(target.astype(str) == positive, "float32"))
    x = rows.drop(columns=[arguments.part, arguments.target])
    numeric = x.select_dtypes(["number", "bool"])
    others = x.drop(columns=numeric.columns).astype("str").fillna("missing")
    values = torch.tensor(numbers(numeric, train, arguments.seed))
    coded = [levels(others[name], train) for name in others]
    categories = torch.tensor(
        np.stack([codes for codes, _ in coded], 1) if coded else np.zeros((len(x), 0)),
        dtype=torch.long,
    )
    bins = [mixed_bins(column, arguments.bins) for column in values[train].numpy().T]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that one bin is a min-max scaling
        embeddings = PiecewiseLinearEmbeddings(bins, 16, activation=False, version="B")
    network = TabM.make(
        arch_type="tabm-mini",
        k=MEMBERS,
        n_blocks=2,
        d_block=128,
        dropout=0.1,
        n_num_features=len(bins),
        cat_cardinalities=[count for _, count in coded],
        d_out=1,
        num_embeddings=embeddings,
    )
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=arguments.rate, weight_decay=1e-2, fused=True
    )
    chosen = torch.tensor(np.flatnonzero(train))
    steps = arguments.epochs * math.ceil(len(chosen) / arguments.batch)
    warm = max(1, steps // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser,
        lambda step: min((step + 1) / warm, 1.0)
        * 0.5
        * (1.0 + math.cos(math.pi * max(0.0, (step - warm) / max(1, steps - warm)))),
    )

    network.train()
    start, cpu_start = time.perf_counter(), time.process_time()
    for _ in range(arguments.epochs):
        for batch in chosen[torch.randperm(len(chosen))].split(arguments.batch):
            category = categories[batch] if coded else None
            logits = network(values[batch], category)[:, :, 0]
            wanted = truth[batch][:, None].expand(-1, MEMBERS)
            optimiser.zero_grad()
            functional.binary_cross_entropy_with_logits(logits, wanted).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    found = scores(network, values[test], categories[test])

    report = {
        "rows": len(chosen),
        "features": x.shape[1],
        "width": network.backbone.affine.weight.shape[1],
        "bins": sum(len(edges) - 1 for edges in bins),
        "epochs": arguments.epochs,
        "seconds": round(seconds, 3),
        "seconds_per_epoch": round(seconds / max(1, arguments.epochs), 3),
        "cpu_seconds": round(cpu_seconds, 3),
        "auc": round(float(roc_auc_score(truth[test], found)), 5),
        "torch": torch.__version__,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()

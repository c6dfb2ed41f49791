"""The least variance of 500 assets within bounds, beside skfolio: both in turns on the same returns.

    pip install skfolio==1.12.2
    cargo build --release -p actuary-finance --example min_variance
    python3 examples/bench/min_variance.py [--assets 500] [--returns 1000] [--most 0.02] [--rounds 3]

The returns are generated: 10 common factors and noise of each asset's own. Both estimate the covariance of Ledoit and
Wolf and seek long weights of at most --most; the time is that of both steps, without starting a process.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

import numpy as np
from skfolio.moments import LedoitWolf
from skfolio.optimization import MeanRisk
from skfolio.prior import EmpiricalPrior

ROOT = pathlib.Path(__file__).parents[2]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--assets", type=int, default=500)
    parser.add_argument("--returns", type=int, default=1000)
    parser.add_argument("--most", type=float, default=0.02)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    rng = np.random.default_rng(7)
    loads = rng.normal(0.6, 0.4, (10, asked.assets))
    factors = rng.standard_t(5, (asked.returns, 10)) * 0.004
    own = rng.standard_t(5, (asked.returns, asked.assets)) * rng.uniform(0.004, 0.02, asked.assets)
    returns = factors @ loads + own
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    program = target / "release" / "examples" / "min_variance"
    ours, theirs, steps = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        returns.astype("<f8").tofile(place / "returns")
        for _ in range(asked.rounds):
            arguments = [place / "returns", str(asked.assets), str(asked.most), place / "weights"]
            told = subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout
            steps.append([float(part) for part in told.split()])
            ours.append(sum(steps[-1]))
            prior = EmpiricalPrior(covariance_estimator=LedoitWolf())
            began = time.perf_counter()
            model = MeanRisk(max_weights=asked.most, prior_estimator=prior, solver="CLARABEL").fit(returns)
            theirs.append(time.perf_counter() - began)
        weights = np.loadtxt(place / "weights")
    covariance = LedoitWolf().fit(returns).covariance_
    variance = weights @ covariance @ weights
    other = model.weights_ @ covariance @ model.weights_
    print(f"{asked.assets} assets, {asked.returns} returns, weights from 0 to {asked.most}; {asked.rounds} rounds in turns, "
          f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for name, times in (("actuary", ours), ("skfolio", theirs)):
        print(f"{name}  median {statistics.median(times):.3f} s   " + " ".join(f"{t:.3f}" for t in times))
    covariances, optimisations = zip(*steps)
    print(f"actuary's own: covariance {statistics.median(covariances):.3f} s, optimisation "
          f"{statistics.median(optimisations):.3f} s")
    print(f"ratio {statistics.median(ours) / statistics.median(theirs):.2f} of skfolio's time")
    print(f"variance {variance:.12e}, skfolio's {other:.12e}: {variance / other - 1:+.1e} relative; "
          f"largest difference of a weight {np.abs(weights - model.weights_).max():.1e}; {np.sum(weights > 1e-6)} held")


if __name__ == "__main__":
    main()

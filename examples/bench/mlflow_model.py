"""Saves the network 20-64-64-1 as `mlflow models serve` takes it.

    target/peers/bin/python examples/bench/mlflow_model.py DIRECTORY
    target/peers/bin/mlflow models serve --model-uri DIRECTORY --env-manager local --port 5000
    actuary bench serve --peer-url http://127.0.0.1:5000/invocations

Its weights are those that PyTorch draws: how long an answer takes does not depend on them.
"""

import sys

import mlflow.pytorch
from torch import nn


def main():
    if len(sys.argv) != 2:
        sys.exit("give the directory to save the model in")
    network = nn.Sequential(
        *(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU()),
        *(nn.Linear(64, 1), nn.Sigmoid()),
    )
    network.eval()
    # Requirements are said, not inferred: to infer them it would install the model elsewhere first.
    mlflow.pytorch.save_model(
        network,
        sys.argv[1],
        pip_requirements=["torch", "mlflow"],
        serialization_format="pickle",
    )


if __name__ == "__main__":
    main()

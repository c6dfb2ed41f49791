"""Writes src/engine/explain/fixtures/*.json: networks, rows, and what captum attributes to their inputs.

    python3 -m venv /tmp/oracles
    /tmp/oracles/bin/pip install torch==2.15.0 captum==0.9.0 numpy==2.4.6
    /tmp/oracles/bin/python examples/oracles/explanations.py

Two perceptrons answer together by the mean of their probabilities; what is attributed is the logit of
that mean (two classes), or of the mean probability of one of three. Integrated gradients go from the mean
of the references, expected gradients are the mean of those from each of them, both by so many steps that
they add up within 5e-5. Parameters and inputs are f32 values, calculated with in f64.
"""

import json
import pathlib

import numpy as np
import torch
from captum.attr import IntegratedGradients
from torch import nn

FOLDER = pathlib.Path(__file__).parents[2] / "src" / "engine" / "explain" / "fixtures"
INPUTS, REFERENCES, ROWS, STEPS = 6, 5, 4, 20_000


def f32(tensor):
    return tensor.detach().float().double()


def tensor(values):
    """A tensor for JSON, each value by the fewest digits that give its f32 back."""
    flat = np.asarray(values.detach().float().contiguous().view(-1).numpy())
    return {"shape": list(values.shape), "values": [float(str(v)) for v in flat]}


def perceptron(outputs):
    network = nn.Sequential(
        nn.Linear(INPUTS, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, outputs)
    ).double()
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(f32(p + 0.3 * torch.randn_like(p)))
    return network


def logit(probability):
    return torch.log(probability) - torch.log1p(-probability)


def attributed(quantity, rows, references):
    """Integrated and expected gradients, of each row and input."""
    def along(start):
        method = IntegratedGradients(quantity)
        many = method.attribute(
            rows, baselines=start, n_steps=STEPS, method="riemann_middle", internal_batch_size=20_000
        )
        return many.detach()

    each = [along(reference.expand_as(rows)) for reference in references]
    return along(f32(references.mean(0)).expand_as(rows)), torch.stack(each).mean(0)


def write(name, outputs, quantity):
    networks = [perceptron(outputs) for _ in range(2)]
    rows, references = (f32(torch.randn(n, INPUTS)) for n in (ROWS, REFERENCES))

    def of(x):
        return quantity([network(x) for network in networks])

    integrated, expected = attributed(of, rows, references)
    for start, found in ((f32(references.mean(0)), integrated),):
        gap = (found.sum(1) - (of(rows) - of(start[None]))).abs().max()
        assert gap < 5e-5, gap
    fixture = {
        "note": "Linear weights are [out, in]. " + __doc__.split("\n\n")[2].replace("\n", " "),
        "networks": [
            {key: tensor(value) for key, value in network.named_parameters()} for network in networks
        ],
        "rows": tensor(rows),
        "references": tensor(references),
        "values": tensor(of(rows)),
        "base": float(of(references).detach().mean()),
        "integrated": tensor(integrated),
        "expected": tensor(expected),
    }
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(fixture) + "\n")


def main():
    torch.manual_seed(5)
    write("two_classes", 1, lambda z: logit(torch.stack([torch.sigmoid(y) for y in z]).mean(0))[:, 0])
    write("three_classes", 3, lambda z: logit(torch.stack([y.softmax(1) for y in z]).mean(0))[:, 1])


if __name__ == "__main__":
    main()

"""Steps of the networks that `actuary bench train` measures, in PyTorch: eager, on one thread.

    examples/bench/peers.sh    # once: PyTorch and others into a virtual environment
    actuary bench train --peer target/peers/bin/python    # both in turns
    target/peers/bin/python examples/bench/train_torch.py mlp --seconds 2    # this alone

For each network that is named, on the command line or in a line of standard input each, it prints one
JSON object: the seconds of every step, and the number of parameters, which has to be ours. A step
takes rows of a batch by their numbers, the loss, which is added up, gradients, and a fused optimiser;
a fifth of the time comes first and is not counted. On a GPU each time is the mean of 16 steps, after
which it is waited for. The learning rate is next to nothing, as ours: a
step costs the same at any rate.
"""

import argparse
import json
import math
import os
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import nn
from torch.nn import functional

BATCHES = 16
# Steps on a GPU after which it is waited for.
TOGETHER = 16
RATE = 1e-8
TABM_MEMBERS, TABM_COLUMNS, TABM_BINS = 8, 23, 128


class Lstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(8, 64, num_layers=2, batch_first=True)
        self.output = nn.Linear(64, 1)

    def forward(self, x):
        return self.output(self.lstm(x)[0][:, -1])


class Attention(nn.Module):
    """Norms before what they feed, GELU, sines for places, the mean of the steps."""

    def __init__(self, steps, channels, width=64, heads=4, layers=2, feed_forward=128):
        super().__init__()
        self.input = nn.Linear(channels, width)
        layer = nn.TransformerEncoderLayer(
            width, heads, feed_forward, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(
            layer, layers, norm=nn.LayerNorm(width), enable_nested_tensor=False
        )
        self.output = nn.Linear(width, 1)
        place = torch.arange(steps)[:, None]
        angle = place * torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
        waves = torch.stack([angle.sin(), angle.cos()], 2).reshape(steps, width)
        self.register_buffer("places", waves)

    def forward(self, x):
        return self.output(self.encoder(self.input(x) + self.places).mean(1))


def mlp_large():
    return mlp([256, 2048, 2048, 1])


def attention_large():
    return Attention(128, 8, 512, 8, 4, 1024)


def mlp(sizes=(20, 64, 64, 1)):
    layers = [nn.Linear(sizes[0], sizes[1])]
    for inputs, outputs in zip(sizes[1:], sizes[2:]):
        layers += [nn.ReLU(), nn.Linear(inputs, outputs)]
    return nn.Sequential(*layers)


def lenet():
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(256, 120), nn.ReLU()),
        *(nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )


def tabm():
    from rtdl_num_embeddings import PiecewiseLinearEmbeddings
    from tabm import TabM

    bins = [torch.linspace(-1.0, 1.0, TABM_BINS + 1) for _ in range(TABM_COLUMNS)]
    embeddings = PiecewiseLinearEmbeddings(bins, 16, activation=False, version="B")
    return TabM.make(
        arch_type="tabm-mini",
        k=TABM_MEMBERS,
        n_blocks=2,
        d_block=128,
        dropout=0.1,
        n_num_features=TABM_COLUMNS,
        d_out=1,
        num_embeddings=embeddings,
    )


def binary(logits, truth):
    return functional.binary_cross_entropy_with_logits(logits, truth[:, None].float())


def of_members(logits, truth):
    truth = truth[:, None].float().expand(-1, TABM_MEMBERS)
    return functional.binary_cross_entropy_with_logits(logits[:, :, 0], truth)


def adam(parameters):
    return torch.optim.Adam(parameters, lr=RATE, fused=True)


def adamw(parameters):
    return torch.optim.AdamW(parameters, lr=RATE, weight_decay=1e-2, fused=True)


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=RATE, momentum=0.9, fused=True)


# Network, shape of a row, classes, rows of a batch, optimiser, loss, longest gradient.
NETWORKS = {
    "mlp": (mlp, (20,), 2, 32, adam, binary, None),
    "lstm": (Lstm, (64, 8), 2, 64, adam, binary, None),
    "lstm_256": (Lstm, (256, 8), 2, 64, adam, binary, None),
    "lenet": (lenet, (1, 28, 28), 10, 64, sgd, functional.cross_entropy, None),
    "attention": (lambda: Attention(32, 8), (32, 8), 2, 32, adam, binary, None),
    "tabm": (tabm, (TABM_COLUMNS,), 2, 512, adamw, of_members, 1.0),
    "mlp_large": (mlp_large, (256,), 2, 8192, adam, binary, None),
    "attention_large": (attention_large, (128, 8), 2, 64, adam, binary, None),
    "attention_large_bf16": (attention_large, (128, 8), 2, 64, adam, binary, None),
}


def measured(name, seconds, device):
    make, shape, classes, size, optimiser_of, loss_of, longest = NETWORKS[name]
    on_gpu = device.type == "cuda"
    halves = name.endswith("_bf16")
    together = TOGETHER if on_gpu else 1
    torch.manual_seed(1)
    network = make().to(device)
    network.train()
    rows = size * BATCHES
    inputs = (torch.rand(rows, *shape) * 2 - 1).to(device)
    truth = torch.randint(classes, (rows,)).to(device)
    optimiser = optimiser_of(network.parameters())
    batches = torch.randperm(rows).to(device).split(size)
    total, times, steps = torch.zeros((), device=device), [], 0
    began, counted = time.perf_counter(), None
    while True:
        start = time.perf_counter()
        for _ in range(together):
            batch = batches[steps % BATCHES]
            optimiser.zero_grad()
            with torch.autocast(device.type, torch.bfloat16, enabled=halves):
                answers = network(inputs[batch])
            loss = loss_of(answers.float(), truth[batch])
            loss.backward()
            if longest:
                torch.nn.utils.clip_grad_norm_(network.parameters(), longest)
            optimiser.step()
            total += loss.detach() * size
            steps += 1
        if on_gpu:
            torch.cuda.synchronize()
        now = time.perf_counter()
        if counted is not None:
            times.append((now - start) / together)
            if now - counted >= seconds:
                break
        elif now - began >= seconds / 5:
            counted = now
    parameters = sum(p.numel() for p in network.parameters() if p.requires_grad)
    return {
        "network": name,
        "parameters": parameters,
        "times": times,
        "loss": total.item() / steps / size,
        "peer": f"PyTorch {torch.__version__}",
    }


def answer(name, seconds, device):
    """What was measured, or why nothing was, as when a package is not installed."""
    if name not in NETWORKS:
        return {"network": name, "error": f"no such network; there are {', '.join(NETWORKS)}"}
    try:
        return measured(name, seconds, device)
    except ImportError as error:
        return {"network": name, "error": str(error)}


def main():
    parser = argparse.ArgumentParser(description="Times of training steps in PyTorch.")
    parser.add_argument("networks", nargs="*", help="none: one in each line of standard input")
    parser.add_argument("--seconds", type=float, default=1.0, help="measured for each")
    parser.add_argument("--device", default="cpu", help="cpu or cuda:0")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    torch.set_num_threads(1)
    # Gradients that have come through hundreds of steps are too small for full numbers, and a CPU takes
    # a hundred times as long for those: flushed to zero, which few know of, PyTorch is at its best.
    torch.set_flush_denormal(True)
    for name in arguments.networks or map(str.strip, iter(sys.stdin.readline, "")):
        print(json.dumps(answer(name, arguments.seconds, device)), flush=True)


if __name__ == "__main__":
    main()

"""Writes src/engine/networks/fixtures/*.json: networks' numbers, and what they have to lead to.

    python3 -m venv /tmp/oracles
    /tmp/oracles/bin/pip install torch==2.15.0 tabm==0.0.3 rtdl_num_embeddings==0.0.12 \
        rtdl_revisiting_models==0.0.2 scikit-learn==1.9.1 scipy==1.17.1 numpy==2.4.6
    /tmp/oracles/bin/python examples/oracles/networks.py

The networks are those of PyTorch and of the packages of the methods' authors. Parameters and inputs
are f32 values; PyTorch calculates from them in f64, so that the fixtures depend on no machine, and
what comes out is rounded to f32. A tensor is {"shape", "values"}, its values in row-major order;
bins.json alone is f64 throughout. Every file's "note" says what a reader cannot see in its numbers.
"""

import copy
import json
import math
import pathlib
import re
import warnings

import numpy as np
import torch
from rtdl_num_embeddings import PiecewiseLinearEmbeddings, compute_bins
from rtdl_revisiting_models import FTTransformer
from scipy import stats
from sklearn.preprocessing import QuantileTransformer
from tabm import TabM
from torch import nn
from torch.nn import functional

FOLDER = pathlib.Path(__file__).parents[2] / "src" / "engine" / "networks" / "fixtures"

LINEAR = "torch.nn.Linear weights are [out, in]. "
COMMON = (
    "Tensors are row-major. Calculated in f64 from f32 parameters and inputs, rounded to f32. "
    "'loss' is the mean that 'gradients' are of. "
)


# What all networks share


def to_f32(tensor):
    """The nearest f32 values, still as f64."""
    return tensor.detach().float().double()


def tensor(values):
    """A tensor for JSON, each value by the fewest digits that give its f32 back."""
    flat = np.asarray(values.detach().float().contiguous().view(-1).numpy())
    return {"shape": list(values.shape), "values": [float(str(v)) for v in flat]}


def parameters_of(network):
    return {name: tensor(p) for name, p in network.named_parameters()}


def randomise(network, scale=0.3):
    """Every parameter gets noise on what it starts with: none is left at 0 or 1."""
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(to_f32(p + scale * torch.randn_like(p)))
    return network


def gradients_of(network, loss):
    """The loss, and what it has for every parameter."""
    network.zero_grad()
    loss.backward()
    return {
        "loss": float(str(np.float32(loss.item()))),
        "gradients": {name: tensor(p.grad) for name, p in network.named_parameters()},
    }


def after_adamw(network, loss):
    """The parameters after one step. Adam's first is as long for every gradient but 0: one next to
    0 would make the rounding of others into a step, so there must be none."""
    network = copy.deepcopy(network)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=0.01, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1
    )
    loss(network).backward()
    for name, p in network.named_parameters():
        size = p.grad.abs()
        assert ((size == 0) | (size > 1e-5)).all(), f"{name} has gradients that are almost 0"
    optimiser.step()
    return parameters_of(network)


def write(name, fixture):
    text = json.dumps(fixture, separators=(",", ":"))
    lines = re.sub(r'([]}]),"(?!values|scale|spread)', '\\1,\n"', text)
    (FOLDER / f"{name}.json").write_text(lines + "\n")


def integers(values):
    return [int(v) for v in values.flatten()]


# TabM


def tabm(seed, d_out):
    torch.manual_seed(seed)
    edges = [
        [-0.5, 0.25, 1.0],
        [-2.0, -1.25, -0.75, -0.125, 0.375, 0.875, 1.125, 2.5],
        [-1.5, 1.75],
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that one bin is a min-max scaling
        embeddings = PiecewiseLinearEmbeddings(
            [torch.tensor(e) for e in edges], 5, activation=False, version="B"
        )
    network = randomise(
        TabM.make(
            arch_type="tabm-mini",
            k=3,
            n_blocks=2,
            d_block=8,
            n_num_features=3,
            cat_cardinalities=[4],
            d_out=d_out,
            num_embeddings=embeddings,
            dropout=0.0,
        )
    )
    numeric = to_f32(torch.randn(16, 3) * torch.tensor([0.7, 1.3, 1.1]))
    numeric[0] = torch.tensor([-4.0, -5.0, -3.5])
    numeric[1] = torch.tensor([3.5, 6.0, 4.25])
    numeric[2] = torch.tensor([0.25, -0.75, -1.5])
    category = torch.arange(16)[:, None] * 7 % 4
    truth = torch.randint(0, max(d_out, 2), (16,))

    def loss(network):
        outputs = network(numeric, category)
        repeated = truth[:, None].expand(-1, 3).reshape(-1)
        flat = outputs.reshape(-1, d_out)
        if d_out == 1:
            return functional.binary_cross_entropy_with_logits(flat[:, 0], repeated.double())
        return functional.cross_entropy(flat, repeated)

    loss_name = "binary log loss of the logit" if d_out == 1 else "cross-entropy of the logits"
    encoded = embeddings.impl(numeric)
    features = torch.cat([embeddings(numeric).flatten(1), network.cat_module(category)], 1)
    return {
        "note": COMMON
        + "TabM-mini of the package tabm: k 3, 2 blocks of 8, ReLU, no dropout; 3 numbers with "
        "piecewise-linear embeddings of 5, version B, no activation; one category of 4 levels. "
        "The network's input row ('features') is the embeddings of feature 0, 1, 2 one after "
        "another, then the one-hot of the category, to which the package appends nothing (no "
        "level for what is unknown): 3 x 5 + 4 = 19 columns. Every member sees that row times its "
        "row of backbone.affine.weight [k, 19] (no bias), then the shared blocks: "
        "backbone.blocks.N.0.weight [out, in], ReLU. Heads: output.weight [k, in, out], "
        "output.bias [k, out]. num_module.linear0.weight and .bias are [feature, d], "
        "num_module.linear.weight is [feature, bin, d] for the largest number of bins (7), no "
        "bias. embedding = x * linear0.weight + linear0.bias + encoding @ linear.weight, the "
        "encoding ('encodings' [row, feature, bin]) as the package lays it out: of T bins the "
        "first T - 1 stand first, the last bin ALWAYS stands in the last place (6), between them "
        "zeros, whose weights have gradient 0 but are decayed. The first bin is not clamped "
        "below, the last not above, a single bin not at all. 'outputs' are logits [row, member, "
        f"out]; 'loss' is the {loss_name}, mean over rows and members. 'after_step' are the "
        "parameters after one step of AdamW: lr 0.01, betas 0.9 and 0.999, eps 1e-8, decay 0.1 on "
        "everything.",
        "bins": edges,
        "numeric": tensor(numeric),
        "category": integers(category),
        "targets": integers(truth),
        "parameters": parameters_of(network),
        "encodings": tensor(encoded),
        "features": tensor(features),
        "outputs": tensor(network(numeric, category)),
        **gradients_of(network, loss(network)),
        "after_step": after_adamw(network, loss),
    }



# Monotone

BINS = [[-1.0, -0.25, 0.5, 1.5], [-0.75, 1.25]]
FREE_BINS = [-1.0, 0.0, 2.0]
GAIN = 6.0


def through(x, edges):
    """How far each value has gone through each bin, [rows, bins]."""
    edges = torch.tensor(edges)
    return ((x[:, None] - edges[:-1]) / (edges[1:] - edges[:-1])).clamp(0, 1)


class Embedding(nn.Module):
    def __init__(self, bins, width):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, width))
        self.bias = nn.Parameter(torch.randn(1, width))
        self.bins = nn.Parameter(torch.randn(1, bins, width))

    def forward(self, x):
        within = (x[:, None] - torch.tensor(FREE_BINS)[:-1]) / torch.tensor(FREE_BINS).diff()
        # The first and the last bin go on beyond their ends.
        first, last = within[:, :1].clamp(max=1), within[:, -1:].clamp(min=0)
        return x[:, None] * self.weight + self.bias + torch.cat([first, last], 1) @ self.bins[0]


class Block(nn.Module):
    def __init__(self, steps, free, ordered_units, free_units):
        super().__init__()
        self.ordered = nn.Parameter(torch.randn(steps, ordered_units))
        self.beside = nn.Parameter(torch.randn(free, ordered_units))
        self.free = nn.Parameter(torch.randn(free, free_units))
        self.offset = nn.Parameter(torch.randn(ordered_units))
        self.bias = nn.Parameter(torch.randn(free_units))

    def forward(self, ordered, free):
        units = ordered @ (GAIN * self.ordered.abs()) + free @ self.beside + self.offset
        return functional.hardtanh(units), (free @ self.free + self.bias).relu()


class Monotone(nn.Module):
    """Two ordered numbers, the second with a falling answer, a free one and a category of 3 levels."""

    def __init__(self):
        super().__init__()
        steps, free, members, ordered_units, free_units = 4, 5 + 3, 3, 4, 5
        self.embedding = Embedding(2, 5)
        self.scale = nn.Parameter(torch.randn(members, steps + free))
        self.hidden = nn.ModuleList(
            [
                Block(steps, free, ordered_units, free_units),
                Block(ordered_units, free_units, ordered_units, free_units),
            ]
        )
        self.gate = nn.Parameter(torch.randn(free_units, ordered_units + 2))
        self.skip = nn.Parameter(torch.randn(members, steps))
        self.head = nn.ParameterDict(
            {
                "ordered": torch.randn(members, ordered_units),
                "free": torch.randn(members, free_units),
                "bias": torch.randn(members),
            }
        )

    def forward(self, x):
        rising, falling = (through(x[:, i], edges) for i, edges in enumerate(BINS))
        zero = torch.zeros(1)
        steps = torch.cat(
            [rising - through(zero, BINS[0]), through(zero, BINS[1]) - falling], dim=1
        )
        free = torch.cat([self.embedding(x[:, 2]), x[:, 3:]], dim=1)
        logits = []
        for member, scale in enumerate(self.scale):
            ordered_units = steps * (GAIN * scale[:4].abs())
            free_units = free * scale[4:]
            for block in self.hidden:
                ordered_units, free_units = block(ordered_units, free_units)
            gates = 2 * torch.sigmoid(free_units @ self.gate)
            gated = ordered_units * gates[:, :4]
            ways = steps * (GAIN * self.skip[member].abs())
            by_number = torch.stack([ways[:, :3].sum(1), ways[:, 3]], dim=1)
            by_number = by_number * gates[:, 4:]
            logits.append(
                gated @ (GAIN * self.head["ordered"][member].abs())
                + free_units @ self.head["free"][member]
                + by_number.sum(1)
                + self.head["bias"][member]
            )
        return torch.stack(logits)


def monotone(seed):
    torch.manual_seed(seed)
    network = Monotone()
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(to_f32(0.3 * p))
    rows = 8
    levels = functional.one_hot(torch.tensor([0, 1, 2, 2, 1, 0, 0, 1]), 3)
    inputs = to_f32(torch.cat([torch.randn(rows, 3), levels], dim=1))
    truth = torch.tensor([0, 1, 1, 0, 1, 0, 1, 1])
    outputs = network(inputs)
    each = truth.double().expand_as(outputs)
    return {
        "note": COMMON
        + "Members one after the other, [member, row]. Inputs are two ordered numbers (bins "
        "[-1, -.25, .5, 1.5] rising, [-.75, 1.25] falling), a free one (bins [-1, 0, 2]) and a category "
        "of 3 levels. Mean binary log loss over members and rows.",
        "inputs": tensor(inputs),
        "targets": integers(truth),
        "parameters": parameters_of(network),
        "outputs": tensor(outputs),
        **gradients_of(network, functional.binary_cross_entropy_with_logits(outputs, each)),
    }


# LSTM


class Lstm(nn.Module):
    def __init__(self, bidirectional):
        super().__init__()
        self.lstm = nn.LSTM(3, 4, 2, batch_first=True, bidirectional=bidirectional)
        self.linear = nn.Linear(8 if bidirectional else 4, 2)

    def forward(self, x, final_states=False):
        steps, (hidden, _) = self.lstm(x)
        last = torch.cat([hidden[-2], hidden[-1]], 1) if final_states else steps[:, -1]
        return self.linear(last)


def lstm(seed, bidirectional):
    torch.manual_seed(seed)
    network = randomise(Lstm(bidirectional))
    inputs = to_f32(torch.randn(5, 7, 3))
    truth = torch.tensor([0, 1, 1, 0, 1])

    def reading(**how):
        outputs = network(inputs, **how)
        loss = functional.cross_entropy(outputs, truth)
        return {"outputs": tensor(outputs), **gradients_of(network, loss)}

    note = (
        COMMON
        + LINEAR
        + "torch.nn.LSTM(3, 4, 2 layers, batch_first) from zero states, then Linear to 2 logits; "
        "mean cross-entropy over rows. Inputs are [row, step, column]. lstm.weight_ih_lN is "
        "[4 * hidden, in], weight_hh_lN [4 * hidden, hidden], both biases [4 * hidden] are added; "
        "the four blocks of rows are the input, forget, cell (tanh) and output gates. "
    )
    fixture = {
        "inputs": tensor(inputs),
        "targets": integers(truth),
        "parameters": parameters_of(network),
    }
    if not bidirectional:
        return {"note": note + "The linear layer reads the last step.", **fixture, **reading()}
    return {
        "note": note + "Bidirectional: parameters of the backward direction end in _reverse; layer "
        "1 and the linear layer read forward, then backward (8 columns). Two readings. "
        "'last_step' is out[:, -1]: the forward state after all steps beside the backward state at "
        "the last step, which has seen that one step only. 'final_states' is h_n[-2] and h_n[-1] "
        "of the last layer: both after all steps, the backward one at step 0.",
        **fixture,
        "last_step": reading(),
        "final_states": reading(final_states=True),
    }


# Attention


class Encoder(nn.Module):
    def __init__(self, causal):
        super().__init__()
        self.causal = causal
        self.input = nn.Linear(3, 8)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                8, 2, 16, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
            )
            for _ in range(2)
        )
        self.norm = nn.LayerNorm(8)
        self.output = nn.Linear(8, 2)

    def forward(self, x):
        x = self.input(x) + positions(x.shape[1], 8)
        mask = torch.full([x.shape[1]] * 2, -math.inf).triu(1) if self.causal else None
        for layer in self.layers:
            x = layer(x, src_mask=mask)
        x = self.norm(x)
        return self.output(x[:, -1] if self.causal else x.mean(1))


def positions(steps, width):
    angles = torch.arange(steps)[:, None] / 10_000 ** (torch.arange(0, width, 2) / width)
    return torch.stack([angles.sin(), angles.cos()], 2).flatten(1)


def attention(seed, causal):
    torch.manual_seed(seed)
    network = randomise(Encoder(causal))
    inputs = to_f32(torch.randn(4, 6, 3))
    truth = torch.tensor([1, 0, 0, 1])
    outputs = network(inputs)
    return {
        "note": COMMON
        + LINEAR
        + "Pre-norm transformer encoder: Linear 3 -> 8 plus 'positions' [step, 8] (column 2i is "
        "sin(step / 10000^(2i / 8)), column 2i + 1 its cos), 2 of torch.nn.TransformerEncoderLayer"
        "(8, 2 heads, feed-forward 16, no dropout, exact GELU, norm_first): x += "
        "attention(norm1(x)); x += linear2(gelu(linear1(norm2(x)))); then LayerNorm (all eps "
        "1e-5, biased variance), "
        + ("the last step" if causal else "the mean over steps")
        + ", Linear to 2 logits; mean cross-entropy over rows. "
        "self_attn.in_proj_weight [24, 8] holds the rows of query, key, value one after another; "
        "head h has columns 4h to 4h + 3; scores are divided by sqrt(4)"
        + (", and a step sees itself and earlier ones only" if causal else "")
        + ". The keys' biases (in_proj_bias 8 to 15) have gradient 0 but for rounding. Inputs are "
        "[row, step, column].",
        "inputs": tensor(inputs),
        "positions": tensor(positions(6, 8)),
        "targets": integers(truth),
        "parameters": parameters_of(network),
        "outputs": tensor(outputs),
        **gradients_of(network, functional.cross_entropy(outputs, truth)),
    }


# LeNet


def hashed(start, count, scale):
    """Numbers in +-scale / 2 that any language can make exactly."""
    h = np.arange(start, start + count, dtype=np.uint64) * 2_654_435_761 % 2**32
    h = (h ^ (h >> 15)) * 2_246_822_519 % 2**32
    h = h ^ (h >> 13)
    return torch.tensor(((h >> 8).astype(np.float64) / 2**24 - 0.5) * scale)


def lenet(seed):
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Conv2d(1, 6, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )
    names = {"0": "conv1", "3": "conv2", "7": "linear1", "9": "linear2", "11": "linear3"}
    scales = {"conv1": 0.5, "conv2": 0.25, "linear1": 0.5, "linear2": 0.25, "linear3": 0.25}
    pixels = torch.randint(0, 256, (4, 1, 16, 16))
    truth = torch.tensor([3, 0, 9, 5])
    shapes, start = [], 0
    for name, p in network.named_parameters():
        layer, kind = name.split(".")
        shape = list(p.shape)
        shapes.append(
            {
                "name": f"{names[layer]}.{kind}",
                "shape": shape,
                "scale": scales[names[layer]],
                "start": start,
            }
        )
        with torch.no_grad():
            p.copy_(hashed(start, p.numel(), scales[names[layer]]).reshape(shape))
        start += p.numel()
    outputs = network(pixels / 128.0 - 1.0)
    loss = functional.cross_entropy(outputs, truth)
    loss.backward()

    def brief(p):
        flat = to_f32(p.grad).flatten()
        spread = torch.arange(8) * len(flat) // 8
        return {
            "sum": float(p.grad.sum()),
            "absolute_sum": float(p.grad.abs().sum()),
            "first": tensor(flat[:8])["values"],
            "spread": tensor(flat[spread])["values"],
        }

    return {
        "note": COMMON
        + LINEAR
        + "conv1 1 -> 6 (5 x 5, no padding), ReLU, max-pool 2, conv2 6 -> 16 (5 x 5), ReLU, "
        "max-pool 2, flatten (channel, row, column), linear1 16 -> 120, ReLU, linear2 -> 84, ReLU, "
        "linear3 -> 10; mean cross-entropy over rows. Convolutions are cross-correlations, weights "
        "[out, in, row, column]. Inputs are 'pixels' [row, 1, 16, 16] / 128 - 1. Element i of a "
        "parameter, in row-major order, is with wrapping 32-bit arithmetic: h = (start + i) * "
        "2654435761; h ^= h >> 15; h *= 2246822519; h ^= h >> 13; value = ((h >> 8) / 2^24 - 0.5) "
        "* scale, exact in f32. Of each gradient there are the sum and the sum of absolute values "
        "(f64), the first 8 values and ('spread') those at i * count / 8 rounded down, i = 0 to 7.",
        "pixels": {"shape": list(pixels.shape), "values": integers(pixels)},
        "targets": integers(truth),
        "parameters": shapes,
        "probe": {
            "name": "linear1.weight",
            "first": tensor(network[7].weight.flatten()[:4])["values"],
        },
        "outputs": tensor(outputs),
        "loss": float(str(np.float32(loss.item()))),
        "gradients": {
            shape["name"]: brief(p) for shape, p in zip(shapes, network.parameters())
        },
    }


# FT-Transformer


def ft_transformer(seed):
    torch.manual_seed(seed)
    network = randomise(
        FTTransformer(
            n_cont_features=3,
            cat_cardinalities=[4],
            d_out=1,
            n_blocks=2,
            d_block=8,
            attention_n_heads=2,
            attention_dropout=0.0,
            ffn_d_hidden=10,
            ffn_d_hidden_multiplier=None,
            ffn_dropout=0.0,
            residual_dropout=0.0,
        )
    )
    numeric = to_f32(torch.randn(6, 3))
    category = torch.tensor([0, 1, 2, 3, 1, 0])[:, None]
    truth = torch.tensor([0, 1, 1, 0, 1, 0])
    outputs = network(numeric, category)
    loss = functional.binary_cross_entropy_with_logits(outputs[:, 0], truth.double())
    return {
        "note": COMMON
        + LINEAR
        + "FT-Transformer of the package rtdl_revisiting_models: width 8, 2 blocks, 2 heads, ReGLU "
        "feed-forward with 10 hidden units, no dropout, 3 numbers and a category of 4 levels. "
        "Tokens in their order: cls_embedding.weight [8]; x_j * cont_embeddings.weight[j] + "
        "cont_embeddings.bias[j] ([feature, 8]); cat_embeddings.embeddings.0.weight[level] "
        "([level, 8]) + cat_embeddings.bias[0] ([category, 8]). Block: x += "
        "attention(attention_normalization(x)), the first block without that normalization; x += "
        "linear2(reglu(linear1(ffn_normalization(x)))), linear1 [20, 8], reglu = first half * "
        "relu(second half). W_q, W_k, W_v, W_out are Linear with biases; head h has columns 4h to "
        "4h + 3; scores are divided by sqrt(4). In the last block the [CLS] token alone asks (the "
        "residual is its token, too), which gives the same as all asking. Head: "
        "backbone.output: LayerNorm of the [CLS] token, ReLU, Linear to the logit. All LayerNorm "
        "eps 1e-5. Mean binary log loss over rows. The keys' biases (W_k.bias) have gradient 0 "
        "but for rounding.",
        "numeric": tensor(numeric),
        "category": integers(category),
        "targets": integers(truth),
        "parameters": parameters_of(network),
        "outputs": tensor(outputs),
        **gradients_of(network, loss),
    }


# Texts

TEXTS = [
    [[0, 3, 7], [5], [1, 1, 2, 9]],
    [],
    [[4, 8]],
    [[2], [6, 0, 11, 3], [10], [7, 5], [9, 9]],
]


class TextCnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.EmbeddingBag(12, 5, mode="mean")
        self.phrases = nn.ModuleList([nn.Conv1d(5, 4, words) for words in (1, 3)])
        self.output = nn.Linear(8, 3)

    def read(self, words):
        """The largest of each phrase that begins within the text, behind which there are zeros."""
        pooled = []
        for phrase in self.phrases:
            behind = functional.pad(words, (0, 0, 0, phrase.kernel_size[0] - 1))
            pooled.append(phrase(behind.T[None])[0].relu().max(dim=1).values)
        return torch.cat(pooled)

    def forward(self, texts):
        def embedded(text):
            if not text:
                return torch.zeros(1, 5)
            starts = np.cumsum([0] + [len(word) for word in text[:-1]])
            return self.embedding(torch.tensor(sum(text, [])), torch.tensor(starts))

        return self.output(torch.stack([self.read(embedded(text)) for text in texts]))


class TextAttention(TextCnn):
    def __init__(self):
        nn.Module.__init__(self)
        self.embedding = nn.EmbeddingBag(12, 5, mode="mean")
        self.hidden = nn.Linear(5, 6)
        self.heads = nn.Linear(6, 2)
        self.output = nn.Linear(10, 3)

    def read(self, words):
        weights = self.heads(self.hidden(words).tanh()).softmax(dim=0)
        return (weights.T @ words).flatten()


def text(seed, kind, note):
    torch.manual_seed(seed)
    network = randomise(kind())
    truth = torch.tensor([2, 0, 1, 2])
    outputs = network(TEXTS)
    return {
        "note": COMMON
        + LINEAR
        + "'texts' are lists of words, a word a list of rows of embedding.weight [12, 5], of which it "
        "is the mean; a text of no words is one word of zeros. "
        + note
        + " output gives the logits. Mean cross-entropy over texts.",
        "texts": TEXTS,
        "targets": integers(truth),
        "parameters": parameters_of(network),
        "outputs": tensor(outputs),
        **gradients_of(network, functional.cross_entropy(outputs, truth)),
    }


CNN = (
    "phrases.N is a Conv1d, weights [out, in, word], over the words and as many zeros behind them as "
    "a phrase has words less one; ReLU; the largest over the words; both lengths one after the other."
)
ATTENTION = (
    "Weights of the words are the softmax over the words of heads(tanh(hidden(word))); the weighted "
    "means of the words, one head after the other. The gradient of heads.bias is 0 but for rounding."
)


# Bins


def bins(seed):
    rng = np.random.default_rng(seed)
    plain = np.round(rng.normal(3.0, 2.0, 300), 3)
    money = np.where(rng.random(300) < 0.45, 0.0, np.round(rng.lognormal(6.0, 1.5, 300), 2))

    def column(name, values):
        edges = compute_bins(torch.tensor(values)[:, None], n_bins=8)[0]
        transformer = QuantileTransformer(
            output_distribution="normal", n_quantiles=50, subsample=None
        ).fit(values[:, None])
        low, high = values.min(), values.max()
        inside = np.quantile(values, [0.001, 0.02, 0.3, 0.5, 0.61, 0.77, 0.98, 0.999]).round(3)
        beyond = [low - 1e9, low - 1.0, high + 0.001, high + 1e9]
        probes = np.array([*beyond, low, high, 0.0, 0.005, *inside, *values[:8]])
        return {
            "name": name,
            "values": values.tolist(),
            "bins": edges.tolist(),
            "quantiles": transformer.quantiles_[:, 0].tolist(),
            "references": transformer.references_.tolist(),
            "probes": probes.tolist(),
            "transformed": transformer.transform(probes[:, None])[:, 0].tolist(),
        }

    clip = float(stats.norm.ppf(1 - (1e-7 - np.spacing(1))))
    return {
        "note": "All f64. 'bins' are rtdl_num_embeddings.compute_bins(n_bins=8): the distinct "
        "among 9 quantiles (linear interpolation) at equal steps. The rest is scikit-learn's "
        "QuantileTransformer(output_distribution='normal', n_quantiles=50, subsample=None): "
        "'quantiles' at 'references'; a value's place is the mean of the interpolation from below "
        "and the one from above (they differ where quantiles repeat), 0 below quantiles[0] + 1e-7 "
        "and 1 above quantiles[-1] - 1e-7, and the inverse normal of it is clipped to "
        "+-'clip' (the lower end wins where both ends hold).",
        "clip": clip,
        "columns": [column("plain", plain), column("zero_inflated", money)],
    }


def main():
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    FOLDER.mkdir(parents=True, exist_ok=True)
    write("tabm", tabm(1, 1))
    write("tabm_multiclass", tabm(2, 3))
    write("monotone", monotone(11))
    write("lstm", lstm(3, False))
    write("lstm_bidirectional", lstm(4, True))
    write("attention", attention(5, False))
    write("attention_causal", attention(6, True))
    write("lenet", lenet(7))
    write("fttransformer", ft_transformer(8))
    write("text_cnn", text(9, TextCnn, CNN))
    write("text_attention", text(10, TextAttention, ATTENTION))
    write("bins", bins(20260102))


if __name__ == "__main__":
    main()

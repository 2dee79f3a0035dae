"""Which temperatures help the student of examples/mnist: fixed, changing, learnt along with it, or learnt against it (CTKD).

    python peer.py DATA_FOLDER SEEDS

A plain PyTorch loop with the example's models, schedule and loss: 100 digits of each class, and as many mixtures of them that
the teacher labels. Prints {way: [test errors of each seed]} as JSON. Every way of a seed has the same start, rows and mixtures.
"""
import gzip
import json
import math
import sys

import numpy as np
import torch
from torch import nn

torch.set_num_threads(1)
folder, seeds = sys.argv[1], int(sys.argv[2])
batch, per_class, epochs, pressure = 50, 100, 60, math.exp(2)


def read(name, offset):
    with gzip.open(f"{folder}/{name}.gz") as file:
        return np.frombuffer(file.read(), dtype=np.uint8)[offset:]


def images(name):
    return torch.from_numpy(read(f"{name}-images-idx3-ubyte", 16).reshape(-1, 784).astype(np.float32) / 255)


def labels(name):
    return torch.from_numpy(read(f"{name}-labels-idx1-ubyte", 8).astype(np.int64))


def network(hidden, dropout=0.0):
    layers = [nn.Linear(784, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, 10)]
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)


class Reversed(torch.autograd.Function):
    """The value itself, and its gradient turned around: what minimises the loss elsewhere maximises it here."""

    @staticmethod
    def forward(context, value, strength):
        context.strength = strength
        return value.clone()

    @staticmethod
    def backward(context, gradient):
        return -context.strength * gradient, None


def divergence(student, taught, temperature):
    return temperature**2 * nn.functional.kl_div(nn.functional.log_softmax(student / temperature, 1), nn.functional.softmax(taught / temperature, 1), reduction="batchmean")


def standardized(logits):
    return (logits - logits.mean(1, keepdim=True)) / logits.std(1, keepdim=True, unbiased=False)


# Temperatures of an epoch; what learns has its own T within [1, 21] as in CTKD, which begins at 11.
ways = {
    "T = 10": lambda share: 10.0,
    "T from 1 to 12.5": lambda share: 12.5**share,
    "one for each row": None,
    "learnt with the student": "with",
    "learnt against the student": "against",
}

train_x, train_y, test_x, test_y = images("train"), labels("train"), images("t10k"), labels("t10k")
torch.manual_seed(1)
teacher = network(256, 0.2)
optimizer = torch.optim.Adam(teacher.parameters(), eps=1e-7)
for _ in range(5):
    for chosen in torch.randperm(len(train_x)).split(128):
        loss = nn.functional.cross_entropy(teacher(train_x[chosen]), train_y[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
teacher.eval()

results = {way: [] for way in ways}
for seed in range(1, seeds + 1):
    rng = np.random.default_rng(seed)
    rows = np.concatenate([rng.choice(np.flatnonzero(train_y.numpy() == k), per_class, replace=False) for k in range(10)])
    x, y = train_x[rows], train_y[rows]
    for way, rule in ways.items():
        torch.manual_seed(seed)
        mixing = np.random.default_rng([seed, 1])
        student = network(64)
        learnt = torch.zeros(1, requires_grad=True)
        optimizer = torch.optim.Adam([*student.parameters(), learnt], eps=1e-7)
        for epoch in range(epochs):
            share = epoch / (epochs - 1)
            for chosen in torch.randperm(len(x)).split(batch):
                weights = torch.from_numpy(mixing.beta(1, 1, len(chosen)).astype(np.float32))[:, None]
                inputs = x[chosen]
                mixed = weights * inputs + (1 - weights) * inputs[torch.randperm(len(chosen))]
                every = torch.cat([inputs, mixed])
                with torch.no_grad():
                    taught = teacher(every)
                logits = student(every)
                if rule is None:
                    own = lambda part: divergence(standardized(logits[part]), standardized(taught[part]), 1.0)
                else:
                    # The reversal grows with a cosine over the first epochs, as in Li et al. 2023.
                    strength = 0.5 * (1 - math.cos(math.pi * min(1, epoch / 10)))
                    raw = learnt if rule == "with" else Reversed.apply(learnt, strength) if rule == "against" else None
                    temperature = rule(share) if raw is None else 1 + 20 * torch.sigmoid(raw)
                    own = lambda part: divergence(logits[part], taught[part], temperature)
                half = len(chosen)
                hard = nn.functional.cross_entropy(logits[:half], y[chosen])
                loss = 0.5 * ((hard + pressure * own(slice(0, half))) / (1 + pressure) + own(slice(half, None)))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        with torch.no_grad():
            results[way].append(int((student(test_x).argmax(1) != test_y).sum()))
print(json.dumps(results))

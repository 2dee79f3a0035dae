"""Distils LeNet-5 by a plain PyTorch loop: the schedule, start and loss of examples/lenet without its transfer sets.

    python peer.py TEACHER_SAFETENSORS DATA_FOLDER SEED EPOCHS T P cached|plain

Prints {"accuracy", "rows_per_second"} as JSON. `plain` asks the teacher about each batch, as such loops do; `cached` asks it
once about all rows, as Stillhouse does.
"""
import gzip
import json
import math
import struct
import sys
import time

import numpy as np
import torch
from torch import nn

torch.set_num_threads(1)
teacher_file, folder, seed, epochs, temperature, pressure, mode = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]), float(sys.argv[6]), sys.argv[7]
batch, per_class, rate = 64, 200, 1e-3


def read(name, offset):
    with gzip.open(f"{folder}/{name}.gz") as file:
        return np.frombuffer(file.read(), dtype=np.uint8)[offset:]


def images(name):
    return torch.from_numpy(read(f"{name}-images-idx3-ubyte", 16).reshape(-1, 1, 28, 28).astype(np.float32) / 255)


def labels(name):
    return torch.from_numpy(read(f"{name}-labels-idx1-ubyte", 8).astype(np.int64))


class LeNet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolutions = nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2))
        self.dense = nn.Sequential(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))
        # As in TFJS: Glorot uniform, biases 0.
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, x):
        # Features in the order of rows, columns, channels, as TFJS has them.
        return self.dense(self.convolutions(x).permute(0, 2, 3, 1).flatten(1))


def load(model, file):
    with open(file, "rb") as handle:
        header = json.loads(handle.read(struct.unpack("<Q", handle.read(8))[0]))
        data = handle.read()
    tensors = [np.frombuffer(data[entry["data_offsets"][0]:entry["data_offsets"][1]], dtype=np.float32).reshape(entry["shape"]) for name, entry in header.items() if name != "__metadata__"]
    kernels = [tensor for tensor in tensors if tensor.ndim > 1]
    biases = [tensor for tensor in tensors if tensor.ndim == 1]
    layers = [module for module in model.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    with torch.no_grad():
        for layer, kernel, bias in zip(layers, kernels, biases):
            layer.weight.copy_(torch.from_numpy(kernel.transpose(3, 2, 0, 1) if kernel.ndim == 4 else kernel.T))
            layer.bias.copy_(torch.from_numpy(bias.copy()))


torch.manual_seed(seed)
rng = np.random.default_rng(seed)
train_x, train_y, test_x, test_y = images("train"), labels("train"), images("t10k"), labels("t10k")
rows = np.concatenate([rng.choice(np.flatnonzero(train_y.numpy() == k), per_class, replace=False) for k in range(10)])
x, y = train_x[rows], train_y[rows]
teacher, student = LeNet5(), LeNet5()
load(teacher, teacher_file)
teacher.eval()
with torch.no_grad():
    answers = teacher(x) if mode == "cached" else None
optimizer = torch.optim.Adam(student.parameters(), lr=rate, eps=1e-7)
steps = epochs * math.ceil(len(x) / batch)
step = 0
started = time.perf_counter()
for _ in range(epochs):
    for chosen in torch.randperm(len(x)).split(batch):
        optimizer.param_groups[0]["lr"] = rate * 0.5 * (1 + math.cos(math.pi * step / steps))
        step += 1
        inputs = x[chosen]
        if mode == "cached":
            taught = answers[chosen]
        else:
            with torch.no_grad():
                taught = teacher(inputs)
        logits = student(inputs)
        hard = nn.functional.cross_entropy(logits, y[chosen])
        soft = temperature**2 * nn.functional.kl_div(nn.functional.log_softmax(logits / temperature, 1), nn.functional.softmax(taught / temperature, 1), reduction="batchmean")
        loss = (hard + pressure * soft) / (1 + pressure)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
seconds = time.perf_counter() - started
with torch.no_grad():
    accuracy = (student(test_x).argmax(1) == test_y).float().mean().item()
print(json.dumps({"accuracy": accuracy, "rows_per_second": epochs * len(x) / seconds}))

# The models of models.json in PyTorch; images have channels first.
import json
import os

import torch


def spec_of(name):
    return json.load(open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "models.json")))[name]


def input_shape(spec):
    shape = spec["input"]
    return [shape[-1]] + shape[:-1] if len(shape) == 3 else shape


class Attention(torch.nn.Module):
    def __init__(self, spec):
        super().__init__()
        self.length, self.width = spec["input"]
        self.project = torch.nn.ModuleList([torch.nn.Linear(self.width, self.width) for _ in range(4)])
        self.hidden, self.head = torch.nn.Linear(self.width, 128), torch.nn.Linear(128, spec["outputs"])

    def split(self, x):
        return x.reshape(-1, self.length, 4, self.width // 4).transpose(1, 2)

    def forward(self, x):
        q, k, v = (self.split(project(x)) for project in self.project[:3])
        attended = torch.nn.functional.scaled_dot_product_attention(q, k, v)
        mixed = attended.transpose(1, 2).reshape(-1, self.length, self.width)
        return self.head(torch.relu(self.hidden(x + self.project[3](mixed))).mean(1))


def layers_of(spec):
    layers, channels, size = [], spec["input"][-1], spec["input"][:-1]
    width = channels
    for layer in spec["layers"]:
        if layer == "flatten":
            layers.append(torch.nn.Flatten())
            width = channels * size[0] * size[1]
        elif "dense" in layer:
            layers.append(torch.nn.Linear(width, layer["dense"]))
            width = layer["dense"]
        elif "conv2d" in layer:
            layers.append(torch.nn.Conv2d(channels, layer["conv2d"], layer["kernel"]))
            channels = layer["conv2d"]
            size = [side - layer["kernel"] + 1 for side in size]
        else:
            layers.append(torch.nn.MaxPool2d(layer["maxPooling2d"]))
            size = [side // layer["maxPooling2d"] for side in size]
        if isinstance(layer, dict) and layer.get("activation") == "relu":
            layers.append(torch.nn.ReLU())
    return torch.nn.Sequential(*layers)


def torch_model(spec):
    return Attention(spec) if "module" in spec else layers_of(spec)

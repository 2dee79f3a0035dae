# The same steps in PyTorch, on its first GPU, or on the processor if it has none. Per line of JSON on standard input:
#   {"what": "versions"}                                          -> names and versions
#   {"what": "copies", "megabytes"}                               -> GB/s between host and device
#   {"what": "step", "spec", "how", "precision", "steps"}         -> milliseconds of a step
# how is eager or graph (a CUDA graph of the whole step); precision is fp32, tf32 or bf16 (autocast).
import json
import os
import sys
import time

import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "step"))
from torch_model import input_shape, torch_model

has_cuda = torch.cuda.is_available()
device = torch.device("cuda" if has_cuda else "cpu")
warm_steps = 3


def synchronize():
    if has_cuda:
        torch.cuda.synchronize()


def pinned(tensor):
    return tensor.pin_memory() if has_cuda else tensor


def versions():
    return {
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if has_cuda else "processor",
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version() if has_cuda else None,
    }


def use_precision(precision):
    """Of products and convolutions in fp32; autocast decides about the others."""
    allow = precision == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = allow
    torch.backends.cudnn.allow_tf32 = allow


class Training:
    """A model, its optimiser, and a batch in pinned memory, which each step copies to the device."""

    def __init__(self, spec, precision, is_graph):
        torch.manual_seed(0)
        is_classes = spec["loss"] == "softmaxCrossEntropy"
        batch = spec["batch"]
        self.host_x = pinned(torch.randn(batch, *input_shape(spec)))
        self.host_y = pinned(torch.randint(0, spec["outputs"], (batch,)) if is_classes else torch.randn(batch, 1))
        self.x = torch.empty_like(self.host_x, device=device)
        self.y = torch.empty_like(self.host_y, device=device)
        self.model = torch_model(spec).to(device)
        self.loss_of = torch.nn.CrossEntropyLoss() if is_classes else torch.nn.MSELoss()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=0.001, fused=True, capturable=is_graph)
        self.is_bf16 = precision == "bf16"
        self.graph = None
        if is_graph:
            self.capture()

    def load(self):
        self.x.copy_(self.host_x, non_blocking=True)
        self.y.copy_(self.host_y, non_blocking=True)

    def compute(self):
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=self.is_bf16):
            loss = self.loss_of(self.model(self.x), self.y)
        loss.backward()
        self.optimizer.step()
        return loss

    def capture(self):
        """Steps before it run on a stream of their own, so that the graph finds all memory and no lazy set-up."""
        if not has_cuda:
            raise RuntimeError("CUDA graphs need a GPU")
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            self.load()
            for _ in range(warm_steps):
                self.compute()
        torch.cuda.current_stream().wait_stream(side)
        self.optimizer.zero_grad(set_to_none=True)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.loss = self.compute()
        self.graph = graph

    def step(self):
        self.load()
        if self.graph is None:
            self.loss = self.compute()
        else:
            self.graph.replay()


# Of the model that was asked for last; memory would not do for all of them.
trainings = {}
current = None


def step(spec, how, precision, steps, **_):
    global current
    use_precision(precision)
    if spec != current:
        trainings.clear()
        if has_cuda:
            torch.cuda.empty_cache()
        current = spec
    key = (how, precision)
    if key not in trainings:
        trainings[key] = Training(spec, precision, how == "graph")
    training = trainings[key]
    synchronize()
    start = time.perf_counter()
    for _ in range(steps):
        training.step()
    training.loss.item()
    synchronize()
    return {"ms": (time.perf_counter() - start) * 1000 / steps}


def copies(megabytes, **_):
    size = megabytes * 1_000_000 // 4
    pageable, on_device = torch.ones(size), torch.empty(size, device=device)
    fixed = pinned(torch.ones(size))

    def rate(copy):
        copy()
        synchronize()
        start = time.perf_counter()
        for _ in range(5):
            copy()
        synchronize()
        return 5 * size * 4 / 1e9 / (time.perf_counter() - start)

    return {
        "host to device, pageable": rate(lambda: on_device.copy_(pageable)),
        "host to device, pinned": rate(lambda: on_device.copy_(fixed, non_blocking=True)),
        "device to host, pageable": rate(lambda: pageable.copy_(on_device)),
        "device to host, pinned": rate(lambda: fixed.copy_(on_device, non_blocking=True)),
    }


questions = {"versions": lambda **_: versions(), "copies": copies, "step": step}
for line in sys.stdin:
    question = json.loads(line)
    try:
        answer = questions[question.pop("what")](**question)
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"}
    print(json.dumps(answer), flush=True)

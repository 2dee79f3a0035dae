"""What the scripts of goodput share: the job, one step of it, and a file with a line per report of progress."""

import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "step"))
import torch
from torch_model import input_shape, spec_of, torch_model

report_seconds = 0.2


class Job:
    """A model with fused Adam, and rows of its shape; `wrap` makes the model that is trained from the model."""

    def __init__(self, name, rows, wrap):
        torch.set_num_threads(1)
        spec = spec_of(name)
        self.rows = rows
        self.model = torch_model(spec)
        self.trained = wrap(self.model)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=0.001, fused=True)
        self.inputs = torch.rand(4096, *input_shape(spec))
        self.labels = torch.randint(0, spec["outputs"], (4096,))

    def step(self, optimizer):
        rows = torch.randint(0, len(self.inputs), (self.rows,))
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(self.trained(self.inputs[rows]), self.labels[rows])
        loss.backward()
        optimizer.step()
        return loss.item()

    def state(self):
        return {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load(self, state):
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])


class Progress:
    def __init__(self, file, steps):
        self.file, self.steps, self.reported = file, steps, 0.0

    def report(self, step):
        """Not more often than there is something to see, except for the last step."""
        now = time.time()
        if now - self.reported < report_seconds and step < self.steps:
            return
        self.reported = now
        with open(self.file, "a") as out:
            out.write(json.dumps({"step": step, "atMs": 1000 * now}) + "\n")

"""Training by PyTorch's DistributedDataParallel over gloo: RANK WORLD STORE MODEL BATCH; a line "STEPS" on standard input
is answered by a line with the global rows per second. One thread, fused Adam, the global batch cut into equal parts."""

import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "step"))
import torch
import torch.distributed as dist
from torch_model import input_shape, spec_of, torch_model

rank, world, store, name, batch = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5])
os.environ["GLOO_SOCKET_IFNAME"] = os.environ.get("GLOO_SOCKET_IFNAME", "lo")
torch.set_num_threads(1)
torch.manual_seed(rank)
dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=world)
spec = spec_of(name)
model = torch.nn.parallel.DistributedDataParallel(torch_model(spec))
optimizer = torch.optim.Adam(model.parameters(), lr=0.001, fused=True)
inputs = torch.rand(4096, *input_shape(spec))
labels = torch.randint(0, spec["outputs"], (4096,))
part = batch // world


def step():
    rows = torch.randint(0, len(inputs), (part,))
    optimizer.zero_grad(set_to_none=True)
    loss = torch.nn.functional.cross_entropy(model(inputs[rows]), labels[rows])
    loss.backward()
    optimizer.step()
    return loss.item()


for _ in range(3):
    step()
print("ready", flush=True)
for line in sys.stdin:
    steps = int(line)
    for _ in range(3):
        step()
    dist.barrier()
    began = time.perf_counter()
    for _ in range(steps):
        step()
    dist.barrier()
    print(json.dumps({"rowsPerSecond": steps * batch / (time.perf_counter() - began)}), flush=True)

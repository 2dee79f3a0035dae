"""all-reduce by Gloo through torch.distributed: RANK WORLD STORE; a line "FLOATS ITERATIONS" on standard input is answered
by a line with the milliseconds of each, and of the processor."""

import json
import os
import resource
import sys
import time

import torch
import torch.distributed as dist

rank, world = int(sys.argv[1]), int(sys.argv[2])
os.environ["GLOO_SOCKET_IFNAME"] = os.environ.get("GLOO_SOCKET_IFNAME", "lo")
torch.set_num_threads(1)
dist.init_process_group("gloo", init_method=f"file://{sys.argv[3]}", rank=rank, world_size=world)


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return 1000 * (usage.ru_utime + usage.ru_stime)


print("ready", flush=True)
for line in sys.stdin:
    floats, iterations = map(int, line.split())
    x = torch.ones(floats)
    for _ in range(3):
        dist.all_reduce(x)
    times = []
    before = cpu()
    for _ in range(iterations):
        began = time.perf_counter()
        dist.all_reduce(x)
        times.append(1000 * (time.perf_counter() - began))
    print(json.dumps({"ms": times, "cpuMs": (cpu() - before) / iterations}), flush=True)

"""A replica of torchft: MODEL BATCH STEPS PROGRESS WORKERS LIGHTHOUSE NAME. The other replicas continue without one that
is killed; a replica that is started again gets its state from another one."""

import os
import sys

import torch
import torch.distributed as dist
import torchft
from progress import Job, Progress

name, batch, steps, progress_file, workers, lighthouse, replica = sys.argv[1:]
batch, steps, workers = int(batch), int(steps), int(workers)
store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
manager = None


def wrap(model):
    global manager
    manager = torchft.Manager(
        pg=torchft.ProcessGroupGloo(),
        load_state_dict=lambda state: job.load(state),
        state_dict=lambda: job.state(),
        min_replica_size=1,
        rank=0,
        world_size=1,
        store_addr="127.0.0.1",
        store_port=store.port,
        lighthouse_addr=lighthouse,
        replica_id=replica,
        hostname="127.0.0.1",
    )
    return torchft.DistributedDataParallel(manager, model)


job = Job(name, batch // workers, wrap)
optimizer = torchft.Optimizer(manager, job.optimizer)
progress = Progress(progress_file, steps)
while manager.current_step() < steps:
    job.step(optimizer)
    progress.report(manager.current_step())
manager.shutdown(wait=False)
os._exit(0)

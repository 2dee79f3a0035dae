"""A worker that torchrun starts again after a failure: MODEL BATCH STEPS PROGRESS CHECKPOINT EVERY. The first worker
writes a checkpoint every so many seconds; all of them continue from the newest one."""

import os
import sys
import time

import torch
import torch.distributed as dist
from progress import Job, Progress

name, batch, steps, progress_file, checkpoint, every = sys.argv[1:]
batch, steps, every = int(batch), int(steps), float(every)
dist.init_process_group("gloo")
rank, world = dist.get_rank(), dist.get_world_size()
job = Job(name, batch // world, torch.nn.parallel.DistributedDataParallel)
progress = Progress(progress_file, steps)
step = 0
if os.path.exists(checkpoint):
    saved = torch.load(checkpoint)
    job.load(saved)
    step = saved["step"]
written = time.time()
while step < steps:
    job.step(job.optimizer)
    step += 1
    if rank > 0:
        continue
    progress.report(step)
    if time.time() - written >= every:
        torch.save({**job.state(), "step": step}, checkpoint + ".part")
        os.replace(checkpoint + ".part", checkpoint)
        written = time.time()
dist.barrier()
dist.destroy_process_group()

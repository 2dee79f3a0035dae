// Processes of PyTorch's DistributedDataParallel that train when they are asked to.
import { join } from 'node:path';
import { Contestant, path, python } from '../contestant.mjs';

let groups = 0;

/** One process per worker; `within` is how the worker with an index is started. */
export class DdpGroup {
  constructor({ folder, name, batch, workers, within = () => [], env }) {
    const store = join(folder, `ddp-${groups++}`);
    this.processes = Array.from({ length: workers }, (_, rank) => {
      const command = [python, path('training/ddp.py'), rank, workers, store, name, batch].map(String);
      return new Contestant(`DDP ${rank}`, [...within(rank), ...command], env);
    });
  }

  async ready() {
    await Promise.all(this.processes.map((each) => each.line()));
  }

  /** Rows per second of all workers together. */
  async train(steps) {
    const [{ rowsPerSecond }] = await Promise.all(this.processes.map((each) => each.ask(String(steps))));
    return rowsPerSecond;
  }

  end() {
    for (const each of this.processes) each.end();
  }
}

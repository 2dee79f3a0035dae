// A coordinator and workers, each a process of its own, to which tests do what happens to machines, and models that
// leave them time for it.
import { readFileSync } from 'node:fs';
import type { RecipeInput, RunRecord } from '@stillhouse/core';
import { cache, engine } from '../engines/engine.js';
import type { Running, Scratch } from './cli.js';

/** The weights of all phases. */
export interface Hashes {
  readonly teacher: string;
  readonly student: string;
  readonly baseline: string;
}

export const hashesOf = ({ teacher, student, baseline }: RunRecord): Hashes => ({
  teacher: teacher!.weightsSha256,
  student: student!.weightsSha256,
  baseline: baseline!.weightsSha256,
});

/** In the processes that have it, models of `unhurried` take their time. */
export const pauseEnv = { TEST_UNHURRIED: '1' };

/**
 * Exports of a module, `teacher`, `student` and `convolutional`: models that take as long per batch as large ones where
 * `pauseEnv` is set, and leave the processor to others meanwhile. They compute the same with it and without.
 */
export const unhurried = (scratch: Scratch): string =>
  scratch.write(
    'unhurried.mjs',
    `const nobodyWakes = new Int32Array(new SharedArrayBuffer(4));
const modelOf = (layersOf, pauseMs) => ({ tf, inputShape, outputs }) => {
  const layers = layersOf(tf.layers, inputShape);
  const call = layers[0].call.bind(layers[0]);
  layers[0].call = (...args) => {
    if (process.env.TEST_UNHURRIED) Atomics.wait(nobodyWakes, 0, 0, pauseMs);
    return call(...args);
  };
  return tf.sequential({ layers: [...layers, tf.layers.dense({ units: outputs })] });
};
const dense = (units, rate) => ({ dense, dropout }, inputShape) => [
  dense({ units, inputShape, activation: 'relu' }),
  dropout({ rate }),
];
export const teacher = modelOf(dense(64, 0.2), 60);
export const student = modelOf(dense(8, 0.1), 15);
export const convolutional = modelOf(({ reshape, conv2d, batchNormalization, dropout, flatten, dense }, inputShape) => [
  reshape({ targetShape: [5, 2, 1], inputShape }),
  conv2d({ filters: 8, kernelSize: 2, activation: 'relu' }),
  batchNormalization(),
  dropout({ rate: 0.3 }),
  flatten(),
  dense({ units: 16 }),
], 60);
`,
  );

/** A coordinator and workers, each a process of its own: killed, stopped and started like machines. */
export class ProcessCluster {
  readonly out: string;
  readonly #recipe: string;
  coordinator!: Running;
  address = '';
  readonly workers: Running[] = [];
  /** With an engine comes what workers need to share memory, even if they compute on wasm. */
  readonly #env: Record<string, string> = {
    STILLHOUSE_TOKEN: 'secret',
    ...pauseEnv,
    ...(engine ? { STILLHOUSE_CACHE: cache } : {}),
  };

  /** @param args more of the coordinator's */
  constructor(
    private readonly scratch: Scratch,
    recipe: RecipeInput,
    private readonly args: readonly string[] = [],
    out?: string,
    private readonly computing: { backend: string; env?: Record<string, string> } = { backend: 'wasm' },
  ) {
    this.out = out ?? scratch.out();
    this.#recipe = scratch.recipe(recipe);
  }

  async start(workers: number): Promise<void> {
    this.coordinator = this.scratch.start(
      [
        'coordinator',
        this.#recipe,
        '--listen',
        '127.0.0.1:0',
        '--workers',
        String(workers),
        '--out',
        this.out,
        '--json',
        ...this.args,
      ],
      { env: this.#env },
    );
    this.address = /ws:\S+:\d+/.exec(await this.coordinator.logged(/listening at .*\n/))![0];
    for (let i = 0; i < workers; i++) this.join();
    await this.coordinator.logged(/teacher: .* ranks? on/);
  }

  join(args: readonly string[] = []): Running {
    const worker = this.scratch.start(
      [
        'worker',
        '--coordinator',
        this.address,
        '--backend',
        this.computing.backend,
        '--heartbeat-timeout',
        '3',
        ...args,
      ],
      { env: { ...this.#env, ...this.computing.env } },
    );
    void worker.result;
    this.workers.push(worker);
    return worker;
  }

  async resume(args: readonly string[] = []): Promise<void> {
    this.coordinator = this.scratch.start(['coordinator', '--resume', this.out, '--json', ...this.args, ...args], {
      env: this.#env,
    });
    await this.coordinator.logged(/listening at .*\n/);
  }

  /** Ids of the processes that do a worker's work: the child of each command. */
  pidOf(worker: Running): number | undefined {
    try {
      const children = readFileSync(`/proc/${worker.child.pid}/task/${worker.child.pid}/children`, 'utf8').trim();
      return children ? Number(children.split(' ')[0]) : undefined;
    } catch {
      return undefined;
    }
  }

  signal(worker: Running, signal: NodeJS.Signals): void {
    const pid = this.pidOf(worker);
    if (pid !== undefined) process.kill(pid, signal);
  }

  /** The machine is gone: all of its processes at once. */
  kill(worker: Running): void {
    this.signal(worker, 'SIGKILL');
    worker.child.kill('SIGKILL');
  }

  get living(): Running[] {
    return this.workers.filter(({ child }) => child.exitCode === null && child.signalCode === null);
  }

  async finish(): Promise<RunRecord> {
    const { code, stdout, stderr } = await this.coordinator.result;
    if (code !== 0) throw new Error(`exit ${code}: ${stderr}`);
    return JSON.parse(stdout) as RunRecord;
  }
}

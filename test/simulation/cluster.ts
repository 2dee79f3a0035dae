// A whole cluster in one process: the real shells and machines on a virtual clock and a memory network, derived from one
// seed. The checkers are outside the product.
import { createHash } from 'node:crypto';
import {
  hashName, MemoryNetwork, parseRecipe, phaseOf, randomStream, VirtualClock,
  type Clock, type CoordinatorNotice, type ErrorRecord, type Job, type Link, type Phase, type PhaseRecord, type SetManifest, type Transport,
} from '@stillhouse/core';
import { startCoordinator } from '@stillhouse/coordinator';
import { runWorker, type ComputeTask } from '@stillhouse/worker';
import { referenceRun } from './reference.js';
import { ToyEngine, type ToyModel } from './toy-engine.js';

const blockBytes = new Uint8Array([1, 2, 3]);
const block = createHash('sha256').update(blockBytes).digest('hex');
const setOf = (rowCount: number): SetManifest => ({ rowCount, blockRows: rowCount, blocks: [block] });

export interface Scenario {
  readonly seed: number;
  readonly job: Job;
  readonly model: ToyModel;
  readonly workers: number;
  /** Mean time of a step of each worker. */
  readonly speedsMs: readonly number[];
  readonly maxDelayMs: number;
  /** A worker whose links all break at a time, if any. */
  readonly crash: { readonly worker: number; readonly atMs: number } | undefined;
}

/** Everything about a cluster, from its seed. */
export function scenarioOf(seed: number): Scenario {
  const next = randomStream(hashName('scenario'), seed);
  const upTo = (max: number): number => 1 + Math.floor(next() * max);
  const chance = (p: number): boolean => next() < p;
  const ranks = upTo(9);
  const rows = upTo(60);
  const validation = chance(0.5);
  const training = {
    model: { layers: [{ dense: 1 }] }, epochs: upTo(4), batch: ranks + Math.floor(next() * 20),
    optimizer: { name: 'sgd', learningRate: chance(0.5) ? 0.1 : 0.05 },
    schedule: chance(0.5) ? { name: 'cosine', warmupSteps: 2 } : { name: 'constant' },
    ...(validation ? { validation: 0.2, ...(chance(0.6) ? { earlyStopping: { patience: 1, restoreBest: chance(0.8) } } : {}) } : {}),
  };
  const source = { generator: 'noise', rows: 1 };
  const recipe = parseRecipe({ seed, ranks, loss: 'mse', data: { large: source, small: source, test: source }, teacher: training, ...(chance(0.5) ? { student: { ...training, batch: upTo(10) } } : {}) });
  const sets = { large: setOf(rows), small: setOf(upTo(20)), test: setOf(upTo(30)), ...(validation ? { largeValidation: setOf(upTo(20)), smallValidation: setOf(upTo(5)) } : {}) };
  const job: Job = { runId: `sim-${seed}`, recipe, assets: {}, dataset: { inputShape: [1], dtype: 'F32', scale: 1, outputs: 1, labelCount: 1, targets: [], sets } };
  const workers = upTo(10);
  return {
    seed, job, workers,
    model: { parameters: upTo(50), otherWeights: chance(0.3) ? upTo(5) : 0 },
    speedsMs: Array.from({ length: workers }, () => (chance(0.2) ? 200 : 10)),
    maxDelayMs: chance(0.5) ? 2 : 150,
    crash: chance(0.2) ? { worker: Math.floor(next() * workers), atMs: next() * 4000 } : undefined,
  };
}

/** Checks what no worker alone can know: rows exactly once an epoch, and nobody more than a step ahead. */
class RowChecker {
  readonly #rows = new Map<string, number[]>();
  readonly #steps = new Map<string, Map<number, number>>();
  readonly problems: string[] = [];

  onCompute(worker: number, phase: Phase, task: ComputeTask): void {
    const key = `${phase.name} epoch ${task.epoch}`;
    this.#rows.set(key, [...(this.#rows.get(key) ?? []), ...task.ranks.flatMap(({ rows }) => rows)]);
    const steps = this.#steps.get(phase.name) ?? new Map<number, number>();
    this.#steps.set(phase.name, steps.set(worker, task.step));
    const all = [...steps.values()];
    if (Math.max(...all) - Math.min(...all) > 1) this.problems.push(`${phase.name}: workers at steps ${all.join(', ')}`);
  }

  finish(job: Job): void {
    for (const [key, rows] of this.#rows) {
      const expected = phaseOf(job, key.split(' ')[0] as Phase['name']).schedule.rowCount;
      const distinct = new Set(rows);
      if (rows.length !== expected || distinct.size !== expected) this.problems.push(`${key}: ${rows.length} rows used, ${distinct.size} distinct, of ${expected}`);
    }
  }
}

/** A transport whose links can all be broken at once, as when a machine dies. */
function breakable(transport: Transport): { transport: Transport; break: () => void } {
  const links: Link[] = [];
  const track = (link: Link): Link => {
    links.push(link);
    return link;
  };
  return {
    transport: {
      listen: (address, onLink) => transport.listen(address, (link) => onLink(track(link))),
      connect: async (address) => track(await transport.connect(address)),
    },
    break: () => links.forEach((link) => link.close('crashed')),
  };
}

export interface Outcome {
  readonly problems: readonly string[];
  readonly error: ErrorRecord | undefined;
  readonly transcript: readonly string[];
}

const maxTasks = 400_000;
const maxVirtualMs = 1_200_000;

/** Lets everything that has happened take its effect: promises settle before the next macrotask. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const describeNotice = (notice: CoordinatorNotice): string => {
  switch (notice.type) {
    case 'joined': return `${notice.worker.workerId} joined`;
    case 'left': return `${notice.workerId} left: ${notice.reason}`;
    case 'phaseAssigned': return `${notice.phase}: generation ${notice.generation} on ${notice.workers.map(({ workerId, ranks }) => `${workerId}[${ranks!.lo},${ranks!.hi})`).join(' ')}`;
    case 'epoch': return `${notice.phase}: epoch ${notice.record.epoch} whole, ${notice.record.rows} rows, digest ${notice.record.rowsDigest}`;
    case 'phaseDone': return `${notice.record.phase}: done after ${notice.record.steps} steps, ${notice.record.stopped}, weights ${notice.record.weightsSha256.slice(0, 12)}`;
    case 'progress': return `${notice.phase}: step ${notice.step}`;
    case 'phaseStarted': return `${notice.phase}: started`;
    case 'refused': return `refused: ${notice.error.code}`;
  }
};

/** What a cluster runs on, and how its time passes. */
export interface World {
  readonly transport: Transport;
  readonly clock: Clock;
  /** HOST:PORT of the coordinator, and of each worker for its peers. */
  readonly address: string;
  readonly meshAddress: (worker: number) => string;
  /** Lets time pass until `isOver`, or until it has waited long enough. */
  readonly pass: (isOver: () => boolean) => Promise<void>;
}

/** A network and a clock derived from the scenario's seed. */
function virtualWorld({ seed, maxDelayMs }: Scenario): World {
  const clock = new VirtualClock();
  return {
    clock, transport: new MemoryNetwork(clock, { seed, minDelayMs: 0.1, maxDelayMs }), address: 'coordinator:1', meshAddress: (worker) => `mesh${worker}:0`,
    async pass(isOver) {
      for (let tasks = 0; !isOver() && tasks < maxTasks && clock.now() < maxVirtualMs && clock.runNext(); tasks++) await settle();
      await settle();
    },
  };
}

export const simulate = (scenario: Scenario): Promise<Outcome> => runCluster(scenario, virtualWorld(scenario));

/** Runs coordinator and workers in a world, and judges what they did. */
export async function runCluster(scenario: Scenario, { transport, clock, address, meshAddress, pass }: World): Promise<Outcome> {
  const { seed, job, model, workers, speedsMs, crash } = scenario;
  const checker = new RowChecker();
  const transcript: string[] = [];
  const tell = (text: string): void => void transcript.push(`${clock.now().toFixed(1).padStart(9)} ms  ${text}`);
  const phases: PhaseRecord[] = [];
  let generation = 0;
  const coordinator = await startCoordinator({
    machine: { job, token: 't', meshToken: 'm', workers, allowMixed: false, joinTimeoutMs: 60_000 }, listen: address, blocks: new Map([[block, blockBytes]]), transport, clock,
    onNotice(notice) {
      tell(describeNotice(notice));
      if (notice.type === 'phaseDone') phases.push(notice.record);
      if (notice.type !== 'phaseAssigned') return;
      if (notice.generation <= generation) checker.problems.push(`generation ${notice.generation} after ${generation}`);
      generation = notice.generation;
    },
    onModel: (phase, _model, lastGood) => tell(`${phase}: ${lastGood ? 'last good ' : ''}model saved`),
  });
  const exits = Array.from({ length: workers }, (_, index) => {
    const own = breakable(transport);
    if (crash?.worker === index) clock.after(crash.atMs, () => { tell(`worker process ${index} crashes`); own.break(); });
    const random = randomStream(hashName('worker'), seed, index);
    return runWorker({
      coordinator: coordinator.address, token: 't', host: `host${index}`, version: '0', meshAddress: meshAddress(index), transport: own.transport, clock, log: (message) => tell(`process ${index}: ${message}`),
      createEngine: async (itsJob, fetchBlock) => new ToyEngine(itsJob, model, { clock, speedMs: speedsMs[index], random, fetchBlock, observer: { onCompute: (phase, task) => checker.onCompute(index, phase, task) } }),
    }).then(() => undefined, (reason: unknown) => reason);
  });
  const seen = { over: false, error: undefined as ErrorRecord | undefined, everybodyOut: false };
  void coordinator.ended.then((reason) => Object.assign(seen, { over: true, error: reason }));
  void Promise.all([coordinator.ended, ...exits]).then(() => (seen.everybodyOut = true));
  await pass(() => seen.everybodyOut);
  if (!seen.everybodyOut) checker.problems.push(`the run did not end: coordinator ${seen.over ? 'out, workers not' : 'still in'} at ${clock.now().toFixed(0)} ms`);
  judge(scenario, { checker, phases, error: seen.error });
  return { problems: checker.problems, error: seen.error, transcript };
}

function judge({ job, model, crash }: Scenario, seen: { checker: RowChecker; phases: readonly PhaseRecord[]; error: ErrorRecord | undefined }): void {
  const { checker, phases, error } = seen;
  const reference = referenceRun(job, model);
  for (const { phase, weightsSha256, steps } of phases) {
    const expected = reference.get(phase)!;
    if (weightsSha256 !== expected.weightsSha256 || steps !== expected.steps) checker.problems.push(`${phase}: ${steps} steps to ${weightsSha256.slice(0, 12)}, the reference ${expected.steps} to ${expected.weightsSha256.slice(0, 12)}`);
  }
  if (!crash || !error) {
    checker.finish(job);
    if (error) checker.problems.push(`the run failed: ${error.code}: ${error.message}`);
    else if (phases.length !== reference.size) checker.problems.push(`${phases.length} phases of ${reference.size}`);
  } else if (!['WORKER_LOST', 'WORKERS_MISSING', 'PEER_UNREACHABLE'].includes(error.code)) {
    checker.problems.push(`a crash was reported as ${error.code}: ${error.message}`);
  }
}

/** The command that replays a seed. */
export const replayCommand = (seed: number): string => `npm run sim -- --seed ${seed}`;

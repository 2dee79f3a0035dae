// Everything about a cluster and its faults, from one seed.
import { createHash } from 'node:crypto';
import { hashName, parseRecipe, randomStream, type Job, type SetManifest, type WireFormat } from '@stillhouse/core';
import { dealDraws, ledgerDigest, wholeLedger, type Segment } from '@stillhouse/core/cluster';
import type { TunedValues } from '@stillhouse/core/tune';
import type { ToyModel } from './toy-engine.js';

/** Bytes of every block that a set may have, by their hash. */
export const blocks: ReadonlyMap<string, Uint8Array> = new Map(
  Array.from({ length: 90 }, (_, i) => {
    const bytes = new Uint8Array([1, 2, i]);
    return [createHash('sha256').update(bytes).digest('hex'), bytes];
  }),
);
export const setOf = (rowCount: number, blockRows = rowCount): SetManifest => ({
  rowCount,
  blockRows,
  blocks: [...blocks.keys()].slice(0, Math.ceil(rowCount / blockRows)),
  rowsDigest: ledgerDigest(wholeLedger(rowCount)),
});

/** Some rows drawn more often than others, and some seldom. */
function segmentsOf(rows: number, seed: number): Segment[] {
  const count = Math.min(rows, 1 + (seed % 3));
  const starts = Array.from({ length: count + 1 }, (_, i) => Math.floor((rows * i) / count));
  const draws = dealDraws(
    1 + ((rows * (1 + (seed % 5))) >> 1),
    starts.slice(1).map((_, i) => i + 1),
  );
  return draws.map((drawn, i) => ({ first: starts[i], rows: starts[i + 1] - starts[i], draws: drawn }));
}

/**
 * What goes wrong, as sentences. Workers are numbered by the place that they run at; a place is filled again after a
 * crash.
 */
export type Fault =
  | {
      readonly kind: 'a worker crashes';
      readonly worker: number;
      readonly isNoticed: boolean;
      readonly backAfterMs: number | undefined;
    }
  | { readonly kind: 'a worker freezes'; readonly worker: number; readonly forMs: number }
  | { readonly kind: 'a worker is asked to leave'; readonly worker: number; readonly backAfterMs: number | undefined }
  | { readonly kind: 'a worker joins' }
  | { readonly kind: 'a worker becomes slow'; readonly worker: number; readonly factor: number }
  | { readonly kind: 'a link breaks'; readonly worker: number }
  | {
      readonly kind: 'a partition';
      readonly from: number | 'coordinator';
      readonly to: number | 'coordinator';
      readonly bothWays: boolean;
      readonly forMs: number;
    }
  | { readonly kind: 'a host is cut off'; readonly worker: number; readonly forMs: number }
  /** Others connect to it, and never hear that they are welcome; its process does not recover from that. */
  | { readonly kind: 'a worker greets nobody'; readonly worker: number }
  | {
      readonly kind: 'the coordinator crashes';
      readonly isNoticed: boolean;
      readonly isTorn: boolean;
      readonly losesRecords: boolean;
      readonly backAfterMs: number;
    }
  | { readonly kind: 'the coordinator freezes'; readonly forMs: number; readonly isReplaced: boolean }
  | { readonly kind: 'everything crashes'; readonly backAfterMs: number; readonly isSpoiled: boolean }
  | { readonly kind: 'the disk is full'; readonly forMs: number }
  | { readonly kind: 'a checkpoint is spoiled' };

export interface Scenario {
  readonly seed: number;
  readonly job: Job;
  /** What a search between teacher and student comes to, and how long it takes; only of jobs that are tuned. */
  readonly tuned: { readonly values: TunedValues; readonly takesMs: number } | undefined;
  readonly model: ToyModel;
  readonly workers: number;
  readonly minWorkers: number;
  /** Mean time of a step of each worker. */
  readonly speedsMs: readonly number[];
  /** Workers with neighbouring places are on one host. */
  readonly workersPerHost: number;
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  readonly duplicates: number;
  readonly losses: number;
  readonly skews: readonly { readonly rate: number; readonly offsetMs: number }[];
  readonly checkpointEveryMs: number;
  readonly heartbeatTimeoutMs: number;
  readonly faults: readonly (Fault & { readonly atMs: number })[];
  /** From then on nothing goes wrong any more. */
  readonly calmAtMs: number;
}

interface Dice {
  readonly next: () => number;
  readonly upTo: (max: number) => number;
  readonly chance: (p: number) => boolean;
}

function diceOf(...key: number[]): Dice {
  const next = randomStream(hashName('scenario'), ...key);
  return { next, upTo: (max) => 1 + Math.floor(next() * max), chance: (p) => next() < p };
}

/** Every seventh job rounds its gradients. */
const wireOf = (seed: number): WireFormat =>
  seed % 7 === 4 ? (['bf16', 'fp16', 'int8'] as const)[Math.floor(seed / 7) % 3] : 'fp32';

/** Numbers that are rounded come in blocks, so a model must have more of them before several workers own some. */
const parametersOf = (wire: WireFormat, few: number): number => (wire === 'fp32' ? few : 8 * few);

/** Half of the jobs with a student. */
const isTuned = (seed: number): boolean => seed % 2 === 1;

function tunedOf(seed: number, { recipe }: Job): Scenario['tuned'] {
  if (!recipe.distill?.tune) return undefined;
  return {
    values: {
      'student.epochs': 1 + (seed % 4),
      'student.batch': 2 + (seed % 5),
      'student.optimizer.learningRate': 0.02,
    },
    takesMs: (seed % 7) * 300,
  };
}

function jobOf(seed: number, { next, upTo, chance }: Dice): Job {
  const ranks = upTo(9);
  const rows = upTo(90);
  const validation = chance(0.5);
  const training = {
    model: { layers: [{ dense: 1 }] },
    epochs: upTo(5),
    batch: ranks + Math.floor(next() * 12),
    optimizer: { name: 'sgd', learningRate: chance(0.5) ? 0.1 : 0.05 },
    schedule: chance(0.5) ? { name: 'cosine', warmupSteps: 2 } : { name: 'constant' },
    ...(validation
      ? { validation: 0.2, ...(chance(0.6) ? { earlyStopping: { patience: 1, restoreBest: chance(0.8) } } : {}) }
      : {}),
  };
  const source = { generator: 'noise', rows: 1 };
  const parsed = parseRecipe({
    seed,
    ranks,
    wire: wireOf(seed),
    loss: 'mse',
    data: { large: source, small: source, test: source },
    teacher: training,
    ...(seed % 11 === 5 ? { sync: { every: 1 + (seed % 6), outer: { learningRate: 0.7 } } } : {}),
    ...(chance(0.5)
      ? { student: { ...training, batch: upTo(10) }, ...(isTuned(seed) ? { distill: { tune: {} } } : {}) }
      : {}),
  });
  // Of untuned ones; for the toy’s numbers it does not matter that they are no classes.
  const recipe =
    parsed.distill && seed % 4 === 2 ? { ...parsed, distill: { ...parsed.distill, correctBiases: true } } : parsed;
  const large: SetManifest = {
    ...setOf(rows, seed % 3 === 1 ? rows : 1 + (seed % 7)),
    ...(seed % 3 === 0 ? { windowBlocks: 1 + (seed % 4) } : {}),
    ...(seed % 5 === 0 ? { segments: segmentsOf(rows, seed) } : {}),
  };
  const sets = {
    large,
    small: setOf(upTo(20)),
    test: setOf(upTo(30)),
    ...(validation ? { largeValidation: setOf(upTo(20)), smallValidation: setOf(upTo(5)) } : {}),
  };
  return {
    runId: `sim-${seed}`,
    recipe,
    assets: {},
    dataset: { inputShape: [1], columns: [], classes: null, outputs: 1, labelCount: 1, targets: [], sets },
  };
}

function faultOf({ next, upTo, chance }: Dice, workers: number): Fault {
  const worker = Math.floor(next() * workers);
  const backAfterMs = chance(0.7) ? next() * 2000 : undefined;
  const anybody = (): number | 'coordinator' => (chance(0.3) ? 'coordinator' : Math.floor(next() * workers));
  const forMs = chance(0.5) ? next() * 1000 : next() * 8000;
  const faults: (() => Fault)[] = [
    () => ({ kind: 'a worker crashes', worker, isNoticed: chance(0.7), backAfterMs }),
    () => ({ kind: 'a worker crashes', worker, isNoticed: chance(0.7), backAfterMs }),
    () => ({ kind: 'a worker freezes', worker, forMs }),
    () => ({ kind: 'a worker is asked to leave', worker, backAfterMs }),
    () => ({ kind: 'a worker joins' }),
    () => ({ kind: 'a worker becomes slow', worker, factor: 1 + 20 * next() }),
    () => ({ kind: 'a link breaks', worker }),
    () => ({ kind: 'a partition', from: anybody(), to: anybody(), bothWays: chance(0.5), forMs }),
    () => ({
      kind: 'a partition',
      from: worker,
      to: Math.floor(next() * workers),
      bothWays: chance(0.5),
      forMs: 5000 + next() * 15_000,
    }),
    () => ({ kind: 'a host is cut off', worker, forMs: 3000 + next() * 5000 }),
    () => ({
      kind: 'the coordinator crashes',
      isNoticed: chance(0.7),
      isTorn: chance(0.3),
      losesRecords: chance(0.3),
      backAfterMs: next() * 3000,
    }),
    () => ({ kind: 'the coordinator freezes', forMs, isReplaced: chance(0.5) }),
    () => ({ kind: 'everything crashes', backAfterMs: next() * 1000, isSpoiled: chance(0.6) }),
    () => ({ kind: 'everything crashes', backAfterMs: next() * 1000, isSpoiled: chance(0.6) }),
    () => ({ kind: 'the disk is full', forMs }),
    () => ({ kind: 'a checkpoint is spoiled' }),
  ];
  return faults[upTo(faults.length) - 1]();
}

/** In every 13th cluster of several workers, if it can do without one. */
const muteOf = (seed: number, { workers, minWorkers }: { workers: number; minWorkers: number }): Scenario['faults'] =>
  seed % 13 === 6 && minWorkers < workers
    ? [{ kind: 'a worker greets nobody', worker: seed % workers, atMs: 50 * (seed % 40) }]
    : [];

export function scenarioOf(seed: number): Scenario {
  const dice = diceOf(seed);
  const { next, upTo, chance } = dice;
  const job = jobOf(seed, dice);
  const workers = upTo(6);
  const harsh = chance(0.3);
  const count = chance(0.1) ? 0 : upTo(6);
  const spanMs = chance(0.5) ? 1500 : 5000;
  const faults = Array.from({ length: count }, () => ({ ...faultOf(dice, workers), atMs: next() * spanMs }));
  const minWorkers = chance(0.7) ? 1 : upTo(workers);
  return {
    seed,
    job,
    workers,
    faults: [...faults, ...muteOf(seed, { workers, minWorkers })].toSorted((a, b) => a.atMs - b.atMs),
    tuned: tunedOf(seed, job),
    minWorkers,
    model: { parameters: parametersOf(job.recipe.wire, upTo(50)), otherWeights: chance(0.3) ? upTo(5) : 0 },
    workersPerHost: 1 + (seed % 3),
    speedsMs: Array.from({ length: workers }, () => (chance(0.2) ? 120 : 10)),
    minDelayMs: 0.1,
    maxDelayMs: chance(0.6) ? 2 : 60,
    duplicates: harsh ? 0.02 : 0,
    losses: harsh && chance(0.5) ? 0.005 : 0,
    skews: Array.from({ length: workers + 1 }, () =>
      chance(0.3) ? { rate: 0.5 + next(), offsetMs: next() * 1e6 } : { rate: 1, offsetMs: 0 },
    ),
    checkpointEveryMs: chance(0.2) ? Infinity : 50 + next() * 500,
    heartbeatTimeoutMs: 4000,
    calmAtMs: 20_000,
  };
}

/** The same cluster with nothing going wrong. */
export const calm = (scenario: Scenario): Scenario => ({
  ...scenario,
  faults: [],
  duplicates: 0,
  losses: 0,
  minWorkers: 1,
});

// The job that engines are tested with, and the contract's tests of TFJS on it.
import { engineContract, type ContractTest } from '@stillhouse/contract';
import {
  hashName,
  parseRecipe,
  phaseOf,
  randomStream,
  type Job,
  type LayerConfig,
  type RandomStream,
} from '@stillhouse/core';
import { cutTensors } from '@stillhouse/datasets';
import { tfjsEngine, type BackendName } from '@stillhouse/worker';

const rows = 23;
const blocks = new Map<string, Uint8Array>();

interface Rows {
  readonly layers: LayerConfig[];
  /** Numbers of a row. */
  readonly width: number;
  readonly number: (next: RandomStream) => number;
  /** More of the recipe. */
  readonly recipe?: object;
}

function jobOf({ layers, width, number, recipe: more = {} }: Rows): Job {
  const source = { generator: 'noise', rows: 1 } as const;
  const recipe = parseRecipe({
    ranks: 5,
    loss: 'mse',
    seed: 5,
    data: { large: source, small: source, test: source },
    teacher: {
      model: { layers },
      batch: 12,
      epochs: 2,
      optimizer: { name: 'adam' },
    },
    ...more,
  });
  const next = randomStream(hashName('rows'));
  const inputs = Float32Array.from({ length: rows * width }, () => number(next));
  const labels = Float32Array.from({ length: rows }, () => next());
  const { columns, set } = cutTensors({ inputs, labels }, { inputShape: [width], labelCount: 1 }, blocks);
  const sets = { large: set, small: set, test: set };
  const dataset = { inputShape: [width], columns, classes: null, outputs: 1, labelCount: 1, targets: [], sets };
  return { runId: 'r', recipe, dataset, assets: {} };
}

/** A teacher with what makes engines hard: noise, weights that are not trained, ranks of unlike sizes. */
const hard: Rows = {
  layers: [{ dense: 4, activation: 'relu' }, 'batchNormalization', { dropout: 0.2 }, { dense: 1 }],
  width: 3,
  number: (next) => 2 * next() - 1,
};
export const job = jobOf(hard);
/** The same with two steps between exchanges. */
const roundsJob = jobOf({ ...hard, recipe: { sync: { every: 2 } } });
const freshJob = jobOf({ ...hard, recipe: { sync: { every: 2, moments: 'fresh' } } });
/** One that reads sequences of indices. */
const sequenceJob = jobOf({
  layers: [
    { embedding: 3, inputDim: 9 },
    { conv1d: 4, kernel: 2, padding: 'same' },
    { bidirectional: { lstm: 2, returnSequences: true } },
    { maxPooling1d: 2 },
    { gru: 3, returnSequences: true },
    'globalMaxPooling1d',
    { dense: 1 },
  ],
  width: 4,
  number: (next) => Math.floor(9 * next()),
});
export const phase = phaseOf(job, 'teacher');
export const fetchBlock = async (hash: string): Promise<Uint8Array> => blocks.get(hash)!;

const contractOn = (backend: BackendName, of: Job): ContractTest[] =>
  engineContract(async () => {
    const engine = await tfjsEngine(backend)(of, fetchBlock, async () => {});
    return { engine, phase: phaseOf(of, 'teacher'), close: () => engine.dispose() };
  });

export const tfjsContract = (backend: BackendName): ContractTest[] => [
  ...contractOn(backend, job),
  ...contractOn(backend, roundsJob).map(({ name, ...rest }) => ({ ...rest, name: `rounds: ${name}` })),
  ...contractOn(backend, freshJob).map(({ name, ...rest }) => ({ ...rest, name: `rounds without a past: ${name}` })),
  ...contractOn(backend, sequenceJob).map(({ name, ...rest }) => ({ ...rest, name: `sequences: ${name}` })),
];

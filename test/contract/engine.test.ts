// The contract of engines: TFJS on every backend that this machine has, and the simulation's toy.
import { fileURLToPath } from 'node:url';
import { describe } from 'vitest';
import { engineContract } from '@stillhouse/contract';
import { hashName, parseRecipe, phaseOf, randomStream, type Job } from '@stillhouse/core';
import { cutTensors } from '@stillhouse/datasets';
import { installedEngines } from '@stillhouse/native';
import { systemClock } from '@stillhouse/transport';
import { tfjsEngine, type BackendName } from '@stillhouse/worker';
import { ToyEngine } from '../simulation/toy-engine.js';
import { runContract } from './contract.js';

// Engines that a user has installed must not change what is tested; this one was installed for tests.
process.env['STILLHOUSE_CACHE'] = fileURLToPath(
  new URL('../../node_modules/.cache/stillhouse-native', import.meta.url),
);

const rows = 23;
const blocks = new Map<string, Uint8Array>();

/** A teacher with what makes engines hard: noise, weights that are not trained, ranks of unlike sizes. */
function jobOf(): Job {
  const source = { generator: 'noise', rows: 1 } as const;
  const recipe = parseRecipe({
    ranks: 5,
    loss: 'mse',
    seed: 5,
    data: { large: source, small: source, test: source },
    teacher: {
      model: { layers: [{ dense: 4, activation: 'relu' }, 'batchNormalization', { dropout: 0.2 }, { dense: 1 }] },
      batch: 12,
      epochs: 2,
      optimizer: { name: 'adam' },
    },
  });
  const next = randomStream(hashName('rows'));
  const inputs = Float32Array.from({ length: rows * 3 }, () => 2 * next() - 1);
  const labels = Float32Array.from({ length: rows }, () => next());
  const { columns, set } = cutTensors({ inputs, labels }, { inputShape: [3], labelCount: 1 }, blocks);
  const sets = { large: set, small: set, test: set };
  const dataset = { inputShape: [3], columns, classes: null, outputs: 1, labelCount: 1, targets: [], sets };
  return { runId: 'r', recipe, dataset, assets: {} };
}

const job = jobOf();
const phase = phaseOf(job, 'teacher');
const fetchBlock = async (hash: string): Promise<Uint8Array> => blocks.get(hash)!;

const backends: readonly BackendName[] = ['wasm', 'cpu', 'tensorflow'];
const isHere = (name: BackendName): boolean =>
  name !== 'tensorflow' || installedEngines(process.env, 'tensorflow').length > 0;

describe.each(backends.filter(isHere))('TFJS on %s', (backend) =>
  runContract(
    engineContract(async () => {
      const engine = await tfjsEngine(backend)(job, fetchBlock, async () => {});
      return { engine, phase, close: () => engine.dispose() };
    }),
  ),
);

describe('the toy', () =>
  runContract(
    engineContract(() => {
      const random = randomStream(1);
      const model = { parameters: 17, otherWeights: 3 };
      const options = { clock: systemClock, speedMs: () => 0, random, observer: { onCompute: () => {} }, fetchBlock };
      return { engine: new ToyEngine(job, model, options), phase };
    }),
  ));

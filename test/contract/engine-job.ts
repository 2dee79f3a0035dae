// The job that engines are tested with, and the contract's tests of TFJS on it.
import { engineContract, type ContractTest } from '@stillhouse/contract';
import { hashName, parseRecipe, phaseOf, randomStream, type Job } from '@stillhouse/core';
import { cutTensors } from '@stillhouse/datasets';
import { tfjsEngine, type BackendName } from '@stillhouse/worker';

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

export const job = jobOf();
export const phase = phaseOf(job, 'teacher');
export const fetchBlock = async (hash: string): Promise<Uint8Array> => blocks.get(hash)!;

export const tfjsContract = (backend: BackendName): ContractTest[] =>
  engineContract(async () => {
    const engine = await tfjsEngine(backend)(job, fetchBlock, async () => {});
    return { engine, phase, close: () => engine.dispose() };
  });

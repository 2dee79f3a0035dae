// A job of four rows and two ranks, for the tests of the machines.
import type { Job } from '../job/job.js';
import { ledgerDigest, wholeLedger } from '../order/ledger.js';
import { parseRecipe } from '../recipe/parse.js';

export const sha = (digit: string): string => digit.repeat(64);
export const source = { generator: 'noise', rows: 1 } as const;
export const recipe = parseRecipe({
  ranks: 2,
  loss: 'mse',
  data: { large: source, test: source },
  teacher: { model: { layers: [{ dense: 1 }] }, epochs: 1, batch: 4 },
});
export const set = { rowCount: 4, blockRows: 4, blocks: [sha('a')], rowsDigest: ledgerDigest(wholeLedger(4)) };
export const job: Job = {
  runId: 'r',
  recipe,
  assets: {},
  dataset: {
    inputShape: [1],
    columns: [],
    classes: null,
    outputs: 1,
    labelCount: 1,
    targets: [],
    sets: { large: set, test: set },
  },
};

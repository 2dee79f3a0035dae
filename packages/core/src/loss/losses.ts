// The built-in losses by name. To add one: its file, a line here, its row in docs/distillation.md.
import { binaryCrossEntropy } from './binary-cross-entropy.js';
import { ModuleKind, type ModuleConfig } from '../extension/module-kind.js';
import { defineLoss, type Loss } from './define-loss.js';
import { gaussian } from './gaussian.js';
import { huber } from './huber.js';
import { mae } from './mae.js';
import { mse } from './mse.js';
import { softmaxCrossEntropy } from './softmax-cross-entropy.js';

const losses = { mse, mae, huber, gaussian, softmaxCrossEntropy, binaryCrossEntropy } as const;

export type LossName = keyof typeof losses;
export const lossNames = Object.keys(losses) as LossName[];

export type LossConfig = LossName | ModuleConfig;

export const lossModules = new ModuleKind<Loss>('loss', defineLoss);

/** The loss of a recipe, whose module is open where it has one (`openModules`). */
export const lossOf = (config: LossConfig): Loss =>
  typeof config === 'string' ? losses[config] : lossModules.of(config);

/** As `lossOf`; undefined for a module that is not open yet. */
export const knownLossOf = (config: LossConfig): Loss | undefined =>
  typeof config === 'string' ? losses[config] : lossModules.find(config);

/** The built-in loss whose outputs are read as those of this one are. */
export function readsAs(config: LossConfig): LossName {
  if (typeof config === 'string') return config;
  return ({ class: 'softmaxCrossEntropy', binary: 'binaryCrossEntropy', numbers: 'mse' } as const)[
    lossOf(config).labels
  ];
}

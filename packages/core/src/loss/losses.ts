// The built-in losses by name. To add one: its file, a line here, its row in docs/distillation.md.
import { binaryCrossEntropy } from './binary-cross-entropy.js';
import { expectBoolean, expectNumber, expectTensor, type ResultChecks } from '../extension/guarded.js';
import { ModuleKind, type ModuleConfig } from '../extension/module-kind.js';
import { defineLoss, type HardLoss, type Loss, type SoftLoss } from './define-loss.js';
import { gaussian } from './gaussian.js';
import { huber } from './huber.js';
import { mae } from './mae.js';
import { mse } from './mse.js';
import { softmaxCrossEntropy } from './softmax-cross-entropy.js';
import type { Tensor } from './tensor-ops.js';

const losses = { mse, mae, huber, gaussian, softmaxCrossEntropy, binaryCrossEntropy } as const;

export type LossName = keyof typeof losses;
export const lossNames = Object.keys(losses) as LossName[];

export type LossConfig = LossName | ModuleConfig;

const checks: ResultChecks = {
  row: expectNumber,
  'takes.fits': expectBoolean,
  hard: (result, { outputs }: HardLoss) => expectTensor(result, [outputs.shape[0]]),
  soft: (result, { student }: SoftLoss) => expectTensor(result, [student.shape[0]]),
  ensemble: (result, _tf: unknown, [first]: readonly Tensor[]) => expectTensor(result, first!.shape),
};
export const lossModules = new ModuleKind<Loss>('loss', defineLoss, checks);

/** The loss of a recipe, whose module is open if it has one (`openModules`). */
export const lossOf = (config: LossConfig): Loss =>
  typeof config === 'string' ? losses[config] : lossModules.of(config);

/** How a model's outputs are read: as those of a built-in loss, and how many there are per target if not one. */
export interface Reading {
  readonly loss: LossName;
  readonly outputsPerTarget?: number;
}

/** A module's outputs are read by its kind of labels. */
export function readingOf(config: LossConfig): Reading {
  if (typeof config === 'string') return { loss: config };
  const { labels, outputsPerTarget } = lossOf(config);
  const loss = ({ class: 'softmaxCrossEntropy', binary: 'binaryCrossEntropy', numbers: 'mse' } as const)[labels];
  return outputsPerTarget === 1 ? { loss } : { loss, outputsPerTarget };
}

// The built-in losses by their names. Adding one: its file, a line here, its row in docs/distillation.md.
import { binaryCrossEntropy } from './binary-cross-entropy.js';
import type { Loss } from './define-loss.js';
import { gaussian } from './gaussian.js';
import { huber } from './huber.js';
import { mae } from './mae.js';
import { mse } from './mse.js';
import { softmaxCrossEntropy } from './softmax-cross-entropy.js';

const losses = { mse, mae, huber, gaussian, softmaxCrossEntropy, binaryCrossEntropy } as const;

export type LossName = keyof typeof losses;
export const lossNames = Object.keys(losses) as LossName[];

export const lossOf = (name: LossName): Loss => losses[name];

// AdamW, whose weight decay is decoupled from the gradient (Loshchilov and Hutter 2019, algorithm 2).
import { z } from 'zod';
import { adamFields, adamStep } from './adam-step.js';
import { defineOptimizer } from './define-optimizer.js';

export const adamw = defineOptimizer({
  name: 'adamw',
  schema: z
    .strictObject({ name: z.literal('adamw'), ...adamFields })
    .describe('weightDecay is decoupled from the gradient.'),
  stateCount: () => 2,
  step: (of) => adamStep(of, { coupled: 0, decoupled: of.learningRate * of.config.weightDecay }),
});

// Adam, whose weight decay is a part of the gradient (Kingma and Ba 2015).
import { z } from 'zod';
import { adamFields, adamStep } from './adam-step.js';
import { defineOptimizer } from './define-optimizer.js';

export const adam = defineOptimizer({
  name: 'adam',
  schema: z
    .strictObject({ name: z.literal('adam'), ...adamFields })
    .describe('weightDecay is added to the gradient (L2).'),
  stateCount: () => 2,
  step: (of) => adamStep(of, { coupled: of.config.weightDecay, decoupled: 0 }),
});

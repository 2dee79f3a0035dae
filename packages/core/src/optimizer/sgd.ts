// Stochastic gradient descent with momentum (Sutskever et al. 2013, in PyTorch's form).
import { z } from 'zod';
import { defineOptimizer, optimizerCommon } from './define-optimizer.js';

export const sgd = defineOptimizer({
  name: 'sgd',
  schema: z.strictObject({
    name: z.literal('sgd'),
    momentum: z.number().min(0).lt(1).default(0),
    nesterov: z.boolean().default(false),
    ...optimizerCommon,
    learningRate: z.number().positive().default(0.01),
  }),
  stateCount: ({ momentum }) => Number(momentum > 0),
  step: ({ config, kernels, parameterCount, parameters, next, gradient, state: [velocity = 0], clip, learningRate }) =>
    kernels.sgd(
      parameterCount,
      parameters,
      next,
      gradient,
      velocity,
      clip,
      config.weightDecay,
      config.momentum,
      config.nesterov,
      learningRate,
    ),
});

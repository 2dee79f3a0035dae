// The learning rate of a step: a pure function of the recipe and the step.
import type { LearningRateSchedule } from '../recipe/training.js';

/**
 * @param base the optimiser's learning rate
 * @param at the step counted from 0, the steps of an epoch, and the steps of the whole phase
 */
export function learningRateAt(
  base: number,
  schedule: LearningRateSchedule,
  at: { step: number; stepsPerEpoch: number; totalSteps: number },
): number {
  const warmup = schedule.warmupSteps;
  if (at.step < warmup) return (base * (at.step + 1)) / warmup;
  switch (schedule.name) {
    case 'constant':
      return base;
    case 'step': {
      const drops = Math.floor(at.step / at.stepsPerEpoch / schedule.everyEpochs);
      let rate = base;
      for (let i = 0; i < drops; i++) rate *= schedule.factor;
      return rate;
    }
    case 'cosine': {
      const progress = (at.step - warmup) / Math.max(1, at.totalSteps - warmup);
      return schedule.finalFactor * base + (1 - schedule.finalFactor) * base * 0.5 * (1 + Math.cos(Math.PI * progress));
    }
  }
}

// What a user should know of rounds once the data are known.
import { stepsPerEpoch } from '../order/schedule.js';
import { phaseOf, phasesOf, type Job } from './job.js';

/** That rounds are shorter than the recipe says, as a sentence; none if they are not. */
export function roundsNotes(job: Pick<Job, 'recipe' | 'dataset'>): string[] {
  if (!phasesOf(job.recipe).includes('teacher')) return [];
  const { sync, schedule } = phaseOf(job, 'teacher');
  const steps = stepsPerEpoch(schedule);
  return sync && sync.every > steps
    ? [
        `sync.every is ${sync.every}, but an epoch has ${steps} steps: its end ends a round, so ranks exchange once ` +
          'per epoch',
      ]
    : [];
}

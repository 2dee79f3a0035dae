// Milliseconds of a step of several contestants, which take turns.
import { median } from '../contestant.mjs';

const repetitions = 5;
const warmSteps = 3;

/** Steps of a repetition that takes about so long. */
const stepsFor = (repetitionMs, ms) => Math.min(200, Math.max(2, Math.round(repetitionMs / ms)));

/**
 * Each contestant warms up, and then all repeat in turn. One that fails is left out from then on.
 * @param contestants by name: functions that take so many steps within the given milliseconds and say what one took
 * @param options.firstMs limit of building and warming up a contestant
 * @param options.nextMs limit of a repetition
 * @returns by name `{ ms, all }` and what else it said, or `{ reason }` why there is no figure
 */
export async function interleaved(contestants, { repetitionMs, firstMs, nextMs }) {
  const results = {};
  const racing = new Map();
  /** Whether it did not fail. */
  const tried = async (name, work) => {
    try {
      await work();
      return true;
    } catch (error) {
      results[name] = { reason: error.message };
      racing.delete(name);
      return false;
    }
  };
  for (const [name, take] of Object.entries(contestants))
    await tried(name, async () => {
      await take(warmSteps, firstMs);
      const { ms, ...more } = await take(2, nextMs);
      racing.set(name, { take, steps: stepsFor(repetitionMs, ms), more, all: [] });
    });
  for (let i = 0; i < repetitions; i++)
    for (const [name, { take, steps, all }] of racing)
      await tried(name, async () => void all.push((await take(steps, nextMs)).ms));
  for (const [name, { all, more }] of racing) results[name] = { ms: median(all), all, ...more };
  return results;
}

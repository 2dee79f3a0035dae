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
 * @returns by name `{ ms, all }` and what else it said; `reason` says why repetitions are missing, and if all of them
 *   are, `ms` is undefined
 */
export async function interleaved(contestants, { repetitionMs, firstMs, nextMs }) {
  const racing = Object.entries(contestants).map(([name, take]) => ({ name, take, all: [] }));
  const turn = async (contestant, work) => {
    if (contestant.reason) return;
    try {
      await work(contestant);
    } catch (error) {
      contestant.reason = error.message;
    }
  };
  for (const each of racing)
    await turn(each, async ({ take }) => {
      await take(warmSteps, firstMs);
      const { ms, ...more } = await take(2, nextMs);
      Object.assign(each, { steps: stepsFor(repetitionMs, ms), more });
    });
  for (let i = 0; i < repetitions; i++)
    for (const each of racing)
      await turn(each, async ({ take, steps, all }) => void all.push((await take(steps, nextMs)).ms));
  return Object.fromEntries(
    racing.map(({ name, all, more, reason }) => [name, { ms: median(all), all, reason, ...more }]),
  );
}

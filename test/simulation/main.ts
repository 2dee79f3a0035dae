// npm run sim -- --seeds 10000 [--from 0] [--first]: many clusters, or until the first that fails.
// npm run sim -- --seed 7: one, with its transcript.  --mutations: bugs planted one by one, each to be caught.
// npm run sim -- --story 'a worker drains': one of stories.ts.
import { parseArgs } from 'node:util';
import { replayCommand, simulate } from './cluster.js';
import { plantMutations } from './mutations.js';
import { scenarioOf } from './scenario.js';
import { stories, tellStory } from './stories.js';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '0' },
    seed: { type: 'string' },
    first: { type: 'boolean', default: false },
    mutations: { type: 'boolean', default: false },
    only: { type: 'string' },
    story: { type: 'string' },
  },
});

if (values.mutations) {
  process.exitCode = (await plantMutations(values.only)) ? 0 : 1;
} else if (values.story !== undefined) {
  if (!Object.hasOwn(stories, values.story))
    throw new Error(`there is no story of this name; there are: ${Object.keys(stories).join(', ')}`);
  console.log(await tellStory(values.story));
} else if (values.seed !== undefined) {
  const scenario = scenarioOf(Number(values.seed));
  const outcome = await simulate(scenario);
  console.log(
    `${scenario.job.recipe.ranks} ranks on ${scenario.workers} workers, at least ${scenario.minWorkers}; ` +
      `delays up to ${scenario.maxDelayMs} ms, ${scenario.duplicates * 100} % of frames twice, ` +
      `${scenario.losses * 100} % lost`,
  );
  console.log(outcome.transcript.join('\n'));
  console.log(outcome.problems.length ? `PROBLEMS\n${outcome.problems.join('\n')}` : 'held');
  process.exitCode = outcome.problems.length ? 1 : 0;
} else {
  let failed = 0;
  const from = Number(values.from);
  for (let seed = from; seed < from + Number(values.seeds); seed++) {
    const { problems } = await simulate(scenarioOf(seed));
    if (problems.length === 0) continue;
    failed += 1;
    console.log(`seed ${seed}: ${problems.join('; ')}\n  replay: ${replayCommand(seed)}`);
    if (values.first) break;
  }
  console.log(`${Number(values.seeds) - failed} held, ${failed} failed`);
  process.exitCode = failed ? 1 : 0;
}

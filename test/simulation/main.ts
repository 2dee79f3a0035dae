// npm run sim -- --seeds 10000 [--from 0]: many clusters.  npm run sim -- --seed 7: one, with its transcript.
import { parseArgs } from 'node:util';
import { replayCommand, scenarioOf, simulate } from './cluster.js';

const { values } = parseArgs({ options: { seeds: { type: 'string', default: '1000' }, from: { type: 'string', default: '0' }, seed: { type: 'string' } } });

if (values.seed !== undefined) {
  const outcome = await simulate(scenarioOf(Number(values.seed)));
  console.log(outcome.transcript.join('\n'));
  console.log(outcome.problems.length ? `PROBLEMS\n${outcome.problems.join('\n')}` : `held; ${outcome.error ? `ended with ${outcome.error.code}: ${outcome.error.message}` : 'done'}`);
  process.exitCode = outcome.problems.length ? 1 : 0;
} else {
  let failed = 0;
  const from = Number(values.from);
  for (let seed = from; seed < from + Number(values.seeds); seed++) {
    const { problems } = await simulate(scenarioOf(seed));
    if (problems.length === 0) continue;
    failed += 1;
    console.log(`seed ${seed}: ${problems.join('; ')}\n  replay: ${replayCommand(seed)}`);
  }
  console.log(`${Number(values.seeds) - failed} held, ${failed} failed`);
  process.exitCode = failed ? 1 : 0;
}

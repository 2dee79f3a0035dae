// npm run soak [-- --kills 200] [-- --seed 1]: runs whose workers and coordinators are killed, stopped, asked to leave
// and restarted without end; every run must end with the weights of one undisturbed worker.
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { hashName, randomStream, type LayerConfig, type RecipeInput, type RunRecord } from '@stillhouse/core';
import { Scratch, smallRecipe, type Running } from '../e2e/cli.js';
import { hashesOf, ProcessCluster } from '../e2e/processes.js';

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '200' }, seed: { type: 'string', default: '1' } },
});
const wanted = Number(values.kills);
const random = randomStream(hashName('soak'), Number(values.seed));
const scratch = new Scratch();

const convolutional: LayerConfig[] = [
  { reshape: [5, 2, 1] },
  { conv2d: 8, kernel: 2, activation: 'relu' },
  'batchNormalization',
  { dropout: 0.3 },
  'flatten',
  { dense: 16 },
  { dense: 1 },
];
const dense: LayerConfig[] = [{ dense: 64, activation: 'relu' }, { dropout: 0.2 }, { dense: 1 }];

function recipeOf(round: number): RecipeInput {
  const isDense = round % 2 === 0;
  return smallRecipe({
    name: isDense ? 'dense' : 'convolutional',
    seed: round,
    ranks: 4 + (round % 5),
    data: {
      large: { generator: 'friedman1', rows: isDense ? 20_011 : 6_007 },
      small: { generator: 'friedman1', rows: 200, seed: 1 },
      test: { generator: 'friedman1', rows: 200, seed: 2 },
    },
    teacher: {
      model: { layers: isDense ? dense : convolutional },
      epochs: 8,
      validation: 0.05,
      ...(round % 3 === 0 ? { earlyStopping: { patience: 8 } } : {}),
    },
    student: {
      model: { layers: isDense ? [{ dense: 8, activation: 'relu' }, { dense: 1 }] : convolutional },
      epochs: 30,
      batch: 8,
    },
  });
}

type Deed =
  'worker killed' | 'worker stopped for a while' | 'worker asked to leave' | 'coordinator killed' | 'everything killed';
const deeds: readonly Deed[] = [
  'worker killed',
  'worker killed',
  'worker killed',
  'worker stopped for a while',
  'worker asked to leave',
  'coordinator killed',
  'worker killed',
  'everything killed',
];
const counts = new Map<Deed, number>();
const isKill = (deed: Deed): boolean => deed.endsWith('killed');
const kills = (): number => [...counts].filter(([deed]) => isKill(deed)).reduce((sum, [, count]) => sum + count, 0);

async function perform(deed: Deed, cluster: ProcessCluster, victim: Running): Promise<void> {
  counts.set(deed, (counts.get(deed) ?? 0) + 1);
  switch (deed) {
    case 'worker killed':
      return cluster.kill(victim);
    case 'worker asked to leave':
      return cluster.signal(victim, 'SIGTERM');
    case 'worker stopped for a while':
      cluster.signal(victim, 'SIGSTOP');
      await delay(4000 * random());
      return cluster.signal(victim, 'SIGCONT');
    case 'coordinator killed':
      cluster.coordinator.child.kill('SIGKILL');
      await cluster.coordinator.result;
      await delay(1000 * random());
      return cluster.resume();
    case 'everything killed':
      cluster.coordinator.child.kill('SIGKILL');
      for (const worker of cluster.living) cluster.kill(worker);
      await cluster.coordinator.result;
      await cluster.resume();
  }
}

/** One run under fire; the fire ceases once enough have been killed in all. */
async function runUnderFire(recipe: RecipeInput): Promise<RunRecord> {
  const cluster = new ProcessCluster(scratch, recipe, ['--heartbeat-timeout', '3', '--checkpoint-every', '1']);
  await cluster.start(3);
  const isOver = (): boolean => cluster.coordinator.child.exitCode !== null;
  while (!isOver()) {
    await Promise.race([cluster.coordinator.result, delay(200 + 1500 * random())]);
    if (isOver()) break;
    while (cluster.living.length < 3) cluster.join();
    if (kills() >= wanted) continue;
    const victim = cluster.living[Math.floor(random() * cluster.living.length)];
    await perform(deeds[Math.floor(random() * deeds.length)], cluster, victim);
  }
  const record = await cluster.finish();
  for (const worker of cluster.living) cluster.kill(worker);
  return record;
}

let failed = 0;
let changes = 0;
const startedMs = Date.now();
for (let round = 0; kills() < wanted; round++) {
  const recipe = recipeOf(round);
  // Workers of every other round exchange sums by sockets, as on several hosts.
  process.env['STILLHOUSE_SHARED_MEMORY'] = round % 2 === 0 ? 'on' : 'off';
  const expected = hashesOf((await scratch.trainByCommand(recipe, ['--workers', '1', '--backend', 'wasm'])).record);
  const record = await runUnderFire(recipe).catch((error: unknown) => String(error));
  const isEqual =
    typeof record !== 'string' &&
    JSON.stringify(hashesOf(record)) === JSON.stringify(expected) &&
    [record.teacher!, record.student!, record.baseline!].every((phase) =>
      phase.epochs.every(({ rowsDigest }) => rowsDigest === phase.expectedRowsDigest),
    );
  if (!isEqual) failed += 1;
  if (typeof record !== 'string') changes += record.membershipChanges;
  const found = typeof record === 'string' ? record : JSON.stringify(hashesOf(record));
  const outcome = isEqual ? 'the bits of one worker, every row once' : `FAILED ${found}`;
  console.log(`round ${round} (${recipe.name}, ${recipe.ranks} ranks): ${outcome}; ${kills()} kills so far`);
}
scratch.clean();
console.log(
  `${[...counts].map(([deed, count]) => `${deed}: ${count}`).join(', ')}; ${changes} changes of membership; ` +
    `${((Date.now() - startedMs) / 60_000).toFixed(1)} min`,
);
console.log(failed === 0 ? `held: ${kills()} kills` : `${failed} rounds failed`);
process.exit(failed === 0 ? 0 : 1);

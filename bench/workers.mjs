// Rows per second of a teacher on 1, 2, … workers of this machine, up to its cores: interleaved rounds, medians.
//   npm run bench -- workers [--rounds 5] [--backends tensorflow,wasm]
// Checks on the way that the weights are the same.
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { run } from 'stillhouse';

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: { rounds: { type: 'string', default: '5' }, backends: { type: 'string', default: 'tensorflow,wasm' } },
});
const counts = Array.from({ length: availableParallelism() }, (_, i) => i + 1);
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const out = mkdtempSync(join(tmpdir(), 'stillhouse-bench-'));

const ranks = counts.length * 2;
const recipe = {
  ranks,
  loss: 'mse',
  data: { large: { generator: 'friedman1', rows: 256 * ranks * 20 }, test: { generator: 'friedman1', rows: 64 } },
  teacher: {
    model: { layers: [{ dense: 1024, activation: 'relu' }, { dense: 1024, activation: 'relu' }, { dense: 1 }] },
    epochs: 1,
    batch: 256 * ranks,
    optimizer: { name: 'adam' },
  },
};

console.log(
  `Friedman, MLP 10-1024-1024-1, ${ranks} ranks of 256 rows: rows per second, median of ${values.rounds} rounds\n`,
);
console.log(
  `| backend | ${counts.map((count) => `${count} ${count === 1 ? 'worker' : 'workers'}`).join(' | ')} |\n| --- ` +
    `|${' --- |'.repeat(counts.length)}`,
);
for (const backend of values.backends.split(',')) {
  const rates = counts.map(() => []);
  const hashes = new Set();
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [i, workers] of counts.entries()) {
      const { record } = await run(recipe, { workers, backend, out: join(out, `${backend}-${workers}-${round}`) });
      rates[i].push(record.teacher.samplesPerSecond);
      hashes.add(record.teacher.weightsSha256);
    }
  }
  if (hashes.size !== 1) throw new Error(`${backend}: the weights differ between numbers of workers`);
  const cells = rates.map((rate) => {
    const speedup = (median(rate) / median(rates[0])).toFixed(2);
    return `${Math.round(median(rate)).toLocaleString('en-US')} (${speedup}×)`;
  });
  console.log(`| ${[backend, ...cells].join(' | ')} |`);
}
rmSync(out, { recursive: true });

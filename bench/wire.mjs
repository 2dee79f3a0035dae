// Whether gradients in fewer bits train as well: a teacher of 8 ranks per format and seed, and its test loss next to
// that of fp32 with the same seed.
//   npm run bench -- wire [--seeds 5] [--backend wasm]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { run } from 'stillhouse';

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: { seeds: { type: 'string', default: '5' }, backend: { type: 'string', default: 'wasm' } },
});
const formats = ['fp32', 'bf16', 'fp16', 'int8'];
const out = mkdtempSync(join(tmpdir(), 'stillhouse-bench-'));

/** The teacher of examples/friedman, on twice as many ranks and for half as many epochs. */
const recipeOf = (wire, seed) => ({
  seed,
  ranks: 8,
  wire,
  loss: 'mse',
  data: {
    large: { generator: 'friedman1', rows: 10_000, noise: 1, seed: 1 },
    test: { generator: 'friedman1', rows: 5000, noise: 0, seed: 3 },
  },
  teacher: {
    model: { layers: [{ dense: 64, activation: 'relu' }, { dense: 1 }] },
    optimizer: { name: 'adam', learningRate: 0.02 },
    schedule: { name: 'cosine' },
    batch: 32,
    epochs: 5,
  },
});

const losses = new Map(formats.map((format) => [format, []]));
for (let seed = 1; seed <= Number(values.seeds); seed++)
  for (const wire of formats) {
    const options = { workers: 1, backend: values.backend, out: join(out, `${wire}-${seed}`) };
    const { record } = await run(recipeOf(wire, seed), options);
    losses.get(wire).push(record.teacher.test.loss);
  }
rmSync(out, { recursive: true });

const mean = (numbers) => numbers.reduce((sum, each) => sum + each, 0) / numbers.length;
console.log(`| wire | test loss, mean of ${values.seeds} seeds | least and most of fp32’s with the same seed |`);
console.log('| --- | ---: | --- |');
for (const format of formats) {
  const ratios = losses.get(format).map((loss, i) => loss / losses.get('fp32')[i]);
  const range = [Math.min(...ratios), Math.max(...ratios)].map((ratio) => `${(100 * ratio).toFixed(1)} %`).join(' – ');
  console.log(`| ${format} | ${mean(losses.get(format)).toExponential(3)} | ${range} |`);
}

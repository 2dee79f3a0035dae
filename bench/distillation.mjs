// Does distillation help? Runs an example over several seeds and prints mean and spread of its test metrics.
//   npm run bench -- distillation friedman [--seeds 5] [--set key=value …]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Example → what is measured (smaller is better), and the variants in addition to the unchanged recipe. */
const examples = {
  friedman: {
    measure: '1 − test R²',
    of: (test) => 1 - test.r2,
    digits: 3,
    settings: (seed) => [`seed=${seed}`, `data.large.seed=${1000 + seed}`, `data.small.seed=${2000 + seed}`],
  },
  mnist: { measure: 'test errors', of: (test) => test.errors, digits: 0, settings: (seed) => [`seed=${seed}`] },
};
const variants = {
  'own rows': ['distill.transfer=[]'],
  'own rows and mixup labelled by the teacher': ['distill.transfer=[{augment: {mixup: 1}}]'],
};

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '5' },
    set: { type: 'string', multiple: true, default: [] },
    variant: { type: 'string' },
  },
});
const name = positionals.at(-1);
const example = examples[name];
if (!example) {
  console.error(
    `usage: npm run bench -- distillation ${Object.keys(examples).join(' | ')} [--seeds 5] [--set key=value …]`,
  );
  process.exit(2);
}

function runOnce(settings) {
  const folder = mkdtempSync(join(tmpdir(), 'stillhouse-bench-'));
  const args = [
    join(root, 'packages/cli/dist/main.js'),
    'run',
    join(root, 'examples', name, 'recipe.yaml'),
    '--json',
    '--out',
    folder,
    // The published figures compare the same number of epochs.
    '--set',
    'baseline.epochs=student',
    ...settings.flatMap((setting) => ['--set', setting]),
  ];
  const result = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 28 });
  rmSync(folder, { recursive: true, force: true });
  if (result.status !== 0) throw new Error(result.stderr);
  return JSON.parse(result.stdout);
}

const mean = (numbers) => numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
const deviation = (numbers) =>
  Math.sqrt(numbers.reduce((sum, value) => sum + (value - mean(numbers)) ** 2, 0) / (numbers.length - 1));
const shown = (numbers) => `${mean(numbers).toFixed(example.digits)} ± ${deviation(numbers).toFixed(example.digits)}`;

const rows = [];
for (const [variant, settings] of Object.entries(variants).filter(
  ([variant]) => !values.variant || variant === values.variant,
)) {
  const columns = { teacher: [], baseline: [], student: [] };
  let wins = 0;
  for (let seed = 1; seed <= Number(values.seeds); seed++) {
    const record = runOnce([...example.settings(seed), ...settings, ...values.set]);
    for (const column of Object.keys(columns)) columns[column].push(example.of(record[column].test));
    wins += example.of(record.student.test) < example.of(record.baseline.test) ? 1 : 0;
    console.error(
      `${variant}, seed ${seed}: ${Object.entries(columns)
        .map(([column, numbers]) => `${column} ${numbers.at(-1).toFixed(example.digits)}`)
        .join(', ')}`,
    );
  }
  rows.push(
    `| ${variant} | ${shown(columns.teacher)} | ${shown(columns.baseline)} | ${shown(columns.student)} | ` +
      `${wins} of ${values.seeds} |`,
  );
}
console.log(`${name}: ${example.measure}, mean ± standard deviation over ${values.seeds} seeds\n`);
console.log('| distilled on | teacher | baseline | distilled | distilled is better |\n| --- | --- | --- | --- | --- |');
console.log(rows.join('\n'));

// The same distillation by Stillhouse and by a plain PyTorch loop, one after the other in each round: accuracy and rows
// per second. npm run bench -- lenet [--seeds 3] [--epochs 300] [--data FOLDER] Needs the tensorflow engine, PyTorch in
// .venv (python3 -m venv .venv && .venv/bin/pip install torch numpy), and the data.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '3' },
    epochs: { type: 'string', default: '300' },
    data: { type: 'string', default: process.env.STILLHOUSE_DATA ?? join(root, 'data') },
  },
});
const [temperature, alpha] = [4, 2];
const python = join(root, '.venv/bin/python');
if (!existsSync(python))
  throw new Error('PyTorch is missing: python3 -m venv .venv && .venv/bin/pip install torch numpy');
const scratch = mkdtempSync(join(tmpdir(), 'stillhouse-bench-'));

function call(command, args) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    env: { ...process.env, STILLHOUSE_DATA: values.data },
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout.trim().split('\n').at(-1));
}

function stillhouse(out, settings) {
  const set = settings.flatMap((setting) => ['--set', setting]);
  return call(process.execPath, [
    join(root, 'packages/cli/dist/main.js'),
    'run',
    join(root, 'examples/lenet/fashion.yaml'),
    '--json',
    '--backend',
    'tensorflow',
    '--workers',
    '1',
    '--out',
    join(scratch, out),
    ...set,
  ]);
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
const mean = (numbers) => numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
const deviation = (numbers) =>
  Math.sqrt(numbers.reduce((sum, value) => sum + (value - mean(numbers)) ** 2, 0) / (numbers.length - 1));

try {
  const teacher = stillhouse('teacher', ['student=null', 'distill=null', 'data.small=null']);
  console.error(`teacher: accuracy ${teacher.teacher.test.accuracy}`);
  const results = {
    Stillhouse: [],
    'PyTorch, teacher evaluated on each batch': [],
    'PyTorch, teacher evaluated once on all rows': [],
  };
  for (let seed = 1; seed <= Number(values.seeds); seed++) {
    const { student } = stillhouse(`student-${seed}`, [
      `seed=${seed}`,
      `teacher={pretrained: ${join(scratch, 'teacher')}}`,
      `student.epochs=${values.epochs}`,
      'distill.transfer=[]',
      `distill.alpha=${alpha}`,
      `distill.beta=${1 / temperature}`,
    ]);
    // The phase has the test in it, and setting up; so has no peer's figure.
    results.Stillhouse.push({ accuracy: student.test.accuracy, rows: student.samplesPerSecond });
    for (const [name, mode] of [
      ['PyTorch, teacher evaluated on each batch', 'plain'],
      ['PyTorch, teacher evaluated once on all rows', 'cached'],
    ]) {
      const { accuracy, rows_per_second: rows } = call(python, [
        join(root, 'bench/lenet/peer.py'),
        join(scratch, 'teacher/teacher/model.safetensors'),
        join(values.data, 'fashion-mnist'),
        String(seed),
        values.epochs,
        String(temperature),
        String(Math.exp(alpha)),
        mode,
      ]);
      results[name].push({ accuracy, rows });
    }
    console.error(
      `seed ${seed}: ${Object.entries(results)
        .map(
          ([name, all]) => `${name} ${(100 * all.at(-1).accuracy).toFixed(2)} %, ${Math.round(all.at(-1).rows)} rows/s`,
        )
        .join('; ')}`,
    );
  }
  console.log(
    `LeNet-5 on 2,000 images of Fashion-MNIST, T = ${temperature}, α = ${alpha}, ${values.epochs} epochs, ` +
      `batch 64, one thread, ${values.seeds} seeds\n`,
  );
  console.log(
    '| | accuracy, mean ± standard deviation | rows/s, median | Stillhouse, times that, median of rounds |\n| ' +
      '--- | --- | --- | --- |',
  );
  for (const [name, all] of Object.entries(results)) {
    const ratio =
      name === 'Stillhouse' ? '' : median(all.map(({ rows }, i) => results.Stillhouse[i].rows / rows)).toFixed(2);
    const accuracies = all.map(({ accuracy }) => 100 * accuracy);
    console.log(
      `| ${name} | ${mean(accuracies).toFixed(2)} ± ${deviation(accuracies).toFixed(2)} % | ` +
        `${Math.round(median(all.map(({ rows }) => rows))).toLocaleString('en-US')} | ${ratio} |`,
    );
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

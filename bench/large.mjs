// A table of 20 columns in Parquet, prepared and trained on by two workers: rows per second, peak memory of each
// process, time that steps wait for rows; and the same files through PyTorch's DataLoader (pyarrow) and tf.data,
// interleaved. npm run bench -- large [--rows 20000000] [--rounds 3] [--backend tensorflow] [--keep FOLDER] Peers run
// if .venv has torch, tensorflow and pyarrow.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { spawn, spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setInterval, clearInterval } from 'node:timers';
import { parseArgs } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: {
    rows: { type: 'string', default: '20000000' },
    rounds: { type: 'string', default: '3' },
    backend: { type: 'string', default: 'tensorflow' },
    keep: { type: 'string' },
    peers: { type: 'string', default: 'torch,tensorflow' },
  },
});
const root = fileURLToPath(new URL('..', import.meta.url));
const folder = values.keep ?? mkdtempSync(join(tmpdir(), 'stillhouse-bench-'));
mkdirSync(folder, { recursive: true });
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`;
const shown = (number) => Math.round(number).toLocaleString('en-US');

/** Twenty uniform columns, half of them doubles, and a target that depends on some of them, in eight files. */
async function generate(name, rows) {
  const files = Array.from({ length: 8 }, (_, i) => join(folder, `${name}-${i}.parquet`));
  if (files.every((file) => existsSync(file))) return files;
  const connection = await (await DuckDBInstance.create(':memory:', { memory_limit: '512MB', threads: '2' })).connect();
  const columns = Array.from(
    { length: 20 },
    (_, k) => `(hash(i * 20 + ${k}) / 18446744073709551616.0)::${k % 2 ? 'DOUBLE' : 'FLOAT'} AS f${k}`,
  ).join(', ');
  for (const [part, file] of files.entries()) {
    const [first, end] = [part, part + 1].map((n) => Math.floor((rows * n) / files.length));
    await connection.run(
      'COPY (SELECT *, (sin(3 * f0 * f1) + (f2 - 0.5) * (f3 - 0.5) + 0.3 * f4)::FLOAT AS y FROM (SELECT ' +
        `${columns} FROM range(${first}, ${end}) t(i))) TO '${file}' (FORMAT parquet, ROW_GROUP_SIZE 122880)`,
    );
  }
  return files;
}

/** Peak resident memory of a process and those that it started, by what each does; sampled, in bytes. */
function watchMemory(pid) {
  const peaks = {};
  const look = () => {
    for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        const parent = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${entry}/status`, 'utf8'))[1]);
        if (Number(entry) !== pid && parent !== pid) continue;
        const peak = Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${entry}/status`, 'utf8'))[1]) * 1024;
        const role = Number(entry) === pid ? 'coordinator' : 'worker';
        peaks[role] = Math.max(peaks[role] ?? 0, peak);
      } catch {
        // It has ended.
      }
    }
  };
  const timer = setInterval(look, 100);
  return { peaks, stop: () => clearInterval(timer) };
}

async function stillhouse(args) {
  const child = spawn(process.execPath, [join(root, 'packages/cli/dist/main.js'), ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, STILLHOUSE_PREPARED: join(folder, 'prepared') },
  });
  const memory = watchMemory(child.pid);
  let [out, errors] = ['', ''];
  child.stdout.on('data', (text) => (out += text));
  child.stderr.on('data', (text) => (errors += text));
  const startedMs = performance.now();
  const code = await new Promise((resolve) => child.on('exit', resolve));
  memory.stop();
  if (code !== 0) throw new Error(errors);
  return {
    record: out ? JSON.parse(out) : undefined,
    seconds: (performance.now() - startedMs) / 1000,
    peaks: memory.peaks,
  };
}

async function measure(name, rows, rounds) {
  const files = await generate(name, rows);
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  const recipe = join(folder, `${name}.json`);
  writeFileSync(
    recipe,
    JSON.stringify({
      name,
      ranks: 4,
      loss: 'mse',
      data: {
        large: { parquet: join(folder, `${name}-*.parquet`) },
        test: { sql: `select * from '${files[0]}' limit 10000` },
        table: { target: 'y' },
      },
      teacher: { model: { layers: [{ dense: 64, activation: 'relu' }, { dense: 1 }] }, batch: 8192, epochs: 1 },
    }),
  );
  rmSync(join(folder, 'prepared'), { recursive: true, force: true });
  const prepared = await stillhouse(['data', 'prepare', recipe, '--json']);
  const runs = [];
  const peers = Object.fromEntries(values.peers.split(',').map((peer) => [peer, []]));
  for (let round = 0; round < rounds; round++) {
    rmSync(join(folder, 'run'), { recursive: true, force: true });
    runs.push(
      await stillhouse([
        'run',
        recipe,
        '--json',
        '--backend',
        values.backend,
        '--workers',
        '2',
        '--out',
        join(folder, 'run'),
      ]),
    );
    for (const peer of rounds > 0 && existsSync(join(root, '.venv')) && name === 'large' ? Object.keys(peers) : []) {
      for (const [threads, loaders] of [
        [1, 1],
        [2, 2],
      ]) {
        const result = spawnSync(
          join(root, '.venv/bin/python'),
          [
            fileURLToPath(new URL('large/peers.py', import.meta.url)),
            peer,
            ...files,
            '--rows',
            String(Math.min(rows / 2, 4_000_000)),
            '--threads',
            String(threads),
            '--loaders',
            String(loaders),
          ],
          { encoding: 'utf8' },
        );
        if (result.status !== 0) throw new Error(result.stderr);
        peers[peer].push({ round, rate: JSON.parse(result.stdout.trim().split('\n').at(-1)).rowsPerSecond });
      }
    }
  }
  return { rows, bytes, prepared, runs, peers };
}

const engine = await measure('idle', 10_000, 1);
const idle = engine.runs[0].peaks.worker;
const results = [];
for (const [name, rows, rounds] of [
  ['tenth', Number(values.rows) / 10, 1],
  ['large', Number(values.rows), Number(values.rounds)],
])
  results.push(await measure(name, rows, rounds));
console.log(
  `20 columns of Parquet, MLP 20-64-1, batch 8192, 4 ranks on 2 workers, ${values.backend}; a worker on 10,000 ` +
    `rows has ${megabytes(idle)}\n`,
);
console.log(
  '| rows | Parquet | prepared, rows/s | peak of preparing | epoch, rows/s | peak of the coordinator | peak of ' +
    'a worker beyond that | data wait |\n| --- | --- | --- | --- | --- | --- | --- | --- |',
);
for (const { rows, bytes, prepared, runs } of results) {
  const of = (value) => median(runs.map(value));
  console.log(
    `| ${shown(rows)} | ${megabytes(bytes)} | ${shown(rows / prepared.seconds)} | ` +
      `${megabytes(Math.max(...Object.values(prepared.peaks)))} | ` +
      `${shown(of(({ record }) => record.teacher.samplesPerSecond))} | ` +
      `${megabytes(of(({ peaks }) => peaks.coordinator))} | ${megabytes(of(({ peaks }) => peaks.worker) - idle)} ` +
      `| ${(100 * of(({ record }) => record.teacher.dataWait.share)).toFixed(1)} % |`,
  );
}
const { runs, peers } = results.at(-1);
const own = runs.map(({ record }) => record.teacher.samplesPerSecond);
for (const [peer, measured] of Object.entries(peers).filter(([, list]) => list.length)) {
  // The better of its settings in each round.
  const best = own.map((_, round) =>
    Math.max(...measured.filter((each) => each.round === round).map(({ rate }) => rate)),
  );
  console.log(
    `\n${peer}: ${shown(median(best))} rows/s into the step; Stillhouse ${shown(median(own))}, ` +
      `${median(own.map((rate, i) => rate / best[i])).toFixed(2)} times that (median of ${own.length} rounds)`,
  );
}
if (!values.keep) rmSync(folder, { recursive: true });

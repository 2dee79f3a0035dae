// How long wide tables take to prepare, and the memory of the process: one process per table, one after the other.
//   npm run bench -- tables [--columns 5000] [--rows 10000]
import { spawnSync } from 'node:child_process';
import { createWriteStream, mkdtempSync, rmSync, statSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: { columns: { type: 'string', default: '5000' }, rows: { type: 'string', default: '10000' } },
});
const [columns, rows] = [Number(values.columns), Number(values.rows)];
const names = Array.from({ length: columns }, (_, i) => `c${i}`);
const cellOf = {
  numbers: (row, i) => (((row * 7919 + i * 104_729) % 10_007) / 1000 - 5).toFixed(4),
  'long numbers': (row, i) => String(Math.sin(row + i)),
  text: (row, i) => ['red', 'green', 'blue'][(row * (i + 7)) % 3],
};
const folder = mkdtempSync(join(tmpdir(), 'stillhouse-tables-'));
const measured = `
  import { parseRecipe } from '@stillhouse/core';
  import { prepareDataset } from '@stillhouse/datasets';
  const [folder, name, bySql] = process.argv.slice(1);
  const large = bySql ? { sql: "select * from '" + name + "'" } : { csv: name };
  const recipe = parseRecipe({
    loss: 'mse',
    data: { large, split: { test: 0.1 }, table: { target: 'y' } },
    teacher: { model: { layers: [{ dense: 1 }] } },
  });
  const begin = performance.now();
  const places = { recipeFolder: folder, dataFolders: [] };
  await prepareDataset(recipe, places, { folder: folder + '/' + name + '-prepared' });
  console.log((performance.now() - begin) / 1000, process.resourceUsage().maxRSS / 1024);
`;

/** Prepares a file and prints what it took. */
function measure(what, file, how) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', measured, folder, basename(file), ...how],
    { cwd: fileURLToPath(new URL('..', import.meta.url)), encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`${what}: exit ${status}: ${stderr}`);
  const [seconds, mebibytes] = stdout.trim().split(' ').map(Number);
  const megabytes = statSync(file).size / 1e6;
  const speed = Math.round((columns * rows) / seconds).toLocaleString('en');
  console.log(`| ${what} | ${megabytes.toFixed(0)} | ${seconds.toFixed(1)} | ${speed} | ${mebibytes.toFixed(0)} |`);
}

console.log(`| ${columns} columns × ${rows} rows | MB | seconds | cells/s | MiB of memory |`);
console.log('| --- | ---: | ---: | ---: | ---: |');
try {
  for (const [name, cell] of Object.entries(cellOf)) {
    const file = join(folder, `${name}.csv`);
    const out = createWriteStream(file);
    out.write(`${names.join(',')},y\n`);
    for (let row = 0; row < rows; row++)
      if (!out.write(`${names.map((_, i) => cell(row, i)).join(',')},${row % 97}\n`)) await once(out, 'drain');
    out.end();
    await once(out, 'finish');
    measure(name, file, []);
    if (name === 'numbers') measure(`${name}, by SQL`, file, ['sql']);
    rmSync(file);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

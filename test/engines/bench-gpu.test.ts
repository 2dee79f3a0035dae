// The benchmark of GPUs, with tiny models on the processor, so that it works the first time on a GPU.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, expect, test } from 'vitest';
import { root, Scratch } from '../e2e/cli.js';
import { cache, engine, skipped } from './engine.js';

const scratch = new Scratch();
afterAll(() => scratch.clean());

async function bench(args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [join(root, 'bench/main.mjs'), 'gpu', '--tiny', ...args], {
    cwd: scratch.folder,
    env: { ...process.env, STILLHOUSE_CACHE: cache },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [stdout, code] = await Promise.all([text(child.stdout), new Promise((resolve) => child.on('close', resolve))]);
  expect(code, stdout).toBe(0);
  return stdout;
}

/** Cells of the rows below a heading. */
const tableOf = (output: string, heading: string): string[][] => {
  const lines = output.slice(output.indexOf(heading)).split('\n').slice(2);
  const end = lines.findIndex((line) => !line.startsWith('|'));
  return lines.slice(2, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
};
const ms = expect.stringMatching(/^[\d.,]+$/);

test.skipIf(!engine)(`without PyTorch, every part but its columns (${skipped})`, async () => {
  const args = ['--models', 'tabular,cnn-1024', '--python', 'no-python', '--data', scratch.folder, '--budget', '500'];
  const output = await bench([...args, '--json', scratch.path('gpu.json')]);
  expect(output).toMatch(/peer: – \(.*no-python.*\): .*--python/);
  const [tabular, convolutional] = tableOf(output, 'Milliseconds of a step in fp32');
  expect(tabular).toEqual(['tiny MLP 10-64-1', '2', ms, ms, ms, '–', '–', '–', '–', ms]);
  expect(convolutional.slice(0, 5)).toEqual(['tiny CNN 32-64-pool-128', '64', ms, ms, ms]);
  expect(output).toMatch(/1 worker: [0-9a-f]{64}\n2 workers: equal\n2 workers, one killed by SIGKILL: equal\n/);
  expect(output).toMatch(/A whole run of the CNN .* rows\/s .* of its step's .* rows\/s/);
  expect(tableOf(output, 'other precisions').map(([, , precision]) => precision)).toEqual(
    ['tf32', 'bf16'].flatMap((precision) => [precision, precision]),
  );
  expect(tableOf(output, 'on `webgpu`')).toHaveLength(2);
  expect(tableOf(output, 'deterministic kernels')).toEqual([['tiny CNN 32-64-pool-128', '64', ms, ms, ms]]);
  const kept = JSON.parse(readFileSync(scratch.path('gpu.json'), 'utf8')) as Record<string, unknown[]>;
  expect(Object.keys(kept)).toEqual(
    expect.arrayContaining(['machine', 'table', 'hashes', 'run', 'precision', 'webgpu', 'determinism']),
  );
});

test('what is left when the budget is over is said', async () => {
  const output = await bench(['--python', 'no-python', '--budget', '0', '--parts', 'table,hashes']);
  expect(output).toContain('the 0 s of --budget are over');
  expect(output).toContain('hashes: – (the 0 s of --budget are over)');
});

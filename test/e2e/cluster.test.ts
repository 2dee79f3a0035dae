// A coordinator and workers started one by one, as on several machines.
import { afterAll, expect, test } from 'vitest';
import type { RunRecord } from '@stillhouse/core';
import { Scratch, smallRecipe } from './cli.js';

const scratch = new Scratch();
afterAll(() => scratch.clean());

test('workers that join by themselves give the same bits as `run`, whatever host name they come by', async () => {
  const recipe = scratch.recipe(smallRecipe({ ranks: 3 }));
  const coordinator = scratch.start(
    [
      'coordinator',
      recipe,
      '--listen',
      '0.0.0.0:0',
      '--workers',
      '3',
      '--out',
      scratch.out(),
      '--json',
      '--join-timeout',
      '60',
    ],
    { env: { STILLHOUSE_TOKEN: 'secret' } },
  );
  const port = /listening at ws:\/\/0\.0\.0\.0:(\d+)/.exec(await coordinator.logged(/listening at .*\n/))![1];
  // A worker may be there before its coordinator; loopback has many addresses.
  const hosts = ['127.0.0.1', '127.0.0.2', 'localhost'];
  const workers = await Promise.all(
    hosts.map((host) =>
      scratch.run(['worker', '--coordinator', `ws://${host}:${port}`], { env: { STILLHOUSE_TOKEN: 'secret' } }),
    ),
  );
  const { code, stdout } = await coordinator.result;
  expect([code, ...workers.map((worker) => worker.code)]).toEqual([0, 0, 0, 0]);
  const { record } = await scratch.train(recipe, { workers: 2 });
  const together = JSON.parse(stdout) as RunRecord;
  expect(together.teacher!.weightsSha256).toBe(record.teacher!.weightsSha256);
  expect(together.student!.weightsSha256).toBe(record.student!.weightsSha256);
});

test('a worker of another engine is refused unless the user allows a mix', async () => {
  const recipe = scratch.recipe(smallRecipe());
  const start = async (extra: string[]): Promise<{ codes: (number | null)[]; stderr: string }> => {
    const coordinator = scratch.start([
      'coordinator',
      recipe,
      '--listen',
      '127.0.0.1:0',
      '--workers',
      '2',
      '--out',
      scratch.out(),
      '--token',
      'secret',
      ...extra,
    ]);
    const address = /ws:\S+:\d+/.exec(await coordinator.logged(/listening at .*\n/))![0];
    const worker = (backend: string): ReturnType<Scratch['run']> =>
      scratch.run(['worker', '--coordinator', address, '--token', 'secret', '--backend', backend]);
    const first = worker('wasm');
    await coordinator.logged('(1 of 2)');
    const second = await worker('cpu');
    const third = extra.length ? undefined : await worker('wasm');
    const all = [await first, second, ...(third ? [third] : []), await coordinator.result];
    return { codes: all.map(({ code }) => code), stderr: second.stderr };
  };
  const strict = await start([]);
  expect(strict.codes).toEqual([0, 3, 0, 0]);
  expect(strict.stderr).toMatch(/FINGERPRINT_MISMATCH: the worker's engine is cpu .*, but that of w1 is wasm/);
  expect((await start(['--allow-mixed'])).codes).toEqual([0, 0, 0]);
});

test('workers that do not come in time', async () => {
  const { code, stderr } = await scratch.run([
    'coordinator',
    scratch.recipe(smallRecipe()),
    '--listen',
    '127.0.0.1:0',
    '--workers',
    '2',
    '--out',
    scratch.out(),
    '--join-timeout',
    '1',
  ]);
  expect(code).toBe(3);
  expect(stderr).toMatch(/WORKERS_MISSING: 0 of 2 workers joined within 1 s/);
});

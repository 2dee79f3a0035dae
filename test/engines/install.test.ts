// Installing the TensorFlow engine from what is there: interrupted, repeated, and twice at a time.
import { readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { Scratch } from '../e2e/cli.js';
import { engine, skipped } from './engine.js';

const scratch = new Scratch();
afterAll(() => scratch.clean());

test.skipIf(!engine)(
  'an install from a folder can be killed at any moment, and goes through the next time; a third time it only ' +
    `verifies (${skipped})`,
  async () => {
    const own = { env: { STILLHOUSE_CACHE: scratch.path('own') } };
    const args = ['backend', 'install', 'tensorflow', '--from', engine!];
    for (const afterMs of [700, 2500]) {
      const killed = scratch.start(args, own);
      await delay(afterMs);
      killed.child.kill('SIGKILL');
      await killed.result;
      expect(
        (JSON.parse((await scratch.run(['backend', 'list', '--json'], own)).stdout) as { usable: boolean }[])[0].usable,
      ).toBe(false);
    }
    const whole = await scratch.run([...args, '--json'], own);
    expect(whole.code, whole.stderr).toBe(0);
    expect(JSON.parse(whole.stdout)).toMatchObject({
      fresh: true,
      source: engine,
      fingerprint: expect.stringMatching(/^tensorflow 2\.\d+\.\d+ /),
    });
    const again = await scratch.run(['backend', 'install', 'tensorflow', '--json'], own);
    expect(JSON.parse(again.stdout)).toMatchObject({ fresh: false });
    const broken = await scratch.run([...args], { env: { ...own.env, CXX: 'no-such-compiler' } });
    expect(broken).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(
        /BACKEND_TOOL: a C\+\+ compiler is missing \(looked for no-such-compiler\)\n.*apt install g\+\+/,
      ),
    });
  },
);

test.skipIf(!engine)(`installs side by side do not meet: both end with a whole engine (${skipped})`, async () => {
  const own = { env: { STILLHOUSE_CACHE: scratch.path('both') } };
  const results = await Promise.all(
    [1, 2].map(() => scratch.run(['backend', 'install', 'tensorflow', '--from', engine!, '--json'], own)),
  );
  for (const result of results) expect(result.code, result.stderr).toBe(0);
  expect(
    (JSON.parse((await scratch.run(['backend', 'list', '--json'], own)).stdout) as { usable: boolean }[])[0].usable,
  ).toBe(true);
  expect(readdirSync(scratch.path('both/tensorflow'))).toHaveLength(1);
});

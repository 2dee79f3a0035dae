// Installing the TensorFlow engine from what is there: interrupted, repeated, and twice at a time.
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { Scratch } from '../e2e/cli.js';
import { engine, skipped } from './engine.js';

const scratch = new Scratch();
afterAll(() => scratch.clean());

function compiler(name: string, script: string): string {
  const path = scratch.path(name);
  writeFileSync(path, `#!/bin/sh\nif [ "$1" = --version ]; then exit; fi\n${script}\n`, { mode: 0o755 });
  return path;
}
/** It does not compile again what was compiled when the engine was installed. */
const quick = compiler(
  'quick',
  `while [ "$1" != -o ]; do shift; done
case "$2" in *.node) cp "${engine}/lib/$(basename "$2")" "$2" ;; *) touch "$2" ;; esac`,
);

const until = async (isSo: () => boolean): Promise<void> => {
  for (let waited = 0; !isSo() && waited < 2000; waited++) await delay(10);
};

test.skipIf(!engine)(
  'an install from a folder can be killed at any moment, and goes through the next time; a third time it only ' +
    `verifies (${skipped})`,
  async () => {
    const cache = scratch.path('own');
    const own = { STILLHOUSE_CACHE: cache, CXX: quick };
    const args = ['backend', 'install', 'tensorflow', '--from', engine!];
    const isCompiling = scratch.path('compiling');
    const slow = compiler('slow', `touch "${isCompiling}"\nexec sleep 20`);
    for (const [CXX, hasBegun] of [
      [quick, () => existsSync(`${cache}/tensorflow`) && readdirSync(`${cache}/tensorflow`).length > 0],
      [slow, () => existsSync(isCompiling)],
    ] as const) {
      const killed = scratch.start(args, { env: { ...own, CXX } });
      await until(hasBegun);
      expect(hasBegun()).toBe(true);
      killed.child.kill('SIGKILL');
      await killed.result;
      expect(
        (
          JSON.parse((await scratch.run(['backend', 'list', '--json'], { env: own })).stdout) as { usable: boolean }[]
        )[0].usable,
      ).toBe(false);
    }
    const whole = await scratch.run([...args, '--json'], { env: own });
    expect(whole.code, whole.stderr).toBe(0);
    expect(JSON.parse(whole.stdout)).toMatchObject({
      fresh: true,
      source: engine,
      fingerprint: expect.stringMatching(/^tensorflow 2\.\d+\.\d+ /),
    });
    const again = await scratch.run(['backend', 'install', 'tensorflow', '--json'], { env: own });
    expect(JSON.parse(again.stdout)).toMatchObject({ fresh: false });
    const broken = await scratch.run([...args], { env: { ...own, CXX: 'no-such-compiler' } });
    expect(broken).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(
        /BACKEND_TOOL: a C\+\+ compiler is missing \(looked for no-such-compiler\)\n.*apt install g\+\+/,
      ),
    });
  },
);

test.skipIf(!engine)(`installs side by side do not meet: both end with a whole engine (${skipped})`, async () => {
  const own = { env: { STILLHOUSE_CACHE: scratch.path('both'), CXX: quick } };
  const results = await Promise.all(
    [1, 2].map(() => scratch.run(['backend', 'install', 'tensorflow', '--from', engine!, '--json'], own)),
  );
  for (const result of results) expect(result.code, result.stderr).toBe(0);
  expect(
    (JSON.parse((await scratch.run(['backend', 'list', '--json'], own)).stdout) as { usable: boolean }[])[0].usable,
  ).toBe(true);
  expect(readdirSync(scratch.path('both/tensorflow'))).toHaveLength(1);
});

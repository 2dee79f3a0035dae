// A vitest project for the unit tests of all packages but the worker, one for those of the worker, and one per kind of
// test in test/.
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('.', import.meta.url));
// Packages are tested from their sources, without a build.
const conditions = ['@stillhouse/source', 'node', 'import'];
const common = { resolve: { conditions }, ssr: { resolve: { conditions, externalConditions: conditions } } };
// An engine that a user has installed must not change what is tested; the native one is tested if it was installed
// for that.
const nativeCache = `${root}node_modules/.cache/stillhouse-native`;
const env = { STILLHOUSE_CACHE: `${root}node_modules/.cache/stillhouse-tests` };

const ofWorker = 'packages/worker/src/**/*.test.ts';
/** No test fails because a machine is slow. */
const testTimeout = 300_000;

export default defineConfig({
  test: {
    coverage: { include: ['packages/*/src/**/*.ts'], reporter: ['text-summary', 'html'] },
    projects: [
      {
        ...common,
        test: {
          name: 'packages',
          root,
          env,
          include: ['packages/*/src/**/*.test.ts'],
          exclude: [ofWorker],
          testTimeout,
          // Files share a process, because importing takes longer than testing.
          isolate: false,
        },
      },
      // Each file in its own process, because a process can load an engine only once.
      {
        ...common,
        test: { name: 'worker', root, env: { STILLHOUSE_CACHE: nativeCache }, include: [ofWorker], testTimeout },
      },
      {
        ...common,
        test: { name: 'simulation', root, env, include: ['test/simulation/**/*.test.ts'], testTimeout: 600_000 },
      },
      {
        ...common,
        test: { name: 'contract', root, env, include: ['test/contract/**/*.test.ts'], testTimeout },
      },
      // What is built, as users have it.
      ...['e2e', 'engines'].map((name) => ({
        test: {
          name,
          root,
          // Most processes run the same code.
          env: { ...env, NODE_COMPILE_CACHE: `${root}node_modules/.cache/stillhouse-compiled` },
          include: [`test/${name}/**/*.test.ts`],
          testTimeout: 600_000,
          hookTimeout: 300_000,
          isolate: name === 'engines',
          server: { deps: { external: [/\/packages\/\w+\/dist\//] } },
        },
      })),
    ],
  },
});

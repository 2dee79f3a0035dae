// One vitest project per package (unit tests beside their source) and one per kind of test in test/.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('.', import.meta.url));
// Packages are tested from their sources, without a build.
const conditions = ['@stillhouse/source', 'node', 'import'];
const common = { resolve: { conditions }, ssr: { resolve: { conditions, externalConditions: conditions } } };
// An engine that a user has installed must not change what is tested; the native one is tested where it was installed
// for that.
const nativeCache = `${root}node_modules/.cache/stillhouse-native`;
const env = { STILLHOUSE_CACHE: `${root}node_modules/.cache/stillhouse-tests` };

// The contract package is itself tests, which test/contract runs.
const packages = readdirSync(`${root}packages`)
  .filter((name) => name !== 'contract')
  .map((name) => ({
    ...common,
    test: {
      name,
      root,
      env: name === 'worker' ? { STILLHOUSE_CACHE: nativeCache } : env,
      include: [`packages/${name}/src/**/*.test.ts`],
      testTimeout: 300_000,
      // Test files of a package share a process, because importing takes longer than testing. Those of the worker do
      // not, because a process can load an engine only once.
      isolate: name === 'worker',
    },
  }));

export default defineConfig({
  test: {
    coverage: { include: ['packages/*/src/**/*.ts'], reporter: ['text-summary', 'html'] },
    projects: [
      ...packages,
      {
        ...common,
        test: { name: 'simulation', root, env, include: ['test/simulation/**/*.test.ts'], testTimeout: 600_000 },
      },
      {
        ...common,
        test: { name: 'contract', root, env, include: ['test/contract/**/*.test.ts'], testTimeout: 300_000 },
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

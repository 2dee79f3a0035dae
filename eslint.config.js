// Architecture as lint: who may import whom, and what the pure parts must not touch. Each rule says why.
import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const impure = 'Decisions are pure: clock, transport and randomness are arguments (docs/architecture.md).';
const globals = [
  'Date',
  'performance',
  'process',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'fetch',
  'console',
  'Buffer',
];

/** Forbids imports, with the reason. */
const forbid = (files, patterns) => ({ files, rules: { 'no-restricted-imports': ['error', { patterns }] } });
const deep = {
  group: [
    '@stillhouse/*/*',
    ...['core/cluster', 'core/training', 'core/tune', 'native/engines', 'native/tfjs', 'worker/light'].map(
      (door) => `!@stillhouse/${door}`,
    ),
    'stillhouse/*',
  ],
  message: 'Packages are imported by their doors only.',
};

export default tseslint.config(
  // AssemblyScript is not TypeScript; its own compiler checks it.
  { ignores: ['packages/worker/assembly/**', '**/dist/**', '**/node_modules/**', '.nx/**', 'runs/**', '**/out/**'] },
  js.configs.recommended,
  ...tseslint.configs.recommendedTypeChecked.map((config) => ({ ...config, files: ['**/*.ts'] })),
  {
    files: ['**/*.ts'],
    languageOptions: {
      parserOptions: {
        // One program for all packages: each of its own would read core and TFJS again.
        project: 'tsconfig.json',
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
      'max-params': ['error', 4],
      // To leave a key out of an object.
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
      eqeqeq: 'error',
    },
  },
  // Core alone checks that an index is within its array.
  {
    files: ['packages/core/src/**/*.ts'],
    languageOptions: { parserOptions: { project: 'packages/core/tsconfig.json' } },
  },
  // Prettier breaks code, not strings, comments and templates.
  { files: ['**/*.ts', '**/*.mjs', '**/*.js'], rules: { 'max-len': ['error', { code: 120, ignoreUrls: true }] } },
  forbid(['packages/*/src/**/*.ts'], [deep]),
  {
    files: ['packages/stillhouse/src/**/*.ts', 'packages/cli/src/**/*.ts'],
    // These are processes of their own that train.
    ignores: ['packages/stillhouse/src/tune/trial-process.ts', 'packages/stillhouse/src/run/worker-process.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          paths: [
            '@stillhouse/worker',
            '@stillhouse/native/engines',
            '@stillhouse/native/tfjs',
            '@tensorflow/tfjs',
          ].map((name) => ({
            name,
            allowTypeImports: true,
            message:
              'TFJS takes as long to load as all the rest: import() where it is needed, or @stillhouse/worker/light.',
          })),
        },
      ],
    },
  },
  {
    files: ['packages/worker/src/**/*.ts', 'packages/native/src/**/*.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          paths: ['@tensorflow/tfjs', '@tensorflow/tfjs-backend-wasm'].map((name) => ({
            name,
            allowTypeImports: true,
            message: 'An import of TFJS takes more than twice as long as @stillhouse/native/tfjs.',
          })),
        },
      ],
    },
  },
  {
    files: ['packages/core/src/**/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-globals': ['error', ...globals.map((name) => ({ name, message: impure }))],
      'no-restricted-properties': ['error', { object: 'Math', property: 'random', message: impure }],
      'no-restricted-imports': [
        'error',
        { patterns: [deep, { group: ['node:*', 'ws', 'pino', '@tensorflow/*', '@stillhouse/*'], message: impure }] },
      ],
    },
  },
  forbid(
    ['packages/transport/src/**/*.ts', 'packages/datasets/src/**/*.ts', 'packages/native/src/**/*.ts'],
    [
      deep,
      {
        group: ['@stillhouse/*', '!@stillhouse/core'],
        message: 'cli → coordinator, worker → datasets, transport, native → core.',
      },
    ],
  ),
  {
    ...forbid(
      ['packages/student/src/**/*.ts'],
      [
        deep,
        {
          group: ['node:*', '@tensorflow/*', '@stillhouse/*', '!@stillhouse/core'],
          message: 'A page loads the student: it bundles pure functions of core, and is given TensorFlow.js.',
        },
      ],
    ),
    ignores: ['**/*.test.ts'],
  },
  forbid(
    ['packages/coordinator/src/**/*.ts'],
    [
      deep,
      {
        group: ['@stillhouse/worker', 'stillhouse', '@tensorflow/*', 'ws', '@stillhouse/transport'],
        message: 'Coordinator and worker never import each other; both get their transport as an argument.',
      },
    ],
  ),
  forbid(
    ['packages/worker/src/**/*.ts'],
    [
      deep,
      {
        group: ['@stillhouse/coordinator', 'stillhouse', 'ws', '@stillhouse/transport'],
        message: 'Coordinator and worker never import each other; both get their transport as an argument.',
      },
    ],
  ),
  forbid(
    ['packages/cli/src/**/*.ts'],
    [
      deep,
      {
        group: ['@stillhouse/*'],
        message:
          'The command line only parses and prints: what it does is a function of the library that anybody can call.',
      },
    ],
  ),
  forbid(
    ['packages/stillhouse/src/**/*.ts'],
    [deep, { group: ['@stillhouse/cli', 'stillhouse'], message: 'The library knows no command line (ADR 16).' }],
  ),
  {
    files: ['**/*.test.ts', 'test/**/*.ts'],
    rules: {
      'max-lines-per-function': 'off',
      'max-params': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-explicit-any': 'off',
    },
  },
  {
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: {
      globals: { process: 'readonly', console: 'readonly', URL: 'readonly', performance: 'readonly' },
    },
  },
);

// What code must not do, apart from imports, which .dependency-cruiser.mjs checks. Rules that oxlint calls correctness
// are on, and those that are named here.
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

const all = (setting, names) => Object.fromEntries(names.map((name) => [name, setting]));

export default {
  plugins: ['eslint', 'typescript'],
  options: { typeAware: true, reportUnusedDisableDirectives: 'error' },
  // AssemblyScript is not TypeScript; its own compiler checks it.
  ignorePatterns: ['packages/worker/assembly/**'],
  categories: { correctness: 'error' },
  rules: {
    ...all('error', [
      'eqeqeq',
      'no-array-constructor',
      'no-case-declarations',
      'no-empty',
      'no-fallthrough',
      'no-prototype-builtins',
      'no-regex-spaces',
      'no-unexpected-multiline',
      'no-useless-assignment',
      'no-var',
      'prefer-const',
      'prefer-rest-params',
      'prefer-spread',
      'preserve-caught-error',
      'typescript/ban-ts-comment',
      'typescript/explicit-module-boundary-types',
      'typescript/no-empty-object-type',
      'typescript/no-explicit-any',
      'typescript/no-misused-promises',
      'typescript/no-namespace',
      'typescript/no-require-imports',
      'typescript/no-unnecessary-type-assertion',
      'typescript/no-unnecessary-type-constraint',
      'typescript/no-unsafe-argument',
      'typescript/no-unsafe-assignment',
      'typescript/no-unsafe-call',
      'typescript/no-unsafe-enum-comparison',
      'typescript/no-unsafe-function-type',
      'typescript/no-unsafe-member-access',
      'typescript/no-unsafe-return',
      'typescript/only-throw-error',
      'typescript/prefer-promise-reject-errors',
      'typescript/restrict-plus-operands',
    ]),
    'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
    'max-params': ['error', 4],
    // To leave a key out of an object.
    'no-unused-vars': ['error', { ignoreRestSiblings: true }],
    'typescript/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    ...all('off', ['typescript/no-meaningless-void-operator', 'typescript/require-array-sort-compare']),
  },
  overrides: [
    {
      files: ['packages/core/src/**/*.ts'],
      excludeFiles: ['**/*.test.ts'],
      rules: {
        'no-restricted-globals': ['error', ...globals.map((name) => ({ name, message: impure }))],
        'no-restricted-properties': ['error', { object: 'Math', property: 'random', message: impure }],
      },
    },
    {
      files: ['**/*.test.ts', 'test/**/*.ts'],
      rules: all('off', [
        'max-lines-per-function',
        'max-params',
        'typescript/no-explicit-any',
        'typescript/no-unsafe-assignment',
        'typescript/no-unsafe-member-access',
        'typescript/no-unsafe-return',
      ]),
    },
    {
      files: ['**/*.mjs', '**/*.js'],
      globals: all('readonly', ['AbortController', 'console', 'performance', 'process', 'URL']),
      rules: {
        ...all('error', ['no-redeclare', 'no-undef']),
        // Their values have few types.
        ...all('off', [
          'max-params',
          'typescript/no-base-to-string',
          'typescript/no-unsafe-argument',
          'typescript/no-unsafe-assignment',
          'typescript/no-unsafe-call',
          'typescript/no-unsafe-member-access',
          'typescript/no-unsafe-return',
          'typescript/no-unsafe-unary-minus',
          'typescript/restrict-template-expressions',
          'typescript/unbound-method',
        ]),
      },
    },
  ],
};

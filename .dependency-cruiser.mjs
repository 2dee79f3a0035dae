// Architecture as lint: who may import whom, and why (docs/architecture.md).

/** The rooms of each package, from the ground floor up: a room imports rooms of the floors below it, and no other. */
const floors = {
  core: [
    ['error'],
    ['random', 'extension', 'optimizer'],
    ['loss', 'augment'],
    ['metric', 'term'],
    ['recipe', 'format', 'order'],
    ['collective', 'job'],
    ['tune', 'wire'],
    ['coordinator', 'worker'],
  ],
  datasets: [['file'], ['block', 'fetch', 'row'], ['table', 'tensor'], ['source'], ['prepare']],
  worker: [
    // A file next to the rooms.
    ['kernels-file'],
    ['backend', 'flat', 'block', 'checkpoint', 'augment'],
    ['model', 'device'],
    ['objective'],
    ['distill'],
    ['engine'],
    ['run'],
  ],
  'worker/src/distill': [['teacher'], ['transfer']],
  stillhouse: [
    // Files next to the rooms.
    ['inference', 'programs', 'recipe-file', 'rows-text', 'tables', 'version'],
    ['chart', 'runs', 'bundle'],
    ['tune'],
    ['run', 'report'],
    ['sweep', 'compress'],
  ],
};

const folderOf = (name) => (name.includes('/') ? `packages/${name}` : `packages/${name}/src`);

const roomRules = Object.entries(floors).flatMap(([name, rooms]) =>
  rooms.flatMap((floor, i) =>
    floor.map((room) => ({
      name: `${name.replaceAll('/', '-')}-${room}`,
      comment: `${folderOf(name)}/${room} imports only rooms of lower floors (docs/architecture.md).`,
      severity: 'error',
      from: { path: `^${folderOf(name)}/${room}/`, pathNot: '\\.test\\.' },
      to: {
        path: `^${folderOf(name)}/`,
        pathNot: `^${folderOf(name)}/(${[room, ...rooms.slice(0, i).flat()].join('|')})(/|\\.ts$)`,
      },
    })),
  ),
);

const sourcesOf = (...names) => `^packages/(${names.join('|')})/src/`;
const packagesExcept = (...names) => `^packages/(?!(${names.join('|')})/)`;
const installed = (...names) => `(^|node_modules/)(${names.join('|')})(/|$)`;
const tests = '\\.test\\.ts$';
const ofNode = { dependencyTypes: ['core'] };
/** What is loaded with the file that imports it. */
const atOnce = { dynamic: false, dependencyTypesNot: ['type-only', 'type-import'] };

const impure = 'Decisions are pure: clock, transport and randomness are arguments.';
const small = 'A page loads the student: it bundles pure functions of core, and is given TensorFlow.js.';
const apart = 'Coordinator and worker never import each other; both get their transport as an argument.';

/** What the files of a package must not import, under the name of the rule. */
const packageRules = {
  doors: {
    comment: 'Packages are imported by their doors only.',
    from: { path: '^packages/([^/]+)/' },
    to: {
      path: '^(packages|@?stillhouse)/',
      pathNot: '^packages/$1/',
      dependencyTypes: ['local', 'unknown'],
    },
  },
  'own-door': {
    comment: 'A package imports its own files by their paths.',
    from: { path: '^packages/([^/]+)/' },
    to: { path: '^packages/$1/src/', dependencyTypesNot: ['local'] },
  },
  core: {
    comment: impure,
    from: { path: sourcesOf('core'), pathNot: tests },
    to: { path: [packagesExcept('core'), installed('ws', 'pino', '@tensorflow')] },
  },
  'core-node': {
    comment: impure,
    from: { path: sourcesOf('core'), pathNot: tests },
    to: ofNode,
  },
  student: {
    comment: small,
    from: { path: sourcesOf('student'), pathNot: tests },
    to: { path: [packagesExcept('core', 'student'), installed('@tensorflow')] },
  },
  'student-node': {
    comment: small,
    from: { path: sourcesOf('student'), pathNot: tests },
    // In Node it loads them when it needs them.
    to: { ...ofNode, dependencyTypesNot: ['type-import', 'dynamic-import'] },
  },
  'only-core': {
    comment: 'cli → coordinator, worker → datasets, transport, native → core.',
    from: { path: '^packages/(transport|datasets|native)/src/' },
    to: { path: '^packages/', pathNot: '^packages/(core|$1)/' },
  },
  coordinator: {
    comment: apart,
    from: { path: sourcesOf('coordinator') },
    to: { path: [sourcesOf('worker', 'stillhouse', 'transport'), installed('@tensorflow', 'ws')] },
  },
  worker: {
    comment: apart,
    from: { path: sourcesOf('worker') },
    to: { path: [sourcesOf('coordinator', 'stillhouse', 'transport'), installed('ws')] },
  },
  cli: {
    comment:
      'The command line only parses and prints: what it does is a function of the library that anybody can call.',
    from: { path: sourcesOf('cli') },
    to: { path: packagesExcept('cli', 'stillhouse') },
  },
  library: {
    comment: 'The library knows no command line (ADR 16).',
    from: { path: sourcesOf('stillhouse') },
    to: { path: sourcesOf('cli') },
  },
  'tfjs-late': {
    comment: 'TFJS takes as long to load as all the rest: import() where it is needed, or @stillhouse/worker/light.',
    from: {
      path: sourcesOf('stillhouse', 'cli'),
      // These are processes of their own that train.
      pathNot: '/(trial|worker)-process\\.ts$',
    },
    to: {
      path: [
        '^packages/worker/src/index\\.ts$',
        '^packages/native/src/(engines|tfjs)\\.ts$',
        installed('@tensorflow/tfjs'),
      ],
      ...atOnce,
    },
  },
  'tfjs-by-require': {
    comment: 'An import of TFJS takes more than twice as long as @stillhouse/native/tfjs.',
    from: { path: sourcesOf('worker', 'native') },
    to: { path: installed('@tensorflow/tfjs', '@tensorflow/tfjs-backend-wasm'), ...atOnce },
  },
};

export default {
  forbidden: [
    { name: 'no-circle', comment: 'Files import one way.', severity: 'error', from: {}, to: { circular: true } },
    ...roomRules,
    ...Object.entries(packageRules).map(([name, rule]) => ({ name, severity: 'error', ...rule })),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^packages/[^/]+/dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@stillhouse/source', 'import', 'node'],
      extensions: ['.ts', '.js'],
    },
  },
};

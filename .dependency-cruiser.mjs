// The rooms of each package: a room imports rooms of the floors below it, and nothing imports in a circle
// (docs/architecture.md). From the ground floor up; rooms of one floor don't know each other.
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
    ['model'],
    ['objective'],
    ['distill'],
    ['engine'],
    ['run'],
  ],
  'worker/src/distill': [['teacher'], ['transfer']],
};

const folderOf = (name) => (name.includes('/') ? `packages/${name}` : `packages/${name}/src`);

const roomRules = Object.entries(floors).flatMap(([name, rooms]) =>
  rooms.flatMap((floor, i) =>
    floor.map((room) => ({
      name: `${name.replaceAll('/', '-')}-${room}`,
      comment: `${folderOf(name)}/${room} imports only rooms of lower floors (docs/architecture.md).`,
      severity: 'error',
      from: { path: `^${folderOf(name)}/${room}/` },
      to: {
        path: `^${folderOf(name)}/`,
        pathNot: `^${folderOf(name)}/(${[room, ...rooms.slice(0, i).flat()].join('|')})(/|\\.ts$)`,
      },
    })),
  ),
);

export default {
  forbidden: [
    { name: 'no-circle', comment: 'Files import one way.', severity: 'error', from: {}, to: { circular: true } },
    ...roomRules,
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(dist/|\\.test\\.)' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: { conditionNames: ['@stillhouse/source', 'import', 'node'], extensions: ['.ts', '.js'] },
  },
};

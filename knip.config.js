// What nobody uses: files, exports and dependencies. What is listed here is used in a way that knip cannot see.
export default {
  ignoreExportsUsedInFile: true,
  // Programs of the machine.
  ignoreBinaries: ['timedatectl', 'unshare', 'mount', 'umount', 'ip', 'script', 'mkfifo', 'nvidia-smi'],
  workspaces: {
    '.': {
      entry: ['oxlint.config.mjs', 'scripts/*.mjs', 'bench/*.mjs', 'bench/*/*.mjs', 'examples/**/*.mjs'],
      // Started by scripts/lint.mjs.
      ignoreDependencies: ['dependency-cruiser', 'oxlint', 'oxlint-tsgolint', 'prettier'],
    },
    'packages/*': {},
    // AssemblyScript, which its own compiler reads.
    'packages/worker': { ignore: ['assembly/*.ts'] },
    // Programs and a thread, which are started as files.
    'packages/stillhouse': {
      entry: ['src/run/worker-process.ts', 'src/run/upload-thread.ts', 'src/tune/trial-process.ts'],
    },
    // Lent to TensorFlow's packages, which are installed without their own.
    'packages/native': { ignoreDependencies: ['google-protobuf'] },
    // Built before the tests, which start or serve them as files.
    test: { ignoreDependencies: ['@stillhouse/student'] },
  },
};

// The two commands on a fresh machine, with Node's own modules only: install what is missing, build, then run.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const oldest = [20, 19];
const [command, ...args] = process.argv.slice(2);

function fail(text, code = 1) {
  console.error(`\n${text}`);
  process.exit(code);
}

function call(program, programArgs, env = {}) {
  const result = spawnSync(program, programArgs, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, NX_TUI: 'false', ...env },
    shell: process.platform === 'win32',
  });
  if (result.error) fail(`${program} could not be started: ${result.error.message}`);
  return result.status ?? 130;
}

const mustCall = (what, program, programArgs) => {
  const status = call(program, programArgs);
  if (status !== 0) fail(`${what} failed; its output is above.`, status);
};

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < oldest[0] || (major === oldest[0] && minor < oldest[1]))
    fail(`Node ${process.versions.node} is too old: Stillhouse needs ${oldest.join('.')} or later.`);
}

/** Installs unless what the lockfile asks for is there already. Install scripts stay off (.npmrc). */
function install() {
  const stamp = join(root, 'node_modules', '.stillhouse-install');
  const manifests = [
    'package-lock.json',
    'package.json',
    'test/package.json',
    ...readdirSync(join(root, 'packages')).map((name) => `packages/${name}/package.json`),
  ];
  const hash = createHash('sha256');
  for (const file of manifests) hash.update(existsSync(join(root, file)) ? readFileSync(join(root, file)) : '');
  const wanted = hash.digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  mustCall('The installation', 'npm', ['ci', '--no-fund', '--no-audit']);
  writeFileSync(stamp, wanted);
}

const nx = (...nxArgs) => ['node_modules/nx/dist/bin/nx.js', ...nxArgs];

function build() {
  mustCall('The build', process.execPath, nx('run-many', '-t', 'build', '--outputStyle=static'));
}

const resultFiles = () =>
  ['test', ...readdirSync(join(root, 'packages')).map((name) => join('packages', name))].map((project) =>
    join(root, project, 'test-results.json'),
  );

/** Adds up the result files that the test runs of all projects wrote. */
function countTests() {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const file of resultFiles().filter(existsSync)) {
    const results = JSON.parse(readFileSync(file, 'utf8'));
    counts.passed += results.numPassedTests;
    counts.failed +=
      results.numFailedTests +
      results.testResults.filter((suite) => suite.status === 'failed' && suite.assertionResults.length === 0).length;
    counts.skipped += results.numPendingTests + results.numTodoTests;
  }
  return counts;
}

function test() {
  // Counts are of this run alone; nx puts those of cached tests back.
  for (const file of resultFiles()) rmSync(file, { force: true });
  const status = call(
    process.execPath,
    nx('run-many', '-t', 'build', 'lint', 'test', '--parallel=1', '--outputStyle=static', ...args),
  );
  const { passed, failed, skipped } = countTests();
  console.log(`\n${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`);
  process.exit(status === 0 && (failed > 0 || passed === 0) ? 1 : status);
}

const commands = {
  setup() {
    install();
    build();
  },
  quickstart() {
    install();
    build();
    const recipe = join('examples', 'friedman', 'recipe.yaml');
    process.exit(call(process.execPath, [join('packages', 'cli', 'dist', 'main.js'), 'run', recipe, ...args]));
  },
  test() {
    install();
    test();
  },
};

checkNode();
if (!Object.hasOwn(commands, command))
  fail(`usage: node scripts/bootstrap.mjs ${Object.keys(commands).join(' | ')}`, 2);
commands[command]();

// The commands on a fresh machine, with Node's own modules only: install what is missing, build, then run.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, openSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { countTests, forgetResults, root, skippedByReason, suitesWithoutResults } from './test-results.mjs';

const mainFile = join('packages', 'cli', 'dist', 'main.js');
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

/** The Node that runs stages. */
let stageNode = process.execPath;

const spawnNx = (nxArgs) =>
  spawn(stageNode, nx(...nxArgs), { cwd: root, stdio: 'inherit', env: { ...process.env, NX_TUI: 'false' } });

/** The exit code of a process, once it has ended. */
const ended = (child) => new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)));

function build() {
  mustCall('The build', process.execPath, nx('run-many', '-t', 'build', '--outputStyle=static'));
}

/** What can be run by itself, in the order of `npm test`, and the nx targets that it consists of. */
const stages = {
  lint: ['lint'],
  unit: ['unit', 'contract'],
  simulation: ['simulation'],
  e2e: ['e2e'],
  engines: ['engines'],
};

/**
 * Runs stages, even after one has failed: the longest beside all others, or else two suites at a time.
 * @returns the exit code of one that failed, or 0
 */
async function runStages(names, ...nxArgs) {
  const lanes = [['e2e'], Object.keys(stages).filter((name) => name !== 'e2e')]
    .map((lane) => lane.filter((name) => names.includes(name)).flatMap((name) => stages[name]))
    .filter((targets) => targets.length > 0);
  const options = [`--parallel=${3 - lanes.length}`, '--nxBail=false', '--outputStyle=static', ...nxArgs];
  const ends = lanes.map((targets) => ended(spawnNx(['run-many', '-t', ...targets, ...options])));
  return (await Promise.all(ends)).find((code) => code !== 0) ?? 0;
}

/**
 * Reports what was skipped and how to have it run, then the counts, and ends. A suite that left no results is a failed
 * test.
 */
function finish(status, names) {
  for (const [reason, count] of skippedByReason()) console.log(`${count} ${reason}`);
  const missing = suitesWithoutResults(names.flatMap((name) => stages[name]));
  for (const suite of missing) console.log(`${suite} left no results; the output above says why.`);
  const { passed, skipped, ...counts } = countTests();
  const failed = counts.failed + missing.length;
  if (status !== 0 && failed === 0) console.log('Something other than a test failed; the output above says what.');
  if (passed + failed === 0) console.log('The arguments chose no test.');
  console.log(`\n${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`);
  process.exit(status === 0 && (failed > 0 || passed === 0) ? 1 : status);
}

async function test(...names) {
  install();
  if (names.length > 1) build();
  forgetResults();
  const status = await runStages(names, ...args);
  if (names.length === 1 && names[0] === 'lint') process.exit(status);
  // Arguments may have chosen some of the suites.
  finish(status, args.length === 0 ? names : []);
}

/** Runs a script beside others, and prints its output at its end. */
async function runQuietly(script) {
  const log = join(mkdtempSync(join(tmpdir(), 'stillhouse-ci-')), 'log');
  const output = openSync(log, 'w');
  const code = await ended(spawn(process.execPath, [script], { cwd: root, stdio: ['ignore', output, output] }));
  console.log(readFileSync(log, 'utf8'));
  return code;
}

/** Makes the newest Node that has been installed the one of the tests, which find this one by its version. */
function useNewestNode() {
  const node = join(root, 'node_modules', '.cache', 'node24', 'node_modules', 'node', 'bin', 'node');
  if (!existsSync(node)) return;
  // nx takes folders in node_modules out of the PATH of what it runs.
  const folder = mkdtempSync(join(tmpdir(), 'stillhouse-node-'));
  symlinkSync(node, join(folder, 'node'));
  process.env[`STILLHOUSE_NODE_${process.versions.node.split('.')[0]}`] = process.execPath;
  process.env.PATH = `${folder}${delimiter}${process.env.PATH}`;
  stageNode = node;
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
    process.exit(call(process.execPath, [mainFile, 'run', recipe, ...args]));
  },
  test: () => test(...Object.keys(stages)),
  ...Object.fromEntries(Object.keys(stages).map((name) => [name, () => test(name)])),
  /**
   * Everything but what runs only at night. The Node that runs this runs lint and unit tests while engines and other
   * versions of Node are installed. The newest Node, which starts processes soonest and computes fastest, then runs the
   * tests of whole processes and of the worker, and the simulation.
   */
  async ci() {
    // A GPU in software, which Debian's chromium brings.
    process.env.VK_ICD_FILENAMES ??= '/usr/lib/chromium/vk_swiftshader_icd.json';
    install();
    build();
    const engines = runQuietly(join('scripts', 'install-engines.mjs'));
    forgetResults();
    // The worker is tested with all engines at once.
    const first = await runStages(['lint', 'unit'], '--exclude=@stillhouse/worker');
    const installation = await engines;
    if (installation !== 0) console.error('The engines could not be installed; the output is above.');
    useNewestNode();
    const second = await runStages(['e2e', 'simulation', 'engines'], '--projects=@stillhouse/test');
    finish(installation || first || second, Object.keys(stages));
  },
};

checkNode();
if (!Object.hasOwn(commands, command))
  fail(`usage: node scripts/bootstrap.mjs ${Object.keys(commands).join(' | ')}`, 2);
await commands[command]();

// npm run setup:engines: what the tests of engines and of other frameworks' models need, into node_modules/.cache.
// Three chains side by side, since they mostly wait for the network: the engines, other versions of Node, and Keras.
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './test-results.mjs';

const cache = join(root, 'node_modules', '.cache');
const env = { ...process.env, STILLHOUSE_CACHE: join(cache, 'stillhouse-native') };

// Installing takes a minute, even if everything is there.
const requirements = join(root, 'test', 'engines', 'requirements.txt');
const python = join(cache, 'python');
const stamp = join(python, 'requirements.txt');
const isPythonThere = existsSync(stamp) && readFileSync(stamp, 'utf8') === readFileSync(requirements, 'utf8');

// npm has few versions of Node for Apple's processors, so tests of other versions are skipped there.
const versions = process.platform === 'darwin' ? [] : ['22', '24'];

const stillhouse = ['packages/stillhouse/bin/stillhouse.js', 'backend', 'install'];
const chains = [
  ['tensorflow', 'webgpu', 'onnx'].map((kind) => [process.execPath, ...stillhouse, kind]),
  versions.map((version) => [
    'npm',
    'install',
    '--prefix',
    join(cache, `node${version}`),
    '--ignore-scripts=false',
    '--silent',
    `node@${version}`,
  ]),
];

function run([program, ...args]) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: root, env, stdio: 'inherit', shell: process.platform === 'win32' });
    child.on('error', reject);
    child.on('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`${program} ${args.join(' ')} ended with exit code ${code}`)),
    );
  });
}

async function runChain(commands) {
  if (commands.length === 0) return;
  const startedMs = performance.now();
  for (const command of commands) await run(command);
  console.log(`${commands.at(-1).at(-1)}: ${((performance.now() - startedMs) / 1000).toFixed(0)} s`);
}

const pipInstall = (folder, ...what) =>
  run(['python3', '-m', 'pip', 'install', '--quiet', '--no-compile', '--target', folder, ...what]);

/** By uv, which takes a third of pip's processor time, or else by pip, whose settings uv does not read. */
async function installPython() {
  if (isPythonThere) return;
  const startedMs = performance.now();
  const uv = join(cache, 'uv');
  const uvInstall = [join(uv, 'bin', 'uv'), 'pip', 'install', '--quiet', '--python', 'python3', '--target', python];
  // pip leaves folders as they are that something else has begun.
  const clear = (folder) => rmSync(folder, { recursive: true, force: true });
  [uv, python].forEach(clear);
  try {
    await pipInstall(uv, 'uv');
    await run([...uvInstall, '--cache-dir', join(uv, 'cache'), '-r', requirements]);
  } catch (error) {
    console.error(`uv could not install Keras, so pip does: ${error.message}`);
    clear(python);
    await pipInstall(python, '-r', requirements);
  } finally {
    clear(uv);
  }
  copyFileSync(requirements, stamp);
  console.log(`Keras: ${((performance.now() - startedMs) / 1000).toFixed(0)} s`);
}

const results = await Promise.allSettled([...chains.map(runChain), installPython()]);
for (const { reason } of results.filter(({ status }) => status === 'rejected')) console.error(reason.message);
process.exitCode = results.every(({ status }) => status === 'fulfilled') ? 0 : 1;

// One training step, including the optimiser, next to its peers: interleaved rounds in one run, medians of medians.
//   npm run bench -- step [--rounds 7] [--models mlp,cnn,tabular,attention]
// Needs the native engine (stillhouse backend install tensorflow); peers that .venv lacks are left out.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: {
    rounds: { type: 'string', default: '7' },
    models: { type: 'string', default: 'mlp,cnn,tabular,attention' },
  },
});
const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const models = JSON.parse(readFileSync(path('step/models.json'), 'utf8'));
const python = path('../.venv/bin/python');
const has = (module) =>
  existsSync(python) &&
  spawnSync(python, ['-c', `import importlib.util as u, sys; sys.exit(u.find_spec('${module}') is None)`]).status === 0;

const contestants = {
  'stillhouse, recorded': (model) => [process.execPath, path('step/stillhouse.mjs'), model, 'traced'],
  'stillhouse, eager': (model) => [process.execPath, path('step/stillhouse.mjs'), model, 'eager'],
  'tfjs-node model.fit': (model) => [process.execPath, path('step/stillhouse.mjs'), model, 'fit'],
  'stillhouse on wasm': (model) => [process.execPath, path('step/stillhouse.mjs'), model, 'eager', 'wasm'],
  'tfjs wasm model.fit': (model) => [process.execPath, path('step/stillhouse.mjs'), model, 'fit', 'wasm'],
  ...(has('torch') ? { 'PyTorch, fused Adam': (model) => [python, path('step/peers.py'), model, 'torch'] } : {}),
  ...(has('tensorflow') ? { 'tf.function': (model) => [python, path('step/peers.py'), model, 'tf'] } : {}),
};

class Contestant {
  constructor(name, [command, ...args]) {
    this.name = name;
    this.rounds = [];
    this.child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.errors = '';
    this.child.stderr.on('data', (text) => (this.errors += text));
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  async line() {
    const { value, done } = await this.lines.next();
    if (done)
      throw new Error(
        `${this.name} ended early: ${
          this.errors
            .trim()
            .split('\n')
            .find((line) => line.includes('Error')) ?? ''
        }`,
      );
    return value;
  }

  /** Whether it can train the model at all; says why not. */
  async isReady() {
    try {
      await this.line();
      return true;
    } catch (error) {
      console.error(error.message);
      return false;
    }
  }

  async round() {
    this.child.stdin.write('\n');
    this.rounds.push(Number(await this.line()));
  }
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

for (const model of values.models.split(',')) {
  const field = [];
  for (const [name, command] of Object.entries(contestants)) {
    const contestant = new Contestant(name, command(model));
    if (await contestant.isReady()) field.push(contestant);
  }
  for (let round = 0; round < Number(values.rounds); round++) for (const contestant of field) await contestant.round();
  const best = median(field[0].rounds);
  console.log(
    `\n${models[model].title}: milliseconds a step, median of ${values.rounds} interleaved rounds; ratio to ` +
      'the recorded step\n',
  );
  console.log('| | ms | ratio |\n| --- | --- | --- |');
  for (const { name, rounds, child } of field) {
    console.log(`| ${name} | ${median(rounds).toFixed(2)} | ${(median(rounds) / best).toFixed(2)} |`);
    child.stdin.end('stop\n');
  }
}

// One training step, including the optimiser, next to its peers: interleaved rounds in one run, medians of medians.
//   npm run bench -- step [--rounds 7] [--models mlp,cnn,tabular,attention]
// Needs the native engine (stillhouse backend install tensorflow); peers that .venv lacks are left out.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Contestant, has, median, path, python } from './contestant.mjs';

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: {
    rounds: { type: 'string', default: '7' },
    models: { type: 'string', default: 'mlp,cnn,tabular,attention' },
  },
});
const models = JSON.parse(readFileSync(path('step/models.json'), 'utf8'));

const contestants = {
  'stillhouse, recorded': (model) => [process.execPath, path('step/stillhouse.mjs'), model, 'traced'],
  'stillhouse, eager': (model) => [process.execPath, path('step/stillhouse.mjs'), model, 'eager'],
  'tfjs-node model.fit': (model) => [process.execPath, path('step/stillhouse.mjs'), model, 'fit'],
  'stillhouse on wasm': (model) => [process.execPath, path('step/stillhouse.mjs'), model, 'eager', 'wasm'],
  'tfjs wasm model.fit': (model) => [process.execPath, path('step/stillhouse.mjs'), model, 'fit', 'wasm'],
  ...(has('torch') ? { 'PyTorch, fused Adam': (model) => [python, path('step/peers.py'), model, 'torch'] } : {}),
  ...(has('tensorflow') ? { 'tf.function': (model) => [python, path('step/peers.py'), model, 'tf'] } : {}),
};

/** Whether the process can train the model at all; says why not. */
async function isReady(contestant) {
  try {
    await contestant.line();
    return true;
  } catch (error) {
    console.error(error.message);
    return false;
  }
}

for (const model of values.models.split(',')) {
  const field = [];
  for (const [name, command] of Object.entries(contestants)) {
    const contestant = new Contestant(name, command(model));
    if (await isReady(contestant)) field.push({ contestant, rounds: [] });
  }
  for (let round = 0; round < Number(values.rounds); round++)
    for (const { contestant, rounds } of field) rounds.push(await contestant.ask(''));
  const best = median(field[0].rounds);
  console.log(
    `\n${models[model].title}: milliseconds a step, median of ${values.rounds} interleaved rounds; ratio to ` +
      'the recorded step\n',
  );
  console.log('| | ms | ratio |\n| --- | --- | --- |');
  for (const { contestant, rounds } of field) {
    console.log(`| ${contestant.name} | ${median(rounds).toFixed(2)} | ${(median(rounds) / best).toFixed(2)} |`);
    contestant.end();
  }
}

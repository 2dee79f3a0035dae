// Where a step on TensorFlow spends its time: milliseconds in each kind of kernel, one step op by op, beside the whole
// recorded step; medians of 15 steps.
//   npm run bench -- profile [--models mlp,cnn]
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { engineStep, median, modelNamed } from './step/engine-step.mjs';

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: { models: { type: 'string', default: 'mlp,cnn' } },
});
const stepCount = 15;

async function timed(once) {
  const times = [];
  for (let i = 0; i < stepCount; i++) {
    const start = performance.now();
    await once();
    times.push(performance.now() - start);
  }
  return median(times);
}

/** Milliseconds per kind of kernel and step, in the order in which they matter. */
async function kernelTimes(once) {
  const backend = tf.backend();
  const original = backend.binding;
  let current = new Map();
  backend.binding = Object.create(original, {
    executeOp: {
      value: (op, ...rest) => {
        const start = performance.now();
        const result = original.executeOp(op, ...rest);
        current.set(op, (current.get(op) ?? 0) + performance.now() - start);
        return result;
      },
    },
  });
  const steps = [];
  for (let i = 0; i < stepCount; i++) {
    current = new Map();
    await once();
    steps.push(current);
  }
  backend.binding = original;
  return [...steps[0].keys()]
    .map((op) => [op, median(steps.map((step) => step.get(op) ?? 0))])
    .sort((a, b) => b[1] - a[1]);
}

for (const name of values.models.split(',')) {
  const spec = modelNamed(name);
  const { once: recorded } = await engineStep(spec, { backend: 'tensorflow', trace: true });
  for (let i = 0; i < 3; i++) await recorded();
  const whole = await timed(recorded);
  const { once: eager } = await engineStep(spec, { backend: 'tensorflow', trace: false });
  for (let i = 0; i < 3; i++) await eager();
  const eagerWhole = await timed(eager);
  const kernels = await kernelTimes(eager);
  const sum = kernels.reduce((total, [, ms]) => total + ms, 0);
  console.log(
    `\n${spec.title}: a recorded step takes ${whole.toFixed(1)} ms, an eager one ${eagerWhole.toFixed(1)} ms, ` +
      `of which its kernels ${sum.toFixed(1)} ms:\n`,
  );
  console.log('| kernel | ms |\n| --- | --- |');
  for (const [op, ms] of kernels.filter(([, time]) => time > sum / 200)) console.log(`| ${op} | ${ms.toFixed(1)} |`);
}
process.exit();

// A step of Stillhouse's engine, on a worker with one rank, for the models of models.json.
import { readFileSync } from 'node:fs';
import { parseRecipe, phaseOf } from '@stillhouse/core';
import { epochOrder } from '@stillhouse/core/cluster';
import { cutTensors } from '@stillhouse/datasets';
import { tfjsEngine } from '@stillhouse/worker';

export const modelNamed = (name) => JSON.parse(readFileSync(new URL('models.json', import.meta.url), 'utf8'))[name];

/** One batch: inputs [batch, …input], labels [batch]. */
export function batchOf({ batch, input, outputs, loss }) {
  const width = input.reduce((product, size) => product * size, 1);
  const x = Float32Array.from({ length: batch * width }, (_, i) => Math.sin(i) * 0.5);
  const y = Float32Array.from({ length: batch }, (_, i) =>
    loss === 'softmaxCrossEntropy' ? i % outputs : Math.sin(i),
  );
  return { x, y };
}

/** Returns a function that trains one step. */
export async function engineStep(spec, { backend, trace }) {
  const { batch, input, outputs, loss, layers, module } = spec;
  const { x, y } = batchOf(spec);
  const source = { generator: 'noise', rows: 1 };
  const recipe = parseRecipe({
    ranks: 1,
    loss,
    data: { large: source, test: source },
    teacher: { model: module ? { module } : { layers }, batch, optimizer: { name: 'adam' } },
  });
  const blocks = new Map();
  const { columns, set: large } = cutTensors({ inputs: x, labels: y }, { inputShape: input, labelCount: 1 }, blocks);
  const dataset = {
    inputShape: input,
    columns,
    classes: null,
    outputs,
    labelCount: 1,
    targets: [],
    sets: { large, test: large },
  };
  const job = {
    runId: 'bench',
    recipe,
    dataset,
    assets: module ? { teacher: readFileSync(new URL(module, import.meta.url), 'utf8') } : {},
  };
  const engine = await tfjsEngine(backend, { trace, report: console.error })(
    job,
    async (hash) => blocks.get(hash),
    async () => {},
  );
  const { flatGradient: sum } = await engine.build(phaseOf(job, 'teacher'), undefined);
  const ranks = [{ rank: 0, rows: Array.from({ length: batch }, (_, i) => i) }];
  const order = epochOrder(phaseOf(job, 'teacher').schedule, 0);
  let step = 0;
  return async () => {
    const [gradient] = await engine.compute({
      inPlace: true,
      step,
      epoch: 0,
      batch,
      subtrees: [{ lo: 0, hi: 1 }],
      ranks,
      order,
      set: 'large',
    });
    if (gradient !== sum) sum.set(gradient);
    await engine.apply(step++, 0.001);
  };
}

export const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

// A step of Stillhouse's engine, as a worker of a run takes it, for the models of models.json.
import { readFileSync } from 'node:fs';
import { parseRecipe, phaseOf } from '@stillhouse/core';
import { epochOrder, rankShare, treeHeight } from '@stillhouse/core/cluster';
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

function jobOf({ input, outputs, loss, layers, module }, { ranks, batch, precision, set, columns }) {
  const source = { generator: 'noise', rows: 1 };
  const recipe = parseRecipe({
    ranks,
    loss,
    data: { large: source, test: source },
    teacher: { model: module ? { module } : { layers }, batch, precision, optimizer: { name: 'adam' } },
  });
  const dataset = {
    inputShape: input,
    columns,
    classes: null,
    outputs,
    labelCount: 1,
    targets: [],
    sets: { large: set, test: set },
  };
  return {
    runId: 'bench',
    recipe,
    dataset,
    assets: module ? { teacher: readFileSync(new URL(module, import.meta.url), 'utf8') } : {},
  };
}

/**
 * @param options.ranks that the worker holds, which share the model's batch
 * @param options.isSplit whether as many other ranks are on another worker: then the gradient has to go to it, and the
 *   step is taken with the sum that it sends back. Here nobody sends anything; the worker's own sum is used.
 * @returns a function that trains one step, and the fingerprint of the engine
 * @throws StillhouseError RECIPE_… if recipes have no such precision, and what the engine throws
 */
export async function engineStep(
  spec,
  { backend, trace = true, ranks = 1, isSplit = false, precision = 'fp32', report = console.error },
) {
  const workers = isSplit ? 2 : 1;
  const batch = spec.batch * workers;
  const { x, y } = batchOf({ ...spec, batch });
  const blocks = new Map();
  const { columns, set } = cutTensors({ inputs: x, labels: y }, { inputShape: spec.input, labelCount: 1 }, blocks);
  const job = jobOf(spec, { ranks: ranks * workers, batch, precision, set, columns });
  const engine = await tfjsEngine(backend, { trace, report })(
    job,
    async (hash) => blocks.get(hash),
    async () => {},
  );
  const phase = phaseOf(job, 'teacher');
  const { flatGradient, memory } = await engine.build(phase, undefined);
  const [own, ...scratch] = memory.allocate(Array(1 + treeHeight(ranks)).fill(flatGradient.length));
  const task = {
    epoch: 0,
    batch,
    // A sum that goes to another worker comes into host memory, and the sum of all comes back from there.
    subtrees: [{ span: { lo: 0, hi: ranks }, sum: isSplit ? own : flatGradient }],
    scratch,
    ranks: Array.from({ length: ranks }, (_, rank) => {
      const [first, end] = rankShare(spec.batch, ranks, rank);
      return { rank, rows: Array.from({ length: end - first }, (__, i) => first + i) };
    }),
    order: epochOrder(phase.schedule, 0),
    set: 'large',
  };
  let step = 0;
  const once = async () => {
    await engine.compute({ ...task, step });
    await engine.apply(step++, 0.001);
  };
  return { once, fingerprint: engine.fingerprint };
}

export const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

// Engines on small random data, for tests of what they compute.
import { expect } from 'vitest';
import {
  hashName,
  parseRecipe,
  phaseOf,
  randomStream,
  type DatasetManifest,
  type Job,
  type LayerConfig,
  type Phase,
} from '@stillhouse/core';
import { lossOf, type LossName } from '@stillhouse/core/training';
import { epochOrder, rankShare, treeHeight, type EpochOrder, type Span } from '@stillhouse/core/cluster';
import { cutTensors } from '@stillhouse/datasets';
import { installedEngines } from '@stillhouse/native';
import { loadWebgpu } from '@stillhouse/native/engines';
import type { BuiltPhase, ComputeTask, Engine, RankRows } from './engine.js';
import { tfjsEngine, type EngineOptions } from './tfjs-engine.js';

// On some processors TensorFlow takes oneDNN's kernels, and takes others in a graph than op by op: that a recording is
// faithful shows without them (docs/backends.md).
process.env['TF_ENABLE_ONEDNN_OPTS'] = '0';

export const rowCount = 23;

export interface Case {
  readonly layers: LayerConfig[];
  readonly inputShape: readonly number[];
  /** Inputs are indices below this instead of numbers from −1 to 1. */
  readonly indices?: number;
  /** Inputs are bytes, and become numbers so. */
  readonly scaling?: { readonly factors: readonly number[]; readonly offsets: readonly number[] };
  readonly loss?: LossName;
  readonly outputs?: number;
  readonly ranks?: number;
  readonly backend?: TestedEngine | 'auto';
  readonly training?: object;
  readonly options?: EngineOptions;
  /** Source of a module to use instead of the layers. */
  readonly asset?: string;
  /** More of the recipe; a student trains on the same rows. */
  readonly recipe?: object;
  /** What can be fetched besides blocks. */
  readonly blobs?: ReadonlyMap<string, Uint8Array>;
}

export interface Setup {
  readonly engine: Engine;
  readonly job: Job;
  readonly phase: Phase;
  readonly x: Float32Array;
  readonly y: Float32Array;
}

/** Random inputs and labels. */
function drawnRows({
  inputShape,
  indices,
  loss,
  outputs,
  labelCount,
}: Pick<Case, 'inputShape'> & {
  indices: number | undefined;
  loss: LossName;
  outputs: number;
  labelCount: number;
}): {
  x: Float32Array;
  y: Float32Array;
} {
  const next = randomStream(hashName('rows'));
  const width = inputShape.reduce((product, size) => product * size, 1);
  const x = Float32Array.from({ length: rowCount * width }, () =>
    indices === undefined ? 2 * next() - 1 : Math.floor(next() * indices),
  );
  const y = Float32Array.from({ length: rowCount * labelCount }, () =>
    loss === 'softmaxCrossEntropy'
      ? Math.floor(next() * outputs)
      : loss === 'binaryCrossEntropy'
        ? Math.round(next())
        : next(),
  );
  return { x, y };
}

export async function setUp({
  layers,
  inputShape,
  indices,
  scaling,
  loss = 'mse',
  outputs = 1,
  ranks = 5,
  backend = 'cpu',
  training = {},
  options = {},
  asset,
  recipe: more = {},
  blobs,
}: Case): Promise<Setup> {
  const source = { generator: 'noise', rows: 1 } as const;
  const recipe = parseRecipe({
    ranks,
    loss,
    seed: 5,
    data: { large: source, small: source, test: source },
    ...more,
    teacher: {
      model: asset ? { module: 'model.mjs' } : { layers },
      batch: rowCount,
      epochs: 1,
      optimizer: { name: 'sgd', learningRate: 0.01 },
      ...training,
    },
  });
  const labelCount = loss === 'softmaxCrossEntropy' ? 1 : outputs / lossOf(loss).outputsPerTarget;
  const { x, y } = drawnRows({ inputShape, indices, loss, outputs, labelCount });
  const blocks = new Map<string, Uint8Array>();
  const inputs = scaling ? Uint8Array.from(x, (value) => 127 * (value + 1)) : x;
  const cut = cutTensors({ inputs, labels: y }, { inputShape, labelCount }, blocks);
  const { set: large } = cut;
  const columns = cut.columns.map((column) => ({ ...column, ...scaling }));
  const dataset: DatasetManifest = {
    inputShape,
    columns,
    classes: null,
    outputs,
    labelCount,
    targets: [],
    sets: { large, small: large, test: large },
  };
  const job: Job = { runId: 'r', recipe, dataset, assets: asset ? { teacher: asset } : {} };
  const engine = await tfjsEngine(backend === 'device' ? 'tensorflow' : backend, {
    device: backend === 'device',
    ...options,
  })(
    job,
    async (hash) => (blocks.get(hash) ?? blobs?.get(hash))!,
    async () => {},
  );
  const build = engine.build.bind(engine);
  engine.build = async (...phase) => {
    const built = await build(...phase);
    builtBy.set(engine, built);
    return built;
  };
  return { engine, job, phase: phaseOf(job, 'teacher'), x, y };
}

/** What each engine has built last. */
const builtBy = new WeakMap<Engine, BuiltPhase>();

type Step = Omit<ComputeTask, 'epoch' | 'batch' | 'subtrees' | 'scratch' | 'set'> & Partial<Pick<ComputeTask, 'set'>>;

/** The sums of some subtrees in a step on all rows. */
export async function sumsOf(
  engine: Engine,
  { spans, ...step }: Step & { spans: readonly Span[] },
): Promise<Float32Array[]> {
  const { memory, flatGradient } = builtBy.get(engine)!;
  const depth = Math.max(...spans.map(({ lo, hi }) => treeHeight(hi - lo)));
  const buffers = memory.allocate(Array<number>(spans.length + depth).fill(flatGradient.length));
  await engine.compute({
    epoch: 0,
    batch: rowCount,
    set: 'large',
    ...step,
    subtrees: spans.map((span, i) => ({ span, sum: buffers[i] })),
    scratch: buffers.slice(spans.length),
  });
  return buffers.slice(0, spans.length).map((sum) => sum.slice());
}

export const orderOf = (job: Job): EpochOrder => epochOrder(phaseOf(job, 'teacher').schedule, 0);

export const allRows = Array.from({ length: rowCount }, (_, i) => i);

export function rankRowsOf(ranks: number): RankRows[] {
  return Array.from({ length: ranks }, (_, rank) => ({
    rank,
    rows: allRows.slice(...rankShare(rowCount, ranks, rank)),
  }));
}

/** The sum over all ranks, as one worker that holds them all computes it. */
export async function engineGradient({ engine, job }: Pick<Setup, 'engine' | 'job'>, step = 0): Promise<Float32Array> {
  const { ranks } = job.recipe;
  const spans = [{ lo: 0, hi: ranks }];
  const [sum] = await sumsOf(engine, { step, spans, ranks: rankRowsOf(ranks), order: orderOf(job) });
  return sum;
}

/** Sums over all rows of what the model gives in inference. */
export async function evaluate({ engine }: Setup): Promise<Float64Array> {
  const values = await engine.evaluate({ set: 'test', shares: new Map([[0, [0, rowCount]]]) });
  return values.get(0)!;
}

export function expectClose(actual: ArrayLike<number>, expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  const scale = Math.max(...expected.map(Math.abs), 1e-3);
  const worst = expected.reduce((max, value, i) => Math.max(max, Math.abs(value - actual[i])), 0);
  expect(worst / scale).toBeLessThan(2e-6 * 5);
}

export const hasNative = installedEngines(process.env, 'tensorflow').length > 0;
const hasWebgpu =
  installedEngines(process.env, 'webgpu').length > 0 &&
  (await loadWebgpu().then(
    () => true,
    () => false,
  ));
export const backends = ['cpu', 'wasm', 'tensorflow', 'webgpu'] as const;
/** `device` is tensorflow with the training state on its device. */
export const engines = [...backends, 'device'] as const;
export type TestedEngine = (typeof engines)[number];
export const usable = engines.filter(
  (name) => ({ cpu: true, wasm: true, tensorflow: hasNative, device: hasNative, webgpu: hasWebgpu })[name],
);
export const skipped = 'skipped without it: npm run setup:engines';
const skippedWebgpu =
  'skipped without it: npm run setup:engines, and a GPU or VK_ICD_FILENAMES=/usr/lib/chromium/vk_swiftshader_icd.json';
const hints: Partial<Record<TestedEngine, string>> = { tensorflow: skipped, device: skipped, webgpu: skippedWebgpu };

/** Software WebGPU is slow: on it these cases stand for all, and the rest run only with STILLHOUSE_NIGHTLY. */
const representative: ReadonlySet<string> = new Set([
  // Of every family of kernels one.
  'dense, relu',
  'dense, gelu',
  'dense, softmax',
  'conv2d, strides and same padding',
  'depthwiseConv2d between convolutions, strides and same padding',
  'maxPooling2d of negative numbers, overlapping',
  'averagePooling2d',
  'layerNormalization',
  'embedding, bidirectional lstm and gru',
  'softmaxCrossEntropy',
  // One kind of student.
  'gaussian',
]);
const nightly = '(skipped except with STILLHOUSE_NIGHTLY=1)';
const isNightly = (backend: TestedEngine, name: string): boolean => backend === 'webgpu' && !representative.has(name);

/** Whether a case is tested on a backend in this run. */
export const runsOn = (backend: TestedEngine, name: string): boolean =>
  usable.includes(backend) && (!isNightly(backend, name) || Boolean(process.env['STILLHOUSE_NIGHTLY']));

/** A case in the name of its test: what it is, and what it takes to run it. */
export const titleOf = (backend: TestedEngine, name: string): string =>
  [name, ...(hints[backend] ? [`(${hints[backend]})`] : []), ...(isNightly(backend, name) ? [nightly] : [])].join(' ');

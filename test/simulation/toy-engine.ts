// An engine without a neural network: gradients are cheap numbers whose fp32 sums depend on the order of addition, so
// that a wrong order, a row too many or a stale weight shows in the bits.
import { createHash } from 'node:crypto';
import {
  bytesOf,
  hashWords,
  phaseLearningRate,
  StillhouseError,
  type Job,
  type Phase,
  type RandomStream,
} from '@stillhouse/core';
import { emptySums, lossOf, type MetricSums } from '@stillhouse/core/training';
import {
  codingOf,
  microBatchesOf,
  nodeSums,
  plainSumMemory,
  roundSteps,
  slotsPerRank,
  sumSubtree,
  type Clock,
  type NamedBuffer,
  type RowIds,
  type SumMemory,
} from '@stillhouse/core/cluster';
import type { BuiltPhase, ComputeTask, ComputeWatch, Engine, EvaluateTask, FetchBlock } from '@stillhouse/worker';

export interface ToyModel {
  readonly parameters: number;
  readonly otherWeights: number;
}

/** A number in [−1, 1) that looks random but is a function of its words. */
const numberOf = (...words: number[]): number => hashWords(...words) / 2 ** 31 - 1;

export const startWeight = (seed: number, i: number): number => Math.fround(numberOf(seed, 1, i));

/** A rank's contribution, written down once for engine and reference. */
export function toyContribution(at: {
  weights: Float32Array;
  others: Float32Array;
  rows: RowIds;
  batch: number;
  rank: number;
  out: Float32Array;
}): void {
  const { weights, others, rows, batch, rank, out } = at;
  out.fill(0);
  if (rows.length === 0) return;
  for (let i = 0; i < weights.length; i++)
    for (const row of rows) out[i] += (weights[i] - 3 * numberOf(row, i)) / batch;
  const share = rows.length / batch;
  for (let i = 0; i < others.length; i++)
    out[weights.length + i] = share * (0.9 * others[i] + 0.1 * numberOf(rows[0], 77, i));
  out[weights.length + others.length + rank] = share * (1 + Math.abs(numberOf(rows[0], 99)));
}

/** A rank's contribution to a round: gradient steps by itself, then how far it has come. */
export function toyRound(at: {
  weights: Float32Array;
  others: Float32Array;
  steps: readonly { readonly rows: RowIds; readonly learningRate: number }[];
  /** Rows of all ranks in the round. */
  batch: number;
  rank: number;
  out: Float32Array;
}): void {
  const { steps, batch, rank, out } = at;
  const weights = at.weights.slice();
  const others = at.others.slice();
  const own = new Float32Array(out.length);
  const slot = weights.length + others.length + rank;
  let rowCount = 0;
  let loss = 0;
  for (const { rows, learningRate } of steps.filter(({ rows: { length } }) => length > 0)) {
    toyContribution({ weights, others, rows, batch: rows.length, rank, out: own });
    for (let i = 0; i < weights.length; i++) weights[i] -= learningRate * own[i];
    others.set(own.subarray(weights.length, weights.length + others.length));
    rowCount += rows.length;
    loss += rows.length * own[slot];
  }
  out.fill(0);
  weights.forEach((weight, i) => (out[i] = (rowCount / batch) * (at.weights[i] - weight)));
  others.forEach((other, i) => (out[weights.length + i] = (rowCount / batch) * other));
  out[slot] = loss / batch;
}

/** Momentum in the weights' own bits: a step taken twice, left out or out of order shows. */
export function toyStep(
  weights: Float32Array,
  velocity: Float32Array,
  gradient: Float32Array,
  learningRate: number,
): void {
  for (let i = 0; i < weights.length; i++) {
    velocity[i] = 0.9 * velocity[i] + gradient[i];
    weights[i] -= learningRate * velocity[i];
  }
}

/** Twice is not once. */
export function toyCorrection(weights: Float32Array): void {
  weights.forEach((weight, i) => (weights[i] = 0.5 * weight + 1));
}

/** Sums of a rank's rows; the loss falls and rises with the weights. */
export function toyEvaluation(weights: Float32Array, first: number, end: number): MetricSums {
  const sums = emptySums({ loss: lossOf('mse') }, 1);
  for (let row = first; row < end; row++) {
    const error = Math.abs(weights[row % weights.length] - numberOf(row, 5));
    sums.set([
      sums[0] + 1,
      sums[1] + error,
      0,
      sums[3] + error * error,
      sums[4] + error,
      sums[5] + row,
      sums[6] + row * row,
    ]);
  }
  return sums;
}

export function hashState(buffers: readonly Float32Array[]): string {
  const hash = createHash('sha256');
  for (const buffer of buffers) hash.update(bytesOf(buffer));
  return hash.digest('hex');
}

export const hashWeights = (weights: Float32Array): string => hashState([weights]);

/** One memory that every generation uses again, like an engine's: what it holds at first is of no use. */
class ReusedMemory implements SumMemory {
  readonly alignFloats = plainSumMemory.alignFloats;
  readonly chunkFloats = plainSumMemory.chunkFloats;
  #memory = new Float32Array(0);

  allocate(lengths: readonly number[]): Float32Array[] {
    const total = lengths.reduce((sum, length) => sum + length, 0);
    if (total > this.#memory.length) this.#memory = new Float32Array(total);
    this.#memory.fill(NaN);
    let end = 0;
    return lengths.map((length) => this.#memory.subarray(end, (end += length)));
  }

  readonly add = plainSumMemory.add.bind(plainSumMemory);
  readonly round = plainSumMemory.round.bind(plainSumMemory);
  readonly encode = plainSumMemory.encode.bind(plainSumMemory);
  readonly decode = plainSumMemory.decode.bind(plainSumMemory);
}

export interface ToyObserver {
  onCompute(phase: Phase, task: ComputeTask): void;
}

export class ToyEngine implements Engine {
  readonly fingerprint = 'toy';
  readonly choice = 'toy: as requested';
  readonly waitedMs = 0;
  #phase!: Phase;
  #weights = new Float32Array(0);
  #others = new Float32Array(0);
  #flatGradient = new Float32Array(0);
  #velocity = new Float32Array(0);
  readonly #sums = new ReusedMemory();
  readonly #blocks = new Set<string>();
  #kept: { weights: Float32Array; others: Float32Array } | undefined;

  constructor(
    private readonly job: Job,
    private readonly model: ToyModel,
    private readonly options: {
      clock: Clock;
      speedMs: () => number;
      random: RandomStream;
      observer: ToyObserver;
      fetchBlock: FetchBlock;
    },
  ) {}

  async build(phase: Phase, teacher: string | undefined): Promise<BuiltPhase> {
    if (teacher !== undefined) {
      // The toy's teacher teaches nothing, but must come.
      await this.options.fetchBlock(teacher);
    }
    await this.#takeTime();
    const { parameters, otherWeights } = this.model;
    this.#phase = phase;
    this.#kept = undefined;
    this.#weights = Float32Array.from({ length: parameters }, (_, i) => startWeight(phase.schedule.seed, i));
    this.#others = new Float32Array(otherWeights);
    this.#flatGradient = new Float32Array(parameters + otherWeights + phase.schedule.ranks * slotsPerRank);
    this.#velocity = new Float32Array(parameters);
    return {
      layout: { gradients: parameters, otherWeights },
      flatGradient: this.#flatGradient,
      memory: this.#sums,
    };
  }

  async compute(task: ComputeTask, watch: ComputeWatch = {}): Promise<void> {
    this.options.observer.onCompute(this.#phase, task);
    await this.#getRows(task);
    for (let left = roundSteps(this.#phase.schedule, task.step); left > 0; left--) {
      await this.#takeTime();
      if (this.#phase.sync && watch.isOver?.()) return;
      // A micro-batch of each rank.
      if (left > 1) task.ranks.forEach(() => watch.onStepped?.());
    }
    const { parameters, otherWeights } = this.model;
    const layout = { gradients: parameters, otherWeights };
    const sums = nodeSums(plainSumMemory, codingOf(this.#phase.wire, layout));
    for (const [i, { span, sum }] of task.subtrees.entries()) {
      await sumSubtree(span, sum, {
        write: async (rank, target) => this.#contribute(task, rank, target),
        scratch: task.scratch,
        ...sums,
      });
      watch.onSummed?.(i);
    }
  }

  #contribute({ batch, ranks, step: first }: ComputeTask, rank: number, out: Float32Array): void {
    const at = { weights: this.#weights, others: this.#others, batch, rank, out };
    const { rows } = ranks.find((entry) => entry.rank === rank)!;
    const phase = this.#phase;
    if (!phase.sync) return toyContribution({ ...at, rows });
    const steps = microBatchesOf(phase.schedule, { step: first, rank }, rows);
    toyRound({
      ...at,
      steps: steps.map(({ step, rows: own }) => ({ rows: own, learningRate: phaseLearningRate(phase, step) })),
    });
  }

  async apply(_step: number, learningRate: number): Promise<void> {
    const { parameters, otherWeights } = this.model;
    const weights = this.#weights.slice();
    toyStep(weights, this.#velocity, this.#flatGradient, learningRate);
    this.#others.set(this.#flatGradient.subarray(parameters, parameters + otherWeights));
    // As with layers that constrain their weights: for a while the state is neither the old one nor the new one.
    await this.#takeTime(0.1);
    this.#weights.set(weights);
  }

  async evaluate(task: EvaluateTask): Promise<Map<number, MetricSums>> {
    await this.#takeTime();
    return new Map([...task.shares].map(([rank, [first, end]]) => [rank, toyEvaluation(this.#weights, first, end)]));
  }

  weightsSha256(): string {
    return hashWeights(this.#weights);
  }

  keepBest(): void {
    this.#kept = { weights: this.#weights.slice(), others: this.#others.slice() };
  }

  async restoreBest(): Promise<void> {
    if (!this.#kept) return;
    this.#weights.set(this.#kept.weights);
    this.#others.set(this.#kept.others);
  }

  async correctBiases(): Promise<void> {
    toyCorrection(this.#weights);
  }

  stateBuffers(): NamedBuffer[] {
    const kept = this.#kept
      ? [
          { name: 'best.weights', data: this.#kept.weights },
          { name: 'best.others', data: this.#kept.others },
        ]
      : [];
    return [
      { name: 'weights', data: this.#weights },
      { name: 'others', data: this.#others },
      { name: 'velocity', data: this.#velocity },
      ...kept,
    ];
  }

  async adoptState(buffers: readonly NamedBuffer[]): Promise<void> {
    await this.#takeTime();
    const named = new Map(buffers.map(({ name, data }) => [name, data]));
    if (named.get('weights')?.length !== this.#weights.length)
      throw new StillhouseError('CHECKPOINT_CORRUPT', 'the state is that of another model');
    this.#weights.set(named.get('weights')!);
    this.#others.set(named.get('others')!);
    this.#velocity.set(named.get('velocity')!);
    const best = named.get('best.weights');
    this.#kept = best && { weights: best.slice(), others: named.get('best.others')!.slice() };
  }

  async exportModel(): ReturnType<Engine['exportModel']> {
    const data = bytesOf(this.#weights.slice());
    return {
      topology: '{}',
      weights: [{ name: 'w', shape: [this.#weights.length], trainable: true }],
      data,
      parameters: this.#weights.length,
    };
  }

  async dispose(): Promise<void> {}

  async #getRows({ set, ranks }: ComputeTask): Promise<void> {
    const { blockRows, blocks } = this.job.dataset.sets[set]!;
    const needed = new Set(ranks.flatMap(({ rows }) => [...rows].map((row) => blocks[Math.floor(row / blockRows)])));
    await Promise.all(
      [...needed].map(async (hash) => {
        if (this.#blocks.has(hash)) return;
        const bytes = await this.options.fetchBlock(hash);
        if (createHash('sha256').update(bytes).digest('hex') !== hash) throw new Error(`block ${hash} has other bytes`);
        this.#blocks.add(hash);
      }),
    );
  }

  #takeTime(share = 1): Promise<void> {
    const { clock, speedMs, random } = this.options;
    return new Promise((resolve) => void clock.after(share * speedMs() * (0.5 + random()), resolve));
  }
}

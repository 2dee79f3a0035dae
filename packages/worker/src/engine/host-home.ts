// The state of a phase in host memory: kernels in WebAssembly add and step it in place.
import { codingOf, nodeSums, sumSubtree, type FlatLayout } from '@stillhouse/core/cluster';
import type { Phase } from '@stillhouse/core';
import type { FlatModel } from '../flat/model.js';
import type { FlatOptimizer } from '../flat/optimizer.js';
import type { Pass } from './pass.js';
import type { Pruning } from './pruning.js';
import type { RankStep } from './rank-step.js';
import type { Leaf, StateHome, SumTask } from './state-home.js';

export interface HostHomeOptions {
  readonly phase: Phase;
  readonly layout: FlatLayout;
  readonly flat: FlatModel;
  readonly optimizer: FlatOptimizer;
  readonly step: RankStep;
  readonly pruning: Pruning | undefined;
}

export class HostHome implements StateHome {
  constructor(private readonly options: HostHomeOptions) {}

  get flat(): FlatModel {
    return this.options.flat;
  }

  get state(): readonly Float32Array[] {
    return this.options.optimizer.state;
  }

  get flatGradient(): Float32Array {
    return this.options.optimizer.flatGradient;
  }

  get memory(): FlatOptimizer['memory'] {
    return this.options.optimizer.memory;
  }

  async sum({ span, sum, scratch, write }: SumTask): Promise<void> {
    const { phase, layout } = this.options;
    await sumSubtree(span, sum, {
      write: (rank, out) => write(rank, this.#leaf(out)),
      scratch,
      ...nodeSums(this.memory, codingOf(phase.wire, layout)),
    });
  }

  #leaf(out: Float32Array): Leaf {
    const { flat, layout, step } = this.options;
    return {
      out,
      rest: out.subarray(layout.gradients + layout.otherWeights),
      clear: () => void out.fill(0),
      write: (pass: Pass, loss: Float32Array) => step.run(pass, [loss, ...flat.views(out)]),
    };
  }

  async apply(at: { learningRate: number; step: number }): Promise<boolean> {
    const { flat, optimizer, pruning } = this.options;
    const apply = (): boolean => optimizer.apply(at);
    if (!(pruning ? pruning.around(flat, at.step, apply) : apply())) return false;
    const first = flat.parameters.length;
    flat.others.set(optimizer.flatGradient.subarray(first, first + flat.others.length));
    await flat.changed();
    return true;
  }

  toHost(): void {}

  async toDevice(): Promise<void> {
    await this.flat.changed();
  }

  dispose(): void {
    this.options.step.dispose();
  }
}

// The kernels of optimisers on variables of a session: TensorFlow's fused ones, which compute what those of
// worker/assembly/kernels.ts compute, to rounding. Where those take addresses, these take the place of the gradient.
import type { OptimizerKernels } from '@stillhouse/core/training';
import { GraphBuilder, type GraphCall, type SessionVariable } from '@stillhouse/native/engines';
import type { DeviceVariables } from './device-variables.js';
import { downloaded, isFiniteOn } from './transfers.js';

/** Where an optimiser finds the gradient: in the first slot, or in host memory. */
export const gradientPlaces = { slot: 0, host: 1 } as const;
export type GradientPlace = keyof typeof gradientPlaces;

/** A factor of a graph: a constant of the optimiser, or fed with each step. */
type Scalars = Readonly<Record<string, number>>;

/** What an update of one weight is built from. */
interface Update {
  readonly graph: GraphBuilder;
  readonly weight: SessionVariable;
  /** Of each state buffer this weight's part. */
  readonly state: readonly SessionVariable[];
  readonly gradient: string;
  /** Factors that change from step to step, by name. */
  readonly fed: Readonly<Record<string, string>>;
  /** Nodes that must have run before. */
  readonly after: readonly string[];
}

export class DeviceKernels implements OptimizerKernels {
  /** @param hostGradient the gradient in host memory: views for each trainable weight, then for each other weight */
  constructor(
    private readonly device: DeviceVariables,
    private readonly hostGradient: () => readonly Float32Array[],
  ) {}

  sgd(...args: Parameters<OptimizerKernels['sgd']>): number {
    const [, , , gradient, velocity, clip, decay, momentum, nesterov, rate] = args;
    return this.#step(gradient, {
      name: `sgd ${velocity} ${momentum} ${nesterov}`,
      change: { clip, coupled: decay, decoupled: 0 },
      fed: { rate },
      update: ({ graph, weight, state: [accumulated], gradient: g, fed, after }) =>
        accumulated
          ? graph.update('ResourceApplyMomentum', [weight, accumulated], [fed['rate'], g, graph.scalar(momentum)], {
              after,
              flags: { use_nesterov: nesterov },
            })
          : graph.update('ResourceApplyGradientDescent', [weight], [fed['rate'], g], { after }),
    });
  }

  adam(...args: Parameters<OptimizerKernels['adam']>): number {
    const [, , , gradient, , , clip, coupled, beta1, , beta2, , rate, scale, epsilon, decay] = args;
    // η·m / (√(v·s) + ε) = (η/√s)·m / (√v + ε/√s); powers of 0 switch the kernel's own correction of bias off.
    const root = Math.sqrt(scale);
    return this.#step(gradient, {
      name: `adam ${beta1} ${beta2}`,
      change: { clip, coupled, decoupled: decay },
      fed: { rate: rate / root, epsilon: epsilon / root },
      update: ({ graph, weight, state: [first, second], gradient: g, fed, after }) => {
        const zero = graph.scalar(0);
        const betas = [graph.scalar(beta1), graph.scalar(beta2)];
        const factors = [zero, zero, fed['rate'], ...betas, fed['epsilon'], g];
        return graph.update('ResourceApplyAdam', [weight, first, second], factors, { after });
      },
    });
  }

  /** In fp32: half the sum of each weight, then all of them; in double in host memory if that overflows. */
  sumOfSquares(_count: number, gradient: number): number {
    const { device } = this;
    const sum = new Float32Array(1);
    const call = this.device.call(`squares ${gradient}`, () => {
      const graph = new GraphBuilder();
      const halves = this.#gradient(graph, gradient).trainable.map((g) => graph.op('L2Loss', g));
      graph.fetch(graph.sum(halves));
      return graph;
    });
    if (call.run(this.#feeds(gradient), [sum])) return 2 * sum[0];
    const { length } = device.trainable;
    const values = gradient === gradientPlaces.host ? this.hostGradient() : downloaded(device, device.slot(0)).values;
    return values
      .slice(0, length)
      .reduce((total, each) => each.reduce((some, value) => some + value * value, total), 0);
  }

  #feeds(gradient: number): readonly Float32Array[] {
    return gradient === gradientPlaces.host ? this.hostGradient() : [];
  }

  /** The gradient of each trainable weight, and the values of the others. */
  #gradient(graph: GraphBuilder, place: number): { trainable: string[]; others: string[] } {
    const { device } = this;
    const values =
      place === gradientPlaces.host
        ? device.weights.map(({ shape }) => graph.feed(shape))
        : device.slot(0).map((variable) => graph.read(variable));
    const { length } = device.trainable;
    return { trainable: values.slice(0, length), others: values.slice(length) };
  }

  /**
   * Steps all weights, and takes over the others.
   * @param kernel.change clip·g + coupled·w is the gradient; decoupled·w is subtracted before the step
   */
  #step(
    place: number,
    kernel: {
      name: string;
      change: { clip: number; coupled: number; decoupled: number };
      fed: Scalars;
      update: (update: Update) => string;
    },
  ): number {
    const { device } = this;
    const { clip, coupled, decoupled } = kernel.change;
    // Only factors that do something are part of the graph.
    const changes: Scalars = {
      ...(clip === 1 ? {} : { clip }),
      ...(coupled === 0 ? {} : { coupled }),
      ...(decoupled === 0 ? {} : { decoupled }),
    };
    const scalars = { ...kernel.fed, ...changes };
    const call: GraphCall = device.call(`${kernel.name} ${place} ${Object.keys(changes).join()}`, () => {
      const graph = new GraphBuilder();
      const { trainable, others } = this.#gradient(graph, place);
      const squares: string[] = [];
      const fed = Object.fromEntries(Object.keys(scalars).map((name) => [name, graph.feed([])]));
      for (const [i, weight] of device.trainable.entries()) {
        const clipped = fed['clip'] === undefined ? trainable[i] : graph.op('Mul', trainable[i], fed['clip']);
        const before = coupled === 0 && decoupled === 0 ? undefined : graph.read(weight);
        const gradient =
          before !== undefined && fed['coupled'] !== undefined
            ? graph.op('AddV2', clipped, graph.op('Mul', before, fed['coupled']))
            : clipped;
        const after =
          before !== undefined && fed['decoupled'] !== undefined
            ? [graph.update('ResourceApplyGradientDescent', [weight], [fed['decoupled'], before], { after: [] })]
            : [];
        const state = device.state.map((buffer) => buffer[i]);
        const stepped = kernel.update({ graph, weight, state, gradient, fed, after });
        squares.push(graph.op('L2Loss', graph.read(weight, stepped)));
      }
      graph.fetch(graph.sum(squares));
      for (const [i, variable] of device.others.entries())
        graph.assign(variable, place === gradientPlaces.host ? graph.copy(others[i]) : others[i]);
      return graph;
    });
    const inputs = [...this.#feeds(place), ...Object.values(scalars).map((value) => Float32Array.of(value))];
    // The sum of squares may overflow although no weight has.
    return call.run(inputs, [new Float32Array(1)]) || isFiniteOn(device, device.trainable) ? 1 : 0;
  }
}

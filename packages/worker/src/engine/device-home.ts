// The state of a phase on the device that computes (ADR 25): variables of a session of TensorFlow. Host memory gets the
// numbers when something wants them there: other workers the sums of ranks, a checkpoint or an evaluation the weights.
import { addInto, codingOf, nodeSums, sumSubtree, type FlatLayout, type SumMemory } from '@stillhouse/core/cluster';
import { invariant, StillhouseError, type Phase } from '@stillhouse/core';
import { optimizerOf } from '@stillhouse/core/training';
import {
  GraphSession,
  TraceError,
  type NativeTools,
  type TracedCall,
  type TracedComputation,
} from '@stillhouse/native/engines';
import { DeviceOptimizer } from '../device/device-optimizer.js';
import { DeviceVariables } from '../device/device-variables.js';
import { Staging } from '../device/staging.js';
import { addSlots, clearSlot, download, isFiniteOn, upload } from '../device/transfers.js';
import { sharedFloats } from '../flat/memory.js';
import type { FlatModel } from '../flat/model.js';
import type { PreparedBatch } from '../objective/objective.js';
import type { ByteBatches } from './byte-batches.js';
import { batchInputsOf, drawsOf, passEagerly, recordPass, shapesOf, type Pass } from './pass.js';
import { refuseEagerHalf, type StepOptions } from './rank-step.js';
import type { ByteBatch, Leaf, StateHome, SumTask } from './state-home.js';

export interface DeviceHomeOptions {
  readonly phase: Phase;
  readonly layout: FlatLayout;
  /** Holds the start weights. */
  readonly flat: FlatModel;
  readonly flatGradient: Float32Array;
  readonly memory: SumMemory;
  readonly onEager: StepOptions['onEager'];
  /** If micro-batches may stay bytes. */
  readonly byteBatches: ByteBatches | undefined;
}

/** A place on the device, with the host's buffer that belongs to it. */
interface DeviceSum {
  readonly slot: number;
  readonly out: Float32Array;
}

/** Where a pass leaves its gradient. */
type Destination = { readonly slot: number } | { readonly host: Float32Array };

export class DeviceHome implements StateHome {
  readonly flat: FlatModel;
  readonly flatGradient: Float32Array;
  readonly memory: SumMemory;
  readonly state: readonly Float32Array[];
  readonly #device: DeviceVariables;
  readonly #optimizer: DeviceOptimizer;
  readonly #passes = new Map<string, TracedComputation>();
  readonly #calls = new Map<string, TracedCall>();
  readonly #staging: Staging;
  #isEager = false;
  /** Whether the gradient of the next step is in slot 0 and not in `flatGradient`. */
  #isKept = false;
  #isHostCurrent = true;

  constructor(
    tools: NativeTools,
    private readonly options: DeviceHomeOptions,
  ) {
    const { flat, flatGradient, memory, phase, layout } = options;
    this.flat = flat;
    this.flatGradient = flatGradient;
    this.memory = memory;
    const { optimizer } = phase.config;
    const stateCount = optimizerOf(optimizer).stateCount(optimizer);
    this.state = Array.from({ length: stateCount }, () => sharedFloats(layout.gradients));
    this.#device = new DeviceVariables(new GraphSession(tools), { ...flat.shapes, stateCount });
    this.#optimizer = new DeviceOptimizer(this.#device, optimizer, () => flat.views(flatGradient));
    this.#staging = new Staging(tools);
    this.#upload();
  }

  async byteBatch(rows: number): Promise<ByteBatch | undefined> {
    const batch = await this.options.byteBatches?.zeros(rows);
    if (!batch || !this.#traced(() => this.#recorded(batch))) return undefined;
    return { batch, allocate: (length) => this.#staging.bytes(length) };
  }

  readonly staging = (length: number): Float32Array => this.#staging.numbers(length);

  async sum({ span, sum, scratch, write }: SumTask): Promise<void> {
    const { layout, phase } = this.options;
    const isLast = sum.byteOffset === this.flatGradient.byteOffset && sum.length === this.flatGradient.length;
    this.#isKept = false;
    if (this.#isEager || phase.wire !== 'fp32') {
      // Nodes of the tree are rounded, or come from host memory: there they are added.
      return sumSubtree(span, sum, {
        write: (rank, out) => write(rank, this.#leaf({ slot: 0, out }, { host: out })),
        scratch,
        ...nodeSums(this.memory, codingOf(phase.wire, layout)),
      });
    }
    if (span.hi - span.lo === 1 && !isLast) return write(span.lo, this.#leaf({ slot: 0, out: sum }, { host: sum }));
    await sumSubtree<DeviceSum>(
      span,
      { slot: 0, out: sum },
      {
        write: (rank, place) => write(rank, this.#leaf(place, place)),
        scratch: scratch.map((out, depth) => ({ slot: depth + 1, out })),
        round() {},
        addInto: (target, addend) => {
          addSlots(this.#device, target.slot, addend.slot);
          addInto(this.#restOf(target.out), this.#restOf(addend.out));
        },
      },
    );
    if (isLast) this.#isKept = true;
    else download(this.#device, this.#device.slot(0), this.flat.views(sum));
  }

  #restOf(out: Float32Array): Float32Array {
    const { layout } = this.options;
    return out.subarray(layout.gradients + layout.otherWeights);
  }

  #leaf({ out }: DeviceSum, to: Destination): Leaf {
    const rest = this.#restOf(out);
    return {
      out,
      rest,
      clear: () => {
        rest.fill(0);
        if ('slot' in to) clearSlot(this.#device, to.slot);
        else to.host.fill(0);
      },
      write: (pass, loss) => this.#write(pass, loss, to),
    };
  }

  /** What work on recordings gives; undefined from the first on that is impossible, which ends recording. */
  #traced<T>(work: () => T): T | undefined {
    if (this.#isEager) return undefined;
    try {
      return work();
    } catch (error) {
      if (!(error instanceof TraceError)) throw error;
      refuseEagerHalf(this.options.phase.config.precision, error.message);
      this.#isEager = true;
      this.options.onEager(error.message);
      return undefined;
    }
  }

  async #write(pass: Pass, loss: Float32Array, to: Destination): Promise<boolean> {
    const isFiniteTraced = this.#traced(() => this.#run(pass, loss, to));
    if (isFiniteTraced !== undefined) return isFiniteTraced;
    invariant(!pass.bytes, 'a pass over bytes can be run as it was recorded');
    const numbers = 'host' in to ? to.host : new Float32Array(this.flatGradient.length);
    this.toHost();
    this.flat.load();
    const isFinite = await passEagerly(this.flat, pass, [loss, ...this.flat.views(numbers)]);
    if ('slot' in to) {
      const variables = this.#device.slot(to.slot);
      upload(this.#device, variables, this.flat.views(numbers));
    }
    return isFinite;
  }

  #run(pass: Pass, loss: Float32Array, to: Destination): boolean {
    const { flat } = this;
    const call = this.#callFor(pass, to);
    const rest = { inputs: batchInputsOf(pass), ...drawsOf(flat, pass) };
    if ('host' in to) return call.run({ outputs: [loss, ...flat.views(to.host)], ...rest });
    const lossAndSquares = new Float32Array(2);
    const isFinite = call.run({ outputs: [lossAndSquares], ...rest });
    loss[0] = lossAndSquares[0];
    // The sum of squares may overflow although no number has.
    return isFinite || (Number.isFinite(loss[0]) && isFiniteOn(this.#device, this.#device.slot(to.slot)));
  }

  /** @throws TraceError */
  #recorded(batch: PreparedBatch): TracedComputation {
    const shapes = shapesOf(batch);
    const known = this.#passes.get(shapes);
    if (known) return known;
    this.toHost();
    this.flat.load();
    const pass = recordPass(this.flat, batch, this.options.phase.config.precision);
    this.#passes.set(shapes, pass);
    return pass;
  }

  #callFor({ batch, bytes, share }: Pass, to: Destination): TracedCall {
    const form = `${bytes ? 'bytes' : 'numbers'} ${shapesOf(batch)}`;
    const name = `${'slot' in to ? to.slot : 'host'} ${share} ${form}`;
    const known = this.#calls.get(name);
    if (known) return known;
    const pass = this.#recorded(batch);
    const { session, weights } = this.#device;
    const scaling = bytes && this.options.byteBatches!.scaling;
    const inputs = [...weights, share, ...(scaling ? [scaling] : [])];
    const call =
      'slot' in to
        ? pass.in(session, {
            inputs,
            outputs: ['dropped', ...this.#device.slot(to.slot)],
            // Half the sum of their squares is not finite if one of them is not.
            finish: (graph, [loss, ...numbers]) =>
              graph.fetch(graph.pack([loss, graph.sum(numbers.map((each) => graph.op('L2Loss', each)))])),
          })
        : pass.in(session, { inputs });
    this.#calls.set(name, call);
    return call;
  }

  async apply(at: { learningRate: number; step: number }): Promise<boolean> {
    this.#isHostCurrent = false;
    const place = this.#isKept ? 'slot' : 'host';
    // Another gradient is to come, from wherever.
    this.#isKept = false;
    return this.#optimizer.step(at, place);
  }

  toHost(): void {
    if (this.#isHostCurrent) return;
    if (!download(this.#device, this.#device.all, this.#views()))
      throw new StillhouseError(
        'LOSS_NOT_FINITE',
        `the training state of the ${this.options.phase.name} is not finite`,
      );
    this.#isHostCurrent = true;
    this.flat.outdated();
  }

  async toDevice(): Promise<void> {
    await this.flat.changed();
    this.#upload();
  }

  dispose(): void {
    this.options.byteBatches?.dispose();
    this.#passes.clear();
    this.#calls.clear();
    this.#device.session.close();
    this.#staging.dispose();
  }

  #upload(): void {
    upload(this.#device, this.#device.all, this.#views());
  }

  /** Of weights and state in host memory, in the order of the variables. */
  #views(): Float32Array[] {
    const { flat, state } = this;
    return [...flat.views(), ...state.flatMap((buffer) => flat.trainableViews(buffer))];
  }
}

// The variables of a phase in a session of TensorFlow: weights, the optimiser's state, and sums of ranks in slots.
import type { GraphBuilder, GraphCall, GraphSession, SessionVariable } from '@stillhouse/native/engines';

export interface DeviceShapes {
  /** Shapes of the trainable weights, and of the others. */
  readonly trainable: readonly (readonly number[])[];
  readonly others: readonly (readonly number[])[];
  /** State buffers of the optimiser. */
  readonly stateCount: number;
}

const variablesOf = (prefix: string, shapes: readonly (readonly number[])[]): SessionVariable[] =>
  shapes.map((shape, i) => ({ name: `${prefix}${i}`, shape }));

export class DeviceVariables {
  readonly trainable: readonly SessionVariable[];
  readonly others: readonly SessionVariable[];
  /** Of each state buffer its part for each trainable weight. */
  readonly state: readonly (readonly SessionVariable[])[];
  readonly #slots: SessionVariable[][] = [];
  readonly #calls = new Map<string, GraphCall>();

  constructor(
    readonly session: GraphSession,
    private readonly shapes: DeviceShapes,
  ) {
    this.trainable = variablesOf('weight', shapes.trainable);
    this.others = variablesOf('other', shapes.others);
    this.state = Array.from({ length: shapes.stateCount }, (_, k) => variablesOf(`state${k}.`, shapes.trainable));
  }

  get weights(): readonly SessionVariable[] {
    return [...this.trainable, ...this.others];
  }

  /** Weights, then the optimiser's state. */
  get all(): readonly SessionVariable[] {
    return [...this.weights, ...this.state.flat()];
  }

  /** A place for a sum over ranks: gradients, then the non-trainable weights. */
  slot(index: number): readonly SessionVariable[] {
    const { trainable, others } = this.shapes;
    return (this.#slots[index] ??= variablesOf(`slot${index}.`, [...trainable, ...others]));
  }

  /** A call that is built when it is first needed; `name` says which. */
  call(name: string, build: () => GraphBuilder): GraphCall {
    const known = this.#calls.get(name);
    if (known) return known;
    const call = this.session.add(build().parts);
    this.#calls.set(name, call);
    return call;
  }
}

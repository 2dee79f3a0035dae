// A session of TensorFlow: graphs are added to it and run as calls, and variables live in it, on its device.
import type { CallHandle, GraphSessions, InputPlace, SessionHandle, TensorValues } from './binding-api.js';
import { graphDefOf, type GraphNode, type Messages } from './graph-def.js';

/**
 * ConfigProto.graph_options.rewrite_options.disable_meta_optimizer = true: rewritten arithmetic gives other bits than
 * eager ops, and what it could save here was not measurable.
 */
const sessionConfig = Uint8Array.of(0x52, 5, 0x52, 3, 0x98, 1, 1);

/** A graph whose nodes know each other by name, with what goes in, what comes out, and what else is to run. */
export interface GraphParts {
  readonly nodes: readonly GraphNode[];
  /** Inputs that are fed, in order. */
  readonly inputs: readonly InputPlace[];
  /** Outputs that are fetched, in order. */
  readonly outputs: readonly string[];
  /** Nodes that run for what they change. */
  readonly targets: readonly string[];
}

export interface SessionTools {
  readonly sessions: GraphSessions;
  readonly messages: Messages;
}

export class GraphCall {
  constructor(
    private readonly sessions: GraphSessions,
    private readonly handle: CallHandle,
  ) {}

  /**
   * @param inputs read in place if they begin at a multiple of 64 bytes
   * @param outputs where each output is written
   * @returns whether all outputs are finite
   */
  run(inputs: readonly TensorValues[], outputs: readonly Float32Array[] = []): boolean {
    return this.sessions.run(this.handle, inputs, outputs);
  }
}

export class GraphSession {
  readonly #handle: SessionHandle;
  #calls = 0;

  constructor(private readonly tools: SessionTools) {
    this.#handle = tools.sessions.open(sessionConfig);
  }

  /** Frees its variables and graphs at once; its calls cannot run any more. */
  close(): void {
    this.tools.sessions.close(this.#handle);
  }

  /** @throws Error with what TensorFlow says of the graph */
  add({ nodes, inputs, outputs, targets }: GraphParts): GraphCall {
    const { sessions, messages } = this.tools;
    const prefix = `c${this.#calls++}/`;
    const named = (name: string): string => (name.startsWith('^') ? `^${prefix}${name.slice(1)}` : prefix + name);
    const graph = graphDefOf(
      messages,
      nodes.map((node) => ({ ...node, name: named(node.name), inputs: node.inputs.map(named) })),
    );
    return new GraphCall(
      sessions,
      sessions.add(
        this.#handle,
        graph,
        inputs.map((input) => ({ ...input, name: named(input.name) })),
        outputs.map(named),
        targets.map(named),
      ),
    );
  }
}

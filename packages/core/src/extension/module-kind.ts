// Definitions that come from modules of a recipe, such as a loss: evaluated once per process and remembered by what
// they follow from, their source text and options. A definition is asked for by its place in the recipe, as a built-in
// one is.
import { invariant, messageOf, StillhouseError } from '../error/errors.js';

/** A module in a recipe. */
export interface ModuleConfig {
  /** Path, relative to the recipe. */
  readonly module: string;
  readonly export: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** The module's text; in the recipe of a job, and so of a run folder, which follows from nothing else. */
  readonly source?: string | undefined;
}

/** What a module exports, called with its options. */
async function evaluate(config: ModuleConfig, source: string): Promise<unknown> {
  const exported = (await import(`data:text/javascript;charset=utf-8,${encodeURIComponent(source)}`)) as Record<
    string,
    unknown
  >;
  const create = exported[config.export];
  if (typeof create !== 'function') throw new TypeError('it is not a function');
  const definition = (create as (context: { options: unknown }) => unknown)({ options: config.options });
  if (typeof definition !== 'object' || definition === null) throw new TypeError('it returned no definition');
  return definition;
}

/** Definitions of one kind: losses, or terms. */
export class ModuleKind<Definition> {
  readonly #opened = new Map<string, Definition>();

  /** @param define checks what a module gives, as it checks what is built in */
  constructor(
    private readonly kind: string,
    private readonly define: (definition: never) => Definition,
  ) {}

  #keyOf({ source, export: name, options }: ModuleConfig): string {
    return JSON.stringify([source, name, options]);
  }

  /**
   * Evaluates the module, unless that has been done.
   * @throws StillhouseError EXTENSION_MODULE naming module and export
   */
  async open(config: ModuleConfig): Promise<void> {
    const key = this.#keyOf(config);
    if (this.#opened.has(key)) return;
    const { source } = config;
    invariant(source !== undefined, 'the text of a module is in the recipe (`withSources`)');
    try {
      this.#opened.set(key, this.define((await evaluate(config, source)) as never));
    } catch (cause) {
      throw new StillhouseError(
        'EXTENSION_MODULE',
        `the ${this.kind} in ${config.module}, export ${config.export}: ${messageOf(cause)}`,
        { cause },
      );
    }
  }

  /** Undefined before it is opened. */
  find(config: ModuleConfig): Definition | undefined {
    return this.#opened.get(this.#keyOf(config));
  }

  /** The definition of a module that is open. */
  of(config: ModuleConfig): Definition {
    const definition = this.find(config);
    invariant(definition, `the ${this.kind} in ${config.module} is open`);
    return definition;
  }
}

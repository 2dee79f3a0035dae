// Definitions that come from modules of a recipe, such as a loss. A module is loaded once per process and remembered by
// its text; a definition is made for its options when it is first asked for, so values that a search tries need no
// loading. A definition is asked for by its place in the recipe, as a built-in one is.
import { invariant, messageOf, StillhouseError } from '../error/errors.js';
import { guarded, type ResultChecks } from './guarded.js';

/** A module in a recipe. */
export interface ModuleConfig {
  /** Path, relative to the recipe. */
  readonly module: string;
  readonly export: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** The module's text; in the recipe of a job, and so of a run folder, which follows from nothing else. */
  readonly source?: string | undefined;
}

/** What a module exports. */
type Create = (context: { options: unknown }) => unknown;

async function load(source: string, name: string): Promise<Create> {
  const exported = (await import(`data:text/javascript;charset=utf-8,${encodeURIComponent(source)}`)) as Record<
    string,
    unknown
  >;
  const create = exported[name];
  if (typeof create !== 'function') throw new TypeError('it is not a function');
  return create as Create;
}

/** Definitions of one kind: losses, or terms. */
export class ModuleKind<Definition extends object> {
  readonly #loaded = new Map<string, Create>();
  readonly #made = new Map<string, Definition>();

  /**
   * @param define checks what a module gives, as it checks what is built in
   * @param checks of what its functions return
   */
  constructor(
    private readonly kind: string,
    private readonly define: (definition: never) => Definition,
    private readonly checks: ResultChecks,
  ) {}

  #moduleKey({ source, export: name }: ModuleConfig): string {
    return JSON.stringify([source, name]);
  }

  #failed({ module, export: name }: ModuleConfig, cause: unknown, place = ''): StillhouseError {
    return cause instanceof StillhouseError
      ? cause
      : new StillhouseError(
          'EXTENSION_MODULE',
          `the ${this.kind} in ${module}, export ${name}${place}: ${messageOf(cause)}`,
          { cause },
        );
  }

  /**
   * Loads the module and makes its definition, unless that has been done.
   * @throws StillhouseError EXTENSION_MODULE naming module and export
   */
  async open(config: ModuleConfig): Promise<void> {
    const key = this.#moduleKey(config);
    const { source, export: name } = config;
    invariant(source !== undefined, 'the text of a module is in the recipe (`withSources`)');
    try {
      if (!this.#loaded.has(key)) this.#loaded.set(key, await load(source, name));
    } catch (cause) {
      throw this.#failed(config, cause);
    }
    this.of(config);
  }

  #make(config: ModuleConfig, create: Create): Definition {
    try {
      const definition = create({ options: config.options });
      if (definition instanceof Promise) throw new TypeError('it returned a promise: a definition must not be async');
      if (typeof definition !== 'object' || definition === null) throw new TypeError('it returned no definition');
      return guarded(this.define(definition as never), this.checks, (name, cause) =>
        this.#failed(config, cause, `, ${name}`),
      );
    } catch (cause) {
      throw this.#failed(config, cause);
    }
  }

  /**
   * Undefined before the module is loaded.
   * @throws StillhouseError EXTENSION_MODULE if it has no definition for these options
   */
  find(config: ModuleConfig): Definition | undefined {
    const key = JSON.stringify([this.#moduleKey(config), config.options]);
    const made = this.#made.get(key);
    if (made) return made;
    const create = this.#loaded.get(this.#moduleKey(config));
    if (!create) return undefined;
    const definition = this.#make(config, create);
    this.#made.set(key, definition);
    return definition;
  }

  /**
   * The definition of a module that is open, for any options.
   * @throws StillhouseError EXTENSION_MODULE
   */
  of(config: ModuleConfig): Definition {
    const definition = this.find(config);
    invariant(definition, `the ${this.kind} in ${config.module} is open`);
    return definition;
  }
}

// What a recipe would run, and what is refused, without running it.
import {
  inertNotes,
  phaseMemory,
  phaseOf,
  phasesOf,
  StillhouseError,
  threadsNote,
  toErrorRecord,
  type CodedFormat,
  type ErrorRecord,
  type Job,
  type PhaseMemory,
  type PhaseName,
  type Recipe,
  type SetName,
} from '@stillhouse/core';
import { codedBytes } from '@stillhouse/core/cluster';
import type { Dataset } from '@stillhouse/datasets';
import type { ProbedJob } from '@stillhouse/worker';
import type { BackendName } from '@stillhouse/worker/light';
import { loadRecipe, type LoadedRecipe, type RecipeOptions, type RecipeSource } from './recipe-file.js';
import { assemble } from './run/open-run.js';
import { phasePlan } from './run/phase-plan.js';
import { unlessAborted } from './run/unless-aborted.js';
import { planTuning, type TunePlan } from './tune/tune.js';

export interface ValidateOptions extends RecipeOptions {
  /** `auto` by default: the fastest backend that trains every model of the recipe. */
  readonly backend?: BackendName | undefined;
  /** Ends it early, with INTERRUPTED. */
  readonly signal?: AbortSignal | undefined;
}

/** What a phase would do. What follows from data or models is absent if they are refused. */
export interface ValidatedPhase {
  readonly name: PhaseName;
  /** Rows of a step over all ranks. */
  readonly batch: number;
  readonly ranks: number;
  readonly epochs: number;
  /** Rows that an epoch uses. */
  readonly rows?: number;
  readonly stepsPerEpoch?: number;
  /** Steps of all epochs. */
  readonly steps?: number;
  /** Trainable numbers of its model. */
  readonly parameters?: number;
  /** Roughly what a worker needs, in bytes, in addition to its engine and to blocks of data. */
  readonly memory?: PhaseMemory;
  /** How its gradient travels, if not as fp32, and how many bytes that takes each time. */
  readonly wire?: { readonly format: CodedFormat; readonly bytes: number; readonly fp32Bytes: number };
}

export interface Validation {
  /** Name of the recipe; absent if it is refused. */
  readonly name?: string;
  /** Absent if the data are refused, or are not there. */
  readonly data?: {
    readonly rows: Readonly<Partial<Record<SetName, number>>>;
    readonly inputShape: readonly number[];
    readonly outputs: number;
  };
  /** Absent if no backend trains the models, or if the data are refused. */
  readonly backend?: { readonly name: string; readonly reason: string };
  readonly phases: readonly ValidatedPhase[];
  /** Only if the recipe tunes. */
  readonly search?: { readonly values: readonly string[]; readonly folds: number; readonly metric: string };
  readonly warnings: readonly string[];
  /** Errors with which a run would end before it trains; empty if none is known. */
  readonly refused: readonly ErrorRecord[];
}

const interrupted = (): StillhouseError =>
  new StillhouseError('INTERRUPTED', 'the validation was interrupted', {
    next: 'Run the command again: what has been prepared of the data is kept.',
  });

/** The errors that some work throws; others are bugs. */
class Refusals {
  readonly errors: ErrorRecord[] = [];

  async of<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof StillhouseError)) throw error;
      this.errors.push(toErrorRecord(error));
      return undefined;
    }
  }
}

/** Phases of a recipe whose data are not known. */
const outlineOf = (recipe: Recipe): ValidatedPhase[] =>
  phasesOf(recipe).map((name) => {
    const { batch, epochs } = name === 'teacher' && 'model' in recipe.teacher ? recipe.teacher : recipe.student!;
    return { name, batch, ranks: name === 'teacher' ? recipe.ranks : 1, epochs };
  });

function phasesWith(job: Job, probed: ProbedJob | undefined): ValidatedPhase[] {
  return phasesOf(job.recipe).map((name) => {
    const model = probed?.models.find(({ phase }) => phase === (name === 'baseline' ? 'student' : name));
    const { wire } = phaseOf(job, name);
    const inputsPerRow = job.dataset.inputShape.reduce((product, size) => product * size, 1);
    return {
      name,
      ...phasePlan(job, name),
      ...(model && {
        parameters: model.parameters,
        memory: phaseMemory(phaseOf(job, name), { ...model, inputsPerRow }),
      }),
      ...(model &&
        wire !== 'fp32' && {
          wire: { format: wire, bytes: codedBytes(wire, model.parameters), fp32Bytes: 4 * model.parameters },
        }),
    };
  });
}

const dataOf = ({ dataset: { sets, inputShape, outputs } }: Job): NonNullable<Validation['data']> => ({
  rows: Object.fromEntries(Object.entries(sets).map(([name, { rowCount }]) => [name, rowCount])),
  inputShape,
  outputs,
});

const searchOf = ({ space, folds, metric }: TunePlan): NonNullable<Validation['search']> => ({
  values: space.map(({ path }) => path),
  folds: folds.length,
  metric,
});

/** What is known once data are there: models on a backend, and the search. */
async function validateJob(
  { job, dataset }: { job: Job; dataset: Dataset },
  { located }: LoadedRecipe,
  { backend, refusals }: { backend: BackendName; refusals: Refusals },
): Promise<Omit<Validation, 'refused'>> {
  const plan = job.recipe.distill?.tune
    ? await refusals.of(() => located(() => planTuning(job, dataset.blocks)))
    : undefined;
  const { probeModels } = await import('@stillhouse/worker');
  const fetchBlock = async (hash: string): Promise<Uint8Array> => (await dataset.blocks.read(hash))!;
  const probed = await refusals.of(() => located(() => probeModels(job, fetchBlock, backend)));
  return {
    name: job.recipe.name,
    data: dataOf(job),
    ...(probed && { backend: probed.backend }),
    phases: phasesWith(job, probed),
    ...(plan && { search: searchOf(plan) }),
    warnings: [
      ...inertNotes(job.recipe),
      ...[probed && threadsNote(job.recipe, probed.backend.name)].filter((note) => note !== undefined),
      ...dataset.warnings,
    ],
  };
}

/**
 * What a recipe would run on this machine, and what a run would refuse before it trains. Data are prepared as a run
 * would, which then uses them; nothing else is written. Errors of the recipe, its data and its models are returned.
 * @throws StillhouseError INTERRUPTED
 */
export const validate = (source: RecipeSource, options: ValidateOptions = {}): Promise<Validation> =>
  unlessAborted(options.signal, interrupted, () => validateAll(source, options));

async function validateAll(source: RecipeSource, options: ValidateOptions): Promise<Validation> {
  const refusals = new Refusals();
  const loaded = await refusals.of(() => loadRecipe(source, options));
  if (!loaded) return { phases: [], warnings: [], refused: refusals.errors };
  const { recipe, folder, located } = loaded;
  const assembled = await refusals.of(() =>
    located(() => assemble(recipe, 'validate', { recipeFolder: folder, signal: options.signal })),
  );
  const known = assembled
    ? await validateJob(assembled, loaded, { backend: options.backend ?? 'auto', refusals })
    : { name: recipe.name, phases: outlineOf(recipe), warnings: inertNotes(recipe) };
  return { ...known, refused: refusals.errors };
}

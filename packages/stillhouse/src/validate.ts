// What a recipe would run, for about how long, and what is refused, without running it.
import { setImmediate } from 'node:timers/promises';
import {
  inertNotes,
  phaseMemory,
  phaseOf,
  phasesOf,
  roundsNotes,
  StillhouseError,
  tf32Note,
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
import type { FetchBlock, ProbedJob, TimedPhase } from '@stillhouse/worker';
import type { BackendName, PhaseTime } from '@stillhouse/worker/light';
import { loadRecipe, type LoadedRecipe, type RecipeOptions, type RecipeSource } from './recipe-file.js';
import { assemble } from './run/open-run.js';
import { phasePlan } from './run/phase-plan.js';
import { unlessAborted } from './run/unless-aborted.js';
import { planTuning, type TunePlan } from './tune/tune.js';

export interface ValidateOptions extends RecipeOptions {
  /** `auto` by default: the fastest backend that trains every model of the recipe. */
  readonly backend?: BackendName | undefined;
  /** Whether a few steps of each phase are timed; true by default. It takes a few seconds, more if a step is slow. */
  readonly time?: boolean | undefined;
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
  /** Exchanges of all epochs, if ranks take several steps between them. */
  readonly rounds?: number;
  /** Trainable numbers of its model. */
  readonly parameters?: number;
  /** Roughly what a worker needs, in bytes, in addition to its engine and to blocks of data. */
  readonly memory?: PhaseMemory;
  /**
   * About how long it would take on one worker of this machine, from a few timed steps. Absent if nothing is timed, and
   * for a student whose loss is not finite with a teacher that is not trained yet.
   */
  readonly time?: PhaseTime;
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

function phasesWith(job: Job, probed: ProbedJob | undefined, times: readonly TimedPhase[]): ValidatedPhase[] {
  return phasesOf(job.recipe).map((name) => {
    const model = probed?.models.find(({ phase }) => phase === (name === 'baseline' ? 'student' : name));
    const time = times.find(({ phase }) => phase === name);
    const { wire } = phaseOf(job, name);
    const inputsPerRow = job.dataset.inputShape.reduce((product, size) => product * size, 1);
    return {
      name,
      ...phasePlan(job, name),
      ...(model && {
        parameters: model.parameters,
        memory: phaseMemory(phaseOf(job, name), { ...model, inputsPerRow }),
      }),
      ...(time && { time: time.time }),
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

/** No phase takes steps for longer than this, unless its first one does. */
const timedStepsMs = 1500;

/** How long each phase would take with a backend; nothing if it is not asked. */
async function timed(
  { job, fetchBlock, backend }: { job: Job; fetchBlock: FetchBlock; backend: BackendName },
  { time = true, signal }: ValidateOptions,
): Promise<TimedPhase[]> {
  if (!time) return [];
  const { tfjsEngine, timePhases } = await import('@stillhouse/worker');
  const ports = { factory: tfjsEngine(backend), fetchBlock, yieldToEvents: () => setImmediate() };
  return timePhases(job, ports, { stepsMs: timedStepsMs, signal });
}

/** What is known once data are there: models on a backend, their speed, and the search. */
async function validateJob(
  { job, dataset }: { job: Job; dataset: Dataset },
  { located }: LoadedRecipe,
  { options, refusals }: { options: ValidateOptions; refusals: Refusals },
): Promise<Omit<Validation, 'refused'>> {
  const plan = job.recipe.distill?.tune
    ? await refusals.of(() => located(() => planTuning(job, dataset.blocks)))
    : undefined;
  const fetchBlock = async (hash: string): Promise<Uint8Array> => (await dataset.blocks.read(hash))!;
  const { probeModels } = await import('@stillhouse/worker');
  const probed = await refusals.of(() => located(() => probeModels(job, fetchBlock, options.backend ?? 'auto')));
  const times = probed && (await refusals.of(() => timed({ job, fetchBlock, backend: probed.backend.name }, options)));
  return {
    name: job.recipe.name,
    data: dataOf(job),
    ...(probed && { backend: { name: probed.backend.name, reason: probed.backend.reason } }),
    phases: phasesWith(job, probed, times ?? []),
    ...(plan && { search: searchOf(plan) }),
    warnings: [
      ...inertNotes(job.recipe),
      ...roundsNotes(job),
      ...(probed
        ? [threadsNote(job.recipe, probed.backend.name), tf32Note(job.recipe, probed.backend.fingerprint)]
        : []
      ).filter((note) => note !== undefined),
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
    ? await validateJob(assembled, loaded, { options, refusals })
    : { name: recipe.name, phases: outlineOf(recipe), warnings: inertNotes(recipe) };
  return { ...known, refused: refusals.errors };
}

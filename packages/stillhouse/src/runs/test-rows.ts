// The test rows of a run, as each of its models sees them: a student's inputs and classes begin with its teacher's.
import { datasetOf, type DatasetManifest, type Job, type PhaseName, type Recipe } from '@stillhouse/core';
import { readDataFiles } from '@stillhouse/coordinator';
import { dataFolders, readTestSet, type BlockFolder, type DataPlaces, type FileIdentity } from '@stillhouse/datasets';
import { changedRows } from './changed-rows.js';
import { readMetadata } from './trained-model.js';
import { modelNames, openData, type TrainedRun } from './trained-run.js';

export interface RunTestRows {
  readonly blocks: BlockFolder;
  /** The data set as a model sees it; only the set test is in it for certain. */
  of(name: PhaseName): DatasetManifest;
  /** Undefined if the rows were read without it. */
  readonly job: Job | undefined;
  /** Removes what was written to read them. */
  dispose(): void;
}

export interface TestRowsOptions {
  /** The run's recipe by default, or one with other test rows. */
  readonly recipe?: Recipe | undefined;
  /** Folder that the recipe's paths are relative to, if it has moved. */
  readonly recipeFolder?: string | undefined;
  /** Whether the job is needed, as by a pretrained teacher. */
  readonly withJob?: boolean | undefined;
  /** Called with categories that the training rows did not have, files that have changed, and the like. */
  readonly onWarning?: ((text: string) => void) | undefined;
}

/** The model that knows most columns and classes. */
const widestOf = (run: TrainedRun): PhaseName | undefined =>
  modelNames(run).find((name) => name !== 'teacher') ?? modelNames(run)[0];

/**
 * Reads the test rows of a run by the preprocessing that is stored with its models. Only test rows that were held out
 * of the training rows, and a job, need those to be read.
 * @throws StillhouseError DATA_…, MODEL_…, TEACHER_…
 */
export async function openTestRows(run: TrainedRun, options: TestRowsOptions = {}): Promise<RunTestRows> {
  const { recipe = run.recipe, recipeFolder = run.record.recipeFolder, withJob = false, onWarning } = options;
  const widest = widestOf(run);
  const compare = ({ sets }: DatasetManifest, files: readonly FileIdentity[]): void => {
    if (recipe !== run.recipe) return;
    const now = { files, rows: sets.test?.rowCount ?? 0, recipeFolder, areHeldOut: !recipe.data.test };
    for (const each of changedRows(run.record, readDataFiles(run.folder), now)) onWarning?.(each);
  };
  if (!recipe.data.test || withJob || widest === undefined) {
    const { job, dataset } = await openData(run, recipeFolder);
    compare(job.dataset, dataset.files);
    return { blocks: dataset.blocks, of: (name) => datasetOf(job.dataset, name), job, dispose: () => {} };
  }
  const places: DataPlaces = { recipeFolder, dataFolders: dataFolders(process.env, process.cwd()) };
  const { manifest, blocks, warnings, files, dispose } = await readTestSet(recipe, readMetadata(run, widest), places);
  for (const warning of warnings) onWarning?.(warning);
  compare(manifest, files);
  return {
    blocks,
    of(name) {
      const { inputShape, columns, outputs, classes } = readMetadata(run, name);
      return { ...manifest, inputShape, columns: manifest.columns.slice(0, columns.length), outputs, classes };
    },
    job: undefined,
    dispose,
  };
}

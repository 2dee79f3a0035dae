// Refuses data that the embedding of a model has no vector for, before a model reads them: an engine would read some
// other vector, or memory that is none.
import {
  datasetOf,
  embeddedModels,
  inputWidth,
  limits,
  setTitles,
  StillhouseError,
  wrongIndex,
  type DatasetManifest,
  type EmbeddedModel,
  type Job,
  type SetName,
} from '@stillhouse/core';
import { BlockReader, type BlockSource } from '@stillhouse/datasets';

/** Sets whose rows have the columns of a model. */
function setsOf({ sets, student }: DatasetManifest, part: 'teacher' | 'student'): SetName[] {
  const all = Object.keys(sets) as SetName[];
  if (!student) return all;
  return all.filter((name) => name.startsWith('large') === (part === 'teacher'));
}

/**
 * @param manifest as the model sees the data
 * @throws StillhouseError DATA_INDEX naming the embedding, the set, and the first wrong row and input
 */
export async function checkSetIndices(
  { where, inputDim }: Omit<EmbeddedModel, 'part'>,
  { manifest, blocks }: { readonly manifest: DatasetManifest; readonly blocks: Pick<BlockSource, 'read'> },
  name: SetName,
): Promise<void> {
  const reader = new BlockReader(manifest, async (hash) => (await blocks.read(hash))!, limits.keptBlockBytes);
  const set = manifest.sets[name]!;
  for (let first = 0; first < set.rowCount; first += limits.evaluationBatchRows) {
    const count = Math.min(limits.evaluationBatchRows, set.rowCount - first);
    const { x } = await reader.read(
      set,
      Array.from({ length: count }, (_, i) => first + i),
    );
    const wrong = wrongIndex(x, inputWidth(manifest.columns), inputDim);
    if (wrong)
      throw new StillhouseError(
        'DATA_INDEX',
        `${where} takes whole numbers from 0 to ${inputDim - 1}, but row ${first + wrong.row + 1} of ` +
          `${setTitles[name]} has ${wrong.value} as input ${wrong.input + 1}`,
      );
  }
}

/** @throws StillhouseError DATA_INDEX */
export async function checkIndices(
  { recipe, dataset }: Pick<Job, 'recipe' | 'dataset'>,
  blocks: Pick<BlockSource, 'read'>,
): Promise<void> {
  for (const { part, ...embedding } of embeddedModels(recipe)) {
    const manifest = datasetOf(dataset, part);
    // An index of a category is known to be one.
    if (manifest.columns.every(({ type }) => type === 'category')) continue;
    for (const name of setsOf(dataset, part)) await checkSetIndices(embedding, { manifest, blocks }, name);
  }
}

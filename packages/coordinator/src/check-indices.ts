// Refuses data that the embedding of a model has no vector for, before a worker joins: an engine would read some other
// vector, or memory that is none.
import {
  datasetOf,
  embeddedModels,
  inputWidth,
  limits,
  StillhouseError,
  wrongIndex,
  type DatasetManifest,
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

/** @throws StillhouseError DATA_INDEX naming layer, set, row and input */
export async function checkIndices(
  { recipe, dataset }: Pick<Job, 'recipe' | 'dataset'>,
  blocks: BlockSource,
): Promise<void> {
  for (const { part, where, inputDim } of embeddedModels(recipe)) {
    const manifest = datasetOf(dataset, part);
    // An index of a category is known to be one.
    if (manifest.columns.every(({ type }) => type === 'category')) continue;
    const reader = new BlockReader(manifest, async (hash) => (await blocks.read(hash))!, limits.keptBlockBytes);
    for (const name of setsOf(dataset, part)) {
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
            `${where} takes whole numbers from 0 to ${inputDim - 1}, but row ${first + wrong.row + 1} of the set ` +
              `${name} has ${wrong.value} as input ${wrong.input + 1}`,
          );
      }
    }
  }
}

// What keeps a run from going on: which of the files that its rows or its models come from have changed.
import { isTrained, type Job, type ModelConfig, type RunRecord } from '@stillhouse/core';
import { hashJson } from '@stillhouse/coordinator';
import type { FileIdentity } from '@stillhouse/datasets';

/** Files with other bytes than before, or that are only among one of both. */
function differing(before: readonly FileIdentity[], now: readonly FileIdentity[]): string[] {
  const hashesOf = (files: readonly FileIdentity[]): Map<string, string> =>
    new Map(files.map(({ path, sha256 }) => [path, sha256]));
  const [then, today] = [hashesOf(before), hashesOf(now)];
  return [...new Set([...then.keys(), ...today.keys()])].filter((path) => then.get(path) !== today.get(path));
}

const fileOf = (model: ModelConfig | undefined): string[] => {
  if (!model || 'layers' in model) return [];
  return ['topology' in model ? model.topology : model.module];
};

/** Files of models, and modules that give rows, as the recipe names them. */
const assetsOf = ({ recipe: { teacher, student }, assets }: Pick<Job, 'recipe' | 'assets'>): string[] => [
  ...(isTrained(teacher) ? fileOf(teacher.model) : [teacher.pretrained].flat()),
  ...fileOf(student?.model),
  ...Object.keys(assets.sources ?? {}),
];

/**
 * The subject and verb of a sentence.
 * @param files that the rows come from; `before` is undefined if the run did not note them
 */
export function changedSources(
  { dataset }: Pick<RunRecord, 'dataset'>,
  job: Pick<Job, 'recipe' | 'assets' | 'dataset'>,
  files: { readonly before: readonly FileIdentity[] | undefined; readonly now: readonly FileIdentity[] },
): string {
  const changed = files.before ? differing(files.before, files.now) : [];
  if (changed.length > 0) return `${changed.join(', ')} ${changed.length === 1 ? 'has' : 'have'} changed`;
  if (dataset.sha256 !== hashJson(job.dataset.sets)) return 'the rows that its data give have changed';
  const assets = assetsOf(job);
  return assets.length === 1 ? `${assets[0]} has changed` : `one of ${assets.join(', ')} has changed`;
}

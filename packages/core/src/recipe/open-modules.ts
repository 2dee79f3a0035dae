// The modules of a recipe, which are opened before anything asks for what they define as it asks for what is built in.
import { augmentationModules, type AugmentConfig } from '../augment/augmentations.js';
import type { ModuleConfig, ModuleKind } from '../extension/module-kind.js';
import { lossModules } from '../loss/losses.js';
import { metricModules } from '../metric/metrics.js';
import { termModules } from '../term/terms.js';
import { withValueAt, type Path } from './path.js';
import { isTrained, type Recipe } from './schema.js';

interface RecipeModule {
  /** Where the recipe has it. */
  readonly path: Path;
  readonly kind: Pick<ModuleKind<object>, 'find' | 'open'>;
  readonly config: ModuleConfig;
}

function* modulesOf({ loss, metrics, distill, teacher, student }: Recipe): Generator<RecipeModule> {
  if (typeof loss !== 'string') yield { path: ['loss'], kind: lossModules, config: loss };
  for (const [i, metric] of metrics?.entries() ?? [])
    if (typeof metric !== 'string') yield { path: ['metrics', i], kind: metricModules, config: metric };
  for (const [i, term] of distill?.terms.entries() ?? [])
    if ('module' in term) yield { path: ['distill', 'terms', i], kind: termModules, config: term };
  const augments: [Path, AugmentConfig | undefined][] = [
    [['teacher'], isTrained(teacher) ? teacher.augment : undefined],
    [['student'], student?.augment],
    ...(distill?.transfer ?? []).map(({ augment }, i): [Path, AugmentConfig | undefined] => [
      ['distill', 'transfer', i],
      augment,
    ]),
  ];
  for (const [path, augment] of augments)
    for (const [i, config] of augment?.modules?.entries() ?? [])
      yield { path: [...path, 'augment', 'modules', i], kind: augmentationModules, config };
}

/** Whether all of the recipe can be checked: what its modules define is known. */
export const areModulesOpen = (recipe: Recipe): boolean =>
  [...modulesOf(recipe)].every(({ kind, config }) => kind.find(config) !== undefined);

/**
 * @param recipe of a job, whose modules have their text with them
 * @throws StillhouseError EXTENSION_MODULE
 */
export async function openModules(recipe: Recipe): Promise<void> {
  for (const { kind, config } of modulesOf(recipe)) await kind.open(config);
}

/** The recipe with the text of each module. */
export function withSources(recipe: Recipe, read: (path: string) => string): Recipe {
  let whole: unknown = recipe;
  for (const { path, config } of modulesOf(recipe))
    whole = withValueAt(whole, [...path, 'source'], config.source ?? read(config.module));
  return whole as Recipe;
}

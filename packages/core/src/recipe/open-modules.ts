// Opens the modules of a recipe, after which `lossOf` and `termOf` know them as they know what is built in.
import { lossModules } from '../loss/losses.js';
import { termModules } from '../term/terms.js';
import type { Recipe } from './schema.js';

/**
 * @param recipe of a job, whose modules have their text with them
 * @throws StillhouseError EXTENSION_MODULE
 */
export async function openModules({ loss, distill }: Pick<Recipe, 'loss' | 'distill'>): Promise<void> {
  if (typeof loss !== 'string') await lossModules.open(loss);
  for (const term of distill?.terms ?? []) if ('module' in term) await termModules.open(term);
}

/** The recipe with the text of each module. */
export function withSources(recipe: Recipe, read: (path: string) => string): Recipe {
  const { loss, distill } = recipe;
  return {
    ...recipe,
    ...(typeof loss === 'string' ? {} : { loss: { ...loss, source: loss.source ?? read(loss.module) } }),
    ...(distill?.terms.some((term) => 'module' in term)
      ? {
          distill: {
            ...distill,
            terms: distill.terms.map((term) =>
              'module' in term ? { ...term, source: term.source ?? read(term.module) } : term,
            ),
          },
        }
      : {}),
  };
}

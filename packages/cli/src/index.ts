// stillhouse as a library: typed recipes, and the main job in one call.
export {
  defineRecipe,
  parseRecipe,
  recipeJsonSchema,
  runJsonSchema,
  StillhouseError,
  type Recipe,
  type RecipeInput,
  type RunRecord,
} from '@stillhouse/core';
export { resume, run, type RunOptions, type RunResult } from './run.js';
export { loadRecipe } from './recipe-file.js';

// stillhouse schema: the published JSON Schemas.
import { Argument, type Command } from 'commander';
import { recipeJsonSchema, runJsonSchema } from 'stillhouse';
import { printLine } from '../terminal.js';

export function addSchema(program: Command): void {
  program
    .command('schema')
    .description('Print the JSON Schema of a recipe, or of run.json.')
    .addArgument(new Argument('[what]', 'what to describe').choices(['recipe', 'run']).default('recipe'))
    .addHelpText(
      'after',
      `
Example:
  stillhouse schema > recipe.schema.json     (and "$schema: ./recipe.schema.json" in the recipe)`,
    )
    .action((what: 'recipe' | 'run') =>
      printLine(JSON.stringify(what === 'recipe' ? recipeJsonSchema() : runJsonSchema(), null, 2)),
    );
}

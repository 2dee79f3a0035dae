// Checks a recipe against its prepared data: what can be known before a worker joins is refused before a worker joins.
import { imageAugmentation } from '../augment/augmentations.js';
import { StillhouseError } from '../error/errors.js';
import type { LayerConfig, ModelConfig } from '../recipe/model.js';
import { isTrained, type Recipe } from '../recipe/schema.js';
import { datasetOf, lacksColumns, type DatasetManifest, type Job } from './job.js';

type Check = (recipe: Recipe, dataset: DatasetManifest) => void;

const fail = (message: string): never => {
  throw new StillhouseError('RECIPE_INVALID', message);
};

const shapeText = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

const checkAugment: Check = ({ teacher, student, distill }, { inputShape, columns: [column] }) => {
  if (inputShape.length === 3 && column?.type === 'tensor') return;
  const parts = [
    ['teacher', isTrained(teacher) ? teacher : undefined] as const,
    ['student', student] as const,
    ...(distill?.transfer ?? []).map((each, i) => [`distill.transfer[${i}]`, each] as const),
  ];
  for (const [part, config] of parts) {
    const name = config?.augment && imageAugmentation(config.augment);
    if (name) fail(`${part}.augment.${name} is for images, but rows have the shape ${shapeText(inputShape)}`);
  }
};

const checkTransfer: Check = ({ distill }, dataset) => {
  const { inputShape } = datasetOf(dataset, 'student');
  for (const [i, { from }] of (distill?.transfer ?? []).entries()) {
    if (from === 'columns' && inputShape.length !== 1)
      fail(
        `distill.transfer[${i}].from is columns, but rows have the shape ${shapeText(inputShape)}: ` +
          'neighbouring pixels of an image belong together',
      );
    if (from === 'large' && lacksColumns(dataset))
      fail(`distill.transfer[${i}].from is large: its rows lack columns that the student needs`);
  }
};

const checkBiases: Check = ({ distill }, dataset) => {
  if (distill?.correctBiases && lacksColumns(dataset))
    fail('distill.correctBiases needs rows of the large set, which lack columns that the student needs');
};

const unitsOf = (layer: LayerConfig | undefined): number | undefined =>
  typeof layer === 'object' && 'dense' in layer ? layer.dense : undefined;

function checkOutputs(part: 'teacher' | 'student', model: ModelConfig, outputs: number): void {
  const units = 'layers' in model ? unitsOf(model.layers.at(-1)) : undefined;
  if (units !== undefined && units !== outputs)
    throw new StillhouseError(
      'MODEL_SHAPE',
      `${part}.model gives outputs of shape [${units}], but the data need [${outputs}]: one per class or ` +
        'target, or two per target if the loss learns a variance',
    );
}

const checkModels: Check = ({ teacher, student }, dataset) => {
  if (isTrained(teacher)) checkOutputs('teacher', teacher.model, datasetOf(dataset, 'teacher').outputs);
  if (student) checkOutputs('student', student.model, datasetOf(dataset, 'student').outputs);
};

/** @throws StillhouseError RECIPE_INVALID, MODEL_SHAPE if the recipe asks for what the data does not have */
export function checkJob({ recipe, dataset }: Pick<Job, 'recipe' | 'dataset'>): void {
  for (const check of [checkAugment, checkTransfer, checkBiases, checkModels]) check(recipe, dataset);
}

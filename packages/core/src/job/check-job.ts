// Checks a recipe against its prepared data: what can be known before a worker joins is refused before a worker joins.
import { imageAugmentation, type AugmentConfig } from '../augment/augmentations.js';
import { StillhouseError } from '../error/errors.js';
import type { LayerConfig, ModelConfig } from '../recipe/model.js';
import { isTrained, type Recipe } from '../recipe/schema.js';
import type { FittedColumn } from '../format/columns.js';
import { embeddedModels } from './embedded-models.js';
import { datasetOf, lacksColumns, type DatasetManifest, type Job } from './job.js';

type Check = (recipe: Recipe, dataset: DatasetManifest) => void;

const fail = (message: string): never => {
  throw new StillhouseError('RECIPE_INVALID', message);
};

const shapeText = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

interface AugmentedPart {
  readonly part: string;
  readonly config: { readonly augment?: AugmentConfig | undefined } | undefined;
}

/** The parts of a recipe whose rows may be augmented. */
const augmentedParts = ({ teacher, student, distill }: Recipe): AugmentedPart[] => [
  { part: 'teacher', config: isTrained(teacher) ? teacher : undefined },
  { part: 'student', config: student },
  ...(distill?.transfer ?? []).map((config, i) => ({ part: `distill.transfer[${i}]`, config })),
];

const checkAugment: Check = (recipe, { inputShape, columns: [column] }) => {
  if (inputShape.length === 3 && column?.type === 'tensor') return;
  for (const { part, config } of augmentedParts(recipe)) {
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

/** Why a column's inputs are no indices, if that is known from its encoding. */
function unlikeIndices(column: FittedColumn, inputDim: number): string | undefined {
  switch (column.type) {
    case 'category':
      if (column.encode !== 'index')
        return `column ${column.name} becomes an input per category: declare it with category: index`;
      return column.categories.length < inputDim
        ? undefined
        : `column ${column.name} has ${column.categories.length} categories: inputDim must be at least ` +
            `${column.categories.length + 1}`;
    case 'number':
      return column.transform === 'none' && column.shift === 0 && column.scale === 1
        ? undefined
        : `column ${column.name} is scaled: declare it with number: none, or category: index`;
    case 'tensor':
      return column.factors.every((factor) => factor === 1) && column.offsets.every((offset) => offset === 0)
        ? undefined
        : 'rows are scaled: set data.tensors.scale to none';
  }
}

const checkEmbeddings: Check = (recipe, dataset) => {
  for (const { part, where, inputDim } of embeddedModels(recipe)) {
    // Rows of transfer sets are for the teacher and the student.
    const mixed = augmentedParts(recipe).find(
      (each) => each.config?.augment?.mixup !== undefined && (each.part === part || each.part.startsWith('distill')),
    );
    if (mixed) fail(`${mixed.part}.augment.mixup blends rows, but ${where} takes whole numbers: leave mixup out`);
    for (const column of datasetOf(dataset, part).columns) {
      const why = unlikeIndices(column, inputDim);
      if (why !== undefined) fail(`${where} takes whole numbers from 0 to ${inputDim - 1}, but ${why}`);
    }
  }
};

/** @throws StillhouseError RECIPE_INVALID, MODEL_SHAPE if the recipe asks for what the data does not have */
export function checkJob({ recipe, dataset }: Pick<Job, 'recipe' | 'dataset'>): void {
  for (const check of [checkAugment, checkTransfer, checkBiases, checkModels, checkEmbeddings]) check(recipe, dataset);
}

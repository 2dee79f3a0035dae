// The shape of rows in blocks, and for models.
import { inputWidth, type DatasetManifest, type ModelShape, type TensorColumn } from '@stillhouse/core';
import { outputsFor, type LossFacts } from '@stillhouse/core/training';
import type { BlockShape } from '../block/blocks.js';
import type { Source } from '../source/source.js';
import { indexType } from '../table/column-plan.js';
import { sizeOf } from '../tensor/tensor-set.js';
import type { Fitted, FittedRows } from './prepared-folder.js';
import { classesOf } from './unlike-sets.js';

export function blockShapeOf(loss: LossFacts, large: Source, { preprocessing, tensors }: FittedRows): BlockShape {
  const named =
    preprocessing?.classes?.length ??
    tensors?.classes?.length ??
    (loss.labels === 'class' ? tensors!.classCount! : loss.labels === 'binary' ? 2 : undefined);
  const labelType = named === undefined ? 'F32' : indexType(named - 1);
  if (large.type === 'table')
    return {
      columns: preprocessing!.columns,
      inputShape: [inputWidth(preprocessing!.columns)],
      labelCount: preprocessing!.targets.length,
      labelType,
    };
  const { inputShape, dtype, labelCount } = large.tensors;
  const { factors, offsets } = tensors!;
  const column: TensorColumn = { name: 'x', type: 'tensor', size: sizeOf(inputShape), factors, offsets, dtype };
  return { columns: [column], inputShape, labelCount, labelType };
}

function modelShapeOf(loss: LossFacts, large: Source, rows: FittedRows): ModelShape {
  const { inputShape, columns, labelCount } = blockShapeOf(loss, large, rows);
  return {
    inputShape,
    columns,
    outputs: loss.labels === 'class' ? classesOf(rows).length : outputsFor(loss, labelCount),
    classes: rows.preprocessing?.classes ?? rows.tensors?.classes ?? null,
  };
}

/** @param sets the written sets */
export function manifestOf(
  loss: LossFacts,
  large: Source,
  fitted: Fitted,
  sets: DatasetManifest['sets'],
): DatasetManifest {
  const { preprocessing, student } = fitted;
  return {
    ...modelShapeOf(loss, large, fitted),
    ...(student ? { student: modelShapeOf(loss, large, student) } : {}),
    labelCount: blockShapeOf(loss, large, fitted).labelCount,
    targets:
      preprocessing && loss.labels === 'numbers'
        ? preprocessing.targets.map(({ name, ...scale }) => scale)
        : (fitted.tensors?.targets ?? []),
    sets,
  };
}

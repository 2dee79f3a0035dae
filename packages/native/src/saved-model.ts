// TensorFlow's SavedModels, run by the native engine.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import { StillhouseError } from '@stillhouse/core';
import { packageOf } from './binding.js';
import { folderInUse } from './load.js';
import { refuseFixedRows, type RunnableModel } from './runnable-model.js';

const require = createRequire(import.meta.url);

interface TensorInfo {
  readonly dtype: string;
  readonly shape: readonly unknown[];
}

/** The part of tfjs-node-gpu's class that is used here. */
interface SavedModel {
  readonly signature: {
    readonly inputs: Readonly<Record<string, TensorInfo>>;
    readonly outputs: Readonly<Record<string, TensorInfo>>;
  };
  predict(inputs: Readonly<Record<string, tf.Tensor>>): Readonly<Record<string, tf.Tensor>>;
  dispose(): void;
}

/** A dimension is a protobuf message whose first field is its size; −1 means that it may vary. */
function sizeOf(dimension: unknown): number | undefined {
  const size = (dimension as { getSize(): number }).getSize();
  return size < 0 ? undefined : size;
}

/**
 * Opens the signature serving_default of a SavedModel, which must take one tensor and return one of fp32.
 * @param folder read now and not needed later
 * @throws StillhouseError BACKEND_UNAVAILABLE if the backend in use is not TensorFlow; Error if the model cannot be
 * used
 */
export async function openSavedModel(folder: string): Promise<RunnableModel> {
  const engine = folderInUse();
  if (engine === undefined) {
    throw new StillhouseError('BACKEND_UNAVAILABLE', 'only the tensorflow backend can run a SavedModel', {
      next:
        'Run `stillhouse backend install tensorflow` on the machine of the student’s worker, and start it with ' +
        '--backend tensorflow; or give the model as ONNX or .keras.',
    });
  }
  const { loadSavedModel } = require(join(packageOf(engine), 'dist', 'saved_model.js')) as {
    loadSavedModel: (path: string) => Promise<SavedModel>;
  };
  const model = await loadSavedModel(folder);
  try {
    return runnable(model);
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/** @throws Error if the model's inputs or outputs do not fit the rows */
function runnable(model: SavedModel): RunnableModel {
  const inputs = Object.entries(model.signature.inputs);
  const outputs = Object.entries(model.signature.outputs).filter(([, { dtype }]) => dtype === 'float32');
  if (inputs.length !== 1 || outputs.length !== 1) {
    throw new Error(
      `its signature serving_default has the inputs ${inputs.map(([name]) => name).join(', ')} and the fp32 ` +
        `outputs ${outputs.map(([name]) => name).join(', ')}; exactly one of each is needed`,
    );
  }
  const [[input, { shape }]] = inputs;
  const [[output]] = outputs;
  const sizes = shape.map(sizeOf);
  refuseFixedRows(sizes[0]);
  return {
    inputShape: sizes.length ? sizes.slice(1) : undefined,
    run(x) {
      const { [output]: wanted, ...others } = model.predict({ [input]: x });
      for (const other of Object.values(others)) other.dispose();
      return Promise.resolve(wanted);
    },
    close: () => Promise.resolve(model.dispose()),
  };
}

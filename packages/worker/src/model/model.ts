// From the recipe's model to a tf.LayersModel: a short list of layers, a TFJS topology, or a module's function.
// The initial weights are a function of the seed, however the model is described.
import { tf } from '@stillhouse/native/tfjs';
import { z } from 'zod';
import { firstLineOf, StillhouseError, type ModelConfig } from '@stillhouse/core';
import type { LossFacts } from '@stillhouse/core/training';
import { withSeededRandom } from '../backend/seeded-random.js';
import { fromLayers } from './short-list.js';

export interface ModelSpec {
  /** The model's part of the recipe: teacher or student. */
  readonly part: 'teacher' | 'student';
  readonly config: ModelConfig;
  /** Topology JSON or module source, if the config names a file. */
  readonly asset: string | undefined;
  readonly inputShape: readonly number[];
  readonly outputs: number;
  readonly loss: LossFacts;
  readonly seed: number;
}

async function fromTopology(spec: ModelSpec, file: string): Promise<tf.LayersModel> {
  let topology: Readonly<Record<string, unknown>>;
  try {
    topology = z.record(z.string(), z.unknown()).parse(JSON.parse(spec.asset!));
  } catch (cause) {
    throw new StillhouseError('MODEL_INVALID', `${file} is not a JSON object: ${firstLineOf(cause)}`, { cause });
  }
  try {
    // Only the topology of a model.json is used: its weights come from another training.
    const root = { modelTopology: topology['modelTopology'] ?? topology };
    return await withSeededRandom([spec.seed], () =>
      tf.models.modelFromJSON(root as unknown as Parameters<typeof tf.models.modelFromJSON>[0]),
    );
  } catch (cause) {
    throw new StillhouseError(
      'MODEL_INVALID',
      `${file} is not the topology of a TFJS LayersModel: ${firstLineOf(cause)}`,
      { cause },
    );
  }
}

async function fromModule(spec: ModelSpec, config: { module: string; export: string }): Promise<tf.LayersModel> {
  const fail = (why: string, cause?: unknown): never => {
    throw new StillhouseError('MODEL_MODULE', `${config.module}: ${why}`, { cause });
  };
  let exported: Record<string, unknown>;
  try {
    exported = (await import(`data:text/javascript;base64,${Buffer.from(spec.asset!).toString('base64')}`)) as Record<
      string,
      unknown
    >;
  } catch (cause) {
    return fail(firstLineOf(cause), cause);
  }
  const build = exported[config.export];
  if (typeof build !== 'function') return fail(`its export ${config.export} is not a function`);
  const context = { tf, inputShape: [...spec.inputShape], outputs: spec.outputs, seed: spec.seed };
  let model: unknown;
  try {
    model = withSeededRandom([spec.seed], () => (build as (context: unknown) => unknown)(context));
  } catch (cause) {
    return fail(firstLineOf(cause), cause);
  }
  if (model instanceof tf.LayersModel) return model;
  const advice =
    model instanceof Promise ? '; it must not be async, so that its initial weights follow from the seed' : '';
  return fail(`${config.export} did not return a tf.LayersModel${advice}`);
}

/** Checks that the model accepts the rows and has the outputs that the loss needs. */
function checkShapes(model: tf.LayersModel, spec: ModelSpec): void {
  const where = `${spec.part}.model`;
  if (model.inputs.length !== 1 || model.outputs.length !== 1) {
    throw new StillhouseError(
      'MODEL_SHAPE',
      `${where} has ${model.inputs.length} inputs and ${model.outputs.length} outputs; one of each is supported`,
    );
  }
  const input = model.inputs[0].shape.slice(1);
  const output = model.outputs[0].shape.slice(1);
  const fits =
    input.length === spec.inputShape.length && input.every((size, i) => size === null || size === spec.inputShape[i]);
  if (!fits)
    throw new StillhouseError(
      'MODEL_SHAPE',
      `${where} takes inputs of shape [${input.join(', ')}], but a row has shape [${spec.inputShape.join(', ')}]`,
    );
  if (output.length !== 1 || output[0] !== spec.outputs) {
    const advice = output.length > 1 ? '; a flatten layer may be missing' : '';
    const meaning = spec.loss.outputsText === undefined ? '' : `: ${spec.loss.outputsText}`;
    throw new StillhouseError(
      'MODEL_SHAPE',
      `${where} gives outputs of shape [${output.join(', ')}], but the data need ` +
        `[${spec.outputs}]${advice}${meaning}`,
    );
  }
  const last = model.layers.at(-1)!.getConfig()['activation'];
  const clash = { class: 'softmax', binary: 'sigmoid', numbers: undefined }[spec.loss.labels];
  if (clash !== undefined && last === clash) {
    throw new StillhouseError(
      'MODEL_INVALID',
      `${where} ends in a ${clash} activation, but ${spec.loss.name} takes logits`,
      { next: 'Leave the last layer linear: loss, metrics and predictions apply the activation.' },
    );
  }
}

/** @throws StillhouseError MODEL_INVALID, MODEL_MODULE, MODEL_SHAPE */
export async function buildModel(spec: ModelSpec): Promise<tf.LayersModel> {
  const { config } = spec;
  const model =
    'layers' in config
      ? withSeededRandom([spec.seed], () => fromLayers(config.layers, spec))
      : 'topology' in config
        ? await fromTopology(spec, config.topology)
        : await fromModule(spec, config);
  checkShapes(model, spec);
  const stateful = model.layers.find((layer) => layer.stateful);
  if (stateful)
    throw new StillhouseError(
      'MODEL_INVALID',
      `${spec.part}.model has the layer ${stateful.name} (${stateful.getClassName()}), which is stateful: what it ` +
        'computes for a row would depend on the rows before it',
      { next: 'Make it without stateful.' },
    );
  if (model.trainableWeights.length === 0)
    throw new StillhouseError('MODEL_INVALID', `${spec.part}.model has no weights to train`);
  return model;
}

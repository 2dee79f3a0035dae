// The teacher, which labels the rows that a student learns from.
import { tf } from '@stillhouse/native/tfjs';
import { StillhouseError } from '@stillhouse/core';
import type { LabelKind, Loss } from '@stillhouse/core/training';
import type { RunnableModel } from '@stillhouse/native/engines';
import { forwardOf, layerOf, type Forward, type NamedLayer } from '../../model/layers.js';
import { rowsFor, type Sizes } from './teacher-inputs.js';

export interface Teacher {
  /** Its layers model, whose weights can be copied; undefined for a graph and for several models. */
  readonly layersModel: tf.LayersModel | undefined;
  /**
   * @param name by default the layer before the last one with weights
   * @param where path of the name in the recipe
   * @throws StillhouseError MODEL_LAYER
   */
  layer(name: string | undefined, where: string): NamedLayer;
  /** Outputs [rows, outputs], then those of layers, for rows as the student gets them; in inference. */
  respond(x: tf.Tensor, layers: readonly string[]): Promise<tf.Tensor[]>;
  dispose(): void;
}

/** Shape of a TFJS input; a size that may vary is null in layers and negative in graphs. */
const sizesOf = (shape: readonly (number | null)[] | undefined): Sizes | undefined =>
  shape?.slice(1).map((size) => (size === null || size < 0 ? undefined : size));

/** A teacher that is a TFJS layers model. */
export class LayersTeacher implements Teacher {
  readonly #forwards = new Map<string, Forward>();

  constructor(private readonly model: tf.LayersModel) {}

  get layersModel(): tf.LayersModel {
    return this.model;
  }

  layer(name: string | undefined, where: string): NamedLayer {
    return layerOf(this.model, { name, part: 'teacher', where });
  }

  respond(x: tf.Tensor, layers: readonly string[]): Promise<tf.Tensor[]> {
    const key = layers.join('\n');
    const forward = this.#forwards.get(key) ?? forwardOf(this.model, layers);
    this.#forwards.set(key, forward);
    return Promise.resolve(
      tf.tidy(() => {
        const { outputs, features } = forward(rowsFor(sizesOf(this.model.inputs[0].shape), x), false);
        return [outputs, ...layers.map((name) => features.get(name)!)];
      }),
    );
  }

  dispose(): void {
    this.model.dispose();
  }
}

/** A teacher that is a TFJS graph model; its nodes are its layers. */
export class GraphTeacher implements Teacher {
  readonly layersModel = undefined;

  constructor(private readonly model: tf.GraphModel) {}

  layer(name: string | undefined, where: string): NamedLayer {
    if (name === undefined)
      throw new StillhouseError(
        'MODEL_LAYER',
        `${where} is not given, and the teacher is a graph, which has no layer before its last one`,
        { next: 'Name a node of the graph.' },
      );
    const [input] = this.model.inputs;
    const row = tf.zeros((input.shape ?? []).map((size, i) => (i === 0 || size < 0 ? 1 : size)));
    try {
      const output = tf.tidy(() => this.model.execute(row, name) as tf.Tensor);
      output.dispose();
      return { name, shape: output.shape.slice(1) };
    } catch {
      throw new StillhouseError(
        'MODEL_LAYER',
        `${where} names the node ${name}, which the teacher's graph does not have`,
      );
    } finally {
      row.dispose();
    }
  }

  respond(x: tf.Tensor, layers: readonly string[]): Promise<tf.Tensor[]> {
    const [output] = this.model.outputs;
    // A single output comes without a list.
    return Promise.resolve(
      tf.tidy(() =>
        [this.model.execute(rowsFor(sizesOf(this.model.inputs[0].shape), x), [output.name, ...layers])].flat(),
      ),
    );
  }

  dispose(): void {
    this.model.dispose();
  }
}

/** A teacher that another engine runs, which returns only its outputs, not those of layers. */
export class RunnableTeacher implements Teacher {
  readonly layersModel = undefined;

  /** @param what its kind, in words for errors */
  constructor(
    private readonly model: RunnableModel,
    private readonly what: string,
  ) {}

  layer(_name: string | undefined, where: string): NamedLayer {
    throw new StillhouseError(
      'MODEL_LAYER',
      `${where} cannot be compared: the teacher is ${this.what}, which has only its outputs, not those of layers`,
      { next: 'Use terms that compare outputs, or give the teacher as a layers model of TFJS or Keras.' },
    );
  }

  async respond(x: tf.Tensor): Promise<tf.Tensor[]> {
    const rows = rowsFor(this.model.inputShape, x);
    try {
      return [await this.model.run(rows)];
    } finally {
      if (rows !== x) rows.dispose();
    }
  }

  dispose(): void {
    // Not awaited: its memory is freed once the last run is over.
    void this.model.close();
  }
}

/** Several teachers as one, as the loss puts their outputs together. */
export class EnsembleTeacher implements Teacher {
  readonly layersModel = undefined;

  constructor(
    private readonly teachers: readonly Teacher[],
    private readonly loss: Pick<Loss, 'ensemble'>,
  ) {}

  layer(_name: string | undefined, where: string): NamedLayer {
    throw new StillhouseError(
      'MODEL_LAYER',
      `${where} cannot be compared: the teacher is an ensemble, whose models have layers of their own`,
      { next: 'Use terms that compare outputs, or a single teacher.' },
    );
  }

  async respond(x: tf.Tensor): Promise<tf.Tensor[]> {
    const responses = await Promise.all(this.teachers.map((teacher) => teacher.respond(x, [])));
    const outputs = responses.flat();
    const one = tf.tidy(() => this.loss.ensemble(tf, outputs) as tf.Tensor);
    tf.dispose(outputs);
    return [one];
  }

  dispose(): void {
    for (const teacher of this.teachers) teacher.dispose();
  }
}

/** A teacher whose outputs are divided by a temperature. */
export class CalibratedTeacher implements Teacher {
  constructor(
    private readonly teacher: Teacher,
    private readonly temperature: number,
  ) {}

  get layersModel(): tf.LayersModel | undefined {
    return this.teacher.layersModel;
  }

  layer(name: string | undefined, where: string): NamedLayer {
    return this.teacher.layer(name, where);
  }

  async respond(x: tf.Tensor, layers: readonly string[]): Promise<tf.Tensor[]> {
    const [outputs, ...features] = await this.teacher.respond(x, layers);
    const divided = tf.tidy(() => tf.div(outputs, this.temperature));
    outputs.dispose();
    return [divided, ...features];
  }

  dispose(): void {
    this.teacher.dispose();
  }
}

/** Probabilities count as at least this, so that their logarithms are finite. */
const least = 1e-7;

/**
 * A teacher of classes that outputs probabilities p: log p, or log p − log(1 − p) for independent classes, are logits
 * of the same distribution.
 */
export class ProbabilityTeacher implements Teacher {
  constructor(
    private readonly teacher: Teacher,
    private readonly labels: Exclude<LabelKind, 'numbers'>,
  ) {}

  get layersModel(): tf.LayersModel | undefined {
    return this.teacher.layersModel;
  }

  layer(name: string | undefined, where: string): NamedLayer {
    return this.teacher.layer(name, where);
  }

  async respond(x: tf.Tensor, layers: readonly string[]): Promise<tf.Tensor[]> {
    const [probabilities, ...features] = await this.teacher.respond(x, layers);
    const logits = tf.tidy(() => {
      const log = (p: tf.Tensor): tf.Tensor => tf.log(tf.maximum(p, least));
      return this.labels === 'class' ? log(probabilities) : tf.sub(log(probabilities), log(tf.sub(1, probabilities)));
    });
    probabilities.dispose();
    return [logits, ...features];
  }

  dispose(): void {
    this.teacher.dispose();
  }
}

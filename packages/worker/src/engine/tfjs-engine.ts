// The engine on TFJS: the gradient of one rank's micro-batch, summed over the subtrees that this worker holds.
import * as tf from '@tensorflow/tfjs';
import {
  bytesOf,
  datasetOf,
  hashName,
  hashWords,
  invariant,
  isTrained,
  learnsFromOutputs,
  limits,
  phaseOf,
  phaseSeed,
  phasesOf,
  slotsPerRank,
  stepsPerEpoch,
  StillhouseError,
  sumSubtree,
  type DatasetManifest,
  type FlatLayout,
  type Job,
  type MetricSums,
  type NamedBuffer,
  type Phase,
  type PhaseName,
} from '@stillhouse/core';
import { BlockReader, sha256, TrainingReader, type Batch } from '@stillhouse/datasets';
import { augment, variantAt, type AugmentedBatch, type ImageOfRow } from './augment.js';
import { openBackend, type Backend } from '../backend/backend.js';
import type { BackendName } from '../backend/names.js';
import { calibrate } from '../distill/teacher/calibrate.js';
import { copyLayers } from '../distill/copied-layers.js';
import { biasesOf, correctBiases } from '../distill/teacher/correct-biases.js';
import { distillation } from '../distill/distillation.js';
import { pretrainedTeacher } from '../distill/teacher/pretrained.js';
import { CalibratedTeacher, LayersTeacher, type Teacher } from '../distill/teacher/teacher.js';
import { answersAbout } from '../distill/transfer/known-rows.js';
import type { TeacherAnswers } from '../distill/teacher/teacher-answers.js';
import { TransferSets, type TransferOptions } from '../distill/transfer/transfer-sets.js';
import type { Built, ComputeTask, Engine, EngineFactory, EvaluateTask, FetchBlock } from './engine.js';
import { evaluateRows, testTeacher } from '../run/evaluate.js';
import { joinFloats, sharedFloats } from '../flat/memory.js';
import { FlatModel, flatSizes } from '../flat/model.js';
import { createOptimizer, type FlatOptimizer } from '../flat/optimizer.js';
import { exportModel, setWeights, weightBytes } from '../model/model-file.js';
import { buildModel } from '../model/model.js';
import { supervised, type MicroBatch, type Objective } from './objective.js';
import { predictOf } from '../run/predict.js';
import { Pruning } from './pruning.js';
import { RankStep } from './rank-step.js';

interface PhaseModel {
  readonly phase: Phase;
  readonly flat: FlatModel;
  readonly optimizer: FlatOptimizer;
  readonly pruning: Pruning | undefined;
  readonly objective: Objective;
  readonly step: RankStep;
  readonly dataset: DatasetManifest;
  readonly reader: TrainingReader;
  /** Only of a student that is taught on further rows. */
  readonly transfer: TransferSets | undefined;
  /** What its teacher says about its own rows, where they come again. */
  readonly answers: TeacherAnswers | undefined;
  /** Of validation and test rows. */
  readonly evaluated: BlockReader;
  readonly layout: FlatLayout;
  /** One buffer per own subtree, and one per depth of the tree. */
  readonly partials: Float32Array[];
  readonly spares: Float32Array[];
}

/** The part of the recipe that describes a phase's model. */
const partOf = (name: PhaseName): 'teacher' | 'student' => (name === 'teacher' ? 'teacher' : 'student');

/** @throws StillhouseError MODEL_… */
async function buildPhaseModel(job: Job, { name, config, distill }: Phase, teacher?: Teacher): Promise<tf.LayersModel> {
  const part = partOf(name);
  const { inputShape, outputs } = datasetOf(job.dataset, name);
  const model = await buildModel({
    part,
    config: config.model,
    asset: job.assets[part],
    inputShape,
    outputs,
    loss: job.recipe.loss,
    seed: hashWords(phaseSeed(job.recipe, name), hashName('start weights')),
  });
  if (distill?.copy) copyLayers(model, teacher?.layersModel, distill.copy);
  if (distill?.correctBiases) {
    if (lacksColumns(job.dataset))
      throw new StillhouseError(
        'RECIPE_INVALID',
        'distill.correctBiases asks about rows of the large set, which lack columns that the student takes',
      );
    biasesOf(model);
  }
  return model;
}

function copyOf(numbers: Float32Array): Float32Array {
  const copy = sharedFloats(numbers.length);
  copy.set(numbers);
  return copy;
}

/**
 * A micro-batch as tensors.
 * @param added inputs of further rows, without labels
 */
function tensorsOf(
  { rows, x, y, blend }: AugmentedBatch,
  { inputShape, labelCount }: DatasetManifest,
  added: readonly Float32Array[] = [],
): Pick<MicroBatch, 'x' | 'y' | 'blend'> {
  const labels = (values: Float32Array): tf.Tensor2D => tf.tensor2d(values, [rows, labelCount]);
  const inputs = joinFloats([x, ...added]);
  return {
    x: tf.tensor(inputs, [(rows * inputs.length) / x.length, ...inputShape]),
    y: labels(y),
    ...(blend ? { blend: { y: labels(blend.y), weights: tf.tensor1d(blend.weights) } } : {}),
  };
}

/** What a row's image is like, where rows are images. */
function imageOf({
  dataset: {
    inputShape,
    columns: [column],
  },
}: Job): ImageOfRow | undefined {
  const [height, width, channels] = inputShape;
  return inputShape.length === 3 && column.type === 'tensor'
    ? { shape: { height, width, channels }, black: column.offsets }
    : undefined;
}

/** Trains one zero row of each model, to find out whether the backend has every kernel. */
async function probe(job: Job, fetchBlock: FetchBlock): Promise<void> {
  const names = phasesOf(job.recipe).filter((name) => name !== 'baseline');
  const models: tf.LayersModel[] = [];
  let teacher = await teacherThatIsThere(job, fetchBlock);
  try {
    for (const name of names) {
      const dataset = datasetOf(job.dataset, name);
      const zeros: Batch = {
        rows: 1,
        x: new Float32Array(dataset.inputShape.reduce((product, size) => product * size, 1)),
        y: new Float32Array(dataset.labelCount),
      };
      const phase = phaseOf(job, name);
      const model = await buildPhaseModel(job, phase, teacher);
      models.push(model);
      const objective = objectiveOf(job, phase, { model, teacher });
      if (name === 'teacher') teacher = new LayersTeacher(model);
      const batch = await objective.prepare({ ...tensorsOf(zeros, dataset), epoch: 0 });
      tf.tidy(() =>
        tf.variableGrads(
          batch.loss,
          [...model.trainableWeights, ...objective.weights].map((weight) => weight.read() as tf.Variable),
        ),
      );
      tf.dispose([...batch.inputs, ...objective.weights.map((weight) => weight.read())]);
    }
  } finally {
    for (const model of models) model.dispose();
    if (job.assets.teachers) teacher?.dispose();
  }
}

/** Undefined for a teacher that is trained here. */
async function teacherThatIsThere(job: Job, fetchBlock: FetchBlock): Promise<Teacher | undefined> {
  const { teacher } = job.recipe;
  return isTrained(teacher) ? undefined : pretrainedTeacher(job, teacher, fetchBlock);
}

/** @throws StillhouseError MODEL_LAYER */
function objectiveOf(
  job: Job,
  { name, loss, distill, schedule: { epochs } }: Phase,
  { model, teacher }: { model: tf.LayersModel; teacher: Teacher | undefined },
): Objective {
  if (name !== 'student' || distill!.terms.length === 0)
    return supervised(
      loss,
      model,
      name === 'teacher' && isTrained(job.recipe.teacher) ? job.recipe.teacher.temperature : 1,
    );
  invariant(teacher, 'the student phase has a teacher');
  return distillation(distill!, {
    loss,
    student: model,
    teacher,
    epochs,
    seed: hashWords(phaseSeed(job.recipe, name), hashName('regressors')),
  });
}

/** Whether the large set's rows lack columns that the student takes. */
const lacksColumns = ({ student, columns }: DatasetManifest): boolean =>
  student !== undefined && student.columns.length > columns.length;

function transferOf(
  { dataset }: Job,
  phase: Phase,
  options: Pick<TransferOptions, 'image' | 'fetchBlock' | 'respond'>,
): TransferSets | undefined {
  if (!phase.distill || phase.distill.transfer.length === 0) return undefined;
  return new TransferSets(phase.distill.transfer, {
    ...options,
    dataset: datasetOf(dataset, phase.name),
    schedule: phase.schedule,
    lacksColumns: lacksColumns(dataset),
  });
}

export interface EngineOptions {
  /** What a user should know: steps that stay eager. */
  readonly tell?: (text: string) => void;
  /** Whether steps may be recorded as graphs; true by default. */
  readonly trace?: boolean;
}

class TfjsEngine implements Engine {
  #current: PhaseModel | undefined;
  /** With the SHA-256 of its weights, if it was trained here. */
  #teacher: { teacher: Teacher; sha256: string | undefined } | undefined;
  #kept: { parameters: Float32Array; others: Float32Array } | undefined;
  /** By readers of phases that are over. */
  #waitedMs = 0;

  constructor(
    private readonly backend: Backend,
    private readonly job: Job,
    private readonly ports: { fetchBlock: FetchBlock; breathe: () => Promise<void> },
    private readonly options: EngineOptions,
  ) {}

  get fingerprint(): string {
    return this.backend.fingerprint;
  }

  get choice(): string {
    return `${this.backend.name}: ${this.backend.reason}`;
  }

  async build(phase: Phase, teacherSha256: string | undefined): Promise<Built> {
    await this.#retire(phase.name);
    if (phase.name === 'student' && (!this.#teacher || this.#teacher.sha256 !== teacherSha256))
      this.#replaceTeacher(await this.#fetchTeacher(teacherSha256));
    const dataset = datasetOf(this.job.dataset, phase.name);
    const model = await buildPhaseModel(this.job, phase, this.#teacher?.teacher);
    const calibration = phase.distill?.calibrate
      ? await calibrate(this.#teacher!.teacher, this.job, this.ports.fetchBlock)
      : undefined;
    const teacherTest =
      phase.distill && learnsFromOutputs(phase.distill) && this.job.assets.teachers
        ? await testTeacher(this.#teacher!.teacher, this.job, this.ports)
        : undefined;
    const teacher = calibration
      ? new CalibratedTeacher(this.#teacher!.teacher, calibration.temperature)
      : this.#teacher?.teacher;
    const objective = objectiveOf(this.job, phase, { model, teacher });
    const { parameters, others } = flatSizes(model, objective.weights);
    const layout = { gradients: parameters, otherWeights: others };
    const optimizer = createOptimizer(phase.config.optimizer, {
      parameters,
      rest: others + phase.schedule.ranks * slotsPerRank,
    });
    const flat = await FlatModel.of(model, optimizer, objective.weights);
    const { respond } = objective;
    const teaching = respond && { dataset, image: imageOf(this.job), fetchBlock: this.ports.fetchBlock, respond };
    const set = dataset.sets[phase.trainSet]!;
    const { prune } = phase.config;
    this.#current = {
      phase,
      flat,
      optimizer,
      pruning: prune && new Pruning(prune, stepsPerEpoch(phase.schedule)),
      objective,
      step: new RankStep(flat, {
        trace: this.options.trace ?? true,
        onEager: (reason) => this.options.tell?.(`${phase.name}: steps stay eager: ${reason}`),
      }),
      layout,
      partials: [],
      spares: [],
      dataset,
      transfer: teaching && transferOf(this.job, phase, teaching),
      answers: teaching && answersAbout(set, { ...teaching, augment: phase.config.augment, seed: phase.schedule.seed }),
      reader: new TrainingReader(dataset, set, phase.schedule, this.ports.fetchBlock),
      evaluated: new BlockReader(dataset, this.ports.fetchBlock, limits.keptBlockBytes),
    };
    return { layout, sum: optimizer.sum, calibration, teacherTest };
  }

  get waitedMs(): number {
    return this.#waitedMs + (this.#current?.reader.waitedMs ?? 0) + (this.#current?.transfer?.waitedMs ?? 0);
  }

  async compute(task: ComputeTask): Promise<readonly Float32Array[]> {
    const { optimizer, partials, reader, spares } = this.#phase;
    reader.begin(task);
    const buffer = (list: Float32Array[], index: number): Float32Array =>
      (list[index] ??= new Float32Array(optimizer.sum.length));
    // The sum of one's own over all ranks is the sum of all.
    const outputs = task.inPlace ? [optimizer.sum] : task.subtrees.map((_, i) => buffer(partials, i));
    for (const [i, span] of task.subtrees.entries()) {
      await sumSubtree(span, outputs[i], {
        write: (rank, out) => this.#rank(task, rank, out),
        spare: (depth) => buffer(spares, depth),
      });
    }
    return outputs;
  }

  async apply(step: number, learningRate: number): Promise<void> {
    const { flat, layout, optimizer, phase, pruning } = this.#phase;
    const apply = (): boolean => optimizer.apply({ learningRate, step });
    if (!(pruning ? pruning.around(flat, step, apply) : apply()))
      throw new StillhouseError(
        'LOSS_NOT_FINITE',
        `the weights of the ${phase.name} overflow in the optimiser's step ${step}`,
      );
    flat.others.set(optimizer.sum.subarray(layout.gradients, layout.gradients + layout.otherWeights));
    await flat.changed();
  }

  async evaluate(task: EvaluateTask): Promise<Map<number, MetricSums>> {
    const values = new Map<number, MetricSums>();
    const { dataset, evaluated: reader, flat, phase } = this.#phase;
    flat.load();
    for (const [rank, [first, end]] of task.shares)
      values.set(
        rank,
        await evaluateRows(predictOf(flat.model), {
          dataset,
          loss: phase.loss,
          reader,
          set: task.set,
          first,
          end,
          breathe: this.ports.breathe,
        }),
      );
    return values;
  }

  weightsSha256(): string {
    return sha256(bytesOf(this.#phase.flat.ownParameters));
  }

  keepBest(): void {
    const { parameters, others } = this.#phase.flat;
    this.#kept = { parameters: copyOf(parameters), others: copyOf(others) };
  }

  async restoreBest(): Promise<void> {
    if (!this.#kept) return;
    const { flat } = this.#phase;
    flat.parameters.set(this.#kept.parameters);
    flat.others.set(this.#kept.others);
    await flat.changed();
  }

  async correctBiases(): Promise<void> {
    const { dataset, flat, objective } = this.#phase;
    const { sets } = this.job.dataset;
    invariant(objective.respond, 'a student has a teacher');
    await correctBiases({
      flat,
      dataset,
      set: sets.largeValidation ?? sets.large!,
      fetchBlock: this.ports.fetchBlock,
      respond: objective.respond,
    });
  }

  stateBuffers(): NamedBuffer[] {
    const { flat, optimizer } = this.#phase;
    const best = this.#kept
      ? [
          { name: 'best.parameters', data: this.#kept.parameters },
          { name: 'best.others', data: this.#kept.others },
        ]
      : [];
    return [
      { name: 'parameters', data: flat.parameters },
      { name: 'others', data: flat.others },
      ...optimizer.state.map((data, i) => ({ name: `optimizer.${i}`, data })),
      ...best,
    ];
  }

  async adoptState(buffers: readonly NamedBuffer[]): Promise<void> {
    const named = new Map(buffers.map(({ name, data }) => [name, data]));
    const { flat } = this.#phase;
    const { parameters, others } = flat;
    const of = (name: string, length: number): Float32Array => {
      const data = named.get(name);
      if (data?.length !== length)
        throw new StillhouseError(
          'CHECKPOINT_CORRUPT',
          `the training state has ${data ? `${data.length} numbers` : 'nothing'} for ${name}, the model ${length}`,
        );
      return data;
    };
    this.#kept = named.has('best.parameters')
      ? {
          parameters: copyOf(of('best.parameters', parameters.length)),
          others: copyOf(of('best.others', others.length)),
        }
      : undefined;
    this.stateBuffers()
      .filter(({ name }) => !name.startsWith('best.'))
      .forEach(({ name, data }) => data.set(of(name, data.length)));
    await flat.changed();
  }

  exportModel(): ReturnType<Engine['exportModel']> {
    const { flat } = this.#phase;
    flat.load();
    return exportModel(flat);
  }

  async dispose(): Promise<void> {
    await this.#retire(undefined);
  }

  get #phase(): PhaseModel {
    invariant(this.#current, 'a phase is prepared');
    return this.#current;
  }

  /** The teacher stays for the student; any other model has done its duty. */
  async #retire(next: PhaseName | undefined): Promise<void> {
    const current = this.#current;
    current?.step.dispose();
    tf.dispose(current?.objective.weights.map((weight) => weight.read()) ?? []);
    this.#waitedMs = this.waitedMs;
    this.#current = undefined;
    this.#kept = undefined;
    if (current?.phase.name === 'teacher' && next === 'student') {
      current.flat.load();
      this.#replaceTeacher({
        teacher: new LayersTeacher(current.flat.model),
        sha256: sha256(await weightBytes(current.flat.model)),
      });
    } else {
      current?.flat.model.dispose();
      if (next !== 'student') this.#replaceTeacher(undefined);
    }
  }

  #replaceTeacher(teacher: { teacher: Teacher; sha256: string | undefined } | undefined): void {
    this.#teacher?.teacher.dispose();
    this.#teacher = teacher;
  }

  /** For a teacher that is there already, and for a worker that did not train it to its end. */
  async #fetchTeacher(hash: string | undefined): Promise<{ teacher: Teacher; sha256: string | undefined }> {
    const { fetchBlock } = this.ports;
    const pretrained = await teacherThatIsThere(this.job, fetchBlock);
    if (pretrained) return { teacher: pretrained, sha256: undefined };
    invariant(hash, 'the teacher was trained here');
    const bytes = await fetchBlock(hash);
    if (sha256(bytes) !== hash)
      throw new StillhouseError('BLOCK_CORRUPT', 'the teacher arrived with other weights than it was announced with');
    const model = await buildPhaseModel(this.job, phaseOf(this.job, 'teacher'));
    setWeights(model, bytes);
    return { teacher: new LayersTeacher(model), sha256: hash };
  }

  /** Writes a rank's contribution: its share of the batch's mean gradient, of the other weights, and of the loss. */
  async #rank(task: ComputeTask, rank: number, out: Float32Array): Promise<void> {
    const { answers, dataset, flat, layout, objective, phase, reader, step, transfer } = this.#phase;
    const { rows } = task.ranks.find((entry) => entry.rank === rank)!;
    if (rows.length === 0) return void out.fill(0);
    await this.ports.breathe();
    const losses = out
      .subarray(layout.gradients + layout.otherWeights)
      .fill(0)
      .subarray(0, phase.schedule.ranks);
    const share = rows.length / task.batch;
    const plain = await reader.read({ rank, rows });
    const where = { seed: phase.schedule.seed, epoch: task.epoch, step: task.step, rank };
    const batch = phase.config.augment
      ? augment(plain, rows, phase.config.augment, { where, image: imageOf(this.job) })
      : plain;
    const added = (await transfer?.add({ batch: plain, rows, where })) ?? [];
    const own = { rows: rows.length, answers: await answers?.of(rows, variantAt(phase.config.augment, task.epoch)) };
    const width = plain.x.length / rows.length;
    const parts = [own, ...added.map((each) => ({ rows: each.x.length / width, answers: each.answers }))];
    const prepared = await objective.prepare({
      ...tensorsOf(
        batch,
        dataset,
        added.map(({ x }) => x),
      ),
      epoch: task.epoch,
      parts,
    });
    const key = [phase.schedule.seed, hashName('noise'), task.epoch, task.step, rank];
    const isFinite = await step.run({
      batch: prepared,
      key,
      share: Math.fround(share),
      outputs: [losses.subarray(rank, rank + 1), ...flat.views(out)],
    });
    tf.dispose([...prepared.inputs]);
    if (!isFinite) losses[rank] = NaN;
  }
}

/** @throws StillhouseError BACKEND_UNAVAILABLE, BACKEND_KERNEL, MODEL_… */
export function tfjsEngine(backendName: BackendName, options: EngineOptions = {}): EngineFactory {
  return async (job, fetchBlock, breathe) => {
    const backend = await openBackend(backendName, {
      threads: job.recipe.threads,
      probe: () => probe(job, fetchBlock),
    });
    return new TfjsEngine(backend, job, { fetchBlock, breathe }, options);
  };
}

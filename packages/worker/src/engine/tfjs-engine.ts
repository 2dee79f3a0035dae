// The engine on TFJS: the gradient of one rank's micro-batch, summed over the subtrees that this worker holds.
import { tf } from '@stillhouse/native/tfjs';
import {
  bytesOf,
  invariant,
  learnsFromOutputs,
  openModules,
  phaseOf,
  StillhouseError,
  type Job,
  type Phase,
  type PhaseName,
} from '@stillhouse/core';
import { measuresOf, type MetricSums } from '@stillhouse/core/training';
import type { NamedBuffer } from '@stillhouse/core/cluster';
import { sha256 } from '@stillhouse/datasets';
import type { Backend } from '../backend/open-backend.js';
import type { BackendName } from '../backend/registry.js';
import type { FetchBlock } from '../block/fetch-block.js';
import { calibrate } from '../distill/teacher/calibrate.js';
import { correctBiases } from '../distill/teacher/correct-biases.js';
import { pretrainedTeacherOf } from '../distill/teacher/pretrained.js';
import { CalibratedTeacher, LayersTeacher, type Teacher } from '../distill/teacher/teacher.js';
import { testTeacher } from '../distill/teacher/test-teacher.js';
import { sharedFloats } from '../flat/memory.js';
import type { FlatModel } from '../flat/model.js';
import { evaluateRows } from '../model/evaluate.js';
import { exportModel, setWeights, weightBytes } from '../model/model-file.js';
import { predictOf } from '../model/predict.js';
import { writeContribution } from './contribution.js';
import type { BuiltPhase, ComputeTask, ComputeWatch, Engine, EngineFactory, EvaluateTask } from './engine.js';
import { buildPhaseModel, type PhaseModel } from './phase-model.js';
import { keepMoments } from './local-weights.js';
import { openForJob } from './open-for-job.js';
import { probe } from './probe.js';
import { writeRound } from './round.js';
import type { Leaf } from './state-home.js';
import { partOf, startModel } from './start-model.js';

function copyOf(numbers: Float32Array): Float32Array {
  const copy = sharedFloats(numbers.length);
  copy.set(numbers);
  return copy;
}

export interface EngineOptions {
  /** Called with what a user should know: steps that stay eager. */
  readonly report?: (text: string) => void;
  /** Whether steps may be recorded as graphs; true by default. */
  readonly trace?: boolean;
  /** Whether the state lies on the device, if it can; by default as the backend wants it. */
  readonly device?: boolean;
}

class TfjsEngine implements Engine {
  #current: PhaseModel | undefined;
  /** With the SHA-256 of its weights, if it was trained here. */
  #teacher: { teacher: Teacher; sha256: string | undefined } | undefined;
  #kept: { parameters: Float32Array; others: Float32Array } | undefined;
  /** Time that readers of finished phases waited. */
  #waitedMs = 0;

  constructor(
    private readonly backend: Backend,
    private readonly job: Job,
    private readonly ports: { fetchBlock: FetchBlock; yieldToEvents: () => Promise<void> },
    private readonly options: EngineOptions,
  ) {}

  get fingerprint(): string {
    return this.backend.fingerprint;
  }

  get choice(): string {
    return `${this.backend.name}: ${this.backend.reason}`;
  }

  async build(phase: Phase, teacherSha256: string | undefined): Promise<BuiltPhase> {
    await this.#retire(phase.name);
    if (phase.name === 'student' && (!this.#teacher || this.#teacher.sha256 !== teacherSha256))
      this.#replaceTeacher(await this.#fetchTeacher(teacherSha256));
    const teacher = this.#teacher?.teacher;
    const calibration = phase.distill?.calibrate
      ? await calibrate(teacher!, this.job, this.ports.fetchBlock)
      : undefined;
    const teacherTest =
      phase.distill && learnsFromOutputs(phase.distill) && this.job.assets.teachers
        ? await testTeacher(teacher!, this.job, this.ports)
        : undefined;
    this.#current = await buildPhaseModel(this.job, phase, {
      teacher: teacher && calibration ? new CalibratedTeacher(teacher, calibration.temperature) : teacher,
      fetchBlock: this.ports.fetchBlock,
      step: {
        trace: this.options.trace ?? true,
        precision: phase.config.precision,
        onEager: (reason) => this.options.report?.(`${phase.name}: steps stay eager: ${reason}`),
      },
      device: this.options.device,
    });
    const { layout, home } = this.#current;
    const { flatGradient, memory } = home;
    return { layout, flatGradient, memory, calibration, teacherTest };
  }

  get waitedMs(): number {
    return this.#waitedMs + (this.#current?.reader.waitedMs ?? 0) + (this.#current?.transfer?.waitedMs ?? 0);
  }

  async compute(task: ComputeTask, watch: ComputeWatch = {}): Promise<void> {
    const phase = this.#phase;
    const isOver = (): boolean => watch.isOver?.() === true;
    const mayGoOn = async (): Promise<boolean> => {
      await this.ports.yieldToEvents();
      return !isOver();
    };
    const onStepped = (): void => watch.onStepped?.();
    if (!phase.local) phase.reader.begin(task);
    const { scratch } = task;
    const write = async (rank: number, leaf: Leaf): Promise<void> => {
      if (phase.local) return writeRound(this.job, phase, task, { rank, leaf, watch: { mayGoOn, onStepped } });
      if (await mayGoOn()) await writeContribution(this.job, phase, task, { rank, leaf });
    };
    for (const [i, { span, sum }] of task.subtrees.entries()) {
      await phase.home.sum({ span, sum, scratch, write });
      // What was left out must not be added up.
      if (isOver()) return;
      watch.onSummed?.(i);
    }
  }

  async apply(step: number, learningRate: number): Promise<void> {
    const { home, layout, local, phase } = this.#phase;
    if (!(await home.apply({ learningRate, step })))
      throw new StillhouseError(
        'LOSS_NOT_FINITE',
        `the weights of the ${phase.name} overflow in the optimiser's step ${step}`,
      );
    if (local) keepMoments(local, home.flatGradient.subarray(layout.gradients + home.flat.others.length));
  }

  async evaluate(task: EvaluateTask): Promise<Map<number, MetricSums>> {
    const values = new Map<number, MetricSums>();
    const { dataset, evaluated: reader, indexCount, phase } = this.#phase;
    const flat = this.#hosted();
    const embedded = { part: partOf(phase.name), indexCount };
    flat.load();
    for (const [rank, [first, end]] of task.shares)
      values.set(
        rank,
        await evaluateRows(predictOf(flat.model), {
          dataset,
          embedded,
          measures: measuresOf(this.job.recipe),
          reader,
          set: task.set,
          first,
          end,
          yieldToEvents: this.ports.yieldToEvents,
        }),
      );
    return values;
  }

  weightsSha256(): string {
    return sha256(bytesOf(this.#hosted().ownParameters));
  }

  keepBest(): void {
    const { parameters, others } = this.#hosted();
    this.#kept = { parameters: copyOf(parameters), others: copyOf(others) };
  }

  async restoreBest(): Promise<void> {
    if (!this.#kept) return;
    const flat = this.#hosted();
    flat.parameters.set(this.#kept.parameters);
    flat.others.set(this.#kept.others);
    await this.#phase.home.toDevice();
  }

  async correctBiases(): Promise<void> {
    const { dataset, home, objective } = this.#phase;
    const { sets } = this.job.dataset;
    invariant(objective.respond, 'a student has a teacher');
    await correctBiases({
      flat: this.#hosted(),
      dataset,
      set: sets.largeValidation ?? sets.large!,
      fetchBlock: this.ports.fetchBlock,
      respond: objective.respond,
    });
    await home.toDevice();
  }

  stateBuffers(): NamedBuffer[] {
    const { home, local } = this.#phase;
    const flat = this.#hosted();
    const best = this.#kept
      ? [
          { name: 'best.parameters', data: this.#kept.parameters },
          { name: 'best.others', data: this.#kept.others },
        ]
      : [];
    return [
      { name: 'parameters', data: flat.parameters },
      { name: 'others', data: flat.others },
      ...home.state.map((data, i) => ({ name: `optimizer.${i}`, data })),
      ...(local?.moments ?? []).map((data, i) => ({ name: `moments.${i}`, data })),
      ...best,
    ];
  }

  async adoptState(buffers: readonly NamedBuffer[]): Promise<void> {
    const named = new Map(buffers.map(({ name, data }) => [name, data]));
    const { home } = this.#phase;
    const { parameters, others } = home.flat;
    const of = (name: string, length: number): Float32Array => {
      const data = named.get(name);
      if (data?.length !== length)
        throw new StillhouseError(
          'CHECKPOINT_CORRUPT',
          `the training state has ${data ? `${data.length} numbers` : 'nothing'} for ${name}, the model ${length}`,
        );
      return data;
    };
    const changes = this.stateBuffers()
      .filter(({ name }) => !name.startsWith('best.'))
      .map(({ name, data }) => ({ data, adopted: of(name, data.length) }));
    this.#kept = named.has('best.parameters')
      ? {
          parameters: copyOf(of('best.parameters', parameters.length)),
          others: copyOf(of('best.others', others.length)),
        }
      : undefined;
    for (const { data, adopted } of changes) data.set(adopted);
    await home.toDevice();
  }

  exportModel(): ReturnType<Engine['exportModel']> {
    const flat = this.#hosted();
    flat.load();
    return exportModel(flat);
  }

  async dispose(): Promise<void> {
    await this.#retire(undefined);
  }

  /** The weights in host memory, current. */
  #hosted(): FlatModel {
    const { home } = this.#phase;
    home.toHost();
    return home.flat;
  }

  get #phase(): PhaseModel {
    invariant(this.#current, 'a phase is prepared');
    return this.#current;
  }

  /** The teacher stays for the student; any other model is no longer needed. */
  async #retire(next: PhaseName | undefined): Promise<void> {
    const current = this.#current;
    if (current?.phase.name === 'teacher' && next === 'student') current.home.toHost();
    current?.home.dispose();
    current?.local?.step.dispose();
    tf.dispose(current?.objective.weights.map((weight) => weight.read()) ?? []);
    this.#waitedMs = this.waitedMs;
    this.#current = undefined;
    this.#kept = undefined;
    if (current?.phase.name === 'teacher' && next === 'student') {
      const { flat } = current.home;
      flat.load();
      this.#replaceTeacher({
        teacher: new LayersTeacher(flat.model),
        sha256: sha256(await weightBytes(flat.model)),
      });
    } else {
      current?.home.flat.model.dispose();
      if (next !== 'student') this.#replaceTeacher(undefined);
    }
  }

  #replaceTeacher(teacher: { teacher: Teacher; sha256: string | undefined } | undefined): void {
    this.#teacher?.teacher.dispose();
    this.#teacher = teacher;
  }

  /** For a pretrained teacher, and for a worker that did not finish training the teacher. */
  async #fetchTeacher(hash: string | undefined): Promise<{ teacher: Teacher; sha256: string | undefined }> {
    const { fetchBlock } = this.ports;
    const pretrained = await pretrainedTeacherOf(this.job, fetchBlock);
    if (pretrained) return { teacher: pretrained, sha256: undefined };
    invariant(hash, 'the teacher was trained here');
    const bytes = await fetchBlock(hash);
    if (sha256(bytes) !== hash)
      throw new StillhouseError('BLOCK_CORRUPT', 'the teacher arrived with weights that do not match their hash');
    const model = await startModel(this.job, phaseOf(this.job, 'teacher'), undefined);
    setWeights(model, bytes);
    return { teacher: new LayersTeacher(model), sha256: hash };
  }
}

/** @throws StillhouseError BACKEND_UNAVAILABLE, BACKEND_KERNEL, MODEL_… */
export function tfjsEngine(backendName: BackendName, options: EngineOptions = {}): EngineFactory {
  return async (job, fetchBlock, yieldToEvents) => {
    await openModules(job.recipe);
    const backend = await openForJob(job, backendName, async () => void (await probe(job, fetchBlock)));
    return new TfjsEngine(backend, job, { fetchBlock, yieldToEvents }, options);
  };
}

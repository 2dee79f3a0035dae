// Judges of a run, outside the product: each watches one invariant of docs/protocol.md.
import { createHash } from 'node:crypto';
import { phaseOf, type Job, type Phase, type PhaseName, type PhaseRecord } from '@stillhouse/core';
import {
  countRows,
  emptyLedger,
  ledgerDigest,
  readTraining,
  stepsPerEpoch,
  type CoordinatorNotice,
  type TrainingState,
} from '@stillhouse/core/cluster';
import type { ComputeTask } from '@stillhouse/worker';
import { referenceRun, type ReferencePhase } from './reference.js';
import { hashState, type ToyModel } from './toy-engine.js';

/** How many steps, or rounds of them, come before a step. */
function stepsAndRounds({ schedule, sync }: Phase, step: number): number {
  const perEpoch = stepsPerEpoch(schedule);
  const every = sync?.every ?? 1;
  return Math.floor(step / perEpoch) * Math.ceil(perEpoch / every) + (step % perEpoch) / every;
}

export class Checkers {
  readonly problems: string[] = [];
  /** Records that the disk had confirmed are lost: a finished phase may have to be repeated. */
  diskLied = false;
  /** What the seed reached, to see that the seeds reach enough. */
  readonly seen = {
    redone: 0,
    generations: 0,
    healed: 0,
    checkpoints: 0,
    fromCheckpoint: 0,
    excluded: 0,
    awaited: 0,
    moved: 0,
    waited: 0,
    spares: 0,
    notSaved: 0,
    unusable: 0,
    blocksFromPeers: 0,
    peersLeftAlone: 0,
    tuned: 0,
    cutInside: 0,
  };
  readonly #rows = new Map<string, readonly number[]>();
  readonly #stepsOf = new Map<number, Map<string, number>>();
  readonly #stepOf = new Map<string, { phase: PhaseName; step: number }>();
  readonly #phases = new Map<PhaseName, PhaseRecord>();
  readonly #checkpoints: { training: TrainingState; state: string; best: string }[] = [];
  #generation = 0;
  #resumedBy = 0;
  readonly #resumed = new Set<number>();
  #epochs = new Map<PhaseName, number>();

  constructor(
    private readonly job: Job,
    private readonly model: ToyModel,
  ) {}

  problem(text: string): void {
    if (this.problems.length < 20) this.problems.push(text);
  }

  /** I2: rows are a function of step and rank. I4: members of a generation are within one operation of each other. */
  onCompute(worker: string, generation: number, at: { phase: Phase; task: ComputeTask }): void {
    const { phase, task } = at;
    for (const { rank, rows } of task.ranks) {
      const key = `${phase.name} ${task.epoch} ${task.step} ${rank}`;
      const before = this.#rows.get(key);
      if (before) this.seen.redone += 1;
      if (before && before.join() !== [...rows].join())
        this.problem(`I2: ${key} used rows ${[...rows].join()} and before ${before.join()}`);
      this.#rows.set(key, [...rows]);
    }
    const step = stepsAndRounds(phase, task.step);
    this.#stepOf.set(worker, { phase: phase.name, step });
    const steps = this.#stepsOf.get(generation) ?? new Map<string, number>();
    this.#stepsOf.set(generation, steps.set(worker, step));
    const all = [...steps.values()];
    if (Math.max(...all) - Math.min(...all) > 1)
      this.problem(`I4: in generation ${generation} workers are at steps ${all.join(', ')}`);
  }

  /** I8: no participant goes back to before a step that it has finished. */
  onAssigned(notice: Extract<CoordinatorNotice, { type: 'phaseAssigned' }>, workers: readonly string[]): void {
    for (const worker of workers) {
      const last = this.#stepOf.get(worker);
      if (!this.diskLied && last && last.phase === notice.phase && last.step > notice.ops)
        this.problem(
          `I8: ${worker} has done ${last.step} steps of the ${last.phase}, and generation ${notice.generation} ` +
            `begins at operation ${notice.ops}`,
        );
    }
  }

  onNotice(term: number, notice: CoordinatorNotice): void {
    switch (notice.type) {
      case 'pausing':
        if (notice.reason.startsWith('ranks move')) this.seen.moved += 1;
        // I3. A fenced coordinator may still send messages, but no worker resumes for it.
        if (term >= this.#resumedBy && notice.generation <= this.#generation)
          this.problem(`I3: generation ${notice.generation} after ${this.#generation}`);
        if (term >= this.#resumedBy) this.#generation = Math.max(this.#generation, notice.generation);
        return;
      case 'resumed':
        // I5: one coordinator at a time.
        if (term < this.#resumedBy)
          this.problem(
            `I5: coordinator ${term} resumed generation ${notice.generation} after coordinator ` +
              `${this.#resumedBy} had taken over`,
          );
        if (this.#resumed.has(notice.generation)) this.problem(`I5: generation ${notice.generation} was resumed twice`);
        this.#resumed.add(notice.generation);
        this.#resumedBy = Math.max(this.#resumedBy, term);
        this.seen.generations += 1;
        if (notice.members.some(({ ranks }) => ranks.lo === ranks.hi)) this.seen.spares += 1;
        return;
      case 'phaseAssigned':
        if (notice.reason.includes('healed')) this.seen.healed += 1;
        if (notice.reason.includes('checkpoint')) this.seen.fromCheckpoint += 1;
        return;
      case 'epoch': {
        const { record } = notice;
        if (record.rows !== phaseOf(this.job, notice.phase).schedule.rowCount)
          this.problem(`I2: epoch ${record.epoch} of the ${notice.phase} used ${record.rows} rows`);
        return void this.#epochs.set(notice.phase, record.epoch + 1);
      }
      case 'phaseDone':
        return void this.#phases.set(notice.record.phase, notice.record);
      case 'checkpoint':
        return void (this.seen.checkpoints += 1);
      case 'excluded':
        if (notice.reason.includes('in vain')) this.seen.awaited += 1;
        return void (this.seen.excluded += 1);
      case 'waiting':
        return void (this.seen.waited += 1);
      case 'notSaved':
        return void (this.seen.notSaved += 1);
      case 'checkpointUnusable':
        return void (this.seen.unusable += 1);
      default:
    }
  }

  /** What is about to be a checkpoint. */
  onCheckpoint(bytes: Uint8Array): void {
    const { training, buffers } = readTraining(bytes, 'a checkpoint');
    const named = new Map(buffers.map(({ name, data }) => [name, data]));
    const best = named.get('best.weights');
    // Once training is over the state is the best one's, whose optimiser counts no more.
    const whole = training.stopped === undefined ? ['weights', 'others', 'velocity'] : ['weights'];
    this.#checkpoints.push({
      training,
      state: hashState(whole.map((name) => named.get(name)!)),
      best: best ? hashState([best]) : '',
    });
  }

  /** I1: a checkpoint is the state that one worker has after as many steps. */
  #checkCheckpoints(reference: ReadonlyMap<PhaseName, ReferencePhase>): void {
    for (const { training, state, best } of this.#checkpoints) {
      const { phase, step, stopped } = training;
      const { states, bests, weightsSha256 } = reference.get(phase)!;
      if (state !== (stopped === undefined ? states[step] : weightsSha256))
        this.problem(`I1: a checkpoint of the ${phase} at step ${step} is not the state of the reference`);
      if (best !== bests[training.epochs.length])
        this.problem(`I1: a checkpoint of the ${phase} at step ${step} has not the best weights of the reference`);
    }
  }

  /** I1: the bits are those of one worker. I2: every row as often as it should be used. */
  finish(models: ReadonlyMap<PhaseName, Uint8Array>): void {
    const reference = referenceRun(this.job, this.model);
    this.#checkCheckpoints(reference);
    for (const [phase, expected] of reference) {
      const record = this.#phases.get(phase);
      if (!record) {
        this.problem(`I7: the ${phase} was not finished`);
        continue;
      }
      if (record.weightsSha256 !== expected.weightsSha256 || record.steps !== expected.steps)
        this.problem(
          `I1: ${phase}: ${record.steps} steps to ${record.weightsSha256.slice(0, 12)}, the reference ` +
            `${expected.steps} to ${expected.weightsSha256.slice(0, 12)}`,
        );
      const saved = models.get(phase);
      if (!saved || createHash('sha256').update(saved).digest('hex') !== expected.weightsSha256)
        this.problem(`I1: the ${phase} on disk is not the reference's`);
      const epochs = Math.ceil(record.steps / stepsPerEpoch(phaseOf(this.job, phase).schedule));
      if (record.epochs.length !== epochs || record.epochs.some((epoch, i) => epoch.epoch !== i))
        this.problem(`I2: epochs of the ${phase} are ${record.epochs.map(({ epoch }) => epoch).join()}`);
      this.#checkRows(phase, record);
    }
  }

  /**
   * Each row once an epoch; of a segment as many as it draws, and over the epochs each row as often as any other, give
   * or take once.
   */
  #checkRows(phase: PhaseName, { epochs }: PhaseRecord): void {
    const { rowCount, segments = [{ first: 0, rows: rowCount, draws: rowCount }] } = phaseOf(this.job, phase).schedule;
    const used = new Map<number, number>();
    for (const { epoch, rowsDigest } of epochs) {
      const rows = [...this.#rows].filter(([key]) => key.startsWith(`${phase} ${epoch} `)).flatMap(([, step]) => step);
      if (ledgerDigest(countRows(emptyLedger, rows)) !== rowsDigest)
        this.problem(`I2: epoch ${epoch} of the ${phase} used other rows than its ledger says`);
      for (const row of rows) used.set(row, (used.get(row) ?? 0) + 1);
      for (const { first, rows: count, draws } of segments) {
        const drawn = rows.filter((row) => row >= first && row < first + count).length;
        const times = Array.from({ length: count }, (_, i) => used.get(first + i) ?? 0);
        if (drawn !== draws || Math.max(...times) - Math.min(...times) > 1)
          this.problem(
            `I2: epoch ${epoch} of the ${phase}: ${drawn} rows of ${draws}, each ${Math.min(...times)} to ` +
              `${Math.max(...times)} times by now`,
          );
      }
      if (rows.length !== rowCount)
        this.problem(`I2: epoch ${epoch} of the ${phase} used ${rows.length} rows of ${rowCount}`);
    }
  }
}

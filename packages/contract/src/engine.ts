// What every engine does: bits that are a function of the job, whichever ranks it computes and wherever it took over.
import { deepEqual, equal, notEqual, rejects } from 'node:assert/strict';
import { bytesOf, type Phase } from '@stillhouse/core';
import {
  codingOf,
  epochOrder,
  nodeSums,
  roundRows,
  roundRowsOf,
  roundSteps,
  slotsPerRank,
  stepsPerEpoch,
  treeHeight,
  type NamedBuffer,
  type Span,
} from '@stillhouse/core/cluster';
import { sha256 } from '@stillhouse/datasets';
import type { BuiltPhase, ComputeTask, Engine } from '@stillhouse/worker';
import { contractOf, type ContractTest, type Make } from './contract-test.js';

export interface EngineSubject {
  /** Loaded for a job, with nothing built yet. */
  readonly engine: Engine;
  /** A phase of that job without a teacher, of two ranks or more and two steps or more. */
  readonly phase: Phase;
  close?(): Promise<void>;
}

type Subjects = EngineSubject & { readonly another: () => Promise<EngineSubject> };

const learningRate = 0.01;

/**
 * @param at.spans the subtrees
 * @param at.isKept whether a single one is summed in the place where the optimiser takes its gradient, as by a worker
 *   without peers
 */
function taskOf(
  { schedule, trainSet }: Phase,
  built: BuiltPhase,
  at: { step: number; spans: readonly Span[]; isKept?: boolean },
): ComputeTask {
  const { step, spans } = at;
  const epoch = Math.floor(step / stepsPerEpoch(schedule));
  const order = epochOrder(schedule, epoch);
  const ranks = spans.flatMap(({ lo, hi }) =>
    Array.from({ length: hi - lo }, (_, i) => ({
      rank: lo + i,
      rows: roundRowsOf(order, schedule, { step, rank: lo + i }),
    })),
  );
  const { flatGradient, memory } = built;
  const buffers = memory.allocate(Array<number>(spans.length + treeHeight(schedule.ranks)).fill(flatGradient.length));
  const sums = at.isKept ? [flatGradient] : buffers;
  return {
    step,
    epoch,
    batch: roundRows(schedule, step),
    subtrees: spans.map((span, i) => ({ span, sum: sums[i] })),
    scratch: buffers.slice(spans.length),
    ranks,
    order,
    set: trainSet,
  };
}

const whole = ({ schedule }: Phase): Span[] => [{ lo: 0, hi: schedule.ranks }];

/** The two halves of the tree over the ranks, as two workers would compute them. */
const halves = ({ schedule: { ranks } }: Phase): Span[] => {
  const mid = Math.floor(ranks / 2);
  return [
    { lo: 0, hi: mid },
    { lo: mid, hi: ranks },
  ];
};

const hashOf = (numbers: Float32Array): string => sha256(bytesOf(numbers));

/** Of the whole state. */
const hashesOf = (engine: Engine): [string, string][] =>
  engine.stateBuffers().map(({ name, data }) => [name, hashOf(data)]);

/** A subject whose phase is built. */
type Built = EngineSubject & { readonly built: BuiltPhase };

const builtOf = async (subject: EngineSubject): Promise<Built> => ({
  ...subject,
  built: await subject.engine.build(subject.phase, undefined),
});

async function takeSteps({ engine, phase, built }: Built, from: number, to: number): Promise<void> {
  for (let step = from; step < to; step += roundSteps(phase.schedule, step)) {
    await engine.compute(taskOf(phase, built, { step, spans: whole(phase), isKept: true }));
    await engine.apply(step, learningRate);
  }
}

/** The sum over all ranks, as it travels. */
async function sumOf({ engine, phase, built }: Omit<Built, 'close'>, step: number): Promise<Float32Array> {
  const task = taskOf(phase, built, { step, spans: whole(phase) });
  await engine.compute(task);
  return task.subtrees[0].sum;
}

/** As they are when another worker gets them. */
const copyOf = (buffers: readonly NamedBuffer[]): NamedBuffer[] =>
  buffers.map(({ name, data }) => ({ name, data: data.slice() }));

const tests: Readonly<Record<string, (subject: Subjects) => Promise<void>>> = {
  async 'the gradient has a place for every weight, and for every rank’s account'({ engine, phase }) {
    const { layout, flatGradient } = await engine.build(phase, undefined);
    equal(flatGradient.length, layout.gradients + layout.otherWeights + phase.schedule.ranks * slotsPerRank);
  },

  async 'start weights are a function of the job'({ engine, phase, another }) {
    const other = await another();
    await engine.build(phase, undefined);
    await other.engine.build(other.phase, undefined);
    equal(engine.fingerprint, other.engine.fingerprint);
    equal(engine.weightsSha256(), other.engine.weightsSha256());
    await other.close?.();
  },

  async 'the same step computed again has the same bits'({ engine, phase }) {
    const built = await engine.build(phase, undefined);
    const hashes = [];
    for (let times = 0; times < 2; times++) {
      hashes.push(hashOf(await sumOf({ engine, phase, built }, 0)));
    }
    equal(hashes[0], hashes[1]);
  },

  async 'subtrees that are summed apart add up to the bits of all ranks in one'({ engine, phase }) {
    const built = await engine.build(phase, undefined);
    const { memory } = built;
    const task = taskOf(phase, built, { step: 0, spans: halves(phase) });
    const summed: number[] = [];
    await engine.compute(task, { onSummed: (subtree) => summed.push(subtree) });
    deepEqual(summed, [0, 1]);
    const [left, right] = task.subtrees.map(({ sum }) => sum);
    memory.add(left, right, left);
    const sum = hashOf(left);
    equal(sum, hashOf(await sumOf({ engine, phase, built }, 0)));
  },

  async 'if gradients are to travel in fewer bits, each node of the tree is rounded'({ engine, phase: exact }) {
    const phase: Phase = { ...exact, wire: 'int8' };
    const built = await engine.build(phase, undefined);
    const { layout, memory } = built;
    const { round, addInto } = nodeSums(memory, codingOf(phase.wire, layout));
    const task = taskOf(phase, built, { step: 0, spans: halves(phase) });
    await engine.compute(task);
    const [left, right] = task.subtrees.map(({ sum }) => sum);
    for (const sum of [left, right]) {
      const hash = hashOf(sum);
      round(sum);
      equal(hashOf(sum), hash);
    }
    addInto(left, right);
    const sum = hashOf(left);
    equal(hashOf(await sumOf({ engine, phase, built }, 0)), sum);
  },

  async 'a step changes the weights, and the same steps change them to the same bits'({ engine, phase, another }) {
    const other = await another();
    const subjects = [await builtOf({ engine, phase }), await builtOf(other)];
    const before = engine.weightsSha256();
    for (const subject of subjects) await takeSteps(subject, 0, 2);
    notEqual(engine.weightsSha256(), before);
    equal(engine.weightsSha256(), other.engine.weightsSha256());
    await other.close?.();
  },

  async 'a step has the same bits whether its sum has travelled or not'({ engine, phase, another }) {
    const kept = await builtOf({ engine, phase });
    const other = await another();
    const travelled = await builtOf(other);
    for (let step = 0; step < 2; step += roundSteps(phase.schedule, step)) {
      await takeSteps(kept, step, step + 1);
      travelled.built.flatGradient.set(await sumOf(travelled, step));
      await other.engine.apply(step, learningRate);
      // The next sum will overwrite it.
      travelled.built.flatGradient.fill(7);
    }
    deepEqual(hashesOf(other.engine), hashesOf(engine));
    await other.close?.();
  },

  async 'the best weights come back, and the rest of the state stays'({ engine, phase }) {
    const subject = await builtOf({ engine, phase });
    const best = engine.weightsSha256();
    engine.keepBest();
    await takeSteps(subject, 0, 1);
    notEqual(engine.weightsSha256(), best);
    await engine.restoreBest();
    equal(engine.weightsSha256(), best);
  },

  async 'an engine that takes over another’s state goes on with the same bits'({ engine, phase, another }) {
    const other = await another();
    const subject = await builtOf({ engine, phase });
    await takeSteps(subject, 0, 1);
    engine.keepBest();
    const state = copyOf(engine.stateBuffers());
    const follower = await builtOf(other);
    await other.engine.adoptState(state);
    for (const each of [subject, follower]) await takeSteps(each, 1, 2);
    equal(other.engine.weightsSha256(), engine.weightsSha256());
    deepEqual(hashesOf(other.engine), hashesOf(engine));
    await other.engine.restoreBest();
    await engine.restoreBest();
    equal(other.engine.weightsSha256(), engine.weightsSha256());
    await other.close?.();
  },

  async 'a state of another model is refused'({ engine, phase }) {
    await engine.build(phase, undefined);
    const state = engine.stateBuffers().map(({ name, data }) => ({ name, data: data.slice(1) }));
    await rejects(engine.adoptState(state), { code: 'CHECKPOINT_CORRUPT' });
  },

  async 'each rank’s evaluation is its own, whichever ranks are evaluated with it'({ engine, phase }) {
    await engine.build(phase, undefined);
    const shares = new Map<number, [number, number]>([
      [0, [0, 2]],
      [1, [2, 5]],
    ]);
    const both = await engine.evaluate({ set: phase.trainSet, shares });
    const one = await engine.evaluate({ set: phase.trainSet, shares: new Map([[1, [2, 5] as const]]) });
    deepEqual([...both.keys()], [0, 1]);
    deepEqual([...one.get(1)!], [...both.get(1)!]);
  },

  async 'the model that is handed out is the one that was trained'({ engine, phase }) {
    const subject = await builtOf({ engine, phase });
    await takeSteps(subject, 0, 1);
    const weights = engine.weightsSha256();
    const { parameters, data } = await engine.exportModel();
    equal(parameters, subject.built.layout.gradients);
    deepEqual((await engine.exportModel()).data, data);
    equal(engine.weightsSha256(), weights);
  },
};

/** @param make an engine for one and the same job, anew for each call */
export const engineContract = (make: Make<EngineSubject>): ContractTest[] =>
  contractOf(async () => ({ ...(await make()), another: async () => make() }), tests);

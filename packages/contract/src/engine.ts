// What every engine does: bits that are a function of the job, whichever ranks it computes and wherever it took over.
import { deepEqual, equal, notEqual, ok, rejects } from 'node:assert/strict';
import { bytesOf, type Phase } from '@stillhouse/core';
import {
  addInto,
  batchRows,
  epochOrder,
  slotsPerRank,
  stepsPerEpoch,
  type NamedBuffer,
} from '@stillhouse/core/cluster';
import { sha256 } from '@stillhouse/datasets';
import type { ComputeTask, Engine } from '@stillhouse/worker';
import { contractOf, type ContractTest, type Make } from './contract-test.js';

export interface EngineSubject {
  /** Loaded for a job, with nothing built yet. */
  readonly engine: Engine;
  /** A phase of that job without a teacher, of two ranks or more and two steps or more. */
  readonly phase: Phase;
  close?(): Promise<void>;
}

type Subjects = EngineSubject & { readonly another: () => Promise<EngineSubject> };
type Subtrees = ComputeTask['subtrees'];

const learningRate = 0.01;

const taskOf = ({ schedule, trainSet }: Phase, step: number, subtrees: Subtrees, inPlace = false): ComputeTask => {
  const epoch = Math.floor(step / stepsPerEpoch(schedule));
  const order = epochOrder(schedule, epoch);
  const ranks = subtrees.flatMap(({ lo, hi }) =>
    Array.from({ length: hi - lo }, (_, i) => ({ rank: lo + i, rows: order.rankRows({ step, rank: lo + i }) })),
  );
  return { step, epoch, batch: batchRows(schedule, step), subtrees, ranks, order, set: trainSet, inPlace };
};

const whole = ({ schedule }: Phase): Subtrees => [{ lo: 0, hi: schedule.ranks }];

/** The two halves of the tree over the ranks, as two workers would compute them. */
const halves = ({ schedule: { ranks } }: Phase): Subtrees => {
  const mid = Math.floor(ranks / 2);
  return [
    { lo: 0, hi: mid },
    { lo: mid, hi: ranks },
  ];
};

const hashOf = (numbers: Float32Array): string => sha256(bytesOf(numbers));

async function takeSteps({ engine, phase }: EngineSubject, from: number, to: number): Promise<void> {
  for (let step = from; step < to; step++) {
    await engine.compute(taskOf(phase, step, whole(phase), true));
    await engine.apply(step, learningRate);
  }
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
    await engine.build(phase, undefined);
    const hashes = [];
    for (let times = 0; times < 2; times++) {
      const [sum] = await engine.compute(taskOf(phase, 0, whole(phase)));
      hashes.push(hashOf(sum));
    }
    equal(hashes[0], hashes[1]);
  },

  async 'subtrees that are summed apart add up to the bits of all ranks in one'({ engine, phase }) {
    const { flatGradient } = await engine.build(phase, undefined);
    const [left, right] = await engine.compute(taskOf(phase, 0, halves(phase)));
    const sum = left.slice();
    addInto(sum, right);
    const [all] = await engine.compute(taskOf(phase, 0, whole(phase), true));
    ok(all === flatGradient, 'in place, the sum is the gradient that the optimiser takes');
    equal(hashOf(sum), hashOf(all));
  },

  async 'a step changes the weights, and the same steps change them to the same bits'({ engine, phase, another }) {
    const other = await another();
    const subjects = [{ engine, phase }, other];
    for (const subject of subjects) await subject.engine.build(subject.phase, undefined);
    const before = engine.weightsSha256();
    for (const subject of subjects) await takeSteps(subject, 0, 2);
    notEqual(engine.weightsSha256(), before);
    equal(engine.weightsSha256(), other.engine.weightsSha256());
    await other.close?.();
  },

  async 'the best weights come back, and the rest of the state stays'({ engine, phase }) {
    await engine.build(phase, undefined);
    const best = engine.weightsSha256();
    engine.keepBest();
    await takeSteps({ engine, phase }, 0, 1);
    notEqual(engine.weightsSha256(), best);
    await engine.restoreBest();
    equal(engine.weightsSha256(), best);
  },

  async 'an engine that takes over another’s state goes on with the same bits'({ engine, phase, another }) {
    const other = await another();
    await engine.build(phase, undefined);
    await takeSteps({ engine, phase }, 0, 1);
    engine.keepBest();
    const state = copyOf(engine.stateBuffers());
    await other.engine.build(other.phase, undefined);
    await other.engine.adoptState(state);
    for (const subject of [{ engine, phase }, other]) await takeSteps(subject, 1, 2);
    equal(other.engine.weightsSha256(), engine.weightsSha256());
    deepEqual(
      other.engine.stateBuffers().map(({ name, data }) => [name, hashOf(data)]),
      engine.stateBuffers().map(({ name, data }) => [name, hashOf(data)]),
    );
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
    const { layout } = await engine.build(phase, undefined);
    await takeSteps({ engine, phase }, 0, 1);
    const weights = engine.weightsSha256();
    const { parameters, data } = await engine.exportModel();
    equal(parameters, layout.gradients);
    deepEqual((await engine.exportModel()).data, data);
    equal(engine.weightsSha256(), weights);
  },
};

/** @param make an engine for one and the same job, anew for each call */
export const engineContract = (make: Make<EngineSubject>): ContractTest[] =>
  contractOf(async () => ({ ...(await make()), another: async () => make() }), tests);

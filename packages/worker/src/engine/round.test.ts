// Rounds of local steps on real models: what they come to, what they leave alone, and what stops them.
import { tf } from '@stillhouse/native/tfjs';
import { afterEach, expect, test, vi } from 'vitest';
import { bytesOf, type LayerConfig } from '@stillhouse/core';
import { epochOrder, lossesOf, readAccount, roundRows, roundRowsOf, roundSteps } from '@stillhouse/core/cluster';
import { sha256 } from '@stillhouse/datasets';
import type { BuiltPhase, ComputeTask, ComputeWatch } from './engine.js';
import { expectClose, runsOn, setUp, titleOf, type Case, type Setup } from './engine.test.fixture.js';

afterEach(() => {
  vi.unstubAllEnvs();
  tf.disposeVariables();
});

const ranks = 3;
const layers: LayerConfig[] = [{ dense: 4, activation: 'tanh' }, { dense: 1 }];
/** 23 rows in batches of 6: steps of 6, 6, 6 and 5 rows per epoch. */
const training = { batch: 6, epochs: 2, optimizer: { name: 'sgd', learningRate: 0.05 } };
const small: Case = { layers, inputShape: [3], ranks, training };
const sync = (every: number, outer: object = {}): Partial<Case> => ({ recipe: { sync: { every, outer } } });

interface Built extends Setup {
  readonly built: BuiltPhase;
}

async function builtOf(of: Case): Promise<Built> {
  const setup = await setUp(of);
  return { ...setup, built: await setup.engine.build(setup.phase, undefined) };
}

function taskOf({ phase, built }: Built, step: number): ComputeTask {
  const { schedule } = phase;
  const { flatGradient, memory } = built;
  const order = epochOrder(schedule, Math.floor(step / 4));
  return {
    ...{ step, epoch: Math.floor(step / 4), order, set: 'large' },
    batch: roundRows(schedule, step),
    subtrees: [{ span: { lo: 0, hi: schedule.ranks }, sum: flatGradient }],
    scratch: memory.allocate([flatGradient.length, flatGradient.length]),
    ranks: Array.from({ length: schedule.ranks }, (_, rank) => ({
      rank,
      rows: roundRowsOf(order, schedule, { step, rank }),
    })),
  };
}

/** Takes steps, or rounds of them; returns the sum of their losses, weighted by their rows. */
async function train(subject: Built, end: number, rate = 0.7): Promise<number> {
  const { engine, built, phase } = subject;
  let sum = 0;
  for (let step = 0; step < end; step += roundSteps(phase.schedule, step)) {
    await engine.compute(taskOf(subject, step));
    const losses = lossesOf(built.flatGradient, built.layout, phase.schedule.ranks);
    sum += roundRows(phase.schedule, step) * losses.reduce((all, loss) => all + loss, 0);
    await engine.apply(step, rate);
  }
  return sum;
}

const parametersOf = ({ engine }: Setup): number[] => [...engine.stateBuffers()[0].data];
const stateOf = ({ engine }: Setup): string[] =>
  engine.stateBuffers().map(({ name, data }) => `${name} ${sha256(bytesOf(data))}`);

test('rounds of one step with an outer rate of 1 and no momentum are plain training, up to rounding', async () => {
  const plain = await builtOf(small);
  const rounds = await builtOf({ ...small, ...sync(1, { learningRate: 1, momentum: 0 }) });
  const [loss, loss1] = [await train(plain, 8, 0.05), await train(rounds, 8, 1)];
  expectClose(parametersOf(rounds), parametersOf(plain));
  expect(loss1 / loss).toBeCloseTo(1, 5);
  // Also with Adam if ranks share its moments: of one rank they are its own. They may begin anew instead.
  const adam = { ...small, training: { ...training, optimizer: { name: 'adam', learningRate: 0.05 } }, ranks: 1 };
  const outer = { learningRate: 1, momentum: 0 };
  const [usual, mean, fresh] = [
    await builtOf(adam),
    await builtOf({ ...adam, recipe: { sync: { every: 1, outer } } }),
    await builtOf({ ...adam, recipe: { sync: { every: 1, outer, moments: 'fresh' } } }),
  ];
  await train(usual, 8, 0.05);
  for (const each of [mean, fresh]) await train(each, 8, 1);
  expectClose(parametersOf(mean), parametersOf(usual));
  expect(Math.abs(parametersOf(fresh)[0] - parametersOf(usual)[0])).toBeGreaterThan(1e-3);
  // What travels: weights, and the two moments of each.
  const { gradients } = usual.built.layout;
  expect([mean, fresh].map(({ built }) => built.layout)).toEqual([
    { gradients, otherWeights: 2 * gradients },
    { gradients, otherWeights: 0 },
  ]);
});

test('the moments that a round begins with are the mean of those that ranks had, by their rows', async () => {
  const momentum = { ...training, optimizer: { name: 'sgd', learningRate: 0.05, momentum: 0.9 } };
  const rounds = await builtOf({ ...small, training: momentum, ...sync(1, { learningRate: 1, momentum: 0 }) });
  const plain = await builtOf({ ...small, training: momentum });
  // With one step per round the mean of the ranks' velocities is the velocity of the mean gradient.
  await train(rounds, 8, 1);
  await train(plain, 8, 0.05);
  expectClose(parametersOf(rounds), parametersOf(plain));
  const numbersOf = ({ engine }: Setup, name: string): number[] => [
    ...engine.stateBuffers().find((buffer) => buffer.name === name)!.data,
  ];
  expectClose(numbersOf(rounds, 'moments.0'), numbersOf(plain, 'optimizer.0'));
});

test('a round is the ranks’ own training, and the outer step: the definition in plain numbers', async () => {
  const outer = { learningRate: 0.6, momentum: 0.5 };
  const rounds = await builtOf({ ...small, ...sync(3, outer) });
  await train(rounds, 8, outer.learningRate);
  // Ranks as jobs of one rank: their gradients are those of plain training on only their rows.
  const alone = await builtOf({ ...small, training: { ...training, optimizer: { name: 'sgd', learningRate: 1 } } });
  const { engine, built, phase } = alone;
  let theta = parametersOf(alone);
  let velocity = theta.map(() => 0);
  const follow = async (from: readonly number[], rank: number, steps: readonly number[]): Promise<number[]> => {
    let own = [...from];
    for (const step of steps) {
      const task = taskOf(alone, step);
      const { rows } = task.ranks[rank];
      await engine.adoptState(
        engine
          .stateBuffers()
          .map(({ name, data }) => ({ name, data: name === 'parameters' ? Float32Array.from(own) : data })),
      );
      const others = task.ranks.map((each) => ({ ...each, rows: each.rank === rank ? rows : [] }));
      await engine.compute({ ...task, ranks: others, batch: rows.length });
      own = own.map((value, i) => value - 0.05 * built.flatGradient[i]);
    }
    return own;
  };
  for (const steps of [[0, 1, 2], [3], [4, 5, 6], [7]]) {
    const rows = roundRows({ ...phase.schedule, every: 3 }, steps[0]);
    const change = theta.map(() => 0);
    for (let rank = 0; rank < ranks; rank++) {
      const own = await follow(theta, rank, steps);
      const used = steps.reduce((sum, step) => sum + taskOf(alone, step).ranks[rank].rows.length, 0);
      own.forEach((value, i) => (change[i] += (used / rows) * (theta[i] - value)));
    }
    velocity = velocity.map((value, i) => outer.momentum * value + change[i]);
    theta = theta.map((value, i) => value - outer.learningRate * (change[i] + outer.momentum * velocity[i]));
  }
  expectClose(parametersOf(rounds), theta);
});

test.skipIf(!runsOn('tensorflow', 'rounds'))(
  titleOf('tensorflow', 'rounds that are recorded have the bits of rounds that are not'),
  async () => {
    const wide: Case = {
      ...small,
      layers: [{ dense: 8, activation: 'relu' }, 'batchNormalization', { dropout: 0.3 }, { dense: 1 }],
      backend: 'tensorflow',
      training: { ...training, optimizer: { name: 'adam' } },
      ...sync(3),
    };
    const reports: string[] = [];
    const [recorded, eager] = [
      await builtOf({ ...wide, options: { report: (text) => reports.push(text) } }),
      await builtOf({ ...wide, options: { trace: false } }),
    ];
    expect(await train(recorded, 8)).toBe(await train(eager, 8));
    expect(stateOf(recorded)).toEqual(stateOf(eager));
    expect(reports).toEqual([]);
  },
);

test('the state that workers share does not change within a round, and evaluations do not see it', async () => {
  const subject = await builtOf({ ...small, ...sync(4) });
  const { engine } = subject;
  const before = stateOf(subject);
  const shares = new Map<number, [number, number]>([[0, [0, 23]]]);
  const evaluated = await engine.evaluate({ set: 'test', shares });
  const exported = (await engine.exportModel()).data.slice();
  const seen = new Set<string>();
  await engine.compute(taskOf(subject, 0), { onStepped: () => void seen.add(stateOf(subject).join()) });
  expect([...seen]).toEqual([before.join()]);
  expect(stateOf(subject)).toEqual(before);
  expect(await engine.evaluate({ set: 'test', shares })).toEqual(evaluated);
  expect((await engine.exportModel()).data).toEqual(exported);
});

test('a round that nobody needs any more ends early, and the next one is as if it had not been', async () => {
  const [subject, undisturbed] = [await builtOf({ ...small, ...sync(4) }), await builtOf({ ...small, ...sync(4) })];
  let steps = 0;
  let summed = 0;
  const watch: ComputeWatch = {
    onStepped: () => void (steps += 1),
    onSummed: () => void (summed += 1),
    isOver: () => steps >= 5,
  };
  await subject.engine.compute(taskOf(subject, 0), watch);
  expect([steps, summed]).toEqual([5, 0]);
  for (const each of [subject, undisturbed]) await train(each, 8);
  expect(stateOf(subject)).toEqual(stateOf(undisturbed));
});

test('of numbers that are not finite, rank and step of the round are reported, whichever step it was', async () => {
  // The first step takes the weights out of the range of fp32, the second one meets them.
  const hot = { ...training, optimizer: { name: 'sgd', learningRate: 1e30 } };
  const subject = await builtOf({ ...small, training: hot, ...sync(4) });
  const { built, engine } = subject;
  const before = stateOf(subject);
  await engine.compute(taskOf(subject, 0));
  const losses = lossesOf(built.flatGradient, built.layout, ranks);
  expect([...losses]).toEqual([NaN, NaN, NaN]);
  for (let rank = 0; rank < ranks; rank++)
    expect(readAccount(built.flatGradient, built.layout, { ranks, rank }).failedStep).toBe(1);
  expect(stateOf(subject)).toEqual(before);
});

test('memory does not grow with ranks or steps of a round', async () => {
  const subject = await builtOf({ ...small, ...sync(4) });
  await train(subject, 4);
  const { numTensors, numBytes } = tf.memory();
  await train(subject, 8);
  expect(tf.memory()).toMatchObject({ numTensors, numBytes });
});

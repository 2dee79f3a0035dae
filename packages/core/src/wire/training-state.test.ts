// What comes next follows only from the state; the state survives its travels to the bit; the account of ranks is
// exact.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Phase } from '../job/job.js';
import { emptyLedger } from '../order/ledger.js';
import { limits } from '../error/limits.js';
import { parseRecipe } from '../recipe/parse.js';
import type { TrainedTeacherConfig } from '../recipe/schema.js';
import { readAccount, slotsPerRank, writeAccount } from '../collective/flat-layout.js';
import { decodeHeader, encodeHeader, type FrameHeader } from '../collective/frames.js';
import { readTraining, StateAssembly, stateFrames, trainingParts } from './training-file.js';
import { afterEpoch, afterStep, afterTest, initialTraining, nextTask, type TrainingState } from './training-state.js';

const source = { generator: 'noise', rows: 1 } as const;
const config = parseRecipe({
  ranks: 2,
  loss: 'mse',
  data: { large: source, test: source },
  teacher: { model: { layers: [{ dense: 1 }] }, batch: 3, epochs: 2 },
}).teacher as TrainedTeacherConfig;
const phase: Phase = {
  name: 'teacher',
  config,
  loss: 'mse',
  distill: undefined,
  schedule: { rowCount: 7, batch: 3, ranks: 2, epochs: 2, seed: 1 },
  wire: 'fp32',
  learningRateSchedule: config.schedule,
  trainSet: 'large',
  validationSet: undefined,
  earlyStopping: undefined,
};

test('a phase is steps, an evaluation after each epoch, the test, and the end', () => {
  let training = initialTraining('teacher');
  const tasks: string[] = [];
  for (let i = 0; i < 20 && tasks.at(-1) !== 'finish'; i++) {
    const task = nextTask(training, phase);
    tasks.push(task);
    if (task === 'step') training = afterStep(training, phase, { loss: 1, ledger: { ...emptyLedger, rows: 3 } });
    if (task === 'evaluate')
      training = afterEpoch(training, phase, { validation: undefined, weightsSha256: 'w' }).training;
    if (task === 'test') training = afterTest(training, { metrics: { loss: 1, rows: 7 }, weightsSha256: 'w' });
  }
  expect(tasks).toEqual(['step', 'step', 'step', 'evaluate', 'step', 'step', 'step', 'evaluate', 'test', 'finish']);
  expect(training).toMatchObject({
    ops: 9,
    step: 6,
    samples: 14,
    stopped: 'all epochs done',
    epochs: [{ epoch: 0, trainLoss: 1 }, { epoch: 1 }],
  });
});

const real = fc.oneof(fc.double(), fc.constantFrom(NaN, Infinity)).map((value) => (value === 0 ? 0 : value));
const trainingArbitrary = fc
  .record({ ops: fc.nat(), step: fc.nat(), lossSum: real, samples: fc.nat(), losses: fc.array(real, { maxLength: 4 }) })
  .map(({ losses, ...rest }): TrainingState => ({
    phase: 'teacher',
    ...rest,
    ledger: { rows: 3, sumA: 2 ** 32 - 1, sumB: 5 },
    epochs: losses.map((loss, epoch) => ({
      epoch,
      ledger: emptyLedger,
      trainLoss: loss,
      learningRate: 0.1,
      weightsSha256: 'a'.repeat(64),
      ...(epoch % 2 ? { validation: { loss, rows: 4 } } : {}),
    })),
  }));

test('the state is the same after its travels, whatever order its frames come in and however often', () => {
  fc.assert(
    fc.property(
      trainingArbitrary,
      fc.array(fc.float32Array({ maxLength: 50 }), { maxLength: 3 }),
      fc.nat(),
      (training, arrays, seed) => {
        const buffers = arrays.map((data, i) => ({ name: `b${i}`, data }));
        const frames = stateFrames(7, trainingParts(training, buffers)).map(({ header, data }) => ({
          header: decodeHeader(encodeHeader(header)) as FrameHeader & { type: 'state' },
          data: data.slice(),
        }));
        const assembly = new StateAssembly();
        const order = [...frames.slice(seed % frames.length), ...frames, ...frames]
          .map(({ header, data }) => assembly.receive(header, data))
          .filter((bytes) => bytes);
        expect(order).toHaveLength(1);
        const read = readTraining(order[0]!, 'it');
        expect(read.training).toEqual(training);
        expect(read.buffers.map(({ name, data }) => [name, [...data]])).toEqual(
          buffers.map(({ name, data }) => [name, [...data]]),
        );
      },
    ),
  );
});

test('a state of several frames, and bytes that are no state', () => {
  const big = new Float32Array(limits.statePartBytes / 4 + 3).fill(1);
  expect(
    stateFrames(1, trainingParts(initialTraining('teacher'), [{ name: 'big', data: big }])).length,
  ).toBeGreaterThan(2);
  expect(() => readTraining(new Uint8Array(20), 'it')).toThrow(expect.objectContaining({ code: 'CHECKPOINT_CORRUPT' }));
});

test('a rank’s account survives in fp32, and its neighbours’ too', () => {
  const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), u32, u32, u32, fc.boolean(), (ranks, rows, sumA, sumB, yields) => {
      const layout = { gradients: 3, otherWeights: 2 };
      const flat = new Float32Array(5 + ranks * slotsPerRank);
      for (let rank = 0; rank < ranks; rank++)
        writeAccount(flat, layout, { ranks, rank }, { ledger: { rows, sumA: (sumA + rank) >>> 0, sumB }, yields });
      for (let rank = 0; rank < ranks; rank++)
        expect(readAccount(flat, layout, { ranks, rank })).toEqual({
          ledger: { rows, sumA: (sumA + rank) >>> 0, sumB },
          yields,
        });
      expect(flat.subarray(0, 5 + ranks)).toEqual(new Float32Array(5 + ranks));
    }),
  );
});

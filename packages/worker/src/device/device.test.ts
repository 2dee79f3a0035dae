// What the device's sums and optimisers compute, against what those in host memory do.
import { expect, test } from 'vitest';
import { randomStream } from '@stillhouse/core';
import type { OptimizerConfig } from '@stillhouse/core/training';
import { GraphSession, nativeTracing, type NativeTools } from '@stillhouse/native/engines';
import { openInferenceBackend } from '../backend/open-backend.js';
import { hasNative, skipped } from '../engine/engine.test.fixture.js';
import { allocateFlat } from '../flat/memory.js';
import { createOptimizer } from '../flat/optimizer.js';
import { DeviceOptimizer } from './device-optimizer.js';
import { DeviceVariables } from './device-variables.js';
import { flushesDenormals } from './flushes-denormals.js';
import { addSlots, clearSlot, download, upload } from './transfers.js';

async function openTools(): Promise<NativeTools> {
  await openInferenceBackend('tensorflow');
  return nativeTracing()!;
}

const shape = [5, 13];
const count = 65;

const deviceOf = (tools: NativeTools, stateCount = 0): DeviceVariables =>
  new DeviceVariables(new GraphSession(tools), { trainable: [shape], others: [[3]], stateCount });

const drawn = (seed: number, length: number, magnitude = 1): Float32Array => {
  const next = randomStream(seed);
  return Float32Array.from({ length }, () => magnitude * (2 * next() - 1));
};

test.skipIf(!hasNative)(
  `sums have the bits of those in host memory, below the normal range as well (${skipped})`,
  async () => {
    const tools = await openTools();
    const device = deviceOf(tools);
    const { sums } = allocateFlat([1], { flushes: flushesDenormals(tools) });
    for (const magnitude of [1, 2 ** -124, 2 ** -126]) {
      const values = [1, 2].map((seed) => [drawn(seed, count, magnitude), drawn(seed + 9, 3, magnitude)]);
      // Numbers that TensorFlow has computed are never below the normal range where it counts those as zero.
      for (const numbers of values.flat()) numbers.forEach((x, i) => Math.abs(x) < 2 ** -126 && (numbers[i] = 0));
      for (const [slot, each] of values.entries()) upload(device, device.slot(slot), each);
      addSlots(device, 0, 1);
      const sum = [new Float32Array(count), new Float32Array(3)];
      download(device, device.slot(0), sum);
      const [left, right, target] = sums.allocate([count, count, count]);
      left.set(values[0][0]);
      right.set(values[1][0]);
      sums.add(left, right, target);
      expect(sum[0]).toEqual(target);
    }
  },
);

test.skipIf(!hasNative)(`a slot is cleared whatever it held (${skipped})`, async () => {
  const device = deviceOf(await openTools());
  const variables = device.slot(0);
  upload(device, variables, [drawn(1, count), drawn(2, 3)]);
  clearSlot(device, 0);
  const out = [drawn(3, count), drawn(4, 3)];
  download(device, variables, out);
  expect(out).toEqual([new Float32Array(count), new Float32Array(3)]);
});

const adam = { beta1: 0.9, beta2: 0.999, epsilon: 1e-7, learningRate: 0.001, weightDecay: 0 } as const;
const sgd = { name: 'sgd', learningRate: 0.01, momentum: 0, nesterov: false, weightDecay: 0 } as const;

/** Sixteen numbers, which TensorFlow would read in place. */
async function alignedDevice(): Promise<{ device: DeviceVariables; memory: Float32Array }> {
  const shapes = { trainable: [[16]], others: [[16]], stateCount: 0 };
  const device = new DeviceVariables(new GraphSession(await openTools()), shapes);
  const [memory] = allocateFlat([1]).sums.allocate([32]);
  upload(device, device.all, [memory.subarray(0, 16), memory.subarray(16)]);
  return { device, memory };
}

const weightsOf = (device: DeviceVariables): number[] => {
  const out = device.all.map(() => new Float32Array(16));
  download(device, device.all, out);
  return out.map(([first]) => first);
};

test.skipIf(!hasNative)(`variables are copies of what was fed, however it is aligned (${skipped})`, async () => {
  const { device, memory } = await alignedDevice();
  memory.fill(3);
  expect(weightsOf(device)).toEqual([0, 0]);
  const optimizer = new DeviceOptimizer(device, sgd, () => [memory.subarray(0, 16), memory.subarray(16)]);
  optimizer.step({ learningRate: 1, step: 0 }, 'host');
  memory.fill(7);
  expect(weightsOf(device)).toEqual([-3, 3]);
});

test.skipIf(!hasNative)(`weights that overflow are told; large ones are not (${skipped})`, async () => {
  const { device, memory } = await alignedDevice();
  const optimizer = new DeviceOptimizer(device, sgd, () => [memory.subarray(0, 16), memory.subarray(16)]);
  // Their squares are beyond fp32.
  memory.fill(1e30);
  expect(optimizer.step({ learningRate: 1, step: 0 }, 'host')).toBe(true);
  memory.fill(3e38);
  expect(optimizer.step({ learningRate: 10, step: 1 }, 'host')).toBe(false);
});

test.skipIf(!hasNative)(`a gradient whose squares are beyond fp32 is clipped all the same (${skipped})`, async () => {
  const { device, memory } = await alignedDevice();
  const clipped = { ...sgd, clipNorm: 1 };
  const optimizer = new DeviceOptimizer(device, clipped, () => [memory.subarray(0, 16), memory.subarray(16)]);
  memory.fill(1e24);
  optimizer.step({ learningRate: 1, step: 0 }, 'host');
  expect(weightsOf(device)[0]).toBeCloseTo(-0.25, 5);
});

const configs: OptimizerConfig[] = [
  sgd,
  { ...sgd, momentum: 0.9, weightDecay: 0.01 },
  { ...sgd, momentum: 0.8, nesterov: true, clipNorm: 0.5 },
  { name: 'adam', ...adam },
  { name: 'adam', ...adam, beta1: 0.7, beta2: 0.9, epsilon: 1e-3, weightDecay: 0.1 },
  { name: 'adamw', ...adam, weightDecay: 0.1, clipNorm: 1 },
];

test.skipIf(!hasNative).each(configs.map((config) => [JSON.stringify(config), config] as const))(
  `an optimiser steps as the one in host memory does, to rounding: %s (${skipped})`,
  async (_name, config) => {
    const tools = await openTools();
    const host = createOptimizer(config, { parameterCount: count, restCount: 3 });
    const device = deviceOf(tools, host.state.length);
    const gradient = new Float32Array(count + 3);
    const optimizer = new DeviceOptimizer(device, config, () => [
      gradient.subarray(0, count),
      gradient.subarray(count),
    ]);
    const start = drawn(1, count);
    host.parameters.set(start);
    const zeros = host.state.map(() => new Float32Array(count));
    upload(device, device.all, [start, new Float32Array(3), ...zeros]);
    const out = [new Float32Array(count), new Float32Array(3), ...zeros.map((each) => each.slice())];
    for (let step = 0; step < 20; step++) {
      gradient.set(drawn(100 + step, count + 3));
      host.flatGradient.set(gradient);
      expect(host.apply({ learningRate: 0.01 / (step + 1), step })).toBe(true);
      // From either place.
      if (step % 2 === 0) upload(device, device.slot(0), [gradient.subarray(0, count), gradient.subarray(count)]);
      optimizer.step({ learningRate: 0.01 / (step + 1), step }, step % 2 === 0 ? 'slot' : 'host');
    }
    download(device, device.all, out);
    expect(out[1]).toEqual(gradient.subarray(count));
    for (const [i, expected] of [host.parameters, ...host.state].entries()) {
      const actual = i === 0 ? out[0] : out[i + 1];
      const scale = Math.max(...expected.map(Math.abs));
      const worst = expected.reduce((max, value, at) => Math.max(max, Math.abs(value - actual[at])), 0);
      // TensorFlow computes 1 − β in fp32, which is 5e-5 off for 0.999.
      expect(worst / scale).toBeLessThan(config.name === 'sgd' ? 2e-6 : 5e-5);
    }
  },
);

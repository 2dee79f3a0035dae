// Bytes that the device scales, against numbers that host memory has scaled.
import { expect, test } from 'vitest';
import {
  engineGradient,
  expectClose,
  hasNative,
  orderOf,
  rankRowsOf,
  setUp,
  skipped,
  type Case,
} from './engine.test.fixture.js';

const cases: Record<string, Pick<Case, 'scaling' | 'layers'>> = {
  'one factor': { scaling: { factors: [1 / 255], offsets: [0] }, layers: [{ dense: 4 }, 'flatten', { dense: 1 }] },
  'a factor for each channel': {
    scaling: { factors: [0.01, 0.02], offsets: [-1, 0.5] },
    layers: [{ conv2d: 3, kernel: 2 }, { dropout: 0.3 }, 'flatten', { dense: 1 }],
  },
  'a factor for each number': {
    scaling: {
      factors: Array.from({ length: 24 }, (_, i) => 0.01 + i / 1000),
      offsets: Array.from({ length: 24 }, (_, i) => -i / 24),
    },
    layers: ['flatten', { dense: 1 }],
  },
};

test.skipIf(!hasNative).each(Object.entries(cases))(
  `gradients are those of scaled numbers, to rounding, and the same bits each time: %s (${skipped})`,
  async (_name, it) => {
    const shared: Case = { ...it, inputShape: [4, 3, 2], ranks: 3 };
    const host = await setUp({ ...shared, backend: 'tensorflow' });
    const { layout } = await host.engine.build(host.phase, undefined);
    const expected = await engineGradient(host);
    const device = await setUp({ ...shared, backend: 'device' });
    const { flatGradient, memory } = await device.engine.build(device.phase, undefined);
    const gradient = await engineGradient(device);
    expectClose(gradient.subarray(0, layout.gradients), [...expected.subarray(0, layout.gradients)]);
    expect(await engineGradient(device)).toEqual(gradient);
    // Kept on the device, as by a worker without peers: the loss is the same.
    await device.engine.compute({
      step: 0,
      epoch: 0,
      batch: rankRowsOf(3).reduce((sum, { rows }) => sum + rows.length, 0),
      subtrees: [{ span: { lo: 0, hi: 3 }, sum: flatGradient }],
      scratch: memory.allocate([flatGradient.length, flatGradient.length]),
      ranks: rankRowsOf(3),
      order: orderOf(device.job),
      set: 'large',
    });
    const end = layout.gradients + layout.otherWeights;
    expect(flatGradient.slice(end)).toEqual(gradient.slice(end));
  },
);

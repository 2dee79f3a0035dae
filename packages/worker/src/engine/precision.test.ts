// What a phase's precision changes: products are rounded to bf16, and nothing else is; who cannot do it says so.
import { expect, test } from 'vitest';
import { engineGradient, hasNative, setUp, skipped, type Case } from './engine.test.fixture.js';

const it: Case = {
  layers: [{ conv2d: 4, kernel: 2, activation: 'relu' }, 'flatten', { dense: 8, activation: 'relu' }, { dense: 1 }],
  inputShape: [5, 4, 2],
  ranks: 2,
};
const half = { precision: 'bf16' };

test.skipIf(!hasNative).each(['tensorflow', 'device'] as const)(
  `bf16 on %s: a gradient close to that of fp32, and not the same (${skipped})`,
  async (backend) => {
    const gradientOf = async (training: object): Promise<Float32Array> => {
      const setup = await setUp({ ...it, backend, training });
      await setup.engine.build(setup.phase, undefined);
      return engineGradient(setup);
    };
    const [exact, rounded] = [await gradientOf({}), await gradientOf(half)];
    expect(rounded).not.toEqual(exact);
    const norm = (values: Float32Array): number => Math.hypot(...values);
    const difference = norm(rounded.map((value, i) => value - exact[i])) / norm(exact);
    // bf16 has 8 bits, so each product is off by at most 1/256.
    expect(difference).toBeLessThan(0.02);
    expect(difference).toBeGreaterThan(1e-5);
    expect(await gradientOf(half)).toEqual(rounded);
  },
);

test('bf16 on another backend is refused, and says what to do', async () => {
  await expect(setUp({ ...it, backend: 'wasm', training: half })).rejects.toMatchObject({
    code: 'BACKEND_UNAVAILABLE',
    message: 'teacher.precision is bf16, which wasm cannot compute: only tensorflow can',
    next: expect.stringContaining('backend install tensorflow'),
  });
});

test.skipIf(!hasNative)(`bf16 in a step that cannot be recorded is refused (${skipped})`, async () => {
  const setup = await setUp({ ...it, backend: 'tensorflow', training: half, asset: peeking });
  await setup.engine.build(setup.phase, undefined);
  await expect(engineGradient(setup)).rejects.toMatchObject({
    code: 'MODEL_INVALID',
    message: 'precision bf16 needs steps that can be recorded, but the model reads a value in the middle of a step',
  });
});

const peeking = `export default ({ tf, inputShape, outputs }) => {
  class Peek extends tf.layers.Layer {
    call(inputs) {
      const x = Array.isArray(inputs) ? inputs[0] : inputs;
      return tf.mul(x, x.abs().max().dataSync()[0] > 0 ? 1 : 2);
    }
    static get className() { return 'PeekHalf'; }
  }
  const layers = [tf.layers.flatten({ inputShape }), new Peek({}), tf.layers.dense({ units: outputs })];
  return tf.sequential({ layers });
};`;

// What is asked about backends before one is loaded.
import { expect, test } from 'vitest';
import { backends, concreteBackendNames, inferenceBackendFor } from './registry.js';

test('inference takes the fastest backend that every machine has, unless a teacher’s format needs another', () => {
  expect(inferenceBackendFor([])).toBe('wasm');
  expect(inferenceBackendFor(['layers', 'onnx'])).toBe('wasm');
  expect(inferenceBackendFor(['onnx', 'savedModel'])).toBe('tensorflow');
});

test('a backend is built in, and says what it is, or names the engine that it needs', () => {
  expect(concreteBackendNames.map((name) => [name, backends[name].engine])).toEqual([
    ['tensorflow', 'tensorflow'],
    ['webgpu', 'webgpu'],
    ['wasm', undefined],
    ['cpu', undefined],
  ]);
});
